"""Which version is in force, what is a reset, and what is wrong between versions."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shelf import Planogram, PlanogramError
from shelf.planogram_csv import parse_csv
from shelf.planogram_versions import (
    PlanogramVersions,
    ResetHours,
    ResetWindow,
    read_versions,
)

BERLIN = ZoneInfo("Europe/Berlin")


def csv(version: str, begins: str = "", ends: str = "", sku: str = "") -> str:
    period = f"# valid_from: {begins}\n" * bool(begins) + f"# valid_until: {ends}\n" * bool(ends)
    header = "bay,shelf,slot,sku,name,facings_wide"
    return f"# id: a12\n# version: {version}\n{period}{header}\n1,1,1,{sku or version},x,2\n"


def plan(version: str, begins: str = "", ends: str = "", sku: str = "") -> Planogram:
    return parse_csv(csv(version, begins, ends, sku), f"{version}.csv", "a12")


def test_the_version_that_began_last_counts() -> None:
    """Without an end a version is replaced by the next; with one it ends with that day."""
    versions = PlanogramVersions(
        [plan("v2", "2026-11-16"), plan("v1"), plan("sale", "2026-12-01", "2026-12-03")], BERLIN
    )
    days = {
        "2026-11-15": "a12-v1",
        "2026-11-16": "a12-v2",
        "2026-12-01": "a12-sale",
        "2026-12-03": "a12-sale",
        "2026-12-04": "a12-v2",
    }
    for day, name in days.items():
        found = versions.on(date.fromisoformat(day))
        assert found is not None and found.name == name
    assert versions.warnings() == []


def test_days_change_at_the_stores_midnight() -> None:
    """At 23:30 in London it is tomorrow in Berlin."""
    versions = PlanogramVersions([plan("v1"), plan("v2", "2026-11-16")], BERLIN)

    def name(minute: int) -> str:
        at = datetime(2026, 11, 15, 22, tzinfo=UTC) + timedelta(minutes=minute)
        found = versions.in_force(at).planogram
        assert found is not None
        return found.name

    assert (name(59), name(60)) == ("a12-v1", "a12-v2")


def test_gaps_and_overlaps_are_named() -> None:
    """With the days; in a gap no version is in force."""
    versions = PlanogramVersions(
        [
            plan("v1", "2026-11-01", "2026-11-10"),
            plan("v2", "2026-11-08", "2026-11-20"),
            plan("v3", "2026-11-25"),
        ],
        BERLIN,
    )
    assert versions.on(date(2026, 11, 22)) is None
    assert [str(warning) for warning in versions.warnings()] == [
        "a12-v2: valid_from: expected a day after 2026-11-10, the last of a12-v1, found "
        "2026-11-08; while both are valid, a12-v2 counts",
        "planograms: expected a version for every day, found none from 2026-11-21 to 2026-11-24; "
        "nothing is watched on these days",
    ]


@pytest.mark.parametrize(
    ("planograms", "words"),
    [
        ([], "at least one version"),
        ([plan("v1"), plan("v2")], "another day than that of a12-v1, found none"),
        (
            [plan("v1", "2026-11-01"), plan("v2", "2026-11-01")],
            "a12-v2: valid_from: expected another day than that of a12-v1, found 2026-11-01",
        ),
        (
            [plan("v1", "2026-11-01", sku="A"), plan("v1", "2026-11-02", sku="B")],
            "a12-v1: expected one content for each id and version",
        ),
    ],
)
def test_versions_between_which_nobody_can_choose_are_refused(
    planograms: list[Planogram], words: str
) -> None:
    """None at all, two from one day, two contents of one name."""
    with pytest.raises(PlanogramError) as caught:
        PlanogramVersions(planograms, BERLIN)
    assert words in str(caught.value)


def test_an_announced_reset_is_in_the_stores_time() -> None:
    """From its start up to its end, in the zone of the store or in its own."""
    night = ResetWindow(datetime(2026, 11, 15, 22), datetime(2026, 11, 16, 6))
    own = ResetWindow(datetime(2026, 11, 20, 1, tzinfo=UTC), datetime(2026, 11, 20, 2, tzinfo=UTC))
    versions = PlanogramVersions([plan("v1")], BERLIN, resets=[night, own])
    for at, reset in {
        datetime(2026, 11, 15, 21, 59, tzinfo=BERLIN): False,
        datetime(2026, 11, 15, 22, 0, tzinfo=BERLIN): True,
        datetime(2026, 11, 16, 4, 59, tzinfo=UTC): True,
        datetime(2026, 11, 16, 5, 0, tzinfo=UTC): False,
        datetime(2026, 11, 20, 2, 30, tzinfo=BERLIN): True,
    }.items():
        assert versions.in_force(at).reset is reset, at


def test_reset_hours_surround_each_change_of_content() -> None:
    """Around a change; not around a version that only has another name."""
    versions = PlanogramVersions(
        [plan("v1"), plan("v2", "2026-11-16"), plan("v3", "2026-11-20", sku="v2")],
        BERLIN,
        reset_hours=ResetHours(before=2, after=6),
    )
    change = datetime(2026, 11, 16, tzinfo=BERLIN)
    same = datetime(2026, 11, 20, tzinfo=BERLIN)

    def reset(at: datetime, hours: float) -> bool:
        return versions.in_force(at + timedelta(hours=hours)).reset

    assert [reset(change, h) for h in (-2.1, -2, 0, 5.9, 6)] == [False, True, True, True, False]
    assert not reset(same, 0)
    assert (
        not PlanogramVersions([plan("v1"), plan("v2", "2026-11-16")], BERLIN).in_force(change).reset
    )


def test_a_reset_in_the_night_of_the_clock_change_has_its_whole_length() -> None:
    """From 0:00 to 4:00 on the day that has 2:00 to 3:00 twice are five hours."""
    window = ResetWindow(datetime(2026, 10, 25, 0), datetime(2026, 10, 25, 4))
    versions = PlanogramVersions([plan("v1")], BERLIN, resets=[window])
    start = datetime(2026, 10, 24, 22, tzinfo=UTC)
    held = [versions.in_force(start + timedelta(hours=h)).reset for h in range(-1, 6)]
    assert held == [False, True, True, True, True, True, False]
    again = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1)
    assert versions.in_force(again).reset


def test_times_and_windows_that_say_nothing_are_refused() -> None:
    """A time without a zone, a reset that ends before it starts, negative hours."""
    with pytest.raises(ValueError, match="a time with a time zone"):
        PlanogramVersions([plan("v1")], BERLIN).in_force(datetime(2026, 11, 16))
    with pytest.raises(ValueError, match="an end after the start"):
        ResetWindow(datetime(2026, 11, 16), datetime(2026, 11, 16))
    with pytest.raises(ValueError, match="both with a time zone or both without"):
        ResetWindow(datetime(2026, 11, 16), datetime(2026, 11, 17, tzinfo=UTC))
    with pytest.raises(ValueError, match="expected 0-168 hours"):
        ResetHours(before=-1)


periods = st.tuples(st.none() | st.dates(), st.none() | st.dates()).filter(
    lambda period: None in period or period[0] <= period[1]  # type: ignore[operator]
)


@settings(deadline=None, max_examples=50)
@given(st.lists(periods, min_size=1, max_size=6, unique_by=lambda p: p[0] or date.min), st.data())
def test_any_periods_give_an_answer_for_every_day(
    drawn: list[tuple[date | None, date | None]], data: st.DataObject
) -> None:
    """The one in force is valid and no later one is; edges of the calendar are no trouble."""
    plans = [
        plan(f"v{n}", str(begins or ""), str(ends or "")) for n, (begins, ends) in enumerate(drawn)
    ]
    versions = PlanogramVersions(plans, BERLIN, reset_hours=ResetHours(1, 1))
    edges = [day for period in drawn for day in period if day]
    day = data.draw(st.sampled_from(edges) | st.dates() if edges else st.dates())
    valid = [p for p in plans if p.is_valid_on(day)]
    found = versions.on(day)
    assert (found is None) == (not valid)
    if found is not None:
        assert found == max(valid, key=lambda p: p.valid_from or date.min)
    versions.warnings()


def test_a_folder_of_versions(tmp_path: Path) -> None:
    """Planogram files by name, other files left alone."""
    (tmp_path / "w46.csv").write_text(csv("v1", "2026-11-09"))
    (tmp_path / "w47.csv").write_text(csv("v2", "2026-11-16"))
    (tmp_path / "notes.md").write_text("x")
    planograms, warnings = read_versions(tmp_path)
    assert [p.version for p in planograms] == ["v1", "v2"]
    assert warnings == []
    assert [p.version for p in read_versions([tmp_path / "w47.csv"])[0]] == ["v2"]


def test_all_that_is_wrong_in_a_folder_is_told_at_once(tmp_path: Path) -> None:
    """Each file with its problems; an empty folder is a problem too."""
    (tmp_path / "a.csv").write_text("bay\n")
    (tmp_path / "b.csv").write_text("shelf\n")
    with pytest.raises(PlanogramError) as caught:
        read_versions(tmp_path)
    assert "a.csv" in str(caught.value) and "b.csv" in str(caught.value)
    (tmp_path / "none").mkdir()
    with pytest.raises(PlanogramError, match=r"none: expected planogram files \(.csv, .json"):
        read_versions(tmp_path / "none")
