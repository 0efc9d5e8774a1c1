"""A real central in a folder, and a node that publishes what a test says."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import yaml
from browser import free_port, wait_until
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from web_rows import PLANOGRAM_CSV

from central.accounts import Accounts, Role
from central.children import Child
from central.database import Database
from central.web.login import COOKIE
from shelf.ids import uuid7
from shelf.states import CameraState, State
from shelf.topics import Node
from shelf.wire import (
    CameraStatus,
    Event,
    Facings,
    Message,
    NodeStatus,
    SlotChanged,
    type_of,
)

NODE = Node("demo", "s0001", "s0001-e1")
PASSWORD = "seven brown shelves"

JPEG = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0aHBwgJC4nICIsIxwc"
    "KDcpLDAxNDQ0Hyc5PTgyPC4zNDL/wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAACf/EABQQAQAAAAAAAAAA"
    "AAAAAAAAAAD/2gAIAQEAAD8AKp//2Q=="
)
"""One grey pixel."""


class Edge:
    """A node that publishes what a test says."""

    def __init__(self, port: int, epoch: int = 1) -> None:
        self._epoch = epoch
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, "s0001-e1", protocol=mqtt.MQTTv311)
        self._client.reconnect_delay_set(1, 2)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._sequence = 0

    def publish(self, topic: str, message: Message, retain: bool = False) -> None:
        wait_until(self._client.is_connected, 60)  # the broker may have been away
        sent = self._client.publish(topic, message.to_json(), qos=1, retain=retain)
        sent.wait_for_publish(15)

    def status(self, state: str) -> None:
        now = datetime.now(UTC)
        status = NodeStatus(
            state=state, time=now, epoch=self._epoch, first_sequence=1, version="0.1.0"
        )
        self.publish(NODE.status, status, retain=True)

    def camera(self, camera: str, state: CameraState) -> None:
        now = datetime.now(UTC)
        status = CameraStatus(camera=camera, state=state, since=now, time=now)
        self.publish(NODE.camera(camera), status, retain=True)

    def event(self, subject: str, data: Message) -> str:
        self._sequence += 1
        event = Event(
            id=str(uuid7()),
            source=NODE.source,
            type=type_of(data),
            subject=subject,
            time=datetime.now(UTC),
            epoch=self._epoch,
            sequence=self._sequence,
            data=json.loads(data.to_json()),
        )
        self.publish(NODE.events(subject.partition("/")[0]), event)
        return event.id

    def slot(
        self,
        slot: str,
        state: State,
        seen: int,
        name: str = "Oat crackers",
        aisle: str = "a12",
        **changes: Any,
    ) -> str:
        """Publish a slot's state; return the event's id, which is that of the alert it opens."""
        values: dict[str, Any] = {
            "state": state,
            "previous": State.UNKNOWN,
            "since": datetime.now(UTC) - timedelta(minutes=2),
            "sku": "100",
            "name": name,
            "facings": Facings(expected=3, seen=seen),
            "confidence": 0.93,
            "observed_secs": 30,
            "reason": f"{seen} of 3 facings seen",
            "planogram": "a12-w47",
            "model": "sha256:0",
            "calibration": "c1",
        }
        return self.event(f"{aisle}/{slot}", SlotChanged(**(values | changes)))

    def close(self) -> None:
        self._client.loop_stop()
        self._client.disconnect()


class Store:
    """The central programs in a folder; ``people`` are staff who have to log in."""

    def __init__(self, folder: Path, people: Iterable[str] = (), **config: Any) -> None:
        self.folder = folder
        self.broker_port = free_port()
        self.url = f"http://127.0.0.1:{free_port()}"
        (folder / "a12.csv").write_text(PLANOGRAM_CSV)
        self.sessions = {name: self._register(name) for name in people}
        values: dict[str, Any] = {
            "broker": {"embedded": True, "port": self.broker_port},
            "http": {"port": int(self.url.rsplit(":", 1)[1])},
            "login": {"required": bool(self.sessions)},
            "planograms": [
                {"tenant": "demo", "site": "s0001", "aisle": "a12", "file": "a12.csv"},
            ],
        }
        (folder / "central.yaml").write_text(yaml.safe_dump(values | config))
        self.child = self.start()

    def _register(self, name: str, role: Role = Role.STAFF) -> str:
        """Return the cookie of a new person who is logged in."""
        database = Database.open(f"sqlite:///{self.folder / 'central.sqlite'}")
        try:
            accounts = Accounts(database)
            token = accounts.put(name, role, None if role is Role.ADMIN else ["demo/s0001"])
            assert token is not None
            return accounts.use_link(token, PASSWORD)
        finally:
            database.close()

    def start(self) -> Child:
        config = str(self.folder / "central.yaml")
        child = Child("central", ["central", "--config", config], self.folder / "central.log")

        def is_ready() -> bool:
            assert child.exit_code is None, child.last_words()
            try:
                answer = httpx.get(f"{self.url}/healthz")
            except httpx.TransportError:
                return False
            return bool(answer.json() == {"status": "ok", "broker": "connected"})

        try:
            wait_until(is_ready, 150)
        except AssertionError:
            child.stop()
            raise
        return child

    def restart(self) -> None:
        self.child.stop()
        self.child = self.start()

    def api(self, person: str | None = None) -> httpx.Client:
        """Return a program's way in, as ``person``."""
        cookies = {COOKIE: self.sessions[person]} if person else {}
        token = httpx.get(f"{self.url}/api/me", cookies=cookies).json()["csrf"]
        headers = {"X-CSRF-Token": token}
        return httpx.Client(base_url=self.url, cookies=cookies, headers=headers, timeout=30)
