"""One camera at work: its draft, the picture it was made on, and the scores. For any thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from calibration.calibration_file import (
    Approval,
    BayCalibration,
    Calibration,
)
from calibration.history import VersionConflictError, next_version, roll_back, save
from calibration.proposal import Proposal
from calibration.quality import picture_findings
from calibration.rectify import ImageBgr
from calibration.tool.door import Installer
from calibration.tool.draft import Draft
from calibration.tool.draft_file import DraftFile
from calibration.tool.drawing import BayPicture
from calibration.tool.saved_files import SavedFiles
from calibration.tool.site import CameraPlace
from calibration.tool.start import BenchError, fits, placed_by_hand, still
from calibration.verdict import Verdict
from shelf.errors import ConfigError, ShelfwatchError


class TakenError(BenchError):
    """Somebody else works on this camera, or has changed it meanwhile."""


class NotFoundError(BenchError):
    """No planned bay in the picture; ``proposal`` says why of each."""

    def __init__(self, proposal: Proposal) -> None:
        self.proposal = proposal
        words = "; ".join(f"bay {bay.bay}: {bay.reason}" for bay in proposal.bays)
        super().__init__(f"The planned bays were not found in this picture. {words}")


@dataclass(frozen=True, slots=True, eq=False)
class Saved:
    """What was saved, with the picture it was made on and its scores."""

    calibration: Calibration
    picture_bgr: ImageBgr
    proposal: Proposal | None
    bays: tuple[BayPicture, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """A draft at one moment. ``proposal`` scores it, or, unless ``is_scored``, an earlier one.

    ``owner`` is who works on it; None for work that was kept from an earlier run.
    """

    place: CameraPlace
    draft: Draft
    picture: ImageBgr
    proposal: Proposal | None
    is_scored: bool
    scoring_fault: str
    owner: Installer | None

    def bay(self, number: int) -> BayPicture:
        """Return one bay of it; raises `CalibrationError` when it is not in it."""
        calibration = self.draft.calibration
        size_px = (self.picture.shape[1], self.picture.shape[0])
        entry = calibration.of_bay(number)
        return BayPicture(self.place.planogram.bay(number), entry, calibration, size_px)


class Bench:
    """The work on one camera. ``proposing`` is the one lock of all benches' proposers."""

    def __init__(
        self,
        place: CameraPlace,
        file: DraftFile,
        proposing: threading.Lock,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.place = place
        self._file = file
        self._files = SavedFiles(place.file)
        self._proposing = proposing
        self._now = now
        self._lock = threading.RLock()
        self._owner: Installer | None = None
        self._proposal: Proposal | None = None
        self._scored = 0
        self._scoring_fault = ""
        kept = file.load()
        self.draft: Draft | None = kept[0] if kept else None
        self.picture: ImageBgr | None = kept[1] if kept else None

    def snapshot(self) -> Snapshot | None:
        """Return the work at this moment; None when there is none."""
        with self._lock:
            if self.draft is None or self.picture is None:
                return None
            return Snapshot(
                self.place,
                self.draft,
                self.picture,
                self._proposal,
                self._scored == self.draft.revision,
                self._scoring_fault,
                self._owner,
            )

    def saved(self) -> Calibration | None:
        """Return the calibration that is in force; raises `ConfigError` for a broken file."""
        return self._files.current()

    def versions(self) -> tuple[Calibration, ...]:
        """Return all versions that were ever saved, the newest first."""
        return self._files.versions()

    def propose(self, who: Installer, *, by_hand: bool = False) -> None:
        """Take the camera's picture and begin a draft on it; the old draft's is replaced.

        Raises `BenchError` without a usable picture, `NotFoundError` when no bay is found.
        """
        self._must_be_free(who)
        picture = still(self.place.camera)
        red = [f for f in picture_findings(picture) if f.verdict is Verdict.RED]
        if red and not by_hand:
            words = " ".join(f"{finding.words} {finding.advice}".strip() for finding in red)
            raise BenchError(f"No proposal is made of this picture. {words}")
        try:
            before = self.saved()
        except ConfigError:
            before = None
        start = before if before is not None and fits(before, picture) else None
        if by_hand:
            proposal, calibration = None, placed_by_hand(self.place, picture, start)
        else:
            with self._proposing:
                proposal = self.place.proposer.propose([picture], start)
            if not any(bay.found for bay in proposal.bays):
                raise NotFoundError(proposal)
            calibration = proposal.calibration(self.place.id, "draft")
        with self._lock:
            self._must_be_free(who)
            now = self._now()
            revision = self.draft.revision + 1 if self.draft else 1
            self.draft = Draft(
                revision=revision,
                base_version=before.version if before else None,
                taken_at_utc=now,
                changed_at_utc=now,
                by=who.name,
                calibration=calibration,
            )
            self.picture, self._owner = picture, who
            self._proposal, self._scored = proposal, revision if proposal else 0
            self._file.keep_picture(picture)
            self._file.keep(self.draft)

    def change(
        self, who: Installer, revision: int, change: Callable[[Draft], Draft], *, keep: bool = True
    ) -> Draft:
        """Change the draft that ``who`` has seen as ``revision``.

        ``keep`` is false in the middle of a drag. Raises `TakenError` when it is another's or
        has changed meanwhile, and what ``change`` raises.
        """
        with self._lock:
            draft = self.must_have_work().draft
            self._must_be_free(who)
            if revision != draft.revision:
                raise TakenError(
                    f"{draft.by} has changed this meanwhile; your last change was not made. "
                    "Look at the picture again."
                )
            self._owner = who
            self.draft = change(draft)
            if keep:
                self._file.keep(self.draft)
            return self.draft

    def score(self) -> None:
        """Score the draft as it is now, unless that is done; may take a second or two."""
        with self._lock:
            draft, picture = self.draft, self.picture
            if draft is None or picture is None or self._scored == draft.revision:
                return
        try:
            with self._proposing:
                proposal = self.place.proposer.judge(picture, draft.calibration)
            fault = ""
        except ShelfwatchError as error:
            proposal, fault = None, str(error)
        with self._lock:
            if self.draft is not None and self.draft.revision == draft.revision:
                self._scored, self._scoring_fault = draft.revision, fault
                self._proposal = proposal or self._proposal

    def save(self, who: Installer, revision: int, note: str = "") -> Saved:
        """Write the draft as the camera's calibration and forget the draft.

        A draft that is red needs a ``note`` that says why it is saved all the same. Raises
        `TakenError` when somebody has saved another version meanwhile.
        """
        self.score()
        with self._lock:
            draft = self.change(who, revision, lambda draft: draft)
            bays = tuple(self._with_score(entry) for entry in draft.calibration.bays)
            red = [f"Bay {e.bay} is red: {e.reason}." for e in bays if e.score is Verdict.RED]
            if red and not note:
                raise BenchError(" ".join([*red, "Say in a note why it is right all the same."]))
            calibration = draft.calibration.model_copy(
                update={
                    "version": next_version(self.place.file, self.place.id),
                    "planogram": self.place.planogram.name,
                    "approved": Approval(by=who.name, at_utc=self._now(), note=note),
                    "bays": bays,
                }
            )
            try:
                self._files.put_broken_aside(self._now())
                save(calibration, self.place.file, expected_version=draft.base_version)
            except VersionConflictError as error:
                raise TakenError(
                    f"{error} Your work is kept as a draft: compare the two, then save again "
                    "over the newer one."
                ) from error
            assert self.picture is not None
            size_px = (self.picture.shape[1], self.picture.shape[0])
            planned = self.place.planogram
            pictures = tuple(
                BayPicture(planned.bay(entry.bay), entry, calibration, size_px) for entry in bays
            )
            done = Saved(calibration, self.picture, self._proposal, pictures)
            self._end()
            return done

    def rebase(self, who: Installer, revision: int) -> None:
        """Go on over what somebody else has saved meanwhile."""
        saved = self.saved()
        version = saved.version if saved else None
        self.change(
            who,
            revision,
            lambda draft: draft.model_copy(
                update={"base_version": version, "revision": draft.revision + 1}
            ),
        )

    def roll_back(self, who: Installer, version: str) -> Calibration:
        """Put an earlier version in force again."""
        with self._lock:
            return roll_back(self.place.file, version, by=who.name, at_utc=self._now())

    def take_over(self, who: Installer) -> None:
        """Make ``who`` the one who works on it."""
        with self._lock:
            self.must_have_work()
            self._owner = who

    def discard(self, who: Installer, revision: int) -> None:
        """Throw the draft away; what is in force stays."""
        with self._lock:
            self.change(who, revision, lambda draft: draft, keep=False)
            self._end()

    def must_have_work(self) -> Snapshot:
        """Return the work; raises `BenchError` when there is none."""
        work = self.snapshot()
        if work is None:
            raise BenchError("Nothing is being calibrated here: take a picture first.")
        return work

    def _end(self) -> None:
        self.draft = self.picture = self._proposal = self._owner = None
        self._file.forget()

    def _must_be_free(self, who: Installer) -> None:
        if self.draft is None or self._owner in (None, who):
            return
        assert self._owner is not None
        raise TakenError(
            f"{self._owner.name} is calibrating this camera. Take over first, if that is agreed; "
            "the work so far is kept."
        )

    def _with_score(self, entry: BayCalibration) -> BayCalibration:
        scored = None
        is_scored = self.draft is not None and self._scored == self.draft.revision
        if self._proposal is not None and is_scored and not self._scoring_fault:
            scored = next((bay for bay in self._proposal.bays if bay.bay == entry.bay), None)
        if scored is None:
            reason = self._scoring_fault or "not scored"
            return entry.model_copy(update={"score": Verdict.RED, "reason": reason})
        return entry.model_copy(update={"score": scored.verdict, "reason": scored.reason})
