"""Whether a camera still looks where it was calibrated, decided look by look.

A camera that is bumped by a little is corrected; one that is bumped by much has moved, and its
slots are unknown until it is back or calibrated again. Both are believed when two looks in a row
say the same. In between, and whenever much has changed and it is not certain where the camera
looks, what is seen is held back: a bump must never look like a shelf in disorder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from calibration import Calibration
from calibration.registration import (
    Reference,
    Registration,
    RegistrationKind,
    corrected,
    register,
    still_below_px,
)
from calibration.registration_view import TurnedBack
from edge_agent.backdrop import Cells
from edge_agent.frames import ImageBgr
from edge_agent.gate import GateLimits
from edge_agent.reference_maker import ReferenceMaker

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class DriftLimits:
    """When a look is registered.

    Every ``check_every_secs``, and at once when more than ``large_share`` of the picture is
    unsettled, when a bay does not fit, and until it is certain where the camera looks.
    """

    check_every_secs: float = 180.0
    large_share: float = GateLimits().large_share


class Aim(StrEnum):
    """What is known of where a look was taken."""

    TRUSTED = "trusted"
    DOUBTED = "doubted"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class DriftStatus:
    """A correction in force: by how many px, at the farthest corner of a bay, and since when."""

    px: float
    since_utc: datetime


class Drift:
    """Follows where one camera looks. Not for several threads at once.

    ``calibration`` is the one that its pictures fit now, ``filed`` the one that was made;
    ``status`` tells of the correction between them, ``moved`` why there can be none.
    """

    def __init__(
        self,
        calibration: Calibration,
        reference: Reference | None,
        maker: ReferenceMaker | None = None,
        limits: DriftLimits | None = None,
        made: Callable[[Reference], None] = lambda _reference: None,
    ) -> None:
        """Without a ``reference`` the ``maker`` makes one, which ``made`` may store."""
        self.filed = calibration
        self.calibration = calibration
        self.status: DriftStatus | None = None
        self.moved = ""
        self._reference = reference
        self._maker = maker
        self._made = made
        self._limits = limits or DriftLimits()
        self._found: Registration | None = None
        self._view: TurnedBack | None = None
        self._candidate: Registration | None = None
        self._is_suspect = False
        self._is_asked = True
        self._checked_secs = -np.inf

    @property
    def has_reference(self) -> bool:
        """False until there is a picture to compare with; then every look is trusted."""
        return self._reference is not None

    def view(self, size_px: tuple[int, int]) -> TurnedBack | None:
        """Return what shows pictures of this size as they were before; None without a turn."""
        if self._found is None:
            return None
        if self._view is None or self._view.size_px != size_px:
            self._view = TurnedBack(self._found.lens, self._found.turn, size_px)
        return self._view

    def ask(self) -> None:
        """Have the next look registered: what was read in this one does not fit."""
        self._is_asked = True

    def follow(
        self,
        image_bgr: ImageBgr,
        ignore_mask: Mask | None,
        unsettled: Cells,
        now_secs: float,
        now_utc: datetime,
    ) -> Aim:
        """Return what is known of a fresh look; may change ``calibration`` and `view`.

        ``ignore_mask`` (H,W) is true under masks, ``unsettled`` the gate's word on the look.
        """
        if self._reference is None:
            self._make(image_bgr, ignore_mask, unsettled, now_secs)
            return Aim.TRUSTED
        is_large = float(unsettled.mean()) > self._limits.large_share
        is_due = now_secs - self._checked_secs >= self._limits.check_every_secs
        if not (is_large or is_due or self._is_asked or self._is_suspect or self.moved):
            return Aim.TRUSTED
        guess = None if self._found is None else self._found.turn
        found = register(self._reference, image_bgr, ignore_mask, guess)
        self._checked_secs, self._is_asked = now_secs, False
        return self._weighed(found, is_large, still_below_px(image_bgr.shape[1]), now_utc)

    def _weighed(
        self,
        found: Registration,
        is_large: bool,
        still_px: float,
        now_utc: datetime,
    ) -> Aim:
        before, self._candidate = self._candidate, None
        if not found.is_known:
            if self.moved:
                return Aim.MOVED
            return Aim.DOUBTED if is_large or self._is_suspect else Aim.TRUSTED
        if not self.moved and self._is_as_before(found, still_px):
            self._is_suspect = False
            return Aim.TRUSTED
        self._is_suspect = True
        is_same = (
            before is not None
            and _is_move(before) is _is_move(found)
            and _apart_px(before, found) <= still_px
        )
        if not is_same:
            self._candidate = found
            if self.moved:
                return Aim.MOVED
            is_near = not _is_move(found) and self._apart_px(found) <= still_px
            return Aim.TRUSTED if is_near else Aim.DOUBTED
        if _is_move(found):
            self._candidate = found
            self.moved = found.reason
            return Aim.MOVED
        self._take_up(found, still_px, now_utc)
        return Aim.TRUSTED

    def _is_as_before(self, found: Registration, still_px: float) -> bool:
        """Return whether a correction would change by no more than half of what counts."""
        if _is_move(found):
            return False
        if found.kind is RegistrationKind.STILL and self._found is None:
            return True
        return self._apart_px(found) <= still_px / 2

    def _apart_px(self, found: Registration) -> float:
        if self._found is None:
            return found.largest_shift_px
        return _apart_px(self._found, found)

    def _take_up(self, found: Registration, still_px: float, now_utc: datetime) -> None:
        self.moved, self._is_suspect, self._view = "", False, None
        # A correction ends well below where it begins, so that it does not come and go.
        if found.largest_shift_px < still_px / 2 or (
            self._found is None and found.kind is RegistrationKind.STILL
        ):
            self._found = self.status = None
            self.calibration = self.filed
            return
        since = self.status.since_utc if self.status else now_utc
        self._found = found
        self.status = DriftStatus(found.largest_shift_px, since)
        self.calibration = corrected(self.filed, found.reference_from_now)

    def _make(
        self, image_bgr: ImageBgr, ignore_mask: Mask | None, unsettled: Cells, now_secs: float
    ) -> None:
        if self._maker is None:
            return
        self._reference = self._maker.take(image_bgr, ignore_mask, unsettled, now_secs)
        if self._reference is not None:
            self._maker = None
            self._made(self._reference)


def _is_move(found: Registration) -> bool:
    return found.kind is RegistrationKind.MOVED


def _apart_px(one: Registration, other: Registration) -> float:
    """Return how far apart two registrations put the mark on which they differ most."""
    return float(np.linalg.norm(one.shift_px - other.shift_px, axis=1).max())
