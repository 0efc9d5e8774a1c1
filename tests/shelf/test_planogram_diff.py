"""What changes from one version to another, as a planner would say it."""

from __future__ import annotations

import pytest

from shelf.planogram import Planogram
from shelf.planogram_csv import parse_csv
from shelf.planogram_diff import Kind, diff_planograms

HEADER = "bay,shelf,slot,sku,name,facings_wide,x_mm,width_mm,height_mm,shelf_y_mm"
OLD = """1,1,1,A,Apple,2,0,200,100,0
1,1,2,B,Beans,2,200,200,100,0
1,1,3,C,Corn,2,400,200,100,0
1,2,1,D,Dates,2,0,200,100,400
1,2,2,E,Eggs,2,200,200,100,400
"""


def plan(rows: str) -> Planogram:
    return parse_csv(f"# bay_mm: 1 1000 2000\n{HEADER}\n{rows}", "p.csv", "p")


def told(new: str, old: str = OLD) -> dict[str, tuple[list[Kind], str]]:
    changes = diff_planograms(plan(old), plan(new))
    return {change.slot: (list(change.kinds), change.what) for change in changes}


@pytest.mark.parametrize(
    ("old", "new", "slot", "kinds", "what"),
    [
        (
            "1,2,2,E,Eggs,2,200,200",
            "1,2,2,F,Figs,2,200,200",
            "b01/s2/p02",
            [Kind.REPLACED],
            "Eggs (E) gives way to Figs (F)",
        ),
        (
            "1,2,2,E,Eggs,2,200,200",
            "1,2,2,E,Eggs,3,200,300",
            "b01/s2/p02",
            [Kind.FACINGS, Kind.RESIZED],
            "Eggs facings 2 x 1 -> 3 x 1; size 200 x 100 -> 300 x 100 mm",
        ),
        (
            "1,2,2,E,Eggs,2,200",
            "1,2,2,E,Eggs,2,250",
            "b01/s2/p02",
            [Kind.MOVED],
            "Eggs moves 50 mm to the right",
        ),
        (
            "1,2,2,E,Eggs,2,200",
            "1,1,4,E,Eggs,2,600",
            "b01/s1/p04",
            [Kind.MOVED],
            "Eggs moves here from b01/s2/p02",
        ),
        (
            "1,2,2,E,Eggs,2,200,200,100,400\n",
            "",
            "b01/s2/p02",
            [Kind.REMOVED],
            "Eggs (E) is removed",
        ),
    ],
)
def test_one_change_is_told_in_words(
    old: str, new: str, slot: str, kinds: list[Kind], what: str
) -> None:
    """Replaced, more facings, moved along the shelf, moved to another, removed."""
    changed = OLD.replace(old, new)
    if slot == "b01/s1/p04":
        changed = changed.replace("600,200,100,400", "600,200,100,0")
    assert told(changed) == {slot: (kinds, what)}


def test_a_product_put_in_between_renumbers_the_rest() -> None:
    """It is added; those to its right, if they stay where they are, only count differently."""
    new = OLD.replace("1,1,3,C", "1,1,4,C").replace(
        "1,1,2,B,Beans,2,200,200", "1,1,3,B,Beans,2,300,100"
    )
    new = new.replace("1,1,3,B", "1,1,2,N,Nuts,1,200,100,100,0\n1,1,3,B")
    assert told(new) == {
        "b01/s1/p02": ([Kind.ADDED], "Nuts (N) is added, 1 x 1 facings"),
        "b01/s1/p03": (
            [Kind.MOVED, Kind.RESIZED],
            "Beans moves 100 mm to the right (was b01/s1/p02); size 200 x 100 -> 100 x 100 mm",
        ),
        "b01/s1/p04": ([Kind.RENUMBERED], "Corn is now counted here, was b01/s1/p03"),
    }


def test_two_products_that_change_places_are_moved() -> None:
    """Not replaced by each other; the fewest that explain the new order are told to move."""
    new = OLD.replace("1,1,1,A,Apple", "1,1,1,X").replace("1,1,2,B,Beans", "1,1,2,A,Apple")
    new = new.replace("1,1,1,X", "1,1,1,B,Beans")
    assert {slot: kinds for slot, (kinds, _) in told(new).items()} == {
        "b01/s1/p01": [Kind.MOVED],
        "b01/s1/p02": [Kind.MOVED],
    }


def test_boards_and_bays_come_first() -> None:
    """A board at another height and a bay of another width."""
    changes = diff_planograms(
        plan(OLD),
        parse_csv(f"# bay_mm: 1 1200 2000\n{HEADER}\n" + OLD.replace(",400\n", ",450\n"), "p", "p"),
    )
    assert [(change.slot, change.what) for change in changes] == [
        ("b01", "bay 1: size 1000 x 2000 -> 1200 x 2000 mm"),
        ("b01/s2", "board of shelf 2: 400 -> 450 mm"),
    ]


def test_settings_are_told() -> None:
    """Minimum, substitutes and the name, with what they were."""
    head = "bay,shelf,slot,sku,name,facings_wide,min_facings,substitutes"
    old = parse_csv(f"{head}\n1,1,1,A,Apple,4,2,\n", "p", "p")
    new = parse_csv(f"{head}\n1,1,1,A,Apples,4,1,B|C\n", "p", "p")
    (change,) = diff_planograms(old, new)
    assert change.kinds == (Kind.SETTINGS,)
    assert change.what == (
        "Apples min_facings 2 -> 1; substitutes none -> B|C; name Apple -> Apples"
    )


def test_the_same_content_gives_no_change() -> None:
    """Whatever the version is called."""
    assert diff_planograms(plan(OLD), plan("\n" + OLD)) == []


def test_without_lengths_only_the_order_counts() -> None:
    """What is put in between pushes no one, where nobody said where things stand."""
    head = "bay,shelf,slot,sku,name,facings_wide"
    old = parse_csv(f"{head}\n1,1,1,A,a,1\n1,1,2,B,b,1\n", "p", "p")
    new = parse_csv(f"{head}\n1,1,1,N,n,5\n1,1,2,A,a,1\n1,1,3,B,b,1\n", "p", "p")
    assert [change.kinds for change in diff_planograms(old, new)] == [
        (Kind.ADDED,),
        (Kind.RENUMBERED,),
        (Kind.RENUMBERED,),
    ]
