"""``shelfwatch planogram`` as its user runs it."""

from __future__ import annotations

import json
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
from psa_files import HEAD, PRODUCTS, TWO_BAYS, position, project

from shelf import load_planogram
from shelf.cli import main
from shelf.planogram_file import read_planograms

HEADER = "bay,shelf,slot,sku,name,facings_wide"
ROW = "1,1,1,A,Apple juice,3"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a12.csv"
    path.write_text(f"{HEADER}\n{ROW}\n")
    return path


class Run:
    """Runs ``shelfwatch planogram`` in this process; keeps what it printed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self.out = self.err = ""

    def __call__(self, *arguments: object) -> int:
        """Return the exit code."""
        self._monkeypatch.setattr(sys, "argv", ["shelfwatch", "planogram", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        self.out, self.err = self._capsys.readouterr()
        return int(ended.value.code or 0)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(monkeypatch, capsys)


def test_validate_says_what_a_file_holds(run: Run, file: Path) -> None:
    """A usable file gives exit code 0, also as JSON."""
    assert run("validate", file) == 0
    assert "slots         1" in run.out
    assert "valid_until   open" in run.out
    assert run("validate", file, "--json") == 0
    told = json.loads(run.out)
    assert (told["slots"], told["valid_from"], len(told["remarks"])) == (1, None, 2)


def test_validate_tells_all_problems(run: Run, file: Path) -> None:
    """A file with several faults gives exit code 2 and each of them."""
    file.write_text(f"{HEADER}\n1,1,0,A,a,1\n1,1,2,B,b,many\n1,1,3,C,c,1\n1,1,3,C,d,1\n")
    assert run("validate", file) == 2
    for words in ("row 2: slot:", "row 3: facings_wide:", "each slot once", "row 5: name:"):
        assert words in run.err
    assert run.out == ""


@pytest.mark.parametrize(
    ("key", "days", "words"),
    [
        ("valid_from", 1, "remark: not valid yet"),
        ("valid_until", -1, "remark: no longer valid"),
        ("valid_from", 0, ""),
        ("valid_until", 0, ""),
    ],
)
def test_validate_remarks_on_the_period(
    run: Run, file: Path, key: str, days: int, words: str
) -> None:
    """A file for another day is usable, but its user is told; both ends are included."""
    day = date.today() + timedelta(days=days)
    file.write_text(f"# {key}: {day}\n{HEADER}\n{ROW}\n")
    assert run("validate", file) == 0
    assert f"{key:13} {day}" in run.out
    assert words in run.out
    assert ("valid" in run.out.partition("remark:")[2]) == bool(words)


def test_convert_to_a_place_that_cannot_be_written(run: Run, file: Path, tmp_path: Path) -> None:
    """One message with the path, exit code 2."""
    out = tmp_path / "none" / "out.csv"
    assert run("convert", file, "--out", out) == 2
    assert run.err.strip() == (
        f"--out: {out}: expected a file that can be written, found No such file or directory"
    )


def test_diff_exits_1_when_something_changes(run: Run, file: Path, tmp_path: Path) -> None:
    """Exit code 0 says that nothing changes."""
    new = tmp_path / "new.csv"
    new.write_text(f"{HEADER}\n1,1,1,A,Apple juice,2\n")
    assert run("diff", file, file) == 0
    assert run("diff", file, new) == 1
    assert "b01/s1/p01: Apple juice facings 3 x 1 -> 2 x 1" in run.out


def two_planograms(tmp_path: Path) -> Path:
    path = tmp_path / "store.psa"
    text = HEAD + project() + PRODUCTS + TWO_BAYS + TWO_BAYS.replace("Juice", "Tea")
    path.write_bytes(text.encode("cp1252"))
    return path


def test_validate_lists_the_planograms_of_a_file(run: Run, tmp_path: Path) -> None:
    """One line each, with their number of slots; all of it as JSON too."""
    path = two_planograms(tmp_path)
    assert run("validate", path) == 0
    assert run.out.startswith("2 planograms\nJuice 2 m-")
    assert "bays 2, shelves 4, slots 5, skus 2; valid 2026-11-16 to 2026-12-31" in run.out
    assert run("validate", path, "--json") == 0
    assert [p["id"] for p in json.loads(run.out)["planograms"]] == ["Juice 2 m", "Tea 2 m"]


def test_validate_tells_warnings(run: Run, tmp_path: Path) -> None:
    """The first twenty in words and how many more there are; all of them as JSON."""
    path = tmp_path / "store.psa"
    empty = "".join(position("", "200", 0, 12, 0) for _ in range(25))
    path.write_text(HEAD + project() + PRODUCTS + TWO_BAYS + empty, encoding="utf-8")
    assert run("validate", path) == 0
    assert run.out.count("warning: ") == 21
    assert "Position.HFacings: expected a whole number 1-999, found 0" in run.out
    assert run.out.endswith("warning: and 5 more; validate --json tells all\n")
    assert run("validate", path, "--json") == 0
    assert len(json.loads(run.out)["warnings"]) == 25


def test_validate_a_folder_of_versions(run: Run, tmp_path: Path) -> None:
    """Which counts today, and the days for which there is none."""
    today = date.today()
    soon, later = today + timedelta(days=2), today + timedelta(days=5)
    (tmp_path / "1.csv").write_text(f"# id: a\n# valid_until: {soon}\n{HEADER}\n{ROW}\n")
    (tmp_path / "2.csv").write_text(f"# id: a\n# valid_from: {later}\n{HEADER}\n{ROW}1\n")
    assert run("validate", tmp_path) == 0
    assert f"today, {today}: a-" in run.out
    assert f"found none from {soon + timedelta(days=1)} to {later - timedelta(days=1)}" in run.out
    assert run("validate", tmp_path / "1.csv", tmp_path / "2.csv", "--json") == 0
    told = json.loads(run.out)
    assert told["in_force"] == told["versions"][0]["id"] + "-" + told["versions"][0]["version"]


def test_convert_takes_one_of_several(run: Run, tmp_path: Path) -> None:
    """By its name; without one, the message says which there are and how to choose."""
    path, out = two_planograms(tmp_path), tmp_path / "out.csv"
    assert run("convert", path, "--out", out) == 2
    assert "found 2: 'Juice 2 m', 'Tea 2 m'" in run.err and "--only NAME" in run.err
    assert run("convert", path, "--only", "Tea 2 m", "--out", out) == 0
    assert load_planogram(out).id == "Tea 2 m"


def test_convert_several_to_a_folder(run: Run, tmp_path: Path) -> None:
    """One file for each, named after it; nothing is lost on the way."""
    path, out = two_planograms(tmp_path), tmp_path / "plans"
    assert run("convert", path, "--out", out) == 0
    assert run("convert", path, "--out", out, "--form", "json") == 0
    assert sorted(p.name for p in out.iterdir()) == [
        "Juice-2-m.csv",
        "Juice-2-m.json",
        "Tea-2-m.csv",
        "Tea-2-m.json",
    ]
    tea = read_planograms(path).only("Tea 2 m")
    assert load_planogram(out / "Tea-2-m.csv") == load_planogram(out / "Tea-2-m.json") == tea


def test_convert_refuses_a_suffix_that_says_nothing(run: Run, file: Path, tmp_path: Path) -> None:
    """The message says which do."""
    assert run("convert", file, "--out", tmp_path / "out.psa") == 2
    assert "a name ending in .csv or .json" in " ".join(run.err.split())


def test_diff_as_json(run: Run, file: Path, tmp_path: Path) -> None:
    """Slot, what it was, kinds and words."""
    new = tmp_path / "new.csv"
    new.write_text(f"{HEADER}\n1,1,2,A,Apple juice,3\n")
    assert run("diff", file, new, "--json") == 1
    assert json.loads(run.out) == [
        {
            "slot": "b01/s1/p02",
            "was": "b01/s1/p01",
            "kinds": ["renumbered"],
            "what": "Apple juice is now counted here, was b01/s1/p01",
        }
    ]
