"""Whether a camera's looks can be trusted, decided from what happens to it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from edge_agent.frames import ImageBgr
from shelf.states import CameraState

ALLOWED: dict[CameraState | None, frozenset[CameraState]] = {
    None: frozenset({CameraState.OK, CameraState.OFFLINE}),
    CameraState.OK: frozenset({CameraState.STALE, CameraState.OFFLINE}),
    CameraState.STALE: frozenset({CameraState.OK, CameraState.OFFLINE}),
    CameraState.OFFLINE: frozenset({CameraState.OK, CameraState.STALE}),
}
"""From each state (None before the first report) to which. Dark and moved are not decided here."""

Change = tuple[CameraState, str]
"""A new state and the reason in words."""


@dataclass(frozen=True, slots=True)
class WatchLimits:
    """When a camera is held to be stale or offline.

    ``stale_secs`` and ``offline_secs`` count from the last fresh look; ``frozen_secs`` is how
    long a live source may give the same picture, byte for byte. Raises ``ValueError``.
    """

    stale_secs: float
    offline_secs: float
    frozen_secs: float

    def __post_init__(self) -> None:
        if not 0 < self.stale_secs <= self.offline_secs or self.frozen_secs <= 0:
            raise ValueError(
                f"expected 0 < stale_secs <= offline_secs and frozen_secs > 0, got {self}"
            )

    @classmethod
    def for_pace(cls, look_every_secs: float) -> WatchLimits:
        """Return limits for a look every so often: stale after 3 missed, offline after 10."""
        return cls(
            stale_secs=max(15.0, 3 * look_every_secs),
            offline_secs=max(60.0, 10 * look_every_secs),
            frozen_secs=max(60.0, 6 * look_every_secs),
        )


class CameraWatch:
    """A camera's state; no threads, no clock of its own.

    Times are monotonic seconds. The methods return a `Change` when the state changes, else
    None. ``is_live`` says that the source cannot give the same bytes twice for long.
    """

    def __init__(self, limits: WatchLimits, *, is_live: bool, started_secs: float) -> None:
        self.state: CameraState | None = None
        self._limits = limits
        self._is_live = is_live
        self._fresh_secs = started_secs
        self._changed_secs = started_secs
        self._digest = b""
        self._is_frozen = False
        self._reason = "no answer yet"

    def seen(self, image_bgr: ImageBgr, now_secs: float) -> Change | None:
        """A picture came. Afterwards ``is_trusted`` says whether it may be used."""
        if self._is_live:
            digest = hashlib.blake2b(image_bgr.tobytes(), digest_size=16).digest()
            if digest != self._digest:
                self._digest, self._changed_secs = digest, now_secs
            same_secs = now_secs - self._changed_secs
            self._is_frozen = same_secs >= self._limits.frozen_secs
            if self._is_frozen:
                self._reason = f"the same picture for {same_secs:.0f} s"
                return self._becomes(CameraState.STALE, self._reason)
        self._fresh_secs = now_secs
        self._reason = "the camera does not answer"
        return self._becomes(CameraState.OK, "")

    @property
    def is_trusted(self) -> bool:
        """Whether the last picture was a new one."""
        return not self._is_frozen

    def failed(self, reason: str, now_secs: float) -> Change | None:
        """No picture came. A camera that never gave one is offline at once."""
        self._reason, self._is_frozen = reason, False
        if self.state is None:
            return self._becomes(CameraState.OFFLINE, reason)
        return self.checked(now_secs)

    def ended(self, reason: str) -> Change | None:
        """The source gave its last picture."""
        return self._becomes(CameraState.OFFLINE, reason)

    def checked(self, now_secs: float) -> Change | None:
        """Time has passed: finds a grab that hangs as well as a camera that stays away.

        A frozen camera stays stale, however long: it answers.
        """
        age_secs = now_secs - self._fresh_secs
        words = f"no fresh picture for {age_secs:.0f} s: {self._reason}"
        if self._is_frozen or age_secs < self._limits.stale_secs:
            return None
        if age_secs >= self._limits.offline_secs or self.state is None:
            return self._becomes(CameraState.OFFLINE, words)
        return self._becomes(CameraState.STALE, words) if self.state is CameraState.OK else None

    def _becomes(self, state: CameraState, detail: str) -> Change | None:
        if state is self.state:
            return None
        if state not in ALLOWED[self.state]:
            raise AssertionError(f"a camera cannot go from {self.state} to {state}")
        self.state = state
        return state, detail
