"""What the pages over all stores rank, draw, write and read from a URL."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, timedelta

import pytest
from metric_messages import START, at
from starlette.exceptions import HTTPException

from central.metrics.figures import Cell
from central.metrics.hours import Times
from central.metrics.intervals import OPEN, Claim, Interval
from central.web.region.charts import HOUR_WIDTH, LINE_BOTTOM, TOP, draw_lanes, draw_trend
from central.web.region.filters import read_filters
from central.web.region.rankings import row_of
from central.web.region.tables import Row, Table, worst_first
from shelf.states import State

TODAY = date(2026, 11, 21)


def row(name: str, stocked: int, out: int, unknown: int = 0) -> Row:
    times = Times(stocked_ms=stocked, out_of_stock_ms=out, unknown_ms=unknown)
    return row_of({"site": name}, name, Cell(times=times))


def test_a_store_that_sees_little_has_no_rank() -> None:
    """It comes after the best, however it looks; so does one that was never heard of."""
    rows = [
        row("fine", 95, 5),
        row("blind but fine", 60, 0, 40),
        row("bad", 80, 20),
        row("blind and bad", 10, 50, 40),
        Row({}, "silent"),
    ]
    ordered = [(one.label, one.is_ranked) for one in worst_first(rows)]
    assert ordered == [
        ("bad", True),
        ("fine", True),
        ("silent", False),
        ("blind and bad", False),
        ("blind but fine", False),
    ]


def test_a_csv_has_all_rows_and_no_formula() -> None:
    """Also those that are not on the page; a name that begins like a formula is a text."""
    table = Table("stores", [row(f"s{number}", 9, 1) for number in range(40)])
    lines = list(csv.DictReader(io.StringIO(table.to_csv())))
    assert (len(table.shown), len(lines)) == (15, 40)
    assert (lines[3]["site"], lines[3]["availability"]) == ("s3", "0.9")
    assert lines[0]["time_to_restock_median_secs"] == ""
    evil = Table("stores", [row("=HYPERLINK(1)", 9, 1)])
    assert next(csv.DictReader(io.StringIO(evil.to_csv())))["site"] == "'=HYPERLINK(1)"


def test_what_is_asked_for_stays_in_the_url() -> None:
    """A link keeps days, hours and products; a narrower place replaces a wider one."""
    asked = read_filters(
        {"hours": "7-22", "days": "14", "category": "Tea & co", "region": ""}, TODAY
    )
    assert (asked.first, asked.last) == (TODAY - timedelta(days=13), TODAY)
    assert asked.query == "days=14&hours=7-22&category=Tea%20%26%20co"
    store = asked.store("s1", aisle="a12")
    assert store == ("/region/store?days=14&hours=7-22&site=s1&aisle=a12&category=Tea%20%26%20co")
    slot = asked.one_slot("s1", "a12/b01/s1/p01")
    assert slot == "/region/slot?days=14&hours=7-22&site=s1&slot=a12/b01/s1/p01"
    some = read_filters({"from": "2026-11-01", "to": "2026-11-03"}, TODAY)
    assert some.query == "from=2026-11-01&to=2026-11-03"
    assert read_filters({}, TODAY).query == ""


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"days": "0"}, "days: expected 1 to 400, got '0'"),
        ({"days": "many"}, "days: expected"),
        ({"from": "yesterday"}, "from: expected a day like 2026-11-21, got 'yesterday'"),
        ({"from": "2026-11-20", "to": "2026-11-19"}, "in order"),
        ({"from": "2020-01-01", "to": "2026-11-19"}, "up to 400 days"),
        ({"hours": "22-7"}, "hours of the day like 7-22"),
    ],
)
def test_a_wrong_url_is_told(query: dict[str, str], message: str) -> None:
    """With what was expected, and what was asked."""
    with pytest.raises(HTTPException, match=message):
        read_filters(query, TODAY)


def test_a_trend_has_a_gap_where_nothing_was_seen() -> None:
    """The axis begins below the worst day, and a day of which little was seen is hollow."""
    times = [(9, 1, 0), (8, 2, 0), (0, 0, 9), (9, 1, 20), (10, 0, 0)]
    days = []
    for number, (stocked, out, unknown) in enumerate(times):
        found = Cell(times=Times(stocked, 0, out, 0, unknown))
        day = TODAY + timedelta(days=number)
        days.append(row_of({"day": day.isoformat()}, "", found))
    trend = draw_trend(days)
    assert trend is not None
    assert [len(path.split()) for path in trend.paths] == [2, 2]
    assert [(point.value, point.is_sure) for point in trend.points] == [
        (0.9, True), (0.8, True), (0.9, False), (1, True)
    ]  # fmt: skip
    assert all(TOP <= point.y <= LINE_BOTTOM for point in trend.points)
    assert trend.points[-1].y == TOP
    assert draw_trend(days[2:3]) is None


def test_a_lane_is_a_day_of_the_clock() -> None:
    """States are cut at midnight, end now, and are unknown while their source is away."""
    claims = [
        (State.STOCKED, at(0), at(3600 * 20)),
        (State.OUT_OF_STOCK, at(3600 * 20), OPEN),
    ]
    intervals = [
        Interval(Claim("/a/s/e", 1, number, state, "100", "pg", since, since), since, until)
        for number, (state, since, until) in enumerate(claims)
    ]
    newest, first = draw_lanes(
        intervals, TODAY, TODAY + timedelta(days=1), UTC, at(3600 * 26), lambda _: at(3600 * 24)
    )
    began = (START.hour + START.minute / 60) * HOUR_WIDTH
    assert [(p.state, p.x) for p in first.pieces] == [(State.STOCKED, pytest.approx(began))]
    assert [(p.state, round(p.width / HOUR_WIDTH, 3)) for p in newest.pieces] == [
        (State.STOCKED, 2.5),
        (State.OUT_OF_STOCK, 4),
        (State.UNKNOWN, 2),
    ]
