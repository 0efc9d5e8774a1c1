"""One camera's work on a frame: mask, gate, read. Called by one worker at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np

from calibration import BayView, CalibrationError
from detector import Detector
from edge_agent.config import CameraSettings, Mask
from edge_agent.frames import Frame, ImageBgr
from edge_agent.gate import Cells, Gate, GateKind
from edge_agent.look import Look, Looker
from shelf import BoxPx, CameraState, Planogram, PlanogramInForce, SlotReading

MISFITS_UNTIL_MOVED = 3
"""A full cart may hide a bay for a look; so many in a row are a camera that has moved."""


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What one frame of one camera has given.

    ``state`` and ``detail`` say whether the picture can be trusted; ``lost_bays`` are those that
    the camera no longer sees where it should. ``image_bgr`` is the masked picture, for evidence,
    and ``unsettled`` says which share (0..1) of a box in it moves or is masked; ``inferred`` is
    false when the picture had not changed and the last readings stand. ``model`` is the identity
    of the detector that looked, ``in_force`` what it looked for; without a planogram and in a
    reset there are no readings. ``unsettled_cells`` is a grid over the picture of what moves, and
    ``views`` are the calibrated bays as the picture shows them, by number.
    """

    camera: str
    captured_at_utc: datetime
    monotonic_secs: float
    image_bgr: ImageBgr
    state: CameraState
    detail: str
    readings: tuple[SlotReading, ...]
    inferred: bool
    unsettled: Callable[[BoxPx], float]
    model: str
    in_force: PlanogramInForce
    lost_bays: tuple[int, ...] = ()
    unsettled_cells: Cells = field(default_factory=lambda: np.zeros((1, 1), np.bool_))
    views: Mapping[int, BayView] = field(default_factory=dict)


_BLIND = {
    GateKind.DARK: "too dark to see",
    GateKind.COVERED: "the lens is covered",
    GateKind.BLURRED: "out of focus",
}


class Station:
    """The part of the pipeline that belongs to one camera.

    ``looker_of`` makes what reads the camera's bays in a planogram with a given model, None where
    it plans none of them. `use` comes before the first `work`.
    """

    def __init__(
        self,
        settings: CameraSettings,
        looker_of: Callable[[Detector, Planogram], Looker | None],
        gate: Gate,
    ) -> None:
        self.settings = settings
        self._detector: Detector | None = None
        self._in_force = PlanogramInForce(None, reset=False)
        self._looker_of = looker_of
        self._looker: Looker | None = None
        self._gate = gate
        self._last: tuple[SlotReading, ...] = ()
        self._misfits: Counter[int] = Counter()

    def use(self, detector: Detector, in_force: PlanogramInForce) -> None:
        """Look with ``detector`` for what is ``in_force`` from the next frame on.

        After a change that frame is read, whatever it shows.
        """
        if detector is self._detector and in_force == self._in_force:
            return
        planogram = None if in_force.reset else in_force.planogram
        self._looker = None if planogram is None else self._looker_of(detector, planogram)
        if in_force != self._in_force:
            self._last = ()
            self._misfits.clear()
        self._detector = detector
        self._in_force = in_force
        self._gate.read_again()

    def work(self, frame: Frame) -> Looked:
        """Return what ``frame`` says."""
        if self._detector is None:
            raise ValueError("expected a detector from use() before the first frame")
        image = masked(frame.image_bgr, self.settings.masks)
        size_px = (image.shape[1], image.shape[0])
        decided = self._gate.decide(image)

        def unsettled(box: BoxPx) -> float:
            under_mask = masked_share(box, self.settings.masks, size_px)
            return min(1.0, decided.unsettled_share(box) + under_mask)

        blank = Looked(
            frame.camera,
            frame.captured_at_utc,
            frame.monotonic_secs,
            image,
            CameraState.OK,
            "",
            (),
            inferred=False,
            unsettled=unsettled,
            model=self._detector.identity,
            in_force=self._in_force,
            unsettled_cells=decided.unsettled,
        )
        if decided.kind in _BLIND:
            return replace(blank, state=CameraState.DARK, detail=_BLIND[decided.kind])
        if self._looker is None:
            return blank
        if decided.kind is GateKind.UNCHANGED:
            return replace(blank, readings=self._last, views=self._looker.views)
        try:
            look = self._looker.look(image, unsettled)
        except CalibrationError as error:
            self._gate.read_again()
            return replace(
                blank,
                state=CameraState.MOVED,
                detail=str(error),
                lost_bays=self.settings.bays,
            )
        read = replace(blank, readings=look.readings, views=self._looker.views, inferred=True)
        return self._judge(read, look)

    def _judge(self, looked: Looked, look: Look) -> Looked:
        """Count looks that do not fit, bay by bay; only several in a row mean a move."""
        for bay in self.settings.bays:
            self._misfits[bay] = self._misfits[bay] + 1 if bay in look.misfits else 0
        if look.misfits:
            # The same picture again is no better: it must not pass as unchanged.
            self._gate.read_again()
        else:
            self._last = look.readings
        lost = tuple(bay for bay, n in self._misfits.items() if n >= MISFITS_UNTIL_MOVED)
        if not lost:
            return looked
        bays = ", ".join(str(bay) for bay in lost)
        detail = f"what is seen does not fit the calibration of bay {bays}"
        return replace(looked, state=CameraState.MOVED, detail=detail, lost_bays=lost)

    def look_failed(self) -> None:
        """Have the next look read, whatever it shows: this one could not be."""
        self._gate.read_again()


def masked(image_bgr: ImageBgr, masks: Sequence[Mask]) -> ImageBgr:
    """Return the picture with the masked rectangles black; the same array without masks."""
    if not masks:
        return image_bgr
    out = image_bgr.copy()
    height, width = out.shape[:2]
    for mask in masks:
        out[
            int(mask.y1 * height) : round(mask.y2 * height),
            int(mask.x1 * width) : round(mask.x2 * width),
        ] = 0
    return out


def masked_share(box: BoxPx, masks: Sequence[Mask], size_px: tuple[int, int]) -> float:
    """Return the share (0..1) of ``box`` in px that lies under masks (which do not overlap)."""
    width, height = size_px
    x1, y1, x2, y2 = box
    covered = 0.0
    for mask in masks:
        wide = min(x2, mask.x2 * width) - max(x1, mask.x1 * width)
        tall = min(y2, mask.y2 * height) - max(y1, mask.y1 * height)
        covered += max(wide, 0.0) * max(tall, 0.0)
    return min(1.0, covered / max((x2 - x1) * (y2 - y1), 1e-9))
