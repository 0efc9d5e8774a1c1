"""What the state thread does with looks: ledger, evidence pictures, outbox, snapshots."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from calibration import Calibration
from edge_agent import metrics
from edge_agent.clock import clock_state
from edge_agent.config import CameraSettings, Site
from edge_agent.ledger import Change, Judged, Ledger
from edge_agent.outbox import NewEvent, Outbox
from edge_agent.picture import evidence_jpeg
from edge_agent.station import Looked
from shelf import BoxPx, CameraState, Planogram, SlotId, SlotReading, State
from shelf.ids import uuid7
from shelf.slots import bay_id
from shelf.topics import Node
from shelf.wire import CameraStatus, SlotEvidence

SNAPSHOT_EVERY_SECS = 3600.0
BEFORE_EVERY_SECS = 300.0
"""How old the "before" picture of a stocked slot may grow before a new look replaces it."""

UNCALIBRATED = "none"


class Retainer(Protocol):
    """Publishes retained messages."""

    def publish_retained(self, topic: str, payload: bytes) -> None:
        """Publish the newest message of ``topic``."""
        ...

    def notify(self) -> None:
        """Say that the outbox has new rows."""
        ...


@dataclass(slots=True)
class _Camera:
    settings: CameraSettings
    judged: Judged
    state: CameraState
    detail: str
    since_utc: datetime


class Bookkeeper:
    """Turns looks into durable events. One thread calls it."""

    def __init__(
        self,
        site: Site,
        planograms: Mapping[str, Planogram],
        outbox: Outbox,
        uplink: Retainer,
        model: str,
        now_secs: float,
        now_utc: datetime,
    ) -> None:
        self._node: Node = site.address
        self._planograms = planograms
        self._outbox = outbox
        self._uplink = uplink
        self._ledger = Ledger(planograms, site.decide, now_secs, now_utc, clock=clock_state)
        self._unwritten: list[Change] = []
        self._unwritten_events: list[NewEvent] = []
        self._before: dict[tuple[str, SlotId], tuple[float, bytes]] = {}
        self._cameras = {
            camera.id: _Camera(
                camera,
                Judged(camera.id, model, _calibration_version(camera)),
                CameraState.OFFLINE,
                "no look yet",
                now_utc,
            )
            for camera in site.cameras
        }
        self._snapshot_secs = now_secs
        outbox.forget_states(self._ledger.resume(outbox.load_states(), now_secs))
        self._publish_snapshots(now_utc)

    @property
    def cameras(self) -> dict[str, tuple[CameraState, str]]:
        """State and detail of each camera."""
        return {name: (camera.state, camera.detail) for name, camera in self._cameras.items()}

    def looked(self, looked: Looked) -> list[Change]:
        """Take in one look; its changes are on the disk when this returns."""
        camera = self._cameras[looked.camera]
        now_utc = looked.captured_at_utc
        self.reported(looked.camera, looked.state, looked.detail, now_utc)
        aisle = camera.settings.aisle
        if looked.state is CameraState.MOVED:
            changes = self._ledger.lose(aisle, camera.settings.bays, looked.detail, now_utc)
        else:
            changes = self._ledger.apply(
                aisle, looked.readings, camera.judged, looked.monotonic_secs, now_utc
            )
        by_slot = {reading.slot: reading for reading in looked.readings}
        self._write(changes, [self._evidence(change, by_slot, looked) for change in changes])
        self._keep_before(aisle, looked)
        return changes

    def reported(self, name: str, state: CameraState, detail: str, at_utc: datetime) -> None:
        """Take in the state of a camera; a change is published."""
        camera = self._cameras[name]
        if camera.state is state and camera.detail == detail:
            return
        if camera.state is not state:
            camera.since_utc = at_utc
        camera.state, camera.detail = state, detail
        status = CameraStatus(
            camera=name, state=state, since=camera.since_utc, time=at_utc, detail=detail
        )
        self._uplink.publish_retained(self._node.camera(name), status.to_json())

    def tick(self, now_secs: float, now_utc: datetime) -> list[Change]:
        """Let time pass: slots grow stale, snapshots are repeated."""
        changes = self._ledger.tick(now_secs, now_utc)
        self._write(changes, [])
        if now_secs - self._snapshot_secs >= SNAPSHOT_EVERY_SECS:
            self._snapshot_secs = now_secs
            self._publish_snapshots(now_utc)
        return changes

    def _write(self, changes: list[Change], evidence: list[NewEvent | None]) -> None:
        self._unwritten += changes
        self._unwritten_events += [change.event for change in changes]
        self._unwritten_events += [event for event in evidence if event is not None]
        self._flush()

    def _flush(self) -> None:
        """Write what has changed; what a full disk refuses is kept for the next time."""
        changes = self._unwritten
        if not changes:
            return
        self._outbox.append(self._unwritten_events, self._ledger.rows(changes))
        self._unwritten, self._unwritten_events = [], []
        self._uplink.notify()
        for change in changes:
            metrics.EVENTS.labels(change.state.state.value).inc()
        now_utc = changes[-1].event.time
        for aisle, bay in sorted({(change.aisle, change.state.slot.bay) for change in changes}):
            self._publish_snapshot(aisle, bay, now_utc)

    def _evidence(
        self, change: Change, readings: Mapping[SlotId, SlotReading], looked: Looked
    ) -> NewEvent | None:
        """A picture of the slot now and before, for a problem that was just seen."""
        reading = readings.get(change.state.slot)
        if not change.state.state.is_problem or reading is None or reading.box_xyxy_px is None:
            return None
        now = self._crop(looked, reading.box_xyxy_px)
        if now is None:
            return None
        before = self._before.get((change.aisle, change.state.slot))
        data = SlotEvidence(
            changed=change.event.id,
            now=base64.b64encode(now).decode(),
            before=None if before is None else base64.b64encode(before[1]).decode(),
        )
        return NewEvent(
            id=str(uuid7()),
            time=change.event.time,
            aisle=change.aisle,
            subject=change.event.subject,
            data=data,
        )

    def _keep_before(self, aisle: str, looked: Looked) -> None:
        """Remember what a stocked slot looked like, from settled looks only."""
        if not looked.inferred:
            return
        for reading in looked.readings:
            if reading.state is not State.STOCKED or reading.box_xyxy_px is None:
                continue
            if reading.visibility < 0.99:
                continue
            if self._ledger.state(aisle, reading.slot).state is not State.STOCKED:
                continue
            kept = self._before.get((aisle, reading.slot))
            if kept is not None and looked.monotonic_secs - kept[0] < BEFORE_EVERY_SECS:
                continue
            picture = self._crop(looked, reading.box_xyxy_px)
            if picture is not None:
                self._before[aisle, reading.slot] = (looked.monotonic_secs, picture)

    @staticmethod
    def _crop(looked: Looked, box: BoxPx) -> bytes | None:
        try:
            return evidence_jpeg(looked.image_bgr, box)
        except ValueError:
            return None

    def _publish_snapshots(self, now_utc: datetime) -> None:
        for aisle, planogram in self._planograms.items():
            for bay in planogram.bays:
                self._publish_snapshot(aisle, bay.number, now_utc)

    def _publish_snapshot(self, aisle: str, bay: int, now_utc: datetime) -> None:
        snapshot = self._ledger.snapshot(
            aisle, bay, self._outbox.epoch, self._outbox.last_sequence, now_utc
        )
        self._uplink.publish_retained(self._node.bay_state(aisle, bay_id(bay)), snapshot.to_json())


def _calibration_version(camera: CameraSettings) -> str:
    if camera.calibration is None:
        return UNCALIBRATED
    return Calibration.load(camera.calibration).version
