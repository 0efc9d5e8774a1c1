"""``shelfwatch catalog`` as its user runs it, in a simulated store."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from shelf import cli
from simulator.site import demo_store, demo_view, write_site


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs ``shelfwatch`` in this process."""

    def shelfwatch(*arguments: object) -> Done:
        monkeypatch.setattr("sys.argv", ["shelfwatch", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        return Done(code, *capsys.readouterr())

    return shelfwatch


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with its planogram and packshots, and a picture of its first camera."""
    folder = tmp_path_factory.mktemp("site")
    write_site(folder, 7)
    store = demo_store(7)
    cv2.imwrite(str(folder / "c1.png"), demo_view(store, "c1").picture(store.at(0.0)))
    return folder


@pytest.fixture
def catalog(site: Path, tmp_path: Path) -> Path:
    """The store's packshots, without an index."""
    return Path(shutil.copytree(site / "catalog", tmp_path / "catalog"))


def planogram(site: Path) -> Path:
    return site / "planograms" / "a12.csv"


def test_packshots_are_added_checked_and_indexed(site: Path, tmp_path: Path, run: Run) -> None:
    """From nothing to a catalogue; the second time nothing changes."""
    done = run("catalog", "add", tmp_path / "new", site / "catalog")
    assert done.code == 0, done.err
    assert "28 pictures added; 28 pictures of 28 products indexed" in done.out
    assert (tmp_path / "new" / "index.npz").is_file()
    again = run("catalog", "add", tmp_path / "new", site / "catalog")
    assert again.code == 0
    assert "0 pictures added, 28 already there" in again.out


def test_what_is_refused_is_named_and_the_rest_added(
    catalog: Path, tmp_path: Path, run: Run
) -> None:
    """A broken file and another product's picture: exit 1, and one picture more."""
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    good = np.random.default_rng(0).integers(0, 255, (60, 40, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "good.png"), good)
    done = run(
        *("catalog", "add", catalog, tmp_path / "broken.jpg", tmp_path / "good.png"),
        *(catalog / "100101.png", "--sku", "100102"),
    )
    assert done.code == 1
    assert "1 pictures added, 2 refused" in done.out
    assert "broken.jpg: expected a picture" in done.err
    assert "found the same picture" in done.err
    assert (catalog / "100102" / "good.png").is_file()


def test_a_stocked_bay_gives_pictures(site: Path, tmp_path: Path, run: Run) -> None:
    """Crops of most products are added to a catalogue that was empty, after a sheet to look at."""
    new, sheet = tmp_path / "new", tmp_path / "sheet.png"
    done = run(
        *("catalog", "add", new, "--from-frame", site / "c1.png", "--yes"),
        *("--planogram", planogram(site), "--sheet", sheet),
        *("--calibration", site / "calibration" / "c1.yaml"),
    )
    assert done.code == 0, done.err
    assert sheet.is_file()
    listed = json.loads(run("catalog", "list", new, "--json").out)
    skus = {product["product"] for product in listed["products"]}
    assert len(skus) >= 9
    assert skus <= {path.stem for path in (site / "catalog").glob("*.png")}
    found = run("catalog", "search", site / "catalog" / "100103.png", "--catalog", new, "--json")
    assert json.loads(found.out)["candidates"][0]["sku"] == "100103"


def test_nothing_is_added_without_a_yes(
    site: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever answers no after looking at the sheet has changed nothing."""
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    done = run(
        *("catalog", "add", tmp_path / "new", "--from-frame", site / "c1.png"),
        *("--planogram", planogram(site), "--sheet", tmp_path / "sheet.png"),
        *("--calibration", site / "calibration" / "c1.yaml"),
    )
    assert done.code == 1
    assert (tmp_path / "sheet.png").is_file()
    assert not (tmp_path / "new").exists()


def test_a_photograph_of_something_else_gives_nothing(
    site: Path, catalog: Path, tmp_path: Path, run: Run
) -> None:
    """A bay that is not found is said once, nothing is written, exit 1."""
    done = run(
        *("catalog", "add", catalog, "--from-frame", catalog / "100101.png", "--yes"),
        *("--planogram", planogram(site), "--sheet", tmp_path / "sheet.png"),
    )
    assert done.code == 1
    assert "b01: 13 slots: bay 1 was not found" in " ".join(done.out.split())
    assert "nothing added" in done.err
    assert not (tmp_path / "sheet.png").exists()
    assert not (catalog / "index.npz").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["add", "c", "--sku", "a"], "expected pictures of that product"),
        (["add", "c", "p.png", "--from-frame", "f.png"], "found both"),
        (["add", "c", "--from-frame", "f.png"], "expected --planogram"),
        (["add", "c", "--planogram", "p.csv"], "go with --from-frame"),
        (["add", "c", "gone.png"], "gone.png: expected a picture"),
        (["add", "c", "p.png", "--sku", "../x"], "expected a SKU or product name"),
        (["add", "c"], "c: expected a folder of product pictures"),
        (["list", "gone"], "gone: expected a folder of product pictures"),
        (["list", "gone", "--embedder", "e"], "expected the manifest of an embedding network"),
        (["search", "gone.png", "--catalog", "c"], "gone.png: expected a picture"),
        (["evaluate", "gone", "--crops", "x"], "gone: expected a folder"),
    ],
)
def test_wrong_use_is_explained(
    arguments: list[str],
    words: str,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One message, the right exit code, no traceback."""
    monkeypatch.chdir(tmp_path)
    done = run("catalog", *arguments)
    assert done.code in (1, 2)
    # Boxes around usage errors break lines.
    assert words in " ".join(done.err.replace("│", " ").split())


def test_the_list_names_products_twins_and_faults(catalog: Path, run: Run) -> None:
    """The same picture under two names is a pair that nobody can tell apart."""
    shutil.copy(catalog / "100101.png", catalog / "copy.png")
    (catalog / "broken.png").write_bytes(b"no picture")
    done = run("catalog", "list", catalog)
    assert done.code == 0
    assert "29 products, 29 pictures" in done.out
    assert "100101 / copy (too alike in 100% of facings)" in done.out
    assert "1 of 30 pictures left out" in done.err
    assert "copy.png: expected a picture of 'copy' alone" in done.err


def test_check_says_what_is_wrong_with_the_catalogue(
    site: Path, catalog: Path, tmp_path: Path, run: Run
) -> None:
    """A broken picture is a remark of the site's check; it does not stop the watch."""
    (catalog / "broken.png").write_bytes(b"no picture")
    for name in ("planograms", "calibration"):
        shutil.copytree(site / name, tmp_path / name)
    shutil.copy(site / "site.yaml", tmp_path)
    done = run("check", "--site", tmp_path / "site.yaml")
    assert done.code == 0, done.err
    assert "1 of 29 pictures left out" in done.out + done.err


def test_without_crops_facings_are_made_up(catalog: Path, run: Run) -> None:
    """The figures say so; on packshots that differ they are good."""
    done = run("catalog", "evaluate", catalog, "--json")
    result = json.loads(done.out)
    assert result["products"] == 28
    assert result["top1"] > 0.9
    assert "made up" in result["facings_from"]
    assert "made up from the catalogue's own pictures" in run("catalog", "evaluate", catalog).out


def test_crops_are_evaluated_by_their_folders(catalog: Path, tmp_path: Path, run: Run) -> None:
    """Broken crops and those of products that the catalogue lacks are named and left out."""
    for key, source in (("100101", "100101"), ("100102", "100103"), ("soap", "100104")):
        (tmp_path / "crops" / key).mkdir(parents=True)
        shutil.copy(catalog / f"{source}.png", tmp_path / "crops" / key)
    (tmp_path / "crops" / "100101" / "broken.jpg").write_bytes(b"")
    done = run("catalog", "evaluate", catalog, "--crops", tmp_path / "crops")
    assert done.code == 0
    assert "2 facings of 2 products" in done.out
    assert "right first 50.0%" in done.out
    assert "1 x 100102 taken for 100103" in done.out
    assert "not in the catalogue left out: soap" in done.err
    assert "broken.jpg" in done.err


def test_a_photograph_finds_its_product_and_place(
    site: Path, catalog: Path, tmp_path: Path, run: Run
) -> None:
    """Turned on its side, a package is still found, and where it belongs is said in words."""
    packshot = cv2.imread(str(catalog / "100105.png"))
    photo = tmp_path / "found.png"
    cv2.imwrite(str(photo), cv2.rotate(packshot, cv2.ROTATE_90_CLOCKWISE))
    plan = planogram(site)
    done = run("catalog", "search", photo, "--catalog", catalog, "--planogram", plan)
    assert done.code == 0, done.out
    assert "Blossom Honey" in done.out
    assert "b01/s3/p01: bay 1, shelf 3 from the bottom, 1st from the left" in done.out
    assert "turned by 270 degrees" in done.out
    answer = json.loads(run("catalog", "search", photo, "--catalog", catalog, "--json").out)
    assert answer["answer"] == ["100105"]
    assert answer["turned_degrees"] == 270


def test_what_the_catalogue_lacks_is_not_known(catalog: Path, tmp_path: Path, run: Run) -> None:
    """Exit 1 and an honest answer, with the likest products beside it."""
    patches = np.random.default_rng(1).integers(0, 255, (6, 4, 3), dtype=np.uint8)
    x = cv2.resize(patches, (120, 180), interpolation=cv2.INTER_NEAREST)
    cv2.imwrite(str(tmp_path / "x.png"), x)
    done = run("catalog", "search", tmp_path / "x.png", "--catalog", catalog)
    assert done.code == 1
    assert "not known" in done.out
    assert "similarity" in done.out
