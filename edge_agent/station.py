"""One camera's work on a frame: mask, gate, read. Called by one worker at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from calibration import BayView, Calibration, CalibrationError
from detector import Detector
from edge_agent.backdrop import Cells
from edge_agent.config import CameraSettings, Mask
from edge_agent.drift import Aim, Drift, DriftStatus
from edge_agent.frames import Frame, ImageBgr
from edge_agent.gate import Gate, GateKind, GateResult
from edge_agent.look import Look, Looker
from edge_agent.recognise import Recogniser
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
    ``views`` are the calibrated bays as the picture shows them, by number. ``calibration`` is the
    version of the calibration in use, None without one, and ``drift`` how it is corrected.
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
    calibration: str | None = None
    drift: DriftStatus | None = None


_BLIND = {
    GateKind.DARK: "too dark to see",
    GateKind.COVERED: "the lens is covered",
    GateKind.BLURRED: "out of focus",
}


LookerOf = Callable[[Detector, Planogram, Calibration | None], Looker | None]
"""Makes what reads a camera's bays in a planogram with a model; None where none is planned."""

DriftOf = Callable[[Calibration], Drift]
"""Makes what follows where a camera looks, from its calibration."""


class Station:
    """The part of the pipeline that belongs to one camera. `use` comes before the first `work`.

    Without ``drift_of`` it is not noticed that the camera is turned, except by bays that no
    longer fit.
    """

    def __init__(
        self,
        settings: CameraSettings,
        looker_of: LookerOf,
        gate: Gate,
        calibration: Calibration | None = None,
        drift_of: DriftOf | None = None,
    ) -> None:
        self.settings = settings
        self._detector: Detector | None = None
        self._in_force = PlanogramInForce(None, reset=False)
        self._looker_of = looker_of
        self._looker: Looker | None = None
        self._recogniser: Recogniser | None = None
        self._gate = gate
        self._drift_of = drift_of
        self._calibration: Calibration | None = None
        self._drift: Drift | None = None
        self._calibrate(calibration)
        self._last: tuple[SlotReading, ...] = ()
        self._misfits: Counter[int] = Counter()

    def use(
        self,
        detector: Detector,
        in_force: PlanogramInForce,
        calibration: Calibration | None = None,
        recogniser: Recogniser | None = None,
    ) -> None:
        """Look with ``detector`` for what is ``in_force`` from the next frame on.

        ``calibration`` takes the place of the one before, if given. ``recogniser`` is what the
        looker will be made with: another one has it made anew. After a change that frame is read,
        whatever it shows.
        """
        is_recalibrated = calibration is not None and calibration != self._calibration
        is_same = detector is self._detector and recogniser is self._recogniser
        if is_same and in_force == self._in_force and not is_recalibrated:
            return
        if is_recalibrated:
            if self._drift is not None and (self._drift.status or self._drift.moved):
                self._gate.start_anew()
            self._calibrate(calibration)
        if in_force != self._in_force or is_recalibrated:
            self._forget()
        self._detector = detector
        self._recogniser = recogniser
        self._in_force = in_force
        self._set_up()

    def work(self, frame: Frame) -> Looked:
        """Return what ``frame`` says."""
        if self._detector is None:
            raise ValueError("expected a detector from use() before the first frame")
        image = masked(frame.image_bgr, self.settings.masks)
        decided, aim = self._aimed(image, frame)
        size_px = (image.shape[1], image.shape[0])

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
            calibration=None if self._calibration is None else self._calibration.version,
            drift=None if self._drift is None else self._drift.status,
        )
        if decided.kind in _BLIND:
            return replace(blank, state=CameraState.DARK, detail=_BLIND[decided.kind])
        if self._drift is not None and aim is Aim.MOVED:
            detail = f"{self._drift.moved}: put it back or calibrate it again"
            return replace(
                blank, state=CameraState.MOVED, detail=detail, lost_bays=self.settings.bays
            )
        if self._looker is None:
            return blank
        if decided.kind is GateKind.UNCHANGED:
            readings = self._last if aim is Aim.TRUSTED else ()
            return replace(blank, readings=readings, views=self._looker.views)
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
        read = replace(blank, views=self._looker.views)
        if aim is Aim.TRUSTED:
            read = replace(read, readings=look.readings, inferred=True)
        return self._judge(read, look)

    def _calibrate(self, calibration: Calibration | None) -> None:
        self._calibration = calibration
        if self._drift_of is not None and calibration is not None:
            self._drift = self._drift_of(calibration)

    def _set_up(self) -> None:
        """Look with what is in use now; the next look is read."""
        planogram = None if self._in_force.reset else self._in_force.planogram
        fitting = self._calibration if self._drift is None else self._drift.calibration
        self._looker = None
        if planogram is not None and self._detector is not None:
            self._looker = self._looker_of(self._detector, planogram, fitting)
        self._gate.read_again()

    def _refit(self, calibration: Calibration) -> None:
        """Look through ``calibration``, of a camera that has turned; this look is read."""
        self._forget()
        if self._looker is not None:
            self._looker.refit(calibration)
        self._gate.read_again()

    def _forget(self) -> None:
        """Drop what was read of another planogram or with the camera elsewhere."""
        self._last = ()
        self._misfits.clear()

    def _aimed(self, image: ImageBgr, frame: Frame) -> tuple[GateResult, Aim]:
        """Return the gate's word on a look, and what is known of where it was taken.

        The gate sees the picture as it was before a turn that is corrected, so that what it knows
        of the scene stays true. While the camera has moved, the gate waits for it to come back.
        """
        drift = self._drift
        if drift is None:
            return self._gate.decide(image), Aim.TRUSTED
        ignored = mask_of(self.settings.masks, (image.shape[1], image.shape[0]))
        now = (frame.monotonic_secs, frame.captured_at_utc)
        if drift.moved:
            everything = np.ones((1, 1), np.bool_)
            if drift.follow(image, ignored, everything, *now) is Aim.MOVED:
                size_px = (image.shape[1], image.shape[0])
                return GateResult(GateKind.LOOK, everything, 0.0, 1.0, size_px), Aim.MOVED
            self._refit(drift.calibration)
            return self._decided(image), Aim.TRUSTED
        decided = self._decided(image)
        if not decided.kind.is_fresh:
            return decided, Aim.TRUSTED
        fitted = drift.calibration
        aim = drift.follow(image, ignored, decided.unsettled, *now)
        if drift.calibration is not fitted:
            self._refit(drift.calibration)
            decided = self._decided(image)
        elif aim is Aim.DOUBTED:
            self._gate.read_again()
            decided = replace(decided, unsettled=np.ones_like(decided.unsettled))
        return decided, aim

    def _decided(self, image: ImageBgr) -> GateResult:
        """Return the gate's word on a picture, in terms of the picture."""
        size_px = (image.shape[1], image.shape[0])
        view = None if self._drift is None else self._drift.view(size_px)
        if view is None:
            return self._gate.decide(image)
        decided = self._gate.decide(view.picture(image))
        return replace(decided, unsettled=view.cells(decided.unsettled))

    def _judge(self, looked: Looked, look: Look) -> Looked:
        """Count looks that do not fit, bay by bay; only several in a row mean a move."""
        for bay in self.settings.bays:
            self._misfits[bay] = self._misfits[bay] + 1 if bay in look.misfits else 0
        if look.misfits:
            # The same picture again is no better: it must not pass as unchanged.
            self._gate.read_again()
            if self._drift is not None:
                self._drift.ask()
        elif looked.inferred:
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


def mask_of(masks: Sequence[Mask], size_px: tuple[int, int]) -> NDArray[np.bool_] | None:
    """Return what is masked of a picture (H,W), None without masks."""
    if not masks:
        return None
    white = np.full((size_px[1], size_px[0], 3), 255, np.uint8)
    return np.asarray(masked(white, masks)[..., 0] == 0)


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
