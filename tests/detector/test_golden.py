"""The golden picture: a model that no longer sees what it saw is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from detector import Detections, Detector, ModelError
from detector.golden import golden_faults, rows_of, write_golden
from detector.manifest import Golden
from detector.model import DEFAULT_MODEL, SHIPPED_MODELS

NAMES = ("product", "gap")
THRESHOLDS = {"product": 0.3, "gap": 0.3}
SHIPPED = SHIPPED_MODELS / DEFAULT_MODEL


def found(*rows: tuple[int, float, float]) -> Detections:
    """Detections of (class, left, score), 20 x 40 px each."""
    boxes = [[left, 10, left + 20, 50] for _, left, _ in rows]
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array([score for *_, score in rows]),
        np.array([class_id for class_id, *_ in rows]),
        NAMES,
    )


SEEN = found((0, 0, 0.9), (0, 50, 0.32), (1, 90, 0.6))
GOLDEN = Golden(picture="g.png", thresholds=THRESHOLDS, detections=rows_of(SEEN))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([(0, 0, 0.9), (0, 50, 0.32), (1, 90, 0.6)], []),
        ([(0, 1, 0.87), (0, 50, 0.36), (1, 91, 0.64)], []),
        # So near the threshold that rounding may drop or add it.
        ([(0, 0, 0.9), (1, 90, 0.6)], []),
        ([(0, 0, 0.9), (0, 50, 0.32), (1, 90, 0.6), (0, 150, 0.33)], []),
        ([(0, 0, 0.9), (0, 50, 0.32)], ["expected gap 0.60 at [90, 10, 110, 50], found nothing"]),
        (
            [(0, 0, 0.9), (0, 50, 0.32), (1, 90, 0.6), (0, 150, 0.7)],
            ["expected nothing like product 0.70 at [150, 10, 170, 50], found it"],
        ),
        ([(0, 8, 0.9), (1, 90, 0.6)], ["expected product 0.90", "expected nothing like product"]),
        ([(0, 0, 0.8), (1, 90, 0.6)], ["expected product 0.90", "expected nothing like product"]),
        ([(0, 0, 0.9), (0, 90, 0.6)], ["expected nothing like product", "expected gap 0.60"]),
        ([], ["expected product 0.90", "expected gap 0.60"]),
    ],
)
def test_what_counts_as_the_same(rows: list[tuple[int, float, float]], words: list[str]) -> None:
    """Small shifts do; a missing, added, moved, fainter or renamed detection does not."""
    faults = golden_faults(GOLDEN, found(*rows), THRESHOLDS)
    assert len(faults) == len(words)
    for fault, word in zip(faults, words, strict=True):
        assert fault.startswith(word)


def test_other_thresholds_are_no_fault() -> None:
    """Who asks for surer, or for fainter, detections still has the same model."""
    sure = found((0, 0, 0.9))
    assert golden_faults(GOLDEN, sure, {"product": 0.8, "gap": 0.8}) == []
    more = found((0, 0, 0.9), (0, 50, 0.32), (1, 90, 0.6), (0, 150, 0.2), (1, 200, 0.15))
    assert golden_faults(GOLDEN, more, {"product": 0.1, "gap": 0.1}) == []


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the shipped model."""
    return Path(shutil.copytree(SHIPPED, tmp_path / "copy"))


def edit(folder: Path, **changes: object) -> None:
    path = folder / "manifest.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"input": {"size_px": 640, "any_size_multiple_px": 32, "colour": "bgr"}},
        {"input": {"size_px": 640, "any_size_multiple_px": 32, "scale": 1.0}},
        {"input": {"size_px": 320, "any_size_multiple_px": 32}},
        {"box_unit": "input_share"},
        {
            "classes": [
                {"name": "gap", "threshold": 0.27},
                {"name": "product", "threshold": 0.11},
            ]
        },
    ],
)
def test_a_manifest_that_misreads_the_network_is_refused(
    copy: Path, changes: dict[str, object]
) -> None:
    """Colours, scale, size, unit and class order fit every shape check, but not the picture."""
    edit(copy, **changes)
    with pytest.raises(ModelError, match=r"golden: expected the \d+ detections .* differences"):
        Detector.load(copy)


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "No such file"), (b"no picture", "expected a picture")],
)
def test_a_golden_picture_that_cannot_be_read_is_named(
    copy: Path, content: bytes | None, words: str
) -> None:
    """A folder that was copied by halves does not pass."""
    picture = copy / "golden.png"
    picture.unlink()
    if content is not None:
        picture.write_bytes(content)
    with pytest.raises(ModelError, match=rf"golden.picture: .*golden.png: .*{words}"):
        Detector.load(copy)


def test_another_picture_is_refused(copy: Path) -> None:
    """The picture is part of the proof."""
    image = cv2.imread(str(copy / "golden.png"))
    cv2.imwrite(str(copy / "golden.png"), image[:, ::-1])
    with pytest.raises(ModelError, match="golden: expected"):
        Detector.load(copy)


def test_a_golden_picture_is_written_and_found_again(copy: Path, tmp_path: Path) -> None:
    """It is copied beside the model, and the next load agrees with it."""
    edit(copy, golden=None)
    (copy / "golden.png").unlink()
    manifest = write_golden(Detector.load(copy), SHIPPED / "golden.png")
    assert (copy / "golden.png").read_bytes() == (SHIPPED / "golden.png").read_bytes()
    assert manifest.golden is not None and len(manifest.golden.detections) > 40
    assert Detector.load(copy).manifest == manifest


def test_a_picture_that_shows_nothing_is_no_proof(copy: Path, tmp_path: Path) -> None:
    """Grey would be found again by any network."""
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((300, 400, 3), 128, np.uint8))
    before = (copy / "manifest.yaml").read_bytes()
    with pytest.raises(ModelError, match="at least 5 facings or gaps, found 0"):
        write_golden(Detector.load(copy), tmp_path / "grey.png")
    assert (copy / "manifest.yaml").read_bytes() == before
