"""What each camera last saw of the parts that stand still: a picture without people, in memory.

Of every look only the parts are taken that the gate calls settled; where somebody stands, what
was seen there before stays. Nothing of the rest is kept, nothing is written to a disk, and masks
are black before a look comes here.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from calibration import BayView
from calibration.rectify import BORDER_GREY
from edge_agent.backdrop import Cells
from edge_agent.frames import ImageBgr
from edge_agent.gate import GateLimits, cell_overlaps
from edge_agent.station import Looked
from shelf import BoxPx, CameraState, PlanogramInForce, SlotId, SlotReading, State

STEADY_LOOKS = GateLimits().large_settle_looks
"""Of the first look of a camera the gate knows nothing: who stands in it is part of the scene. A
part is taken only once it has been settled for so many looks in a row, as a large change is."""

SAME_VIEW_PX = 1.5
"""A bay that has wandered further in the picture makes what was seen of it worthless."""


class SettledPicture:
    """The settled parts of one camera's looks at one size.

    ``image_bgr`` is grey where nothing was ever settled; ``seen_at`` (rows, columns) are the
    times of the cells in seconds since 1970, nan for never.
    """

    def __init__(self, size_px: tuple[int, int], grid: tuple[int, int]) -> None:
        """``size_px`` is (width, height), ``grid`` (rows, columns) of the gate's cells."""
        width_px, height_px = size_px
        self.size_px = size_px
        self.image_bgr: ImageBgr = np.full((height_px, width_px, 3), BORDER_GREY, np.uint8)
        self.seen_at: NDArray[np.float64] = np.full(grid, np.nan)
        self._steady = np.zeros(grid, np.int32)
        self._is_trusted = np.zeros(grid, np.bool_)
        self._row_of = np.arange(height_px) * grid[0] // max(height_px, 1)
        self._column_of = np.arange(width_px) * grid[1] // max(width_px, 1)

    def take(self, image_bgr: ImageBgr, unsettled: Cells, at_utc: datetime) -> None:
        """Take what is settled of a picture of ``size_px``."""
        self._steady = np.where(unsettled, 0, self._steady + 1).astype(np.int32)
        self._is_trusted |= self._steady >= STEADY_LOOKS
        taken = self._is_trusted & ~unsettled
        if taken.all():
            self.image_bgr[:] = image_bgr
        elif taken.any():
            where = taken[self._row_of][:, self._column_of]
            np.copyto(self.image_bgr, image_bgr, where=where[..., None])
        self.seen_at[taken] = at_utc.timestamp()

    def share_since(self, box: BoxPx, since_utc: datetime) -> float:
        """Return the share (0..1) of what the picture shows of a box that was seen since then.

        0 for a box outside the picture.
        """
        weights = self._weights(box)
        is_newer = np.nan_to_num(self.seen_at, nan=-np.inf) >= since_utc.timestamp() - 1e-3
        total = float(weights.sum())
        return float(weights[is_newer].sum()) / total if total > 0 else 0.0

    def oldest(self, box: BoxPx, ignored_share: float = 0.02) -> datetime | None:
        """Return when the part of a box was seen that was not seen for longest.

        None when more than ``ignored_share`` of it was never seen, or it is outside.
        """
        weights = self._weights(box).ravel()
        total = float(weights.sum())
        if not total > 0:
            return None
        times = np.nan_to_num(self.seen_at.ravel(), nan=-np.inf)
        order = np.argsort(times, kind="stable")
        behind = np.cumsum(weights[order]) > ignored_share * total
        oldest = float(times[order[int(np.argmax(behind))]])
        return datetime.fromtimestamp(oldest, UTC) if np.isfinite(oldest) else None

    def copy(self) -> SettledPicture:
        """Return the picture as it is now, which later looks do not change."""
        copied = SettledPicture((1, 1), self.seen_at.shape)
        copied.size_px = self.size_px
        copied.image_bgr = self.image_bgr.copy()
        copied.seen_at = self.seen_at.copy()
        return copied

    def _weights(self, box: BoxPx) -> NDArray[np.float64]:
        """How much of a box lies in each cell, in px^2; (rows, columns)."""
        x1, y1, x2, y2 = box
        rows, columns = self.seen_at.shape
        across = cell_overlaps(x1, x2, self.size_px[0], columns)
        down = cell_overlaps(y1, y2, self.size_px[1], rows)
        return np.asarray(down[:, None] * across[None, :])


@dataclass(frozen=True, slots=True, eq=False)
class LastLook:
    """The settled parts, and what the camera's newest look said of the slots in it.

    ``held`` is what is held to be true of the slots; ``views`` are the calibrated bays, by the
    version ``calibration``.
    """

    picture: SettledPicture
    at_utc: datetime
    state: CameraState
    detail: str
    in_force: PlanogramInForce
    readings: tuple[SlotReading, ...]
    held: Mapping[SlotId, State]
    views: Mapping[int, BayView]
    calibration: str | None


class Settled:
    """The settled picture of every camera. One thread takes, any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._looks: dict[str, LastLook] = {}

    def take(self, looked: Looked, held: Mapping[SlotId, State]) -> SettledPicture:
        """Take a look's settled parts; returns the camera's picture, which later looks change.

        A picture of another size, a camera that has moved or has a new calibration, and a bay
        that is now seen elsewhere begin a new one.
        """
        size_px = (looked.image_bgr.shape[1], looked.image_bgr.shape[0])
        grid = looked.unsettled_cells.shape
        with self._lock:
            last = self._looks.get(looked.camera)
            picture = None if last is None else last.picture
            if (
                picture is None
                or last is None
                or picture.size_px != size_px
                or picture.seen_at.shape != grid
                or looked.state is CameraState.MOVED
                or last.calibration != looked.calibration
                or _wandered(last.views, looked.views)
            ):
                picture = SettledPicture(size_px, (grid[0], grid[1]))
            if looked.state is not CameraState.MOVED:
                picture.take(looked.image_bgr, looked.unsettled_cells, looked.captured_at_utc)
            views = looked.views or (last.views if last is not None else {})
            self._looks[looked.camera] = LastLook(
                picture,
                looked.captured_at_utc,
                looked.state,
                looked.detail,
                looked.in_force,
                looked.readings,
                dict(held),
                views,
                looked.calibration,
            )
        return picture

    def of_camera(self, camera: str) -> LastLook | None:
        """Return what is known of a camera now, as a copy; None before its first look."""
        with self._lock:
            last = self._looks.get(camera)
            return None if last is None else replace(last, picture=last.picture.copy())


def _wandered(before: Mapping[int, BayView], now: Mapping[int, BayView]) -> bool:
    for bay in before.keys() & now.keys():
        old, new = before[bay], now[bay]
        if old is new:
            continue
        width_px, height_px = new.size_px
        corners = [(0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8), (0.5, 0.5)]
        shown = np.array(corners) * (width_px, height_px)
        apart = old.image_from_bay(new.bay_from_image(shown)) - shown
        if not np.nanmax(np.abs(apart), initial=0.0) <= SAME_VIEW_PX:
            return True
    return False
