"""The agent: threads around the pipeline.

A capture thread per camera fills one-slot mailboxes; workers share one model; one state thread
owns the ledger and the outbox; the uplink has its own thread. The caller's thread waits.
"""

from __future__ import annotations

import queue
import threading
import time
from pathlib import Path

import structlog

from calibration import Calibration, adjusted
from detector import Detector
from edge_agent import metrics
from edge_agent.answers import Answers
from edge_agent.bookkeeper import Bookkeeper
from edge_agent.calibration_watch import WatchedCalibration, load_calibration
from edge_agent.capture import CameraReport, Capture
from edge_agent.catalog_watch import WatchedCatalog
from edge_agent.clock import utc_now
from edge_agent.commands import Commands
from edge_agent.config import CameraSettings, Site
from edge_agent.frames import Frame
from edge_agent.gate import Gate
from edge_agent.health import CameraHealth, Health, HealthServer
from edge_agent.health import Uplink as LinkHealth
from edge_agent.keeping import FOLDER, FrameKeeper
from edge_agent.look import Looker
from edge_agent.mailbox import MailboxSet
from edge_agent.model_watch import POLL_SECS, WatchedModel, words_of
from edge_agent.outbox import Outbox, OutboxError
from edge_agent.picture import draw_slots, encode_jpeg
from edge_agent.references import drift_of
from edge_agent.self_report import SelfReport
from edge_agent.settled import Settled
from edge_agent.site_planograms import RecogniserOf, load_planograms
from edge_agent.station import Looked, Station
from edge_agent.uplink import Uplink, UplinkState
from shelf import Planogram, PlanogramVersions

_log = structlog.get_logger(__name__)

REFERENCES = "references"
"""Folder beside the outbox for the reference pictures that the agent makes."""

TICK_SECS = 1.0
TAKE_SECS = 0.5
QUEUE_LOOKS = 8
"""Looks, with their pictures, that may wait for the state thread; workers wait when it is full."""


def build_station(
    camera: CameraSettings,
    versions: PlanogramVersions,
    recogniser_of: RecogniserOf,
    references: Path | None = None,
) -> Station:
    """Return the pipeline of one camera; raises `ConfigError` for files that do not fit.

    Reference pictures that are made while it works are kept in the folder ``references``.
    """

    def looker_of(
        detector: Detector, planogram: Planogram, calibration: Calibration | None
    ) -> Looker | None:
        bays = [bay for bay in planogram.bays if bay.number in camera.bays]
        bays.sort(key=lambda bay: camera.bays.index(bay.number))
        if calibration is not None:
            bays = [adjusted(bay, calibration) for bay in bays]
        return Looker(detector, bays, recogniser_of(planogram), calibration) if bays else None

    return Station(
        camera,
        looker_of,
        Gate(),
        load_calibration(camera, versions),
        lambda calibration: drift_of(camera, calibration, versions, references),
    )


class Agent:
    """Everything that runs for one site file."""

    def __init__(self, site: Site) -> None:
        """Load models, planograms and calibrations; raises `ShelfwatchError`, `DetectorError`."""
        self._site = site
        self._stopping = threading.Event()
        self._models_asked = threading.Event()
        self._fault = ""
        self._planograms = load_planograms(site)
        watched = {path: WatchedModel(path) for path in site.models}
        self._models = {camera.id: watched[site.model_of(camera)] for camera in site.cameras}
        self._calibrations = {
            camera.id: WatchedCalibration(camera, self._planograms[camera.aisle])
            for camera in site.cameras
        }
        self._catalog = WatchedCatalog(site, self._planograms)
        recogniser_of = self._catalog.recogniser_of
        references = site.outbox.path.parent / REFERENCES
        self._stations = {
            camera.id: build_station(
                camera, self._planograms[camera.aisle], recogniser_of, references
            )
            for camera in site.cameras
        }
        self._mailboxes: MailboxSet[Frame] = MailboxSet(self._stations)
        self._news: queue.Queue[Looked] = queue.Queue(QUEUE_LOOKS)
        # Without a limit: reports are few, and who reports must never wait.
        self._reports: queue.SimpleQueue[CameraReport] = queue.SimpleQueue()
        folder = site.outbox.path.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutboxError(f"outbox.path: {folder}: {error.strerror}") from error
        self._outbox = Outbox.open(site.outbox.path, site.address, site.outbox.max_bytes)
        self._settled = Settled()
        self._uplink = Uplink(site.address, self._outbox, site.broker, on_command=self._take)
        answers = Answers(
            site,
            self._planograms,
            recogniser_of,
            lambda camera: self._models[camera].current,
            self._settled,
        )
        self._commands = Commands(site.address, answers.handlers, self._uplink.answer, site.answers)
        cameras = [camera.id for camera in site.cameras]
        self._keeper = FrameKeeper(folder / FOLDER, cameras, self._settled, site.keep.frames)
        self._books = Bookkeeper(
            site,
            self._planograms,
            self._outbox,
            self._uplink,
            {camera: model.current.identity for camera, model in self._models.items()},
            time.monotonic(),
            utc_now(),
            self._settled,
        )
        self._self_report = SelfReport(self._outbox, cameras, time.monotonic())
        self._health = None
        if site.health is not None:
            self._health = HealthServer(site.health.host, site.health.port, health=self._health_now)
        self._captures = [
            Capture(
                camera.id,
                camera.source,
                look_every_secs=camera.look_every_secs,
                put=self._put,
                report=self._reports.put,
            )
            for camera in site.cameras
        ]

    def run(self) -> None:
        """Run until `stop`; everything is shut down on return."""
        workers = [
            threading.Thread(target=self._work, name=f"worker {number}", daemon=True)
            for number in range(self._site.workers)
        ]
        keeper = threading.Thread(target=self._keep_books, name="state", daemon=True)
        models = threading.Thread(target=self._watch_models, name="models", daemon=True)
        self._uplink.start()
        keeper.start()
        models.start()
        self._commands.start()
        for worker in workers:
            worker.start()
        for capture in self._captures:
            capture.start()
        _log.info("agent started", node=self._site.node, cameras=len(self._captures))
        try:
            while not self._stopping.wait(TICK_SECS):
                for capture in self._captures:
                    capture.check()
                self._keeper.tick(utc_now())
        finally:
            self._shut_down([*workers, keeper, models])

    def stop(self) -> None:
        """Ask `run` to return; may be called from a signal handler."""
        self._stopping.set()
        self._models_asked.set()

    def check_models(self) -> None:
        """Look for new models, calibrations and catalogue pictures now, not at the next poll.

        May be called from a signal handler.
        """
        self._models_asked.set()

    def _shut_down(self, threads: list[threading.Thread]) -> None:
        self.stop()
        for capture in self._captures:
            capture.stop(0)
        for capture in self._captures:
            capture.stop()
        self._mailboxes.close()
        for thread in threads:
            thread.join()
        self._commands.stop()
        self._save()
        self._uplink.stop()
        if self._health is not None:
            self._health.close()
        self._outbox.close()
        _log.info("agent stopped", node=self._site.node)

    def _save(self) -> None:
        try:
            self._books.save()
        except OutboxError as error:
            _log.warning("last looks could not be saved", error=str(error))

    def _take(self, name: str, payload: bytes) -> None:
        self._commands.take(name, payload)

    def _put(self, frame: Frame) -> None:
        self._mailboxes.put(frame.camera, frame)

    def _work(self) -> None:
        while not self._stopping.is_set():
            taken = self._mailboxes.take(TAKE_SECS)
            if taken is None:
                continue
            camera, frame = taken
            station = self._stations[camera]
            try:
                versions = self._planograms[station.settings.aisle]
                in_force = versions.in_force(frame.captured_at_utc)
                station.use(
                    self._models[camera].current,
                    in_force,
                    self._calibrations[camera].current,
                    self._catalog.now(in_force),
                )
                with metrics.LOOK_SECS.time():
                    looked = station.work(frame)
                metrics.LOOKS.labels(camera, "read" if looked.inferred else "unread").inc()
                self._hand_over(looked)
                self._show(looked)
            except Exception:  # noqa: BLE001 - a fault in one look must not end the watch
                station.look_failed()
                metrics.FAILED_LOOKS.labels(camera).inc()
                _log.exception("look failed", camera=camera)
            finally:
                self._mailboxes.done(camera)

    def _watch_models(self) -> None:
        while not self._stopping.is_set():
            asked = self._models_asked.wait(POLL_SECS)
            self._models_asked.clear()
            if self._stopping.is_set():
                return
            for model in set(self._models.values()):
                model.check(at_once=asked)
            for calibration in self._calibrations.values():
                calibration.check(at_once=asked)
            self._catalog.check(at_once=asked)

    def _hand_over(self, looked: Looked) -> None:
        while not self._stopping.is_set():
            try:
                self._news.put(looked, timeout=TAKE_SECS)
            except queue.Full:
                continue
            return

    def _show(self, looked: Looked) -> None:
        if self._health is not None and looked.inferred:
            drawn = draw_slots(looked.image_bgr, looked.readings)
            self._health.set_look(looked.camera, encode_jpeg(drawn, 80))

    def _keep_books(self) -> None:
        ticked = time.monotonic()
        while not self._stopping.is_set():
            try:
                looked = self._news.get(timeout=TAKE_SECS)
            except queue.Empty:
                looked = None
            try:
                while not self._reports.empty():
                    report = self._reports.get()
                    self._books.reported(report.camera, report.state, report.detail, report.at_utc)
                if looked is not None:
                    self._books.looked(looked)
                    self._self_report.looked(looked.camera, looked.captured_at_utc)
                if time.monotonic() - ticked >= TICK_SECS:
                    ticked = time.monotonic()
                    self._note_files()
                    self._books.tick(ticked, utc_now())
                    self._report_health(ticked)
                if not self._books.has_unwritten:
                    self._fault = ""
            except Exception:  # noqa: BLE001 - a full disk: what is unwritten is kept
                self._fault = "states cannot be written; see the log"
                _log.exception("state could not be written")

    def _note_files(self) -> None:
        for camera, model in self._models.items():
            refused = model.refused.partition("\n")[0]
            notes = (
                f"a new model was refused, the old one is kept: {refused}" if refused else "",
                self._calibrations[camera].note,
                f"a new catalogue was refused, the old one is kept: {self._catalog.refused}"
                if self._catalog.refused
                else "",
            )
            self._books.noted(camera, "; ".join(filter(None, notes)), utc_now())

    def _report_health(self, now_secs: float) -> None:
        if not self._self_report.is_due(now_secs):
            return
        report = self._self_report.make(
            now_secs,
            utc_now(),
            {name: model.current.manifest.sha256 or "" for name, model in self._models.items()},
            {
                name: model.refused.partition("\n")[0] or self._calibrations[name].refused
                for name, model in self._models.items()
            },
            {
                aisle: now.planogram.name if now.planogram else None
                for aisle, now in self._books.planograms.items()
            },
        )
        self._uplink.publish_metrics(report.to_json())

    def _health_now(self) -> Health:
        online = self._uplink.state is UplinkState.ONLINE
        return Health(
            cameras={
                name: CameraHealth(state, detail)
                for name, (state, detail) in self._books.cameras.items()
            },
            uplink=LinkHealth.CONNECTED if online else LinkHealth.DISCONNECTED,
            fault=self._fault,
            more={
                "uplink_detail": self._uplink.detail,
                "outbox_bytes": self._outbox.bytes_used,
                "models": {
                    camera: {
                        "in_use": words_of(model.current),
                        "sha256": model.current.manifest.sha256,
                        "refused": model.refused,
                    }
                    for camera, model in self._models.items()
                },
                "calibrations": {
                    camera: {
                        "in_use": calibration.current and calibration.current.version,
                        "refused": calibration.refused,
                    }
                    for camera, calibration in self._calibrations.items()
                },
                "catalog": {"pictures": self._catalog.pictures, "refused": self._catalog.refused},
                "planograms": {
                    aisle: {
                        "in_force": now.planogram.name if now.planogram else None,
                        "reset": now.reset,
                    }
                    for aisle, now in self._books.planograms.items()
                },
                "site": self._site.digest,
            },
        )
