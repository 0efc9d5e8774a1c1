"""A small fleet: three stores whose nodes and cameras need different things."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import uvicorn
from browser import free_port, wait_until
from page_store import insert
from starlette.applications import Starlette
from web_rows import stored_slot

from central.database import Database
from central.ingest import Ingest
from central.intake import Received
from shelf.node_health import CameraLooks, NodeHealth
from shelf.states import CameraState
from shelf.topics import Node
from shelf.wire import CameraStatus, NodeStatus

NOW = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
GOOD = Node("demo", "s0001", "s0001-e1")
AWAY = Node("demo", "s0002", "s0002-e1")
ODD = Node("demo", "s0003", "s0003-e1")


def minutes(number: float) -> datetime:
    return NOW - timedelta(minutes=number)


def status(node: Node, ago: float, state: str = "online", version: str = "0.10.0") -> Received:
    time = minutes(ago)
    message = NodeStatus(state=state, time=time, epoch=1, version=version)
    return Received(node.status, message.to_json(), time)


def camera(node: Node, name: str, state: CameraState = CameraState.OK, **values: Any) -> Received:
    fields = {"since": minutes(90), "time": minutes(2), "calibration": "c1-3", **values}
    message = CameraStatus(camera=name, state=state, **fields)
    return Received(node.camera(name), message.to_json(), minutes(2))


def health(node: Node, ago: float, **values: Any) -> Received:
    looks = CameraLooks(last_look=minutes(ago), looks_per_minute=12, model="sha256:9c1e77aa00")
    fields = {"cameras": {"c1": looks}, "planograms": {"a12": "a12-w47"}, **values}
    message = NodeHealth(time=minutes(ago), **fields)
    return Received(node.metrics, message.to_json(), minutes(ago))


def fill(database: Database) -> None:
    """A store that is well, one that is away, and one that needs a lot."""
    waiting = {"outbox_events": 12_000, "outbox_oldest": minutes(45), "dropped_events": 3}
    dark = CameraLooks(
        last_look=minutes(3), looks_per_minute=1, refused="recogniser.onnx: no model"
    )
    Ingest(database).apply(
        [
            status(GOOD, 600),
            health(GOOD, 0.5, outbox_events=2, outbox_oldest=minutes(0.6)),
            camera(GOOD, "c1"),
            status(AWAY, 700),
            status(AWAY, 130, "offline"),
            camera(AWAY, "c1", CameraState.MOVED, detail="moved 40 px"),
            status(ODD, 500, version="0.9.2"),
            health(ODD, 0.5, **waiting, cameras={"c3": dark}),
            camera(ODD, "c1", CameraState.OFFLINE, detail="no answer from 192.0.2.31"),
            camera(ODD, "c2", CameraState.MOVED, detail="moved 40 px"),
            camera(ODD, "c3", drift_px=3.5, drift_since=minutes(50)),
            camera(ODD, "c4", CameraState.DARK, calibration=None),
        ]
    )
    insert(
        database,
        "slot_states",
        stored_slot(source=GOOD.source),
        *(
            stored_slot(
                f"b01/s1/p{number:02d}",
                site="s0003",
                source=ODD.source,
                camera="c3",
                state="unknown" if number > 1 else "stocked",
            )
            for number in range(1, 5)
        ),
    )


@contextmanager
def serving(app: Starlette) -> Iterator[str]:
    """Serve an app for a browser, and give its address."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started, 60)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
