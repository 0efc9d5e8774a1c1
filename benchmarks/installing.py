"""What it takes to calibrate a camera in the browser, from the link to the saved file.

``python benchmarks/installing.py [--quick] [--json OUT]``. One bay of 60 slots on 6 shelves in a
simulated store, seen by one camera of 1920x1440 px, with a catalogue of packshots. A script does
in Chromium, on a phone's screen and on a laptop's, what an installer does with a good proposal:
name, *Start*, *Propose*, *All of these are right* where slots are doubtful, *Save*. It waits as
long as a person takes to tap, and needs no time to look. Then each slot that was saved is held
against the truth. ``--quick`` is the laptop alone.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "calibration_tool"), str(ROOT / "tests/central")]

from browser import LAPTOP, PHONE, running_browser  # noqa: E402
from measuring import write_record  # noqa: E402
from running_tool import running_tool  # noqa: E402
from tool_site import SteeredAgent, SteeredCamera  # noqa: E402
from tool_window import Window  # noqa: E402

from calibration import Calibration  # noqa: E402
from calibration.tool.site import CameraPlace, SiteParts  # noqa: E402
from detector import Detector  # noqa: E402
from edge_agent.propose import PlanogramProposer  # noqa: E402
from edge_agent.recognise import Recogniser  # noqa: E402
from shelf import Planogram, SlotId  # noqa: E402
from shelf.planogram_build import BoardRow, Row, build_planogram  # noqa: E402
from simulator.days.stock import unit_of  # noqa: E402
from simulator.furniture import Furniture  # noqa: E402
from simulator.geometry import Camera  # noqa: E402
from simulator.layout import BayPlace, all_facings  # noqa: E402
from simulator.package import package_of, packshot  # noqa: E402
from simulator.photo import Film  # noqa: E402
from simulator.store import StoreState  # noqa: E402
from simulator.truth import slot_corners_mm  # noqa: E402
from simulator.view import View  # noqa: E402

SHELVES, SLOTS_A_SHELF = 6, 10
BAY_MM = (1250.0, 1900.0)
BOARDS_MM = (100.0, 410.0, 710.0, 1010.0, 1310.0, 1600.0)
QUARTER = 0.25
KINDS = ("Rye Crackers", "Oat Biscuits", "Tomato Soup", "Basil Pesto", "Black Tea", "Cocoa")
CAMERA = Camera((900.0, 2050.0, 2600.0), (625.0, 900.0, 0.0), (1920, 1440), 2016.0, -0.06, 0.01)


@dataclass(frozen=True, slots=True)
class _Shop:
    seed: int
    places: tuple[BayPlace, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the laptop alone")
    parser.add_argument("--json", type=Path, metavar="OUT")
    arguments = parser.parse_args()
    screens = {"laptop": LAPTOP} if arguments.quick else {"laptop": LAPTOP, "phone": PHONE}
    planogram = planogram_of_60()
    place = BayPlace(planogram.bay(1), 0.0)
    picture = picture_of(place)
    figures: dict[str, float] = {"slots": len(planogram)}
    with tempfile.TemporaryDirectory() as name:
        catalog = Path(name) / "catalog"
        catalog.mkdir()
        for slot in planogram.slots:
            package = package_of(slot.sku, slot.name, slot.facing_width_mm, slot.facing_height_mm)
            cv2.imwrite(str(catalog / f"{slot.sku}.png"), packshot(package))
        recogniser = Recogniser.load(catalog, planogram)
        for screen, size in screens.items():
            folder = Path(name) / screen
            camera = SteeredCamera()
            camera.show(picture)
            proposer = PlanogramProposer(planogram, Detector.load(), recogniser)
            file = folder / "c1.yaml"
            parts = SiteParts(
                "60 slots",
                {"c1": CameraPlace("c1", "a1", (1,), planogram, file, "", camera, proposer)},
                folder / "work",
                SteeredAgent(),
            )
            measured = calibrated(parts, folder, size)
            measured |= placed(Calibration.load(file), place)
            figures |= {f"{screen}_{key}": value for key, value in measured.items()}
    for key, value in figures.items():
        print(f"{key:32} {value}")
    if arguments.json:
        write_record(arguments.json, figures, command=" ".join(["python", *sys.argv]))


def calibrated(parts: SiteParts, folder: Path, size: tuple[int, int]) -> dict[str, float]:
    """Calibrate in the browser; return what it took."""
    with running_tool(parts) as tool, running_browser(folder) as browser:
        browser.resize(size)
        window = Window(browser)
        began = time.perf_counter()
        window.enter(tool.link(), "Ana")
        asked = time.perf_counter()
        window.tap("#propose")
        verdict = window.wait_for_score()
        proposed = time.perf_counter()
        doubtful = int(
            browser.script("return document.querySelectorAll('#doubtful .which').length")
        )
        if doubtful:
            window.tap("#all-right" if doubtful > 1 else ".doubtful li > button:last-child")
            window.wait("return document.querySelectorAll('#doubtful .which').length === 0")
        if verdict == "red":
            raise SystemExit("the proposal is red: " + browser.text("#score"))
        window.tap("#save")
        window.wait("return document.querySelector('#notice').innerText.includes('Saved as')")
        ended = time.perf_counter()
    return {
        "secs": round(ended - began, 1),
        "proposal_secs": round(proposed - asked, 1),
        "interactions": window.interactions,
        "doubtful_slots": doubtful,
        "is_green": float(verdict == "green"),
    }


def placed(calibration: Calibration, place: BayPlace) -> dict[str, float]:
    """Return how many slots of the saved file are within a quarter of their width."""
    view = calibration.view(1, CAMERA.size_px)
    bay = calibration.of_bay(1).adjusted(place.bay)
    planned: dict[SlotId, float] = {slot.id: slot.width_mm for slot in place.bay.slots}
    truth = slot_corners_mm((BayPlace(bay, 0.0),))
    right, off_px = 0, []
    for slot, corners_mm in slot_corners_mm((place,)).items():
        found = view.image_from_bay(truth[slot][:, :2])
        true = CAMERA.picture_px(corners_mm) + 0.5
        width_px = float(np.linalg.norm(true[1] - true[0]))
        off = np.linalg.norm(found - true, axis=1)
        off_px += off.tolist()
        right += bool(off.max() < QUARTER * width_px)
    return {
        "slots_placed": round(right / len(planned), 4),
        "slot_corner_median_px": round(float(np.median(off_px)), 2),
    }


def planogram_of_60() -> Planogram:
    """Return a bay of 6 shelves with 10 products each, one or two facings wide."""
    rows = []
    for shelf, board in enumerate(BOARDS_MM, start=1):
        above = (*BOARDS_MM[1:], BAY_MM[1])[shelf - 1]
        pitch = BAY_MM[0] / SLOTS_A_SHELF
        for position in range(1, SLOTS_A_SHELF + 1):
            number = (shelf - 1) * SLOTS_A_SHELF + position
            wide = 2 if (shelf + position) % 3 == 0 else 1
            width = pitch * (0.94 if wide == 2 else 0.80 + 0.02 * (number % 7))
            rows.append(
                Row(
                    where=f"product {number}",
                    id=SlotId(1, shelf, position),
                    sku=f"60{number:04d}",
                    name=f"{KINDS[shelf - 1]} No. {position}",
                    facings_wide=wide,
                    x_mm=round((position - 1) * pitch + (pitch - width) / 2, 1),
                    width_mm=round(width, 1),
                    height_mm=round((above - board - 60) * (0.70 + 0.05 * (number % 5)), 1),
                )
            )
    boards = [BoardRow(1, shelf, y) for shelf, y in enumerate(BOARDS_MM, start=1)]
    return build_planogram(
        "60 slots", rows, id="sixty", version="1", boards=boards, bay_sizes_mm={1: BAY_MM}
    )


def picture_of(place: BayPlace) -> np.ndarray:
    """Return the camera's picture of the full bay."""
    view = View(_Shop(7, (place,)), "c1", CAMERA, Furniture(), Film(), ())
    contents = {
        facing.id: tuple(unit_of(facing.planned, row) for row in range(2))
        for facing in all_facings((place,))
    }
    return view.picture(StoreState(0.0, contents, ()))


if __name__ == "__main__":
    main()
