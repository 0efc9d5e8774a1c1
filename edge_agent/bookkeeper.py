"""What the state thread does with looks: ledger, evidence pictures, outbox, snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import structlog

from calibration import Calibration
from edge_agent import metrics
from edge_agent.clock import clock_state
from edge_agent.config import CameraSettings, Site
from edge_agent.drift import DriftStatus
from edge_agent.evidence import Evidence
from edge_agent.ledger import IN_RESET, NO_PLANOGRAM, Change, Ledger, Watch
from edge_agent.occupancy import Rules
from edge_agent.outbox import NewEvent, Outbox
from edge_agent.settled import Settled
from edge_agent.station import Looked
from shelf import CameraState, PlanogramInForce, PlanogramVersions
from shelf.slots import bay_id
from shelf.topics import Node
from shelf.wire import CameraStatus

_log = structlog.get_logger(__name__)

SNAPSHOT_EVERY_SECS = 3600.0

LOOKS_APART = 2.5
"""A camera counts as having watched between two looks that are at most so many paces apart."""

BUSY_GAP_SECS = 30.0
"""Nor is a busy computer that needs so long for a look blind, if that is at most half of what
confirms a problem."""

UNWRITTEN_EVENTS = 2000
"""While the disk takes nothing, pictures beyond this many events are given up; changes never."""

UNCALIBRATED = "none"


class Retainer(Protocol):
    """Publishes retained messages."""

    def publish_retained(self, topic: str, payload: bytes) -> None:
        """Publish the newest message of ``topic``."""
        ...

    def notify(self) -> None:
        """Say that the outbox has new rows."""
        ...


Told = tuple[CameraState, str, str]
"""State, detail and calibration."""


@dataclass(slots=True)
class _Camera:
    """Two things can be wrong with a camera: getting its pictures, and what they show.

    Notes and ``drift`` are worth knowing although nothing is wrong with it: of its planogram, of
    what was refused, and how it is corrected.
    """

    watch: Watch
    link: CameraState
    link_detail: str
    sight: CameraState
    sight_detail: str
    since_utc: datetime
    planogram_note: str = ""
    note: str = ""
    drift: DriftStatus | None = None

    @property
    def state(self) -> CameraState:
        """The worse of the two: a picture that does not come shows nothing."""
        return self.link if self.link is not CameraState.OK else self.sight

    @property
    def detail(self) -> str:
        """Why, or what else is to be known."""
        why = self.link_detail if self.link is not CameraState.OK else self.sight_detail
        turned = f"turned by {self.drift.px:.0f} px, which is corrected" if self.drift else ""
        notes = (why, turned, self.planogram_note, self.note)
        return "; ".join(words for words in notes if words)

    @property
    def told(self) -> Told:
        """What is published of it, without times."""
        return self.state, self.detail, self.watch.calibration


class Bookkeeper:
    """Turns looks into durable events. One thread calls it."""

    def __init__(
        self,
        site: Site,
        planograms: Mapping[str, PlanogramVersions],
        outbox: Outbox,
        uplink: Retainer,
        models: Mapping[str, str],
        now_secs: float,
        now_utc: datetime,
        settled: Settled | None = None,
    ) -> None:
        """Take up what the outbox holds; ``models`` is the model's identity by camera.

        ``settled`` is given each look's settled parts; one of its own if absent.
        """
        self._node: Node = site.address
        self._followed: dict[str, PlanogramInForce] = {}
        self._aisles = tuple(planograms)
        self._outbox = outbox
        self._uplink = uplink
        self._cameras = {
            camera.id: _Camera(
                watch_of(camera, models[camera.id], site.decide),
                CameraState.OFFLINE,
                "no look yet",
                CameraState.OK,
                "",
                now_utc,
            )
            for camera in site.cameras
        }
        watches = [camera.watch for camera in self._cameras.values()]
        self._ledger = Ledger(
            planograms, watches, site.decide, now_secs, now_utc, clock=clock_state
        )
        self._evidence = Evidence()
        self._settled = settled or Settled()
        self._unwritten: list[Change] = []
        self._unwritten_events: list[NewEvent] = []
        self._snapshot_secs = self._saved_secs = now_secs
        self._save_every_secs = min(max(site.decide.stale_secs / 4, 30.0), 300.0)
        changes, gone = self._ledger.resume(outbox.load_states(), now_secs, now_utc)
        self._write(changes, [])
        outbox.forget_states(gone)
        self._follow_planograms(now_utc)

    @property
    def cameras(self) -> dict[str, tuple[CameraState, str]]:
        """State and detail of each camera."""
        return {name: (camera.state, camera.detail) for name, camera in self._cameras.items()}

    @property
    def planograms(self) -> dict[str, PlanogramInForce]:
        """What the slots of each aisle are judged by."""
        return dict(self._followed)

    @property
    def has_unwritten(self) -> bool:
        """True while changes wait for a disk that takes them."""
        return bool(self._unwritten_events)

    def looked(self, looked: Looked) -> list[Change]:
        """Take in one look; its changes are on the disk when this returns.

        A look for another version of the planogram than the one in force says nothing of slots.
        """
        camera = self._cameras[looked.camera]
        if looked.in_force != self._ledger.in_force(camera.watch.aisle):
            looked = replace(looked, readings=(), lost_bays=(), inferred=False)
        before = camera.told
        if camera.watch.model != looked.model:
            camera.watch = replace(camera.watch, model=looked.model)
        if looked.calibration not in (None, camera.watch.calibration):
            camera.watch = replace(camera.watch, calibration=looked.calibration)
        watch, now_utc = camera.watch, looked.captured_at_utc
        camera.sight, camera.sight_detail = looked.state, looked.detail
        camera.drift = looked.drift
        self._publish_camera(looked.camera, before, now_utc)
        changes = self._ledger.take(
            watch,
            looked.readings,
            looked.monotonic_secs,
            now_utc,
            lost_bays=looked.lost_bays,
            why_lost=looked.detail,
        )
        held = {r.slot: self._ledger.state(watch.aisle, r.slot).state for r in looked.readings}
        settled = self._settled.take(looked, held)
        self._write(changes, self._evidence.of_look(looked, settled, watch.aisle, changes))
        if looked.inferred:
            self._evidence.remember(looked, settled, watch.aisle, held)
        return changes

    def reported(self, name: str, state: CameraState, detail: str, at_utc: datetime) -> None:
        """Take in what capture says of a camera; a change is published."""
        camera = self._cameras[name]
        before = camera.told
        camera.link, camera.link_detail = state, detail
        self._publish_camera(name, before, at_utc)

    def noted(self, name: str, note: str, at_utc: datetime) -> None:
        """Add ``note`` to what is said of a camera; a change is published."""
        camera = self._cameras[name]
        before = camera.told
        camera.note = note
        self._publish_camera(name, before, at_utc)

    def tick(self, now_secs: float, now_utc: datetime) -> list[Change]:
        """Let time pass: slots grow stale, what is on the disk is kept fresh."""
        changes = self._ledger.tick(now_secs, now_utc)
        self._write(changes, [])
        self._follow_planograms(now_utc)
        if now_secs - self._saved_secs >= self._save_every_secs:
            self._saved_secs = now_secs
            self.save()
        if now_secs - self._snapshot_secs >= SNAPSHOT_EVERY_SECS:
            self._snapshot_secs = now_secs
            self._publish_snapshots(now_utc)
        return changes

    def save(self) -> None:
        """Write when each slot was last seen, so that a restart knows how old its states are."""
        self._outbox.append([], self._ledger.all_rows())

    def _follow_planograms(self, now_utc: datetime) -> None:
        """Tell of what has come into force, and drop what belongs to the version before."""
        for aisle in self._aisles:
            now, before = self._ledger.in_force(aisle), self._followed.get(aisle)
            if now == before:
                continue
            _log_in_force(aisle, now)
            for name, camera in self._cameras.items():
                if camera.watch.aisle == aisle:
                    told = camera.told
                    camera.planogram_note = _note(now)
                    self._publish_camera(name, told, now_utc)
            known = before.planogram if before else None
            self._followed[aisle] = now
            if before is not None and now.planogram is known:
                continue
            self._evidence.forget(aisle)
            bays = self._bays(aisle)
            if known is not None:
                bays |= {bay.number for bay in known.bays}
                slots = {slot.id for slot in now.planogram.slots} if now.planogram else set()
                gone = [slot.id for slot in known.slots if slot.id not in slots]
                self._outbox.forget_states(f"{aisle}/{slot}" for slot in gone)
            for bay in sorted(bays):
                self._publish_snapshot(aisle, bay, now_utc)

    def _publish_camera(self, name: str, before: Told, at_utc: datetime) -> None:
        camera = self._cameras[name]
        if camera.told == before:
            return
        if camera.state is not before[0]:
            camera.since_utc = at_utc
        status = CameraStatus(
            camera=name,
            state=camera.state,
            since=camera.since_utc,
            time=at_utc,
            detail=camera.detail,
            calibration=camera.watch.calibration,
            drift_px=None if camera.drift is None else round(camera.drift.px, 1),
            drift_since=None if camera.drift is None else camera.drift.since_utc,
        )
        self._uplink.publish_retained(self._node.camera(name), status.to_json())

    def _write(self, changes: list[Change], evidence: list[NewEvent]) -> None:
        """Write what has changed; what a full disk refuses is kept for the next time."""
        self._unwritten += changes
        self._unwritten_events += [change.event for change in changes]
        if len(self._unwritten_events) + len(evidence) <= UNWRITTEN_EVENTS:
            self._unwritten_events += evidence
        else:
            metrics.DROPPED_PICTURES.inc(len(evidence))
        if not self._unwritten_events:
            return
        written = self._unwritten
        self._outbox.append(self._unwritten_events, self._ledger.rows(written))
        self._unwritten, self._unwritten_events = [], []
        self._uplink.notify()
        for change in written:
            metrics.EVENTS.labels(change.state.state.value).inc()
        for aisle, bay in sorted({(change.aisle, change.state.slot.bay) for change in written}):
            self._publish_snapshot(aisle, bay, written[-1].event.time)

    def _publish_snapshots(self, now_utc: datetime) -> None:
        for aisle in self._aisles:
            for bay in sorted(self._bays(aisle)):
                self._publish_snapshot(aisle, bay, now_utc)

    def _publish_snapshot(self, aisle: str, bay: int, now_utc: datetime) -> None:
        topic = self._node.bay_state(aisle, bay_id(bay))
        if bay not in self._bays(aisle):
            self._uplink.publish_retained(topic, b"")  # takes back what is retained
            return
        snapshot = self._ledger.snapshot(
            aisle, bay, self._outbox.epoch, self._outbox.last_sequence, now_utc
        )
        self._uplink.publish_retained(topic, snapshot.to_json())

    def _bays(self, aisle: str) -> set[int]:
        """The bays that are planned now; none of an aisle that is watched no more."""
        planogram = self._ledger.in_force(aisle).planogram if aisle in self._aisles else None
        return {bay.number for bay in planogram.bays} if planogram else set()


def _note(now: PlanogramInForce) -> str:
    if now.planogram is None:
        return f"{NO_PLANOGRAM}: nothing is watched"
    return f"{IN_RESET}: slots are not judged" if now.reset else ""


def _log_in_force(aisle: str, now: PlanogramInForce) -> None:
    if now.planogram is None:
        _log.warning(f"{NO_PLANOGRAM}, nothing is watched", aisle=aisle)
    elif now.reset:
        _log.info(f"{IN_RESET}, slots are not judged", aisle=aisle, planogram=now.planogram.name)
    else:
        _log.info("planogram in force", aisle=aisle, planogram=now.planogram.name)


def watch_of(camera: CameraSettings, model: str, rules: Rules) -> Watch:
    """Return what a camera watches and with what; reads its calibration's version."""
    calibration = UNCALIBRATED
    if camera.calibration is not None and camera.calibration.exists():
        calibration = Calibration.load(camera.calibration).version
    return Watch(
        camera=camera.id,
        aisle=camera.aisle,
        bays=camera.bays,
        model=model,
        calibration=calibration,
        max_gap_secs=max(
            LOOKS_APART * camera.look_every_secs, min(BUSY_GAP_SECS, rules.confirm_secs / 2)
        ),
    )
