"""What a kill -9 of each part leaves: every event, once."""

from __future__ import annotations

import subprocess
from pathlib import Path

from parts import Broker, Link, committed, count_committed, spawn, wait_until, watermarks
from uplinks import is_empty

from edge_agent.outbox import Outbox, StateRow
from shelf.topics import Node

EVENTS = 1200
KILLS = ("broker", "producer", "collector", "broker", "collector", "producer")


def test_every_event_is_committed_once(
    tmp_path: Path, node: Node, broker: Broker, link: Link
) -> None:
    """Broker, node and collector are killed in turn while events flow; none is lost."""
    path, database = tmp_path / "outbox.sqlite", tmp_path / "central.sqlite"
    scripts = {
        "producer": ("run_producer.py", path, broker.url, link.protocol, EVENTS),
        "collector": ("run_collector.py", database, broker.url, link.protocol),
    }
    running: dict[str, subprocess.Popen[str]] = {}
    try:
        for name, command in scripts.items():
            running[name] = spawn(*command)
        for turn, victim in enumerate(KILLS, 1):
            enough = EVENTS * turn // (len(KILLS) + 2)
            wait_until(lambda n=enough: count_committed(database) >= n, f"{enough} before {victim}")
            if victim == "broker":
                broker.kill()
                broker.start()
            else:
                running[victim].kill()
                running[victim].wait()
                running[victim] = spawn(*scripts[victim])
        assert running["producer"].wait(60) == 0
    finally:
        for process in running.values():
            process.kill()
            process.communicate()
    with Outbox.open(path, node) as outbox:
        assert is_empty(outbox)
        assert outbox.last_sequence == EVENTS
        assert committed(database) == [(outbox.epoch, n) for n in range(1, EVENTS + 1)]
        assert watermarks(database) == {(node.source, outbox.epoch): EVENTS}


def test_a_killed_append_leaves_all_or_nothing(tmp_path: Path, node: Node) -> None:
    """What was said to be written is there, without gaps, with the states of its events."""
    path = tmp_path / "outbox.sqlite"
    for _ in range(3):
        process = spawn("run_appender.py", path)
        assert process.stdout is not None
        said = [int(process.stdout.readline()) for _ in range(20)]
        process.kill()
        said += [int(line) for line in process.communicate()[0].split("\n")[:-1]]
        with Outbox.open(path, node) as outbox:
            assert outbox.last_sequence in (said[-1], said[-1] + 2)
            rows = outbox.read(0, 100_000)
            assert [row.sequence for row in rows] == list(range(1, outbox.last_sequence + 1))
            assert outbox.load_states() == [StateRow("a12/b03/s2/p07", str(outbox.last_sequence))]
            assert outbox.drops == {}
