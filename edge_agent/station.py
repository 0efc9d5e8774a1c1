"""One camera's work on a frame: mask, gate, read. Called by one worker at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from calibration import CalibrationError
from edge_agent.config import CameraSettings, Mask
from edge_agent.frames import Frame, ImageBgr
from edge_agent.gate import Gate, GateKind, GateResult
from edge_agent.look import Looker
from shelf import BoxPx, CameraState, SlotReading


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What one frame of one camera has given.

    ``state`` and ``detail`` say whether the picture can be trusted; ``readings`` are empty when
    it cannot. ``image_bgr`` is the masked picture, for evidence; ``inferred`` is false when the
    picture had not changed and the last readings stand.
    """

    camera: str
    captured_at_utc: datetime
    monotonic_secs: float
    image_bgr: ImageBgr
    state: CameraState
    detail: str
    readings: tuple[SlotReading, ...]
    inferred: bool


_BLIND = {
    GateKind.DARK: "too dark to see",
    GateKind.COVERED: "the lens is covered",
    GateKind.BLURRED: "out of focus",
}


class Station:
    """The part of the pipeline that belongs to one camera."""

    def __init__(self, settings: CameraSettings, looker: Looker, gate: Gate) -> None:
        self.settings = settings
        self._looker = looker
        self._gate = gate
        self._last: tuple[SlotReading, ...] = ()

    def work(self, frame: Frame) -> Looked:
        """Return what ``frame`` says."""
        image = masked(frame.image_bgr, self.settings.masks)
        decided = self._gate.decide(image)
        if decided.kind in _BLIND:
            return self._looked(frame, image, CameraState.DARK, _BLIND[decided.kind], (), False)
        if decided.kind is GateKind.UNCHANGED:
            return self._looked(frame, image, CameraState.OK, "", self._last, False)
        try:
            look = self._looker.look(image, lambda box: self._hidden(box, decided, image))
        except CalibrationError as error:
            self._gate.read_again()
            return self._looked(frame, image, CameraState.MOVED, str(error), (), True)
        if look.misfits:
            # The same picture again is no better: it must not pass as unchanged.
            self._gate.read_again()
            bays = ", ".join(str(bay) for bay in look.misfits)
            detail = f"what is seen does not fit the calibration of bay {bays}"
            return self._looked(frame, image, CameraState.MOVED, detail, look.readings, True)
        self._last = look.readings
        return self._looked(frame, image, CameraState.OK, "", look.readings, True)

    def look_failed(self) -> None:
        """Have the next look read, whatever it shows: this one could not be."""
        self._gate.read_again()

    def _hidden(self, box: BoxPx, decided: GateResult, image: ImageBgr) -> float:
        """The share of a slot that moves or lies under a mask."""
        size_px = (image.shape[1], image.shape[0])
        under_mask = masked_share(box, self.settings.masks, size_px)
        return min(1.0, decided.unsettled_share(box) + under_mask)

    def _looked(
        self,
        frame: Frame,
        image: ImageBgr,
        state: CameraState,
        detail: str,
        readings: tuple[SlotReading, ...],
        inferred: bool,
    ) -> Looked:
        return Looked(
            frame.camera,
            frame.captured_at_utc,
            frame.monotonic_secs,
            image,
            state,
            detail,
            readings,
            inferred,
        )


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
