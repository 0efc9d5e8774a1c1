"""One look: from a picture to the readings of the slots that it shows.

With a calibration each bay is warped to its front plane first, so that the detector sees it
frontal and at the size it was trained on. Without one the bay is searched for in the picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration import BayView, Calibration, Rectifier
from detector import Detector
from edge_agent.audit import place_bays
from edge_agent.frames import ImageBgr
from edge_agent.match import BayReading, Observed, PlannedBay, read_bay
from edge_agent.observing import observe, without_phantoms
from edge_agent.places import Places
from edge_agent.recognise import Recogniser
from edge_agent.recognise_again import RecogniserOfView
from edge_agent.shelf_edges import ShelfEdges, Strips, edge_strips
from shelf import Bay, BoxPx, Found, SlotReading, State

Floats = NDArray[np.float64]
Unsettled = Callable[[BoxPx], float]
"""Share (0..1) of a box of the camera's picture in which something moves."""

MARGIN_SHARE = 0.04
"""How much of the bay's height the rectified picture shows beyond it on each side."""

ENLARGE_LIMIT = 1.25
"""A bay is not warped to more px per mm than this multiple of what the camera sees."""

LARGEST_CROP_PX = 320
"""Facings are recognised from the camera's picture, which is finer than the rectified one; more
pixels than this tell nothing more."""

MIN_FIT_FACINGS = 8
MIN_FIT_SHARE = 0.4
"""With as many facings seen in a bay, this share must answer planned ones; else the camera does
not look where its calibration says."""

SETTLED_BELOW = 0.5
"""A facing of which more moves is not counted among those seen."""

WHOLE = 0
"""The number of no bay: all that the camera sees."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What one look saw, before anything is decided from it: data that can be read again.

    ``observed`` has one entry per bay, in rectified px, or with no calibration a single one of
    the whole picture; ``size_px`` is the camera's picture. ``edges`` are the fronts of each bay's
    shelves, for `ShelfEdges`; none with no calibration.
    """

    size_px: tuple[int, int]
    observed: tuple[Observed, ...]
    edges: tuple[Strips, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """The readings of one look, in planogram order; boxes are px of the camera's picture.

    ``misfits`` names bays in which what is seen does not fit the calibration; ``unplanned`` are
    facings in the bays that no slot explains.
    """

    readings: tuple[SlotReading, ...]
    misfits: tuple[int, ...] = ()
    unplanned: tuple[BoxPx, ...] = ()


class Looker:
    """Reads the bays that one camera sees, from any one thread at a time.

    `look` is `see`, which needs the picture, and then `read`, which decides from what was seen.

    Warp tables are made at the first picture of each size.
    """

    def __init__(
        self,
        detector: Detector,
        bays: Sequence[Bay],
        recogniser: Recogniser | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        self._detector = detector
        self._bays = tuple(bays)
        self._calibration = calibration
        # One for each picture that is looked at: the bays, or all that the camera sees.
        pictures = [bay.number for bay in bays] if calibration is not None else [WHOLE]
        self._recognisers = {
            number: None if recogniser is None else RecogniserOfView(recogniser)
            for number in pictures
        }
        self._planned = {bay.number: PlannedBay(bay) for bay in bays if calibration is not None}
        self._edges = [ShelfEdges(sum(1 for _ in bay.slots)) for bay in self._bays]
        self._size_px: tuple[int, int] | None = None
        self._views: list[tuple[Bay, BayView, Rectifier]] = []

    def refit(self, calibration: Calibration) -> None:
        """Look through ``calibration`` from now on: the same bays, seen by a turned camera."""
        self._calibration = calibration
        self._size_px = None

    def look(self, image_bgr: ImageBgr, unsettled: Unsettled = lambda _box: 0.0) -> Look:
        """Return what ``image_bgr`` says of each slot.

        Raises `calibration.CalibrationError` when the picture cannot be the calibrated one.
        """
        return self.read(self.see(image_bgr), unsettled)

    def see(self, image_bgr: ImageBgr) -> Seen:
        """Return what ``image_bgr`` shows; raises as `look` does."""
        size_px = (image_bgr.shape[1], image_bgr.shape[0])
        if self._calibration is None:
            found = self._detector.detect_at_best_scale(image_bgr)
            return Seen(size_px, (observe(image_bgr, found, self._recognisers[WHOLE]),))
        seen = [
            self._see(image_bgr, bay, rectifier) for bay, _, rectifier in self._views_at(size_px)
        ]
        return Seen(
            size_px,
            tuple(observed for observed, _ in seen),
            tuple(edges for _, edges in seen),
        )

    def read(self, seen: Seen, unsettled: Unsettled = lambda _box: 0.0) -> Look:
        """Return what ``seen`` says of each slot; raises as `look` does."""
        observed = [without_phantoms(part, self._detector) for part in seen.observed]
        if self._calibration is None:
            return self._search(observed[0], unsettled)
        readings: list[SlotReading] = []
        misfits: list[int] = []
        unplanned: list[BoxPx] = []
        for index, (bay, view, rectifier) in enumerate(self._views_at(seen.size_px)):
            look = self._read(observed[index], bay, view, rectifier, unsettled)
            if seen.edges and not look.misfits:
                readings += self._edges[index].judge(seen.edges[index], look.readings)
            else:
                readings += look.readings
            misfits += look.misfits
            unplanned += look.unplanned
        return Look(tuple(readings), tuple(misfits), tuple(unplanned))

    @property
    def views(self) -> dict[int, BayView]:
        """The calibrated bays as pictures of the last size show them, by number."""
        return {bay.number: view for bay, view, _ in self._views}

    def _views_at(self, size_px: tuple[int, int]) -> list[tuple[Bay, BayView, Rectifier]]:
        if size_px != self._size_px:
            self._views = [self._view(bay, size_px) for bay in self._bays]
            self._size_px = size_px
        return self._views

    def _view(self, bay: Bay, size_px: tuple[int, int]) -> tuple[Bay, BayView, Rectifier]:
        assert self._calibration is not None
        view = self._calibration.view(bay.number, size_px)
        seen = view.px_per_mm((0.0, 0.0, bay.width_mm, bay.height_mm))
        margin = MARGIN_SHARE * bay.height_mm
        # As many pixels as the model's usual input has, in the bay's own shape; fewer when
        # facings are then larger than the model knows best, or the camera sees less.
        area_mm2 = (bay.width_mm + 2 * margin) * (bay.height_mm + 2 * margin)
        facing_mm = float(np.median([slot.facing_width_mm for slot in bay.slots]))
        scale = min(
            self._detector.manifest.input.size_px / math.sqrt(area_mm2),
            self._detector.best_facing_px / facing_mm,
            ENLARGE_LIMIT * seen if seen > 0 else math.inf,
        )
        return bay, view, view.rectifier(bay.width_mm, bay.height_mm, margin, scale)

    def _see(self, image_bgr: ImageBgr, bay: Bay, rectifier: Rectifier) -> tuple[Observed, Strips]:
        frontal = rectifier.apply(image_bgr)
        observed = observe(
            frontal,
            self._detector.detect_tiled(frontal, scale=1.0),
            self._recognisers[bay.number],
            _places(self._planned[bay.number], rectifier),
            lambda boxes: [rectifier.crop(image_bgr, _box(box), LARGEST_CROP_PX) for box in boxes],
        )
        return observed, edge_strips(frontal, rectifier, bay)

    def _read(
        self,
        observed: Observed,
        bay: Bay,
        view: BayView,
        rectifier: Rectifier,
        unsettled: Unsettled,
    ) -> Look:
        def visibility(box: BoxPx) -> float:
            (in_camera,) = _in_camera([box], rectifier)
            in_picture = 1.0
            if not _is_inside(in_camera, view.size_px):
                left, top, right, bottom = box
                corners = rectifier.bay_from_rectified([(left, bottom), (right, top)])
                in_picture = view.visible_share((*corners[0], *corners[1]))
            return in_picture * (1.0 - unsettled(in_camera))

        reading = read_bay(
            observed,
            self._planned[bay.number],
            rectifier.bay_from_rectified,
            rectifier.rectified_from_bay,
            visibility,
        )
        fits = _fits(reading)
        if not fits:
            # What moves before the shelf may look like facings: only those that stay are the bay's.
            boxes = _in_camera([_box(row) for row in observed.facings_xyxy_px], rectifier)
            fits = _fits(reading, [unsettled(box) < SETTLED_BELOW for box in boxes])
        fault = "" if fits else "the camera may have moved"
        beside = [_box(observed.facings_xyxy_px[k]) for k in reading.unplanned]
        return Look(
            _in_camera_px(reading.slots, rectifier, fault),
            () if fits else (bay.number,),
            tuple(_in_camera(beside, rectifier)),
        )

    def _search(self, observed: Observed, unsettled: Unsettled) -> Look:
        placed = place_bays(observed, self._bays, unsettled)
        used = frozenset().union(*(bay.used for bay in placed))
        unplanned = frozenset().union(*(bay.unplanned for bay in placed)) - used
        return Look(
            tuple(slot for bay in placed for slot in bay.slots),
            unplanned=tuple(_box(observed.facings_xyxy_px[k]) for k in sorted(unplanned)),
        )


def _in_camera_px(
    slots: Sequence[SlotReading], rectifier: Rectifier, fault: str
) -> tuple[SlotReading, ...]:
    """The readings with their boxes in the camera's picture; unknown when there is a fault."""
    places = [slot.box_xyxy_px for slot in slots if slot.box_xyxy_px is not None]
    found = [item.box_xyxy_px for slot in slots for item in slot.found]
    boxes = iter(_in_camera([*places, *found], rectifier))
    place_of = {slot.slot: next(boxes) for slot in slots if slot.box_xyxy_px is not None}
    moved = []
    for slot in slots:
        seen = tuple(Found(item.sku, item.confidence, next(boxes)) for item in slot.found)
        slot = replace(slot, box_xyxy_px=place_of.get(slot.slot), found=seen)
        if fault:
            slot = replace(slot, state=State.UNKNOWN, confidence=0.0, reason=fault)
        moved.append(slot)
    return tuple(moved)


def _in_camera(boxes: Sequence[BoxPx], rectifier: Rectifier) -> list[BoxPx]:
    """The boxes in the camera's picture around boxes of the rectified one."""
    if not boxes:
        return []
    left, top, right, bottom = np.array(boxes).T
    corners = np.stack(((left, top), (right, top), (right, bottom), (left, bottom)), axis=0)
    points = rectifier.image_from_rectified(corners.transpose(2, 0, 1).reshape(-1, 2))
    low = np.nanmin(points.reshape(-1, 4, 2), axis=1)
    high = np.nanmax(points.reshape(-1, 4, 2), axis=1)
    return [_box(row) for row in np.hstack((low, high))]


def _is_inside(box: BoxPx, size_px: tuple[int, int]) -> bool:
    return box[0] >= 0 and box[1] >= 0 and box[2] <= size_px[0] and box[3] <= size_px[1]


def _box(row: Floats) -> BoxPx:
    x1, y1, x2, y2 = (float(value) for value in row)
    return (x1, y1, x2, y2)


def _places(planned: PlannedBay, rectifier: Rectifier) -> Places:
    """The places of the planned facings in the rectified picture."""
    low = rectifier.rectified_from_bay(planned.facings[:, :2])
    high = rectifier.rectified_from_bay(planned.facings[:, 2:])
    boxes = np.column_stack((low[:, 0], high[:, 1], high[:, 0], low[:, 1]))
    return Places(boxes, planned.wanted)


def _fits(reading: BayReading, counts: Sequence[bool] | None = None) -> bool:
    """Whether enough of the facings seen answer planned ones; ``counts`` (n) leaves others out."""
    paired, unplanned = reading.paired[:, 1], reading.unplanned
    if counts is not None:
        is_counted = np.array(counts)
        paired, unplanned = paired[is_counted[paired]], unplanned[is_counted[unplanned]]
    seen = len(unplanned) + len(paired)
    return seen < MIN_FIT_FACINGS or len(paired) >= MIN_FIT_SHARE * seen
