"""A calibration in the making: what was changed, by whom, and how to take it back. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from pydantic import Field

from calibration.calibration_file import BayCalibration, Calibration
from shelf.settings import Settings

MAX_STEPS = 50


class Step(Settings):
    """A change that can be taken back: ``entry`` is how the bay was on the other side of it."""

    words: str
    entry: BayCalibration
    gesture: str = ""


class Draft(Settings):
    """One camera's work. ``revision`` counts its changes; a client that changes it names the one
    it has seen. ``base_version`` is the saved calibration that it began with.

    ``checked`` are the doubtful slots that somebody looked at and found right.
    """

    revision: int = 1
    base_version: str | None
    taken_at_utc: datetime
    changed_at_utc: datetime
    by: str
    calibration: Calibration
    undo: tuple[Step, ...] = ()
    redo: tuple[Step, ...] = ()
    checked: tuple[str, ...] = Field(())

    def changed(
        self,
        bay: int,
        change: Callable[[BayCalibration], BayCalibration],
        words: str,
        *,
        by: str,
        at_utc: datetime,
        gesture: str = "",
    ) -> Draft:
        """Return the draft after ``change`` of one bay's entry.

        Changes of one ``gesture`` (a drag, a run of arrow keys) are one step. Raises
        `CalibrationError` where the change or the bay does.
        """
        before = self.calibration.of_bay(bay)
        undo = self.undo
        if not (gesture and undo and undo[-1].gesture == gesture):
            undo = (*undo, Step(words=words, entry=before, gesture=gesture))[-MAX_STEPS:]
        return self._with(change(before), by, at_utc, undo=undo, redo=())

    def undone(self, by: str, at_utc: datetime) -> Draft:
        """Return the draft without its last step; the same draft when there is none."""
        if not self.undo:
            return self
        step = self.undo[-1]
        back = step.model_copy(update={"entry": self.calibration.of_bay(step.entry.bay)})
        return self._with(step.entry, by, at_utc, undo=self.undo[:-1], redo=(*self.redo, back))

    def redone(self, by: str, at_utc: datetime) -> Draft:
        """Return the draft with the step that was taken back last."""
        if not self.redo:
            return self
        step = self.redo[-1]
        back = step.model_copy(
            update={"entry": self.calibration.of_bay(step.entry.bay), "gesture": ""}
        )
        return self._with(step.entry, by, at_utc, undo=(*self.undo, back), redo=self.redo[:-1])

    def with_checked(self, slots: tuple[str, ...], by: str, at_utc: datetime) -> Draft:
        """Return the draft with ``slots`` looked at."""
        return self.model_copy(
            update={
                "checked": tuple(sorted({*self.checked, *slots})),
                "revision": self.revision + 1,
                "by": by,
                "changed_at_utc": at_utc,
            }
        )

    def _with(
        self,
        entry: BayCalibration,
        by: str,
        at_utc: datetime,
        *,
        undo: tuple[Step, ...],
        redo: tuple[Step, ...],
    ) -> Draft:
        bays = tuple(entry if old.bay == entry.bay else old for old in self.calibration.bays)
        return self.model_copy(
            update={
                "calibration": self.calibration.model_copy(update={"bays": bays}),
                "revision": self.revision + 1,
                "by": by,
                "changed_at_utc": at_utc,
                "undo": undo,
                "redo": redo,
            }
        )
