"""Packages and their pictures."""

import numpy as np
import pytest

from simulator.package import kind_of, package_of, packshot
from simulator.shapes import Kind


def test_a_sku_always_looks_the_same() -> None:
    """The look depends on nothing but the arguments."""
    first = package_of("100101", "Rolled Oats 1 kg", 155.0, 255.0)
    package_of.cache_clear()
    again = package_of("100101", "Rolled Oats 1 kg", 155.0, 255.0)
    assert np.array_equal(first.front, again.front)


def test_skus_look_different() -> None:
    """Two SKUs of one name and size differ in much of their front."""
    one = package_of("1", "Green Tea 40 g", 110.0, 150.0).front.astype(int)
    other = package_of("2", "Green Tea 40 g", 110.0, 150.0).front.astype(int)
    assert np.mean(np.abs(one - other).max(axis=2) > 40) > 0.3


@pytest.mark.parametrize(
    ("name", "width", "height", "kind"),
    [
        ("Olive Oil 750 ml", 78, 280, Kind.BOTTLE),
        ("Tomato Soup 400 g", 80, 112, Kind.CAN),
        ("Blossom Honey 500 g", 88, 130, Kind.JAR),
        ("Potato Crisps 175 g", 150, 205, Kind.BAG),
        ("Corn Flakes 500 g", 185, 265, Kind.BOX),
    ],
)
def test_the_name_gives_the_shape(name: str, width: float, height: float, kind: Kind) -> None:
    """Products come in the packages that shoppers know."""
    assert kind_of("1", name, width, height) is kind


def test_packshot_is_on_white() -> None:
    """A packshot shows the package in the middle of a white picture."""
    picture = packshot(package_of("1", "Olive Oil 750 ml", 78.0, 280.0))
    assert picture.dtype == np.uint8
    assert (picture[:5] == 255).all()
    assert (picture[picture.shape[0] // 2, picture.shape[1] // 2] < 255).any()


def test_flavours_of_a_brand_are_near_twins() -> None:
    """Members of a family share shape and layout: they differ less than strangers do."""

    def apart(first: str, second: str) -> float:
        one, other = (
            package_of(sku, "Chocolate Cookies 200 g", 100.0, 180.0).front
            for sku in (first, second)
        )
        return float(np.mean(np.abs(one.astype(int) - other).max(axis=2) > 40))

    twins = [apart(f"{family}.1", f"{family}.2") for family in range(501, 513)]
    strangers = [apart(f"{family}.1", f"{family + 100}.1") for family in range(501, 513)]
    assert 0.02 < np.median(twins) < 0.8 * np.median(strangers)
    assert min(twins) > 0.01
