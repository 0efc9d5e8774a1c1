"""What stands in an approved view becomes the catalogue of the agent that runs beside the tool."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from browser import wait_until
from running_tool import running_tool

from edge_agent.calibrate_tool import opened
from edge_agent.config import load_site
from edge_agent.recognise import Recogniser
from simulator.site import demo_planogram

sys.path.append(str(Path(__file__).resolve().parents[1] / "edge_agent"))

from running_agent import running, write_one_camera_site

PATIENCE_SECS = 300.0
PRODUCT = "100101"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_crops_of_a_new_camera_are_what_the_running_agent_compares_with(tmp_path: Path) -> None:
    """The agent begins without a calibration and without a picture of one product, and gets both
    from the tool while it runs; another facing then looks like the product."""
    path = write_one_camera_site(tmp_path)
    site = load_site(path)
    assert site.cameras[0].calibration is not None
    assert site.catalog is not None
    site.cameras[0].calibration.unlink()
    (site.catalog / f"{PRODUCT}.png").unlink()
    with ExitStack() as stack:
        agent = stack.enter_context(running(site))
        parts = stack.enter_context(opened(site, path))
        tool = stack.enter_context(running_tool(parts))
        ana = tool.client("Ana")
        ana.http.timeout = httpx.Timeout(PATIENCE_SECS)
        wait_until(lambda: ana.state()["live"]["findings"], PATIENCE_SECS)
        answer = ana.ask("propose").json()
        ana.ask("save", revision=answer["draft"]["revision"])
        agent.agent.check_models()
        wait_until(lambda: agent.health()["calibrations"]["c1"]["in_use"] == "c1-1", PATIENCE_SECS)

        crops = ana.ask("sheet").json()["crops"]
        chosen = [number for number, crop in enumerate(crops) if crop["sku"] == PRODUCT]
        assert len(chosen) > 1
        jpeg = ana.http.get(f"/cameras/c1/crops/{chosen[1]}.jpg").content
        other = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        before = Recogniser.load(site.catalog, demo_planogram())
        assert PRODUCT not in before.skus
        assert "1 pictures were stored" in ana.ask("store", crops=chosen[:1]).json()["words"]
        (stored,) = (site.catalog / PRODUCT).iterdir()
        assert stored.name.startswith("c1-b01-s1-p01")

        agent.agent.check_models()
        wait_until(lambda: agent.health()["catalog"]["pictures"] == 28, PATIENCE_SECS)
        looks = agent.looks()
        wait_until(lambda: agent.looks() > looks, PATIENCE_SECS)
        after = Recogniser.load(site.catalog, demo_planogram())
        assert after.skus[int(after.similarity([other])[0].argmax())] == PRODUCT
