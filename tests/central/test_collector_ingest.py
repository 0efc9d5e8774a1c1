"""What a batch of messages does to the database."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DataError

from central import tables
from central.alert_rows import read_open
from central.changed import Changed, merge
from central.database import AisleKey, Database
from central.ingest import Ingest
from central.intake import Received
from shelf.states import CameraState, State
from shelf.topics import Node, StaffMember
from shelf.wire import (
    ActionKind,
    ActionOutcome,
    AlertPhase,
    BaySnapshot,
    CameraStatus,
    Event,
    Facings,
    Message,
    NodeStatus,
    OutboxDropped,
    SlotChanged,
    SlotEvidence,
    SlotSnapshot,
    StaffAction,
    type_of,
)

NODE = Node("acme", "s1", "e1")
AISLE = AisleKey("acme", "s1", "a12")
START = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def ingest(database: Database) -> Ingest:
    return Ingest(database)


def message(topic: str, payload: bytes, retained: bool = False) -> Received:
    return Received(topic, payload, START + timedelta(hours=1), retained)


def event(sequence: int, data: Message, **changes: Any) -> Received:
    fields = {
        "id": f"id-{changes.get('epoch', 1)}-{sequence}",
        "source": NODE.source,
        "type": type_of(data),
        "subject": "a12/b01/s1/p01",
        "time": START + timedelta(seconds=min(sequence, 10**6)),
        "epoch": 1,
        "sequence": sequence,
        "data": data.model_dump(mode="json", exclude_none=True),
        **changes,
    }
    return message(NODE.events("a12"), Event.model_validate(fields).to_json())


def changed(state: State = State.LOW, sku: str = "1001") -> SlotChanged:
    return SlotChanged(
        state=state,
        previous=State.STOCKED,
        since=START,
        sku=sku,
        name="Rye crackers",
        facings=Facings(expected=4, seen=1),
        confidence=0.9,
        observed_secs=60,
        planogram="pg-1",
        model="sha256:0",
        calibration="c1",
    )


def status(state: str, **fields: Any) -> Received:
    payload = {"state": state, "time": START, "epoch": 1, **fields}
    return message(NODE.status, NodeStatus.model_validate(payload).to_json())


def rows(database: Database, table: Any) -> list[dict[str, Any]]:
    with database.read() as connection:
        return [row._asdict() for row in connection.execute(select(table))]


def watermark(database: Database) -> int:
    epoch, sequence = database.watermarks()[NODE.source]
    assert epoch >= 1
    return sequence


def slot_state(database: Database) -> str:
    (row,) = rows(database, tables.slot_states)
    return str(row["state"])


def test_an_event_becomes_a_row_a_state_and_a_watermark(database: Database, ingest: Ingest) -> None:
    """One event reaches every table that it concerns, and the node is to be told."""
    result = ingest.apply([event(1, changed())])
    (row,) = rows(database, tables.events)
    assert (row["source"], row["epoch"], row["sequence"]) == (NODE.source, 1, 1)
    assert (row["aisle"], row["subject"]) == ("a12", "a12/b01/s1/p01")
    assert row["time_utc"] == START + timedelta(seconds=1)
    (state,) = rows(database, tables.slot_states)
    assert (state["slot"], state["state"], state["facings_seen"]) == ("b01/s1/p01", "low", 1)
    assert [(m.node, m.epoch, m.sequence) for m in result.watermarks] == [(NODE, 1, 1)]
    assert result.slots == {("acme", "s1", "a12", "b01/s1/p01")}
    assert result.alerts == {AISLE}


def test_a_repeated_event_changes_nothing(database: Database, ingest: Ingest) -> None:
    """Delivery at least once ends as once; the watermark is told again."""
    ingest.apply([event(1, changed()), event(1, changed())])
    result = ingest.apply([event(1, changed())])
    assert database.count(tables.events) == 1
    assert (result.slots, result.alerts) == (frozenset(), frozenset())
    assert [m.sequence for m in result.watermarks] == [1]


@pytest.mark.parametrize("in_one_batch", [True, False])
def test_events_out_of_order(database: Database, ingest: Ingest, in_one_batch: bool) -> None:
    """The watermark waits for the gap; the newest state stays, whatever came last."""
    batch = [event(3, changed(State.STOCKED)), event(1, changed()), event(2, changed())]
    if in_one_batch:
        ingest.apply(batch)
    else:
        for received, expected in zip(batch, (0, 1, 3), strict=True):
            ingest.apply([received])
            assert watermark(database) == expected
    assert watermark(database) == 3
    assert slot_state(database) == "stocked"


def test_a_gap_is_remembered_over_a_restart(database: Database, ingest: Ingest) -> None:
    """What was committed beyond a gap, dead letters and tombstones too, counts later."""
    dropped = OutboxDropped(first=5, last=6, reason="full")
    broken = json.dumps({"source": NODE.source, "epoch": 1, "sequence": 4}).encode()
    ingest.apply([event(3, changed()), message(NODE.events("a12"), broken), event(6, dropped)])
    again = Ingest(database)
    again.apply([event(2, changed())])
    assert watermark(database) == 0
    again.apply([event(1, changed())])
    assert watermark(database) == 6


def test_a_tombstone_stands_for_its_range(database: Database, ingest: Ingest) -> None:
    """The watermark passes over events that were given up."""
    ingest.apply([event(1, changed()), event(9, OutboxDropped(first=2, last=9, reason="full"))])
    assert watermark(database) == 9
    assert database.count(tables.events) == 2


def test_the_report_of_a_corrupt_outbox_stands_for_itself(
    database: Database, ingest: Ingest
) -> None:
    """Its range is of the epoch before, and says nothing about this one."""
    ingest.apply([event(1, OutboxDropped(first=1, last=500, reason="corrupt"))])
    assert watermark(database) == 1


def test_a_birth_says_where_events_begin(database: Database, ingest: Ingest) -> None:
    """What a node does not have any more was committed elsewhere."""
    ingest.apply([event(12, changed())])
    assert watermark(database) == 0
    ingest.apply([status("online", first_sequence=11), event(11, changed())])
    assert watermark(database) == 12
    ingest.apply([status("online", first_sequence=3)])
    assert watermark(database) == 12


def test_a_new_epoch_is_counted_on_its_own(database: Database, ingest: Ingest) -> None:
    """After a new outbox the watermark is that of the epoch that was heard last."""
    ingest.apply([event(1, changed()), event(2, changed())])
    later = START + timedelta(hours=1)
    result = ingest.apply([event(1, changed(State.STOCKED), epoch=2, time=later)])
    assert [(m.epoch, m.sequence) for m in result.watermarks] == [(2, 1)]
    assert database.watermarks() == {NODE.source: (2, 1)}
    assert slot_state(database) == "stocked"


def test_an_old_epoch_does_not_overwrite_a_newer_state(database: Database, ingest: Ingest) -> None:
    """Between epochs the time of the event decides."""
    ingest.apply([event(1, changed(State.STOCKED), epoch=2)])
    ingest.apply([event(900, changed(), epoch=1, time=START - timedelta(hours=1))])
    assert slot_state(database) == "stocked"
    assert database.count(tables.events) == 2


BAD = {
    "source of another node": event(1, changed(), source="/acme/s1/e2"),
    "aisle of another topic": event(1, changed(), subject="a13/b01/s1/p01"),
    "no slot": event(1, changed(), subject="a12/b01"),
    "unknown type": event(1, changed(), type="io.shelfwatch.other.v1"),
    "data of another type": event(1, changed(), type=type_of(SlotEvidence(changed="", now=""))),
    "no picture": event(1, SlotEvidence(changed="id", now="&&&")),
    "no JSON": message(NODE.events("a12"), b"\xff{"),
    "nothing": message(NODE.events("a12"), b""),
    "not an object": message(NODE.events("a12"), b"[[[1]]]"),
    "absurd sequence": event(2**70, changed(), time=START),
    "unknown topic": message("shelf/v1/acme/s1/e1/up/other", b"{}"),
    "a topic with a bad name": message("shelf/v1/acme/s 1/e1/up/status", b"{}"),
    "an action without an alert": message("shelf/v1/acme/_staff/s1/actions/anna", b"{}"),
    "an action of nobody": message("shelf/v1/acme/_staff/s1/actions/a b", b"{}"),
    "a bad status": message(NODE.status, b"{}"),
    "a camera of another topic": message(
        NODE.camera("c1"),
        CameraStatus(camera="c2", state=CameraState.OK, since=START, time=START).to_json(),
    ),
}


@pytest.mark.parametrize("received", BAD.values(), ids=BAD.keys())
def test_what_cannot_be_used_is_kept_with_its_reason(
    database: Database, ingest: Ingest, received: Received
) -> None:
    """A bad message is a dead letter, and the good one beside it is committed."""
    result = ingest.apply([received, event(2, changed())])
    (row,) = rows(database, tables.dead_letters)
    assert (row["topic"], row["payload"]) == (received.topic, received.payload)
    assert row["reason"]
    assert (result.dead_letters, result.events) == (1, 1)
    assert slot_state(database) == "low"


@pytest.mark.parametrize("name", ["unknown type", "no slot", "no picture", "data of another type"])
def test_a_dead_letter_advances_the_watermark(
    database: Database, ingest: Ingest, name: str
) -> None:
    """A message that can never be used must not be sent for ever; it is kept once."""
    for _ in range(2):
        ingest.apply([BAD[name]])
    assert watermark(database) == 1
    assert database.count(tables.dead_letters) == 1


def test_another_nodes_number_is_not_advanced(database: Database, ingest: Ingest) -> None:
    """Nobody can acknowledge events in another's name."""
    ingest.apply([BAD["source of another node"]])
    assert database.watermarks() == {}


def test_evidence_is_kept_as_pictures(database: Database, ingest: Ingest) -> None:
    """Pictures are stored as they were, by the event that they show, and once."""
    now = base64.b64encode(b"\xff\xd8now").decode()
    before = base64.b64encode(b"\xff\xd8before").decode()
    ingest.apply([event(1, SlotEvidence(changed="id-9", now=now, before=before))])
    (row,) = rows(database, tables.evidence)
    assert (row["event_id"], row["now"], row["before"]) == (
        "id-9",
        b"\xff\xd8now",
        b"\xff\xd8before",
    )
    (stored,) = rows(database, tables.events)
    assert stored["data"] == {"changed": "id-9"}


def test_nodes_are_online_and_offline(database: Database, ingest: Ingest) -> None:
    """A last will was written at the connect; it counts from when it arrived."""
    ingest.apply([status("online", first_sequence=1, version="0.1")])
    (row,) = rows(database, tables.nodes)
    assert (row["state"], row["time_utc"], row["version"]) == ("online", START, "0.1")
    result = ingest.apply([status("offline")])
    assert result.nodes == {NODE}
    (row,) = rows(database, tables.nodes)
    assert (row["state"], row["time_utc"]) == ("offline", START + timedelta(hours=1))
    assert ingest.apply([status("offline")]).nodes == frozenset()


def test_cameras_are_as_their_node_last_said(database: Database, ingest: Ingest) -> None:
    """A camera's state and score replace the earlier ones."""
    for state in (CameraState.OK, CameraState.MOVED):
        said = CameraStatus(
            camera="c1", state=state, since=START, time=START, calibration_score=0.5
        )
        ingest.apply([message(NODE.camera("c1"), said.to_json())])
    (row,) = rows(database, tables.cameras)
    assert (row["state"], row["calibration_score"]) == ("moved", 0.5)


def snapshot(sequence: int, state: State) -> Received:
    slot = SlotSnapshot(
        state=state,
        since=START,
        sku="1001",
        facings=Facings(expected=4, seen=4),
        confidence=0.8,
    )
    said = BaySnapshot(
        aisle="a12",
        bay="b01",
        time=START + timedelta(hours=2),
        epoch=1,
        sequence=sequence,
        planogram="pg-1",
        slots={"s1/p01": slot},
    )
    return message(NODE.bay_state("a12", "b01"), said.to_json())


def test_a_snapshot_mends_what_a_dropped_event_left(database: Database, ingest: Ingest) -> None:
    """Once all events before it are accounted for, the snapshot is the truth."""
    ingest.apply([event(1, changed(State.LOW)), snapshot(5, State.STOCKED)])
    assert slot_state(database) == "low"
    ingest.apply([event(5, OutboxDropped(first=2, last=5, reason="full"))])
    (row,) = rows(database, tables.slot_states)
    assert (row["state"], row["previous"], row["name"]) == ("stocked", "low", "Rye crackers")
    with database.read() as connection:
        assert read_open(connection, AISLE) == []


def test_an_old_snapshot_changes_nothing(database: Database, ingest: Ingest) -> None:
    """A retained snapshot that arrives after newer events is history."""
    ingest.apply([event(n, changed(State.LOW)) for n in (1, 2, 3)])
    ingest.apply([snapshot(2, State.STOCKED)])
    assert slot_state(database) == "low"


@pytest.mark.parametrize("topic", [NODE.bay_state("a12", "b09"), NODE.camera("c9")])
def test_a_message_taken_back_is_no_dead_letter(
    database: Database, ingest: Ingest, topic: str
) -> None:
    """An empty retained payload removes what was retained; there is nothing to learn from it."""
    ingest.apply([message(topic, b"", retained=True)])
    assert database.count(tables.dead_letters) == 0


def test_a_persons_action_is_answered_with_its_batch(database: Database, ingest: Ingest) -> None:
    """Who acts and in which store says the topic; an alert of another store is not theirs."""
    action = StaffAction(action="phone-0001", alert="id-1-1", kind=ActionKind.CLAIM)
    here, there = (StaffMember("acme", site, "anna") for site in ("s1", "s2"))
    result = ingest.apply([event(1, changed()), message(here.actions, action.to_json())])
    ((member, answer),) = result.answers
    assert (member, answer.outcome) == (here, ActionOutcome.APPLIED)
    other = action.model_copy(update={"action": "phone-0002"})
    result = ingest.apply([message(there.actions, other.to_json())])
    ((member, answer),) = result.answers
    assert (member, answer.outcome) == (there, ActionOutcome.FOREIGN)
    with database.read() as connection:
        (alert,) = read_open(connection, AISLE)
    assert (alert.phase, alert.by) == (AlertPhase.CLAIMED, "anna")


def test_a_failed_batch_is_as_if_it_never_came(database: Database, ingest: Ingest) -> None:
    """After an error the same messages can be applied again."""
    huge = changed().model_copy(update={"facings": Facings(expected=2**70, seen=1)})
    with pytest.raises((OverflowError, DataError)):  # by the driver, or by the server
        ingest.apply([event(1, changed()), event(2, huge)])
    assert database.count(tables.events) == 0
    ingest.apply([event(1, changed())])
    assert watermark(database) == 1
    result = ingest.bury(event(2, huge), "too large")
    assert [m.sequence for m in result.watermarks] == [2]


def test_merged_changes_end_with_the_last_watermarks(database: Database, ingest: Ingest) -> None:
    """Several commits are told as one."""
    parts = [ingest.apply([event(n, changed())]) for n in (1, 2)]
    merged = merge(parts)
    assert [m.sequence for m in merged.watermarks] == [2]
    assert (merged.events, merged.slots) == (2, parts[0].slots)
    assert merge([]) == Changed()
