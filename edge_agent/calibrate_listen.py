"""What the running agent tells the broker, for the calibration tool's test."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Sequence
from uuid import uuid4

import structlog

from calibration.tool.site import Heard
from edge_agent.backoff import Backoff
from edge_agent.broker_settings import BrokerSettings
from edge_agent.mqtt_connection import Connection, LostError, RefusedError, VersionRefusedError
from shelf import SlotId
from shelf.broker import VersionChoice
from shelf.topics import Node, parse_up
from shelf.wire import (
    CameraStatus,
    Event,
    InvalidMessageError,
    NodeStatus,
    SlotChanged,
    Watermark,
    parse,
)

_log = structlog.get_logger(__name__)

KEPT = 20
"""Changes of a slot that are remembered."""

CHECK_SECS = 1.0


class AgentListener:
    """Hears what the agent of ``node`` says. It says nothing itself, not even goodbye.

    It connects under a name of its own: with the node's, the broker would send the agent away.
    """

    def __init__(
        self,
        node: Node,
        settings: BrokerSettings,
        aisles: Sequence[str],
    ) -> None:
        """Nothing is connected before `start`."""
        self._node = node
        self._settings = settings
        self._aisles = tuple(dict.fromkeys(aisles))
        self._lock = threading.Lock()
        self._fault = "the broker has not answered yet"
        self._is_online: bool | None = None
        self._cameras: dict[str, CameraStatus] = {}
        self._heard: dict[str, deque[Heard]] = defaultdict(lambda: deque(maxlen=KEPT))
        self._newest: dict[str, tuple[int, int]] = {}
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)

    def start(self) -> None:
        """Begin to listen, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        self._stopping.set()
        self._news.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def fault(self) -> str:
        """See `calibration.tool.site.Agent.fault`."""
        with self._lock:
            if self._fault:
                return f"broker: {self._fault}"
            if self._is_online is None:
                return "no agent has ever come online here; start it: shelfwatch run"
            return "" if self._is_online else "the agent is offline"

    def camera(self, camera: str) -> CameraStatus | None:
        """See `calibration.tool.site.Agent.camera`."""
        with self._lock:
            return self._cameras.get(camera)

    def heard(self, aisle: str, slot: SlotId) -> Sequence[Heard]:
        """See `calibration.tool.site.Agent.heard`."""
        with self._lock:
            return tuple(self._heard.get(f"{aisle}/{slot}", ()))

    def _run(self) -> None:
        choice, backoff = VersionChoice(self._settings.protocol), Backoff(1.0, 20.0)
        while not self._stopping.is_set():
            connection = Connection(
                self._settings,
                choice.version,
                self._node,
                None,
                self._note,
                lambda _name, _payload: None,
                client_id=f"{self._node.node}-calibrate-{uuid4().hex[:6]}",
                hear=self._hear,
            )
            try:
                connection.open()
                connection.subscribe(
                    [self._node.status, self._node.camera("+")]
                    + [self._node.events(aisle) for aisle in self._aisles]
                )
                choice.succeeded()
                self._now_is("")
                backoff.succeeded()
                while not self._stopping.is_set():
                    connection.check()
                    self._news.wait(CHECK_SECS)
                    self._news.clear()
            except VersionRefusedError as error:
                self._now_is(str(error))
                if choice.refused():
                    continue
            except (LostError, RefusedError) as error:
                choice.failed()
                self._now_is(str(error))
            finally:
                connection.close()
            self._stopping.wait(backoff.next_secs())

    def _now_is(self, fault: str) -> None:
        with self._lock:
            self._fault = fault

    def _note(self, _watermark: Watermark | None) -> None:
        self._news.set()

    def _hear(self, topic: str, payload: bytes) -> None:
        """Take a message in, in the connection's thread."""
        try:
            place = parse_up(topic)
            if place.kind == "status":
                status = parse(NodeStatus, payload)
                with self._lock:
                    self._is_online = status.state == "online"
            elif place.kind == "cam":
                camera = parse(CameraStatus, payload)
                with self._lock:
                    self._cameras[camera.camera] = camera
            elif place.kind == "evt":
                event = parse(Event, payload)
                data = event.payload()
                if isinstance(data, SlotChanged):
                    self._remember(event, data)
        except (ValueError, InvalidMessageError) as error:
            _log.warning("message ignored", topic=topic, reason=str(error))

    def _remember(self, event: Event, data: SlotChanged) -> None:
        """Keep a change; what the agent sends again, until the center has it, counts once."""
        place = event.epoch, event.sequence
        with self._lock:
            kept = self._heard[event.subject]
            if kept and place <= self._newest[event.subject]:
                return
            self._newest[event.subject] = place
            kept.append(Heard(data, event.time))
