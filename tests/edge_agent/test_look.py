"""A look in its two halves: what is seen, and what is decided from it."""

import copy
from pathlib import Path

import pytest

from calibration import Calibration
from detector import Detector
from edge_agent.config import load_site
from edge_agent.look import Looker
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
