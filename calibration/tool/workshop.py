"""All cameras of a site at work: benches, sign-off tests, reports and catalogue pictures."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import structlog

from calibration.calibration_file import Calibration
from calibration.quality import picture_findings
from calibration.rectify import ImageBgr
from calibration.tool.bench import Bench, Saved
from calibration.tool.door import Installer
from calibration.tool.draft_file import DraftFile
from calibration.tool.drawing import BayPicture
from calibration.tool.edits import Edit, Editor
from calibration.tool.report import (
    ReportedTest,
    ReportFolder,
    encoded,
    report_of,
    report_pictures,
)
from calibration.tool.sign_off import SignOff, Stage
from calibration.tool.site import CameraPlace, SheetCrop, Sight, SiteParts
from calibration.tool.start import BenchError
from calibration.verdict import Finding
from shelf import SlotId
from shelf.errors import ShelfwatchError

_log = structlog.get_logger(__name__)

TICK_SECS = 0.5
HERE_FOR = timedelta(seconds=12)
"""Who has asked for a camera so recently is looking at it."""

REST = timedelta(seconds=0.4)
"""A draft that has not changed for so long is scored."""

CROP_MARGIN = 0.35


@dataclass(slots=True)
class Work:
    """One camera's bench and what belongs to it."""

    place: CameraPlace
    bench: Bench
    reports: ReportFolder
    sign_off: SignOff | None = None
    sheet: tuple[SheetCrop, ...] | None = None
    here: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    judged: tuple[int, tuple[Finding, ...]] = (0, ())


class Workshop:
    """What the pages ask for and do. For any thread."""

    def __init__(self, parts: SiteParts, now: Callable[[], datetime] = lambda: datetime.now(UTC)):
        self.parts = parts
        self.now = now
        self._proposing = threading.Lock()
        self._stopping = threading.Event()
        self._works = {
            place.id: Work(
                place,
                Bench(place, DraftFile(parts.work_folder, place.id), self._proposing, now),
                ReportFolder(place.file),
            )
            for place in parts.cameras.values()
        }
        self._thread = threading.Thread(target=self._run, name="scores", daemon=True)

    def start(self) -> None:
        """Begin scoring drafts and following tests in the background."""
        self._thread.start()

    def stop(self) -> None:
        """End that; drafts are kept."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(5)

    @property
    def works(self) -> tuple[Work, ...]:
        """All cameras, as the site file orders them."""
        return tuple(self._works.values())

    def work(self, camera: str) -> Work:
        """Return one camera's work; raises ``KeyError``."""
        return self._works[camera]

    def look(self, work: Work, who: Installer) -> tuple[Sight, tuple[Finding, ...]]:
        """Note that ``who`` looks, and return the newest picture with its findings."""
        now = self.now()
        work.here = {
            session: (name, at)
            for session, (name, at) in {**work.here, who.session: (who.name, now)}.items()
            if now - at < HERE_FOR
        }
        sight = work.place.camera.sight()
        if sight.image_bgr is None:
            return sight, ()
        number, findings = work.judged
        if number != sight.number:
            findings = picture_findings(sight.image_bgr)
            work.judged = (sight.number, findings)
        return sight, findings

    def edit(self, work: Work, who: Installer, revision: int, edit: Edit, *, is_last: bool) -> None:
        """Make one change of the draft; ``is_last`` is false in the middle of a drag."""
        seen = work.bench.must_have_work()
        facings = np.zeros((0, 4)) if seen.proposal is None else seen.proposal.facings_xyxy_px
        editor = Editor(who.name, self.now(), seen.bay, facings)
        work.bench.change(who, revision, lambda draft: editor.apply(draft, edit), keep=is_last)

    def save(self, work: Work, who: Installer, revision: int, note: str) -> Calibration:
        """Save the draft, and write its report."""
        saved = work.bench.save(who, revision, note)
        work.sheet = None
        work.sign_off = None
        self._report(work, saved)
        return saved.calibration

    def begin_test(self, work: Work, who: Installer, slot: SlotId) -> None:
        """Begin the sign-off test of one slot; raises `BenchError` when it cannot be done."""
        agent = self.parts.agent
        if agent is None:
            raise BenchError("This site has no broker to listen to.")
        if work.bench.saved() is None:
            raise BenchError("Save a calibration first.")
        if slot.bay not in work.place.bays or slot not in {
            planned.id for planned in work.place.planogram.slots
        }:
            bays = ", ".join(map(str, work.place.bays))
            raise BenchError(f"slot: expected a slot of bay {bays}, found {slot}")
        heard = agent.heard(work.place.aisle, slot)
        if heard and heard[-1].changed.state.is_problem:
            state = heard[-1].changed.state.value.replace("_", " ")
            raise BenchError(
                f"The agent already says {state} of {slot.in_words}. Put it right first, or "
                "choose another slot."
            )
        work.sign_off = SignOff(slot, who.name, self.now())

    def follow_test(self, work: Work) -> None:
        """Take note of what the agent has said of the slot that is being tested."""
        test, agent = work.sign_off, self.parts.agent
        if test is None or agent is None or test.stage is Stage.PASSED:
            return
        after = test.after(agent.heard(work.place.aisle, test.slot))
        if after == test:
            return
        work.sign_off = after
        pictures = {}
        if test.alert is None and after.alert is not None:
            pictures["alert.jpg"] = self._crop(work, after.slot)
        if after.stage is Stage.PASSED:
            pictures["cleared.jpg"] = self._crop(work, after.slot)
        self._report_test(work, after, {n: p for n, p in pictures.items() if p is not None})

    def make_sheet(self, work: Work) -> tuple[SheetCrop, ...]:
        """Cut the crops for the catalogue out of the camera's picture."""
        enroller, saved = self.parts.enroller, work.bench.saved()
        if enroller is None:
            raise BenchError(
                "The site file names no catalogue: add `catalog: catalog` to keep pictures."
            )
        sight = work.place.camera.sight()
        if saved is None or sight.image_bgr is None:
            raise BenchError(
                "Save a calibration first." if saved is None else f"No picture: {sight.fault}"
            )
        with self._proposing:
            work.sheet = enroller.sheet(work.place.id, sight.image_bgr, saved)
        return work.sheet

    def store(self, work: Work, chosen: list[int]) -> str:
        """Store chosen crops of the sheet in the catalogue; return in words what was done."""
        sheet, enroller = work.sheet, self.parts.enroller
        if sheet is None or enroller is None:
            raise BenchError("Look at the crops first.")
        wrong = [number for number in chosen if not 0 <= number < len(sheet)]
        if wrong or not chosen:
            raise BenchError(
                f"crops: expected numbers from 0 to {len(sheet) - 1}, "
                f"found {', '.join(map(str, wrong)) or 'none'}"
            )
        with self._proposing:
            words = enroller.store(work.place.id, [sheet[n] for n in chosen])
        work.sheet = None
        return words

    def _run(self) -> None:
        while not self._stopping.wait(TICK_SECS):
            for work in self._works.values():
                if self._stopping.is_set():
                    return
                try:
                    work.place.camera.rest()
                    self.follow_test(work)
                    if self._is_at_rest(work):
                        work.bench.score()
                except Exception:  # noqa: BLE001 - one camera's fault must not end the others'
                    _log.exception("camera", camera=work.place.id)

    def _is_at_rest(self, work: Work) -> bool:
        """False while somebody is moving things: a score would be old before it is there."""
        seen = work.bench.snapshot()
        return seen is None or self.now() - seen.draft.changed_at_utc >= REST

    def _report(self, work: Work, saved: Saved) -> None:
        try:
            report = report_of(self.parts.name, work.place.aisle, saved)
            work.reports.write(report, report_pictures(saved))
        except ShelfwatchError as error:
            _log.warning("no report", camera=work.place.id, reason=str(error))

    def _report_test(self, work: Work, test: SignOff, pictures: dict[str, bytes]) -> None:
        saved = work.bench.saved()
        if saved is None or not work.reports.exists(saved.version):
            return
        report = work.reports.read(saved.version)
        if test.alert is not None and test.cleared is not None:
            alert, cleared = test.alert, test.cleared
            done = ReportedTest(
                slot=str(test.slot),
                place=test.slot.in_words,
                product=work.place.planogram.slot(test.slot).name,
                by=test.by,
                begun_at_utc=test.begun_at_utc,
                alert_at_utc=alert.at_utc,
                alert_words=words_of(alert.changed.state.value, alert.changed.reason),
                cleared_at_utc=cleared.at_utc,
                cleared_words=words_of(cleared.changed.state.value, cleared.changed.reason),
                calibration=alert.changed.calibration,
            )
            report = report.model_copy(update={"test": done})
        work.reports.write(report, pictures)

    def _crop(self, work: Work, slot: SlotId) -> bytes | None:
        """The slot and its surroundings in the camera's newest picture."""
        sight = work.place.camera.sight()
        saved = work.bench.saved()
        if sight.image_bgr is None or saved is None:
            return None
        part = crop_of(sight.image_bgr, work.place, saved, slot)
        return None if part is None else encoded(part, ".jpg")


def crop_of(
    image_bgr: ImageBgr, place: CameraPlace, calibration: Calibration, slot: SlotId
) -> ImageBgr | None:
    """Return a slot with its surroundings out of a picture; None when it is not in it."""
    size_px = (image_bgr.shape[1], image_bgr.shape[0])
    try:
        calibration.check_picture(size_px)
        entry = calibration.of_bay(slot.bay)
    except ShelfwatchError:
        return None
    seen = BayPicture(place.planogram.bay(slot.bay), entry, calibration, size_px)
    planned = next(one for one in seen.bay.slots if one.id == slot)
    shelf = next(one for one in seen.bay.shelves if one.number == slot.shelf)
    bottom = shelf.y_mm + planned.y_mm
    spare = CROP_MARGIN * max(planned.width_mm, planned.height_mm)
    box = seen.view.image_box(
        (
            planned.x_mm - spare,
            bottom - spare,
            planned.x_mm + planned.width_mm + spare,
            bottom + planned.height_mm + spare,
        )
    )
    if box is None:
        return None
    x1, y1, x2, y2 = (round(value) for value in box)
    part = image_bgr[y1:y2, x1:x2]
    return part if part.size else None


def words_of(state: str, reason: str | None) -> str:
    """Return a state and its reason as people read them."""
    return state.replace("_", " ") + (f" ({reason})" if reason else "")
