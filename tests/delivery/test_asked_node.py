"""A question from the collector to a node and back, over each broker and version of MQTT."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from collectors import running_collector
from parts import Broker, count_committed, wait_until
from slot_events import slot_changed
from uplinks import is_empty

from central.asking import NoAnswerError, Why
from central.collector import Collector
from edge_agent.broker_settings import BrokerSettings
from edge_agent.commands import Commands
from edge_agent.outbox import Outbox
from edge_agent.uplink import Uplink, UplinkState
from shelf.commands import (
    BayView,
    BayViewReply,
    Command,
    CommandName,
    Outcome,
    Reply,
    Search,
    SearchReply,
    to_base64,
)
from shelf.topics import Node


@contextmanager
def answering(outbox: Outbox, settings: BrokerSettings) -> Iterator[Uplink]:
    """A node that answers a bay's number as the picture's width, with a large picture."""

    def view(command: Command) -> Reply:
        assert isinstance(command, BayView)
        picture = to_base64(bytes(500_000))
        return BayViewReply(
            id=command.id, outcome=Outcome.OK, width_px=command.bay, picture=picture
        )

    def take(name: str, payload: bytes) -> None:
        commands.take(name, payload)

    uplink = Uplink(outbox.node, outbox, settings, retry_secs=0.1, on_command=take)
    commands = Commands(
        outbox.node, {CommandName.BAY_VIEW: view}, uplink.answer, [CommandName.BAY_VIEW]
    )
    commands.start()
    uplink.start()
    try:
        yield uplink
    finally:
        uplink.stop(drain_secs=0)
        commands.stop()


def ask(collector: Collector, node: Node, *bays: int, secs: float = 30.0) -> list[BayViewReply]:
    async def together() -> list[BayViewReply]:
        return await asyncio.gather(
            *(
                collector.asker.ask(
                    node,
                    CommandName.BAY_VIEW,
                    BayView(id="x" * 8, aisle="a12", bay=bay, within_secs=secs),
                    BayViewReply,
                )
                for bay in bays
            )
        )

    return asyncio.run(together())


def test_questions_are_answered_beside_the_events(
    tmp_path: Path, node: Node, broker: Broker
) -> None:
    """Several at once, each with its own answer of half a megabyte, while events go out."""
    database = tmp_path / "central.sqlite"
    with (
        Outbox.open(tmp_path / "outbox.sqlite", node) as outbox,
        running_collector(database, broker.for_collector()) as collector,
        answering(outbox, broker.for_node()) as uplink,
    ):
        wait_until(lambda: uplink.state is UplinkState.ONLINE and collector.is_connected)
        outbox.append([slot_changed(number) for number in range(1, 101)])
        uplink.notify()
        replies = ask(collector, node, 1, 2, 3)
        assert [reply.width_px for reply in replies] == [1, 2, 3]
        wait_until(lambda: is_empty(outbox), "the events are committed")
    assert count_committed(database) == 100


def test_what_is_not_allowed_is_told(tmp_path: Path, node: Node, broker: Broker) -> None:
    """The refusal reaches who asked, in the words of the node."""
    with (
        Outbox.open(tmp_path / "outbox.sqlite", node) as outbox,
        running_collector(tmp_path / "central.sqlite", broker.for_collector()) as collector,
        answering(outbox, broker.for_node()) as uplink,
    ):
        wait_until(lambda: uplink.state is UplinkState.ONLINE and collector.is_connected)
        question = Search(id="x" * 8, picture="", within_secs=30)
        asked = collector.asker.ask(node, CommandName.SEARCH, question, SearchReply)
        reply = asyncio.run(asked)
    assert reply.outcome is Outcome.REFUSED and "answers" in reply.detail


def test_a_node_that_was_away_is_not_asked_later(
    tmp_path: Path, node: Node, broker: Broker
) -> None:
    """Nobody waits any more, so nothing is done; the next question is answered."""
    with (
        Outbox.open(tmp_path / "outbox.sqlite", node) as outbox,
        running_collector(tmp_path / "central.sqlite", broker.for_collector()) as collector,
    ):
        wait_until(lambda: collector.is_connected)
        with pytest.raises(NoAnswerError) as caught:
            ask(collector, node, 1, secs=0.2)
        assert caught.value.why is Why.SILENT
        with answering(outbox, broker.for_node()) as uplink:
            wait_until(lambda: uplink.state is UplinkState.ONLINE)
            (reply,) = ask(collector, node, 7)
            assert reply.width_px == 7
            assert collector.asker.waiting == 0
