"""Products, regions and what is kept, as they are configured."""

from __future__ import annotations

from pathlib import Path

import pytest

from central.config import load_central
from central.products import load_products
from shelf import ConfigError


def test_products_have_a_gtin_and_a_category(tmp_path: Path) -> None:
    """Both may be left out."""
    file = tmp_path / "products.csv"
    file.write_text("sku,category,gtin\n1001,tea,4006381333931\n1002,coffee,\n1003,,\n")
    products = load_products(file)
    assert products.gtins == {"1001": "4006381333931"}
    assert products.categories == {"1001": "tea", "1002": "coffee"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gtin,category\n", "line 1: expected the columns sku, and gtin or category"),
        ("sku,colour\n", "found sku, colour"),
        ("sku,category\n,tea\n", "line 2: sku: expected a value, found nothing"),
        ("sku,category\n1,a\n1,b\n", "line 3: sku: expected each product once, found 1 again"),
        ("sku,gtin\n1,4006381333932\n", "line 2: gtin: .*check digit 2 where 1 belongs"),
    ],
)
def test_a_wrong_file_names_its_line(tmp_path: Path, text: str, message: str) -> None:
    """With what was expected there."""
    file = tmp_path / "products.csv"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_products(file)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[{tenant: a, id: n, sites: [s1]}, {tenant: a, id: n, sites: [s2]}]",
            "expected each region once|each region once, got a/n twice",
        ),
        (
            "[{tenant: a, id: n, sites: [s1]}, {tenant: a, id: m, sites: [s1]}]",
            "each store in one region, got a/s1 in two",
        ),
        ("[{tenant: a, id: n/m, sites: [s1]}]", r"regions\[0\].id: .*letters, digits"),
        ("[{tenant: a, id: n, sites: []}]", r"regions\[0\].sites"),
    ],
)
def test_a_store_is_in_one_region(tmp_path: Path, text: str, message: str) -> None:
    """So that the figures of all regions add up to those of all stores."""
    file = tmp_path / "central.yaml"
    file.write_text(f"broker: {{embedded: true}}\nregions: {text}\n")
    with pytest.raises(ConfigError, match=message):
        load_central(file)
