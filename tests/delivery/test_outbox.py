"""The outbox against its invariants: order, bounds, corruption, epochs."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

import pytest
from slot_events import slot_changed

from edge_agent.outbox import NewEvent, Outbox, OutboxError, Row, StateRow
from shelf.topics import Node
from shelf.wire import Event, OutboxDropped, SlotChanged


def event_of(row: Row) -> Event:
    return Event.model_validate_json(row.payload)


def test_events_are_numbered_without_gaps(tmp_path: Path, node: Node) -> None:
    """Sequences start at 1 and go on where the file ended."""
    with Outbox.open(tmp_path / "outbox.sqlite", node) as outbox:
        assert outbox.append([slot_changed(1), slot_changed(2)]) == [1, 2]
        epoch = outbox.epoch
    with Outbox.open(tmp_path / "outbox.sqlite", node) as outbox:
        assert outbox.append([slot_changed(3)]) == [3]
        assert outbox.epoch == epoch
        assert [row.sequence for row in outbox.read(0, 10)] == [1, 2, 3]
        assert [row.sequence for row in outbox.read(1, 1)] == [2]


def test_a_row_is_the_whole_message(tmp_path: Path, node: Node) -> None:
    """A row holds topic and CloudEvents envelope, ready to publish."""
    change = slot_changed(7)
    with Outbox.open(tmp_path / "outbox.sqlite", node) as outbox:
        outbox.append([change])
        (row,) = outbox.read(0, 10)
        event = event_of(row)
        assert row.topic == "shelf/v1/acme/s0421/s0421-e1/up/evt/a12"
        assert (event.id, event.time, event.subject) == (change.id, change.time, change.subject)
        assert (event.source, event.epoch, event.sequence) == (node.source, outbox.epoch, 1)
        assert event.payload() == change.data
        assert isinstance(event.payload(), SlotChanged)


def test_states_are_written_with_their_events(tmp_path: Path, node: Node) -> None:
    """The last state of each slot is there after a restart."""
    with Outbox.open(tmp_path / "outbox.sqlite", node) as outbox:
        outbox.append([slot_changed(1)], [StateRow("a12/b03/s2/p07", "old")])
        outbox.append([], [StateRow("a12/b03/s2/p07", "new"), StateRow("a12/b03/s2/p08", "x")])
        outbox.forget_states(["a12/b03/s2/p08"])
    with Outbox.open(tmp_path / "outbox.sqlite", node) as outbox:
        assert outbox.load_states() == [StateRow("a12/b03/s2/p07", "new")]


def test_a_failed_append_leaves_nothing(tmp_path: Path, node: Node) -> None:
    """An event that cannot be written takes the others and the states with it."""
    bad = NewEvent("id", slot_changed().time, "a12", "s", object())  # type: ignore[arg-type]
    with Outbox.open(tmp_path / "outbox.sqlite", node) as outbox:
        with pytest.raises(KeyError):
            outbox.append([slot_changed(1), bad], [StateRow("a12/b03/s2/p07", "x")])
        assert (outbox.last_sequence, outbox.bytes_used) == (0, 0)
        assert outbox.read(0, 10) == []
        assert outbox.load_states() == []
        assert outbox.append([slot_changed(1)]) == [1]


def test_acknowledged_rows_leave(tmp_path: Path, node: Node) -> None:
    """A watermark deletes what it covers, and sequences go on."""
    with Outbox.open(tmp_path / "outbox.sqlite", node) as outbox:
        outbox.append([slot_changed(n) for n in range(1, 6)])
        assert outbox.acknowledge(outbox.epoch, 3) == 3
        assert (outbox.first_sequence, outbox.last_sequence) == (4, 5)
        assert outbox.acknowledge(outbox.epoch, 5) == 2
        assert (outbox.first_sequence, outbox.bytes_used) == (6, 0)
        assert outbox.append([slot_changed(6)]) == [6]


@pytest.mark.parametrize(
    ("epochs_on", "sequence"),
    [(0, 1), (0, 3), (0, 2**70), (-1, 2), (1, 2)],
    ids=["repeated", "never sent", "absurd", "older epoch", "newer epoch"],
)
def test_a_wrong_watermark_deletes_nothing(
    tmp_path: Path, node: Node, epochs_on: int, sequence: int
) -> None:
    """Only a watermark of this epoch, above the last and not above what was sent, counts."""
    with Outbox.open(tmp_path / "outbox.sqlite", node) as outbox:
        outbox.append([slot_changed(1), slot_changed(2)])
        outbox.acknowledge(outbox.epoch, 1)
        assert outbox.acknowledge(outbox.epoch + epochs_on, sequence) == 0
        assert [row.sequence for row in outbox.read(0, 10)] == [2]


def test_a_full_outbox_drops_the_oldest_and_says_so(tmp_path: Path, node: Node) -> None:
    """One tombstone stands for all that was dropped, however often it happens."""
    with Outbox.open(tmp_path / "outbox.sqlite", node, max_bytes=8192) as outbox:
        outbox.append([slot_changed(1)])
        outbox.acknowledge(outbox.epoch, 1)
        for number in range(2, 41):
            outbox.append([slot_changed(number)])
            assert outbox.bytes_used <= 8192
        rows = outbox.read(0, 100)
        tombstone = event_of(rows[0]).payload()
        assert tombstone == OutboxDropped(first=2, last=rows[0].sequence, reason="full")
        assert [row.sequence for row in rows] == list(range(rows[0].sequence, 41))
        assert outbox.drops == {"full": rows[0].sequence - 1}
        assert outbox.first_sequence == 2


def test_an_event_greater_than_the_outbox_is_accounted_for(tmp_path: Path, node: Node) -> None:
    """Even the newest event gives way when it alone is too much."""
    with Outbox.open(tmp_path / "outbox.sqlite", node, max_bytes=4096) as outbox:
        assert outbox.append([slot_changed(1), slot_changed(2, padding="x" * 5000)]) == [1, 2]
        (row,) = outbox.read(0, 10)
        assert event_of(row).payload() == OutboxDropped(first=1, last=2, reason="full")


def test_a_smaller_limit_counts_at_the_next_open(tmp_path: Path, node: Node) -> None:
    """Opening with less room drops what does not fit any more."""
    with Outbox.open(tmp_path / "outbox.sqlite", node) as outbox:
        outbox.append([slot_changed(n) for n in range(1, 41)])
    with Outbox.open(tmp_path / "outbox.sqlite", node, max_bytes=8192) as outbox:
        assert outbox.bytes_used <= 8192
        assert outbox.last_sequence == 40


def test_the_count_of_bytes_survives_a_restart(tmp_path: Path, node: Node) -> None:
    """What is counted while running is what the file holds."""
    with Outbox.open(tmp_path / "outbox.sqlite", node) as outbox:
        outbox.append([slot_changed(n) for n in range(1, 6)])
        outbox.acknowledge(outbox.epoch, 2)
        counted = outbox.bytes_used
    with Outbox.open(tmp_path / "outbox.sqlite", node) as outbox:
        assert outbox.bytes_used == counted


def fill(path: Path, node: Node) -> int:
    with Outbox.open(path, node) as outbox:
        outbox.append([slot_changed(n) for n in range(1, 41)])
        outbox.acknowledge(outbox.epoch, 10)
        return outbox.epoch


def overwrite_header(path: Path) -> None:
    path.write_bytes(b"not a database, " * 512)


def overwrite_tree(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[8192:] = os.urandom(len(content) - 8192)
    path.write_bytes(content)


def cut_short(path: Path) -> None:
    os.truncate(path, 5000)


def remove_a_row(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM events WHERE sequence = 20")
    connection.close()


@pytest.mark.parametrize("damage", [overwrite_header, overwrite_tree, cut_short, remove_a_row])
def test_a_corrupt_file_is_set_aside(tmp_path: Path, node: Node, damage: object) -> None:
    """The node goes on in a new epoch and reports the loss as its first event."""
    path = tmp_path / "outbox.sqlite"
    epoch = fill(path, node)
    assert callable(damage)
    damage(path)
    with Outbox.open(path, node) as outbox:
        assert outbox.epoch > epoch
        (row,) = outbox.read(0, 10)
        report = event_of(row).payload()
        assert isinstance(report, OutboxDropped)
        assert (row.sequence, report.reason) == (1, "corrupt")
        assert outbox.append([slot_changed(1)]) == [2]
    assert len(list(tmp_path.glob("outbox.sqlite.corrupt-*"))) == 1


def test_a_loss_that_is_known_is_reported(tmp_path: Path, node: Node) -> None:
    """Where the old numbers can be read, the report holds the range."""
    fill(tmp_path / "outbox.sqlite", node)
    remove_a_row(tmp_path / "outbox.sqlite")
    with Outbox.open(tmp_path / "outbox.sqlite", node) as outbox:
        (row,) = outbox.read(0, 10)
        assert event_of(row).payload() == OutboxDropped(first=11, last=40, reason="corrupt")
        assert outbox.drops == {"corrupt": 30}


def test_only_the_last_corrupt_files_are_kept(tmp_path: Path, node: Node) -> None:
    """A disk that keeps failing is not filled with what it broke."""
    for _ in range(5):
        fill(tmp_path / "outbox.sqlite", node)
        overwrite_header(tmp_path / "outbox.sqlite")
    assert len(list(tmp_path.glob("*.corrupt-*"))) == 3


def test_a_lost_file_begins_a_new_epoch(tmp_path: Path, node: Node) -> None:
    """Epochs grow even within one second, or with a clock that was set back."""
    epoch = fill(tmp_path / "outbox.sqlite", node)
    (tmp_path / "outbox.sqlite").unlink()
    assert fill(tmp_path / "outbox.sqlite", node) > epoch


def test_a_file_that_went_back_in_time_is_renumbered(tmp_path: Path, node: Node) -> None:
    """The waiting events move to a new epoch, from 1, and keep their ids."""
    with Outbox.open(tmp_path / "outbox.sqlite", node) as outbox:
        outbox.append([slot_changed(n) for n in range(1, 5)])
        outbox.acknowledge(outbox.epoch, 2)
        before = [event_of(row) for row in outbox.read(0, 10)]
        epoch = outbox.epoch
        outbox.renew_epoch()
        after = [event_of(row) for row in outbox.read(0, 10)]
        assert outbox.epoch > epoch
        assert [(e.epoch, e.sequence) for e in after] == [(outbox.epoch, 1), (outbox.epoch, 2)]
        assert [e.id for e in after] == [e.id for e in before]
        assert outbox.append([slot_changed(5)]) == [3]
        renewed = outbox.epoch
    with Outbox.open(tmp_path / "outbox.sqlite", node) as outbox:
        assert (outbox.epoch, outbox.first_sequence, outbox.last_sequence) == (renewed, 1, 3)


def test_a_second_process_is_refused(tmp_path: Path, node: Node) -> None:
    """Two writers would give out the same sequences."""
    path = tmp_path / "outbox.sqlite"
    with Outbox.open(path, node), pytest.raises(OutboxError, match="one process"):
        Outbox.open(path, node)


def test_another_nodes_file_is_refused_and_kept(tmp_path: Path, node: Node) -> None:
    """A file of another node is a mistake of the installer, not corruption."""
    fill(tmp_path / "outbox.sqlite", Node("acme", "s0007", "e1"))
    with pytest.raises(OutboxError, match="expected the outbox of /acme/s0421/s0421-e1"):
        Outbox.open(tmp_path / "outbox.sqlite", node)
    assert not list(tmp_path.glob("*.corrupt-*"))


def test_a_newer_file_is_refused_and_kept(tmp_path: Path, node: Node) -> None:
    """A version that was rolled back does not destroy what the newer one wrote."""
    fill(tmp_path / "outbox.sqlite", node)
    with sqlite3.connect(tmp_path / "outbox.sqlite") as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(OutboxError, match="version 1 or older, found 99"):
        Outbox.open(tmp_path / "outbox.sqlite", node)


def test_a_folder_that_is_missing_is_named(tmp_path: Path, node: Node) -> None:
    """A path that cannot be used ends in one message with the path."""
    with pytest.raises(OutboxError, match="nowhere"):
        Outbox.open(tmp_path / "nowhere" / "outbox.sqlite", node)


def test_the_file_is_what_another_program_can_read(tmp_path: Path, node: Node) -> None:
    """The payload column is plain JSON, for whoever has to look into it."""
    fill(tmp_path / "outbox.sqlite", node)
    connection = sqlite3.connect(tmp_path / "outbox.sqlite")
    (payload,) = connection.execute("SELECT payload FROM events LIMIT 1").fetchone()
    connection.close()
    assert json.loads(payload)["specversion"] == "1.0"
