"""Near-twins told apart by their print."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.second_look import PrintReader, explained_points, print_points


def design(seed: int, flavour: int = 0) -> np.ndarray:
    """A package of random marks; flavours share all of them but those in the middle band."""
    rng = np.random.default_rng(seed)
    image = np.full((400, 300, 3), rng.integers(60, 200, 3), np.uint8)
    for part, marks in ((rng, 60), (np.random.default_rng(1000 * seed + flavour), 45)):
        low, high = (0, 400) if part is rng else (150, 280)
        if part is not rng:
            image[low:high] = image[0, 0]
        for _ in range(marks):
            x, y = part.integers(0, 290), part.integers(low, high)
            width, height = part.integers(6, 40, 2)
            colour = [int(value) for value in part.integers(0, 255, 3)]
            corner = (int(x + width), int(min(y + height, high)))
            cv2.rectangle(image, (int(x), int(y)), corner, colour, -1)
    return image


def as_seen(picture: np.ndarray, width: int = 110) -> np.ndarray:
    """The package a little from the side, smaller, darker and blurred."""
    height, wide = picture.shape[:2]
    corners = np.array([[0, 0], [wide, 0], [wide, height], [0, height]], np.float32)
    seen = corners + np.array([[12, 6], [-8, 14], [-4, -10], [6, -3]], np.float32)
    warp = cv2.getPerspectiveTransform(corners, seen)
    image = cv2.warpPerspective(picture, warp, (wide, height), borderValue=(30, 30, 30))
    image = cv2.resize(image, (width, width * height // wide), interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur((image * 0.7).astype(np.uint8), (0, 0), 0.6)


@pytest.fixture
def reader(tmp_path: Path) -> PrintReader:
    """Two flavours of one design and another product."""
    files = {}
    for name, picture in {"a": design(1), "b": design(1, 1), "other": design(2)}.items():
        path = tmp_path / f"{name}.png"
        cv2.imwrite(str(path), picture)
        files[name] = (path,)
    return PrintReader(files)


@pytest.mark.parametrize(("flavour", "key"), [(0, "a"), (1, "b")])
def test_the_flavour_is_proven_by_its_print(reader: PrintReader, flavour: int, key: str) -> None:
    """Both flavours share most marks; the true one explains clearly more."""
    seen = print_points(as_seen(design(1, flavour)))
    assert reader.proven(seen, ["a", "b", "other"]) == key


def test_what_is_hidden_proves_nothing(reader: PrintReader) -> None:
    """With the differing part covered, both flavours stay in question."""
    covered = as_seen(design(1))
    covered[50:110] = 90
    counts = reader.explained(print_points(covered), ["a", "b", "other"])
    assert set(reader.leaders(counts)) == {0, 1}
    assert reader.proven(print_points(covered), ["a", "b"]) is None


def test_another_product_explains_nothing() -> None:
    """Chance matches lie on no plane."""
    assert explained_points(print_points(design(2)), print_points(as_seen(design(1)))) == 0


def test_a_plain_picture_has_no_print() -> None:
    """A wall is not an error."""
    wall = np.full((50, 40, 3), 128, np.uint8)
    assert explained_points(print_points(wall), print_points(design(1))) == 0


def test_one_product_is_no_choice(reader: PrintReader) -> None:
    """Proof is a comparison: a single candidate is never proven."""
    assert reader.proven(print_points(as_seen(design(1))), ["a"]) is None


def test_a_picture_that_went_away_is_left_out(tmp_path: Path) -> None:
    """A file that was removed after the catalogue was read counts as no picture."""
    reader = PrintReader({"a": (tmp_path / "gone.png",), "b": ()})
    assert reader.explained(print_points(design(1)), ["a", "b", "c"]) == [0, 0, 0]
