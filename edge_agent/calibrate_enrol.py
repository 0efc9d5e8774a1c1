"""Catalogue pictures of what stands in a calibrated camera's slots, for the calibration tool."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from calibration import Calibration
from calibration.rectify import ImageBgr
from calibration.tool.site import SheetCrop
from calibration.tool.start import BenchError
from detector import Detector, DetectorError
from edge_agent.recognise import Recogniser
from edge_agent.slot_crops import SlotCrop, slot_sheet, store_crops
from shelf import Planogram, SlotId


@dataclass(frozen=True, slots=True)
class Seeing:
    """What reads one camera's pictures."""

    planogram: Planogram
    detector: Detector
    recogniser: Recogniser | None


class CatalogEnroller:
    """Stores approved crops in the catalogue ``folder``; see `calibration.tool.site.Enroller`."""

    def __init__(self, folder: Path, seeing: dict[str, Seeing]) -> None:
        self._folder = folder
        self._seeing = seeing

    def sheet(
        self, camera: str, image_bgr: ImageBgr, calibration: Calibration
    ) -> tuple[SheetCrop, ...]:
        """Return the crops of each slot in a picture of a correctly stocked bay."""
        how = self._seeing[camera]
        with _told():
            crops = slot_sheet(image_bgr, calibration, how.planogram, how.detector, how.recogniser)
        return tuple(
            SheetCrop(crop.slot, crop.sku, crop.name, crop.image_bgr, crop.doubt) for crop in crops
        )

    def store(self, camera: str, crops: Sequence[SheetCrop]) -> str:
        """Store approved crops; return in words what was done."""
        recogniser = self._seeing[camera].recogniser
        approved = [
            SlotCrop(_name_of(crop.slot, n), crop.slot, crop.sku, crop.name, crop.image_bgr)
            for n, crop in enumerate(crops, 1)
        ]
        folder_of = recogniser.folder_of if recogniser else {}
        with _told():
            report = store_crops(self._folder, approved, camera, folder_of)
        words = f"{len(report.added)} pictures were stored in {self._folder}"
        if report.there:
            words += f", {len(report.there)} were there already"
        return ". ".join([words, *report.refused]) + "."


@contextmanager
def _told() -> Iterator[None]:
    """Have the detector's errors told as the tool's own."""
    try:
        yield
    except DetectorError as error:
        raise BenchError(str(error)) from error


def _name_of(slot: SlotId, number: int) -> str:
    return f"{str(slot).replace('/', '-')}-{number}"
