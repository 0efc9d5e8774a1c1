"""A look in its two halves: what is seen, and what is decided from it."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration import Calibration
from detector import Detector
from edge_agent.config import load_site
from edge_agent.look import Looker
from edge_agent.recognise import Recogniser
from edge_agent.sources import open_source
from shelf import State, load_planogram
from simulator.site import write_site


@pytest.mark.parametrize("is_calibrated", [True, False])
def test_what_is_seen_can_be_read_later(tmp_path: Path, is_calibrated: bool) -> None:
    """Reading what was seen is the look, any number of times, and without the picture."""
    write_site(tmp_path, 7)
    site = load_site(tmp_path / "site.yaml")
    camera = site.cameras[0]
    image = open_source(camera.source).grab().image_bgr
    bay = load_planogram(site.planograms[0].file).bay(camera.bays[0])
    assert camera.calibration is not None
    calibration = Calibration.load(camera.calibration) if is_calibrated else None
    looker = Looker(Detector.load(), [bay], None, calibration)
    whole = looker.look(image)
    seen = looker.see(image.copy())
    assert looker.read(copy.deepcopy(seen)) == looker.read(seen) == whole
    assert State.STOCKED in {reading.state for reading in whole.readings}
    hidden = looker.read(seen, lambda _box: 1.0)
    assert {reading.state for reading in hidden.readings} == {State.UNKNOWN}


def test_gaps_alone_are_read(tmp_path: Path) -> None:
    """A shelf in which nothing but gaps is seen is read, with a catalogue too."""
    write_site(tmp_path, 7)
    site = load_site(tmp_path / "site.yaml")
    assert site.catalog is not None
    planogram = load_planogram(site.planograms[0].file)
    calibration = Calibration.load(tmp_path / "calibration" / "c1.yaml")
    bay = planogram.bay(site.cameras[0].bays[0])
    recogniser = Recogniser.load(site.catalog, planogram)
    looker = Looker(Detector.load(), [bay], recogniser, calibration)
    seen = looker.see(open_source(site.cameras[0].source).grab().image_bgr)
    (observed,) = seen.observed
    gaps = replace(
        observed.only(np.zeros(0, np.int64)),
        gaps_xyxy_px=observed.facings_xyxy_px,
        gap_scores=observed.facing_scores,
    )
    look = looker.read(replace(seen, observed=(gaps,), edges=()))
    assert State.OUT_OF_STOCK in {reading.state for reading in look.readings}
    assert State.STOCKED not in {reading.state for reading in look.readings}


def test_only_what_stays_tells_that_a_camera_has_moved(tmp_path: Path) -> None:
    """Facings that do not fit the plan may stand on a cart that is parked before the shelf."""
    write_site(tmp_path, 7)
    site = load_site(tmp_path / "site.yaml")
    bay = load_planogram(site.planograms[0].file).bay(site.cameras[0].bays[0])
    calibration = Calibration.load(tmp_path / "calibration" / "c1.yaml")
    looker = Looker(Detector.load(), [bay], None, calibration)
    image = open_source(site.cameras[0].source).grab().image_bgr
    seen = looker.see(np.roll(image, image.shape[0] // 12, axis=0))
    assert looker.read(seen).misfits == (bay.number,)
    assert looker.read(seen, lambda _box: 0.6).misfits == ()
