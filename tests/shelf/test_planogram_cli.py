"""``shelfwatch planogram`` as its user runs it."""

from __future__ import annotations

import json
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from shelf.cli import main

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
