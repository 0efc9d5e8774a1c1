"""The alerts as staff walk them, from rows and planograms."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from web_rows import NOW, alert_row, planogram

from central.alerts import Weights
from central.web.language import LANGUAGES
from central.web.layouts import Layouts
from central.web.rows import AlertRow, FoundProduct, SiteRows
from central.web.todo import AlertCard, Todo, build_todo
from shelf import State
from shelf.wire import AlertPhase

LAYOUTS = Layouts({"a12": planogram()})


def todo(*alerts: AlertRow, **more: Any) -> Todo:
    return build_todo(SiteRows(open_alerts=alerts), LAYOUTS, more.pop("weights", Weights()), **more)


def card(row: AlertRow, **more: Any) -> AlertCard:
    (only,) = todo(row, **more).cards
    return only


def test_the_walk_goes_bay_by_bay_from_the_top_shelf_down() -> None:
    """Whatever the order of the rows, and however urgent."""
    slots = ["b02/s1/p01", "b01/s1/p02", "b01/s2/p01", "b01/s1/p01"]
    cards = todo(*(alert_row(slot, slot) for slot in slots)).cards
    assert [each.row.id for each in cards] == [
        "b01/s2/p01",
        "b01/s1/p01",
        "b01/s1/p02",
        "b02/s1/p01",
    ]


def test_aisles_come_as_one_walks_and_then_as_one_counts() -> None:
    """The configured ones first; a2 before a10."""
    rows = [alert_row(aisle, aisle=aisle) for aisle in ("a10", "a2", "dairy", "a12")]
    answer = todo(*rows, aisles=("dairy", "a12"))
    assert [each.row.id for each in answer.cards] == ["dairy", "a12", "a2", "a10"]
    assert [(each.text, each.count) for each in answer.headings] == [
        ("Aisle dairy", 1),
        ("Aisle a12", 1),
        ("Aisle a2", 1),
        ("Aisle a10", 1),
    ]
    walks = sorted([each.walk for each in (*answer.headings, *answer.cards)])
    assert walks[0] == answer.headings[0].walk
    assert walks[1] == answer.cards[0].walk


def test_what_has_an_answer_comes_last() -> None:
    """Wherever it is: there is nothing to do about it now."""
    answer = todo(
        alert_row("done", phase=AlertPhase.DONE, by="anna"),
        alert_row("free", "b02/s1/p01"),
        alert_row("claimed", "b01/s1/p02", phase=AlertPhase.CLAIMED, by="ben"),
    )
    assert [each.row.id for each in answer.cards] == ["claimed", "free", "done"]
    assert answer.headings[-1].text == "Waiting for the camera or a delivery"


def test_urgency_is_a_rate_that_does_not_age() -> None:
    """An alert is not sent again because time passes; the browser multiplies by the minutes."""
    weights = Weights(units_per_day=lambda sku: 1440.0, priority=lambda aisle, slot: 2.0)
    row = alert_row()
    shown = card(row, weights=weights)
    for minutes in (0, 7):
        moment = row.since_utc + timedelta(minutes=minutes)
        assert shown.rate * (minutes + 1) == pytest.approx(weights.rank(row, moment))
    assert (shown.units, shown.priority) == ("1440 a day", "2")


def test_a_product_without_a_velocity_claims_none() -> None:
    """One a day is what the order assumes, not what anybody has measured."""
    assert card(alert_row()).units == ""


def test_an_alert_is_said_in_words() -> None:
    """Name, place, neighbours, what is left and what to fetch, as one says them in the aisle."""
    shown = card(alert_row(state=State.LOW, facings_seen=1))
    assert shown.name == "Oat crackers"
    assert shown.place == "aisle a12, bay 1, shelf 1 from the bottom, 1st from the left"
    assert shown.between == "Left of Green tea"
    assert shown.headline == "Low: 1 of 3 left"
    assert shown.fetch == "Fetch 2 of 3 facings"
    assert card(alert_row()).fetch == "Fetch 3 facings"


def test_an_alert_is_said_in_the_readers_language() -> None:
    """German and Spanish, with their own ordinals."""
    row = alert_row(slot="b01/s1/p02", state=State.LOW, facings_seen=1)
    assert card(row, t=LANGUAGES["de"]).place == (
        "Gang a12, Regal 1, Boden 1 von unten, 2.\N{NO-BREAK SPACE}Platz von links"
    )
    assert card(row, t=LANGUAGES["es"]).headline == "Queda poco: 1 de 3"


def test_the_shelf_is_cut_out_of_its_bay() -> None:
    """The marked slot lies within the strip, and the bay is drawn once for all its alerts."""
    answer = todo(alert_row("e1"), alert_row("e2", "b01/s2/p01"))
    assert list(answer.plans) == ["plan-a12-1"]
    for each in answer.cards:
        assert each.strip is not None
        view, mark = each.strip.view, each.strip.mark
        assert view.y <= mark.y
        assert mark.y + mark.height <= view.y + view.height
    first, second = (each.strip for each in answer.cards)
    assert first and second
    assert first.view.y + first.view.height <= second.view.y + 20


def test_a_slot_that_is_not_planned_has_no_strip() -> None:
    """It is told in words all the same."""
    shown = card(alert_row(slot="b07/s1/p01"))
    assert shown.strip is None
    assert "bay 7" in shown.place


def test_who_has_taken_an_alert_is_said() -> None:
    """And what keeps it from being told."""
    assert card(alert_row(phase=AlertPhase.CLAIMED, by="anna")).phase == "Claimed by anna"
    held = card(alert_row(phase=AlertPhase.DONE, by="ben", held_by="camera"))
    assert held.phase.startswith("Done, says ben; waiting for the camera. Not told: the camera")


def test_a_misplaced_product_is_named() -> None:
    """The planogram knows the name of the SKU that was found; each product is said once."""
    found = (
        FoundProduct("103", 0.7),
        FoundProduct("103", 0.84),
        FoundProduct("100", 0.9),
        FoundProduct(None, 0.4),
    )
    shown = card(alert_row(state=State.MISPLACED, found=found))
    assert shown.found == "Cocoa (84 %) and a product that is not known (40 %)"
    assert shown.fetch.startswith("Take away Cocoa")


def test_a_closed_alert_says_how_long_it_was_open() -> None:
    """From the first evidence to the closing, and why when it was not filled."""
    later = NOW + timedelta(minutes=65)
    rows = SiteRows(
        closed_alerts=(
            alert_row(closed_utc=later),
            alert_row("e2", closed_utc=later, closed_reason="wrong_alarm"),
        )
    )
    closed = build_todo(rows, LAYOUTS, Weights()).closed
    assert [each.open_for for each in closed] == [
        "open 1 h 05 min",
        "open 1 h 05 min, a wrong alarm",
    ]
