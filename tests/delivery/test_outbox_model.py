"""The outbox against a model of itself, through any series of calls and restarts."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from slot_events import slot_changed

from edge_agent.outbox import Outbox, StateRow, row_bytes
from shelf.topics import Node

NODE = Node("acme", "s0421", "s0421-e1")
MAX_BYTES = 8192


class OutboxMachine(RuleBasedStateMachine):
    """Remembers the ids that were appended and what was acknowledged."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "outbox.sqlite"
        self.ids: list[str] = []
        self.acknowledged = 0
        self.epochs: list[int] = []
        self.states: dict[str, str] = {}

    @initialize()
    def open(self) -> None:
        self.outbox = Outbox.open(self.path, NODE, MAX_BYTES)
        self.epochs.append(self.outbox.epoch)

    def teardown(self) -> None:
        self.outbox.close()
        self.folder.cleanup()

    @rule(sizes=st.lists(st.integers(0, 3000), max_size=6), slot=st.integers(1, 3))
    def append(self, sizes: list[int], slot: int) -> None:
        changes = [slot_changed(1, padding="x" * size) for size in sizes]
        state = StateRow(f"a12/b01/s1/p0{slot}", str(len(self.ids)))
        first = len(self.ids) + 1
        assert self.outbox.append(changes, [state]) == list(range(first, first + len(sizes)))
        self.ids += [change.id for change in changes]
        self.states[state.slot] = state.json

    @rule(share=st.floats(0, 1))
    def acknowledge(self, share: float) -> None:
        sequence = round(share * len(self.ids))
        self.outbox.acknowledge(self.outbox.epoch, sequence)
        self.acknowledged = max(self.acknowledged, sequence)

    @rule(beyond=st.integers(1, 9), epochs_on=st.sampled_from([-1, 0, 1]))
    def acknowledge_nonsense(self, beyond: int, epochs_on: int) -> None:
        sequence = len(self.ids) + beyond
        assert self.outbox.acknowledge(self.outbox.epoch + epochs_on, sequence) == 0

    @rule()
    def reopen(self) -> None:
        self.outbox.close()
        self.outbox = Outbox.open(self.path, NODE, MAX_BYTES)

    @rule()
    def renew_epoch(self) -> None:
        waiting = [json.loads(row.payload)["id"] for row in self.outbox.read(0, 1000)]
        self.outbox.renew_epoch()
        self.epochs.append(self.outbox.epoch)
        self.ids, self.acknowledged = waiting, 0

    @invariant()
    def every_event_waits_or_is_accounted_for(self) -> None:
        if not hasattr(self, "outbox"):
            return
        rows = self.outbox.read(0, 1000)
        assert self.outbox.first_sequence == self.acknowledged + 1
        assert self.outbox.last_sequence == len(self.ids)
        assert self.outbox.bytes_used == sum(row_bytes(row.topic, row.payload) for row in rows)
        assert self.outbox.bytes_used <= MAX_BYTES
        following = self.acknowledged + 1
        for index, row in enumerate(rows):
            event = json.loads(row.payload)
            assert (event["epoch"], event["sequence"]) == (self.outbox.epoch, row.sequence)
            if event["type"].endswith("outbox.dropped.v1"):
                assert index == 0
                assert event["data"]["first"] <= following
                assert event["data"]["last"] == row.sequence
                self.ids[row.sequence - 1] = event["id"]
            else:
                assert row.sequence == following
                assert event["id"] == self.ids[row.sequence - 1]
            following = row.sequence + 1
        assert following == len(self.ids) + 1

    @invariant()
    def states_are_the_last_written(self) -> None:
        if hasattr(self, "outbox"):
            assert {row.slot: row.json for row in self.outbox.load_states()} == self.states

    @invariant()
    def epochs_grow(self) -> None:
        assert self.epochs == sorted(set(self.epochs))


TestOutboxModel = OutboxMachine.TestCase
TestOutboxModel.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
