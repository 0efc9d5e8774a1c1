"""The files of the demo store."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from shelf import load_planogram
from shelf.gtin import gtin_fault
from simulator.geometry import Camera
from simulator.layout import place_bays
from simulator.photo import Film, develop
from simulator.site import demo_cameras, demo_planogram, write_site
from simulator.sprite import on_quad, opaque, paint

PLAIN = Film(contrast=0.0, saturation=1.0, vignette=0.0, noise=0.0, blur_px=0.0, jpeg=0)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    write_site(folder, 7)
    return folder


def test_the_planogram_file_says_what_is_rendered(site: Path) -> None:
    """What an agent reads is the demo planogram: 2 bays, 28 slots, valid GTINs."""
    read = load_planogram(site / "planograms" / "a12.csv")
    assert read.name == demo_planogram().name
    assert list(read.slots) == list(demo_planogram().slots)
    assert len(read) == 28
    assert all(slot.gtin and not gtin_fault(slot.gtin) for slot in read.slots)


def test_every_sku_has_a_packshot(site: Path) -> None:
    """The catalogue holds one readable picture a SKU, named after it."""
    names = {path.stem for path in (site / "catalog").iterdir()}
    assert names == set(demo_planogram().names)
    assert cv2.imread(str(site / "catalog" / "100101.png")) is not None


def test_paths_in_the_site_file_exist(site: Path) -> None:
    """The site file names the files beside it, and a source for each camera."""
    settings = yaml.safe_load((site / "site.yaml").read_text())
    assert (site / settings["catalog"]).is_dir()
    assert (site / settings["planograms"][0]["file"]).is_file()
    for camera in settings["cameras"]:
        assert (site / camera["calibration"]).is_file()
        assert camera["source"] == {
            "type": "simulator",
            "seed": 7,
            "camera": camera["id"],
            "speed": 1.0,
        }


@pytest.mark.parametrize(("name", "number"), [("c1", 1), ("c2", 2)])
def test_the_calibration_leads_to_the_rendered_corners(site: Path, name: str, number: int) -> None:
    """Marks painted at points of a bay are found within 1 px of where the file puts them."""
    camera = demo_cameras()[name]
    place = next(p for p in place_bays(demo_planogram()) if p.bay.number == number)
    written = yaml.safe_load((site / "calibration" / f"{name}.yaml").read_text())
    bay = next(b for b in written["bays"] if b["bay"] == number)
    image_from_bay = np.linalg.inv(np.array(bay["bay_from_image"]))
    for x, y in ((30.0, 130.0), (970.0, 130.0), (970.0, 1600.0), (30.0, 1600.0), (500.0, 800.0)):
        u, v, w = image_from_bay @ (x, y, 1.0)
        expected = _through_lens(written, u / w, v / w)
        found = _rendered_mark(camera, (place.x_mm + x, y))
        assert found == pytest.approx(expected, abs=1.0)


def _through_lens(written: dict, u: float, v: float) -> tuple[float, float]:
    """Return picture pixels of an undistorted share of the picture, by OpenCV."""
    lens, size = written["lens"], written["picture"]
    x, y = (u - lens["cx"]) / lens["fx"], (v - lens["cy"]) / lens["fy"]
    width, height = size["width_px"], size["height_px"]
    matrix = np.array(
        [
            [lens["fx"] * width, 0, lens["cx"] * width],
            [0, lens["fy"] * height, lens["cy"] * height],
            [0, 0, 1],
        ]
    )
    terms = np.array([lens[k] for k in ("k1", "k2", "p1", "p2", "k3")])
    px, _ = cv2.projectPoints(np.array([[x, y, 1.0]]), np.zeros(3), np.zeros(3), matrix, terms)
    return float(px[0, 0, 0]), float(px[0, 0, 1])


def _rendered_mark(camera: Camera, point_mm: tuple[float, float]) -> tuple[float, float]:
    """Return the middle of a small mark that is painted on the front plane and photographed."""
    width, height = camera.canvas_size_px
    canvas = np.zeros((height, width, 3), np.uint8)
    x, y = point_mm
    corners = [(x - 8, y + 8, 0), (x + 8, y + 8, 0), (x + 8, y - 8, 0), (x - 8, y - 8, 0)]
    mark = on_quad(opaque(np.full((8, 8, 3), 255, np.uint8)), camera.canvas_px(np.array(corners)))
    assert mark is not None
    paint(canvas, mark, (0, 0, width, height))
    weight = develop(canvas, camera, PLAIN, 0)[:, :, 1].astype(float)
    ys, xs = np.mgrid[0 : weight.shape[0], 0 : weight.shape[1]]
    return float((xs * weight).sum() / weight.sum()), float((ys * weight).sum() / weight.sum())
