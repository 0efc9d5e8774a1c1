"""Enrol pictures from a photograph: read it as an audit does, show what was chosen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from calibration import Calibration
from detector import Detector, Embedder, read_picture, trim_uniform_border
from detector.catalog_add import NewPicture
from detector.catalog_folder import catalog_files
from edge_agent.audit import audit_photo
from edge_agent.audit_cli import OutputError, bays_of
from edge_agent.catalog_enrol import Enrolment, enrol
from edge_agent.catalog_sheet import contact_sheet
from edge_agent.frames import ImageBgr
from edge_agent.look import Looker
from edge_agent.observing import observe_picture
from edge_agent.recognise import Recogniser
from shelf import ConfigError, Planogram, Problem, SlotReading, load_planogram

OLD_PICTURES = 3
"""Pictures so far that are shown beside the new ones of a product."""


@dataclass(frozen=True, slots=True)
class FramePictures:
    """What was chosen of a photograph, and the pictures that it would add."""

    enrolment: Enrolment
    pictures: tuple[NewPicture, ...]
    planogram: Planogram


def frame_pictures(
    photo: Path,
    planogram: Path,
    calibration: Path | None,
    catalog: Path,
    detector: Detector,
    embedder: Embedder,
    sheet: Path,
    new_look: Collection[str] = (),
) -> FramePictures:
    """Choose crops of ``photo`` and write the contact sheet, if there are any, to ``sheet``.

    ``catalog`` may be a folder that is not there yet; ``new_look`` as for `enrol`. Raises
    `ShelfwatchError` or `detector.DetectorError` for a file that cannot be used.
    """
    plan = load_planogram(planogram)
    known = None if calibration is None else Calibration.load(calibration)
    image = read_picture(photo)
    files = catalog_files(catalog) if catalog.is_dir() and any(catalog.iterdir()) else {}
    recogniser = Recogniser.load(catalog, plan, embedder) if files else None
    readings = _read(image, plan, known, detector, recogniser, calibration)
    pictured = recogniser.catalog if recogniser else None
    strange = sorted(set(new_look) - set(plan.names))
    if strange:
        raise ConfigError(
            [Problem("--new-look", f"SKUs of planogram {plan.name}", ", ".join(strange))]
        )
    chosen = enrol(image, readings, plan, embedder, pictured, new_look)
    folder_of = recogniser.folder_of if recogniser else {}
    old: dict[str, list[ImageBgr]] = defaultdict(list)
    sku_of = {key: sku for sku, key in folder_of.items()}
    wanted = {crop.sku for crop in chosen.taken} | {item.crop.sku for item in chosen.refused}
    for path, key in files.items():
        sku = sku_of.get(key, key)
        if sku in wanted and len(old[sku]) < OLD_PICTURES:
            old[sku].append(trim_uniform_border(read_picture(path)))
    if wanted:
        _write(sheet, contact_sheet(chosen, plan.names, old))
    pictures = tuple(
        NewPicture(
            folder_of.get(crop.sku, crop.sku),
            f"{photo.stem}-{str(crop.slot).replace('/', '-')}-{number}.png",
            _png(crop.image_bgr),
            f"{photo.name} {crop.slot}",
        )
        for number, crop in enumerate(chosen.taken, 1)
    )
    return FramePictures(chosen, pictures, plan)


def _read(
    image_bgr: ImageBgr,
    planogram: Planogram,
    calibration: Calibration | None,
    detector: Detector,
    recogniser: Recogniser | None,
    where: Path | None,
) -> tuple[SlotReading, ...]:
    if calibration is None:
        found = detector.detect_at_best_scale(image_bgr)
        observed = observe_picture(image_bgr, found, detector, recogniser)
        return audit_photo(observed, planogram).slots
    bays = bays_of(calibration, planogram, f"--calibration: {where}")
    return Looker(detector, bays, recogniser, calibration).look(image_bgr).readings


def _png(image_bgr: ImageBgr) -> bytes:
    _, encoded = cv2.imencode(".png", image_bgr)
    return bytes(np.asarray(encoded).tobytes())


def _write(path: Path, image_bgr: ImageBgr) -> None:
    try:
        path.write_bytes(_png(image_bgr))
    except OSError as error:
        raise OutputError(f"--sheet: {path}: cannot be written: {error.strerror}") from error
