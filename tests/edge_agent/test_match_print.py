"""Where likeness does not tell products apart, their print does."""

import numpy as np
import pytest

from edge_agent.match import Observed
from edge_agent.match.observed import ByPrint, IdentityRule

SKUS = ("salt", "tomato", "soap")
TWINS = frozenset({frozenset(("salt", "tomato"))})


def observed(similarity: tuple[float, ...], by_print: ByPrint | None) -> Observed:
    """One facing with its likeness to the three products."""
    return Observed(
        (100, 100),
        np.array([[10.0, 10, 40, 60]]),
        np.ones(1),
        np.zeros((0, 4)),
        np.zeros(0),
        SKUS,
        np.array([similarity]),
        by_print,
        IdentityRule(0.5, 0.1, 0.02),
        TWINS,
    )


@pytest.mark.parametrize(("proven", "expected"), [("salt", ("salt",)), ("tomato", ()), (None, ())])
def test_a_near_twin_is_named_when_its_print_proves_it(
    proven: str | None, expected: tuple[str, ...]
) -> None:
    """The vectors cannot tell salt from tomato; what the print says is believed."""
    seen = observed((0.9, 0.85, 0.2), lambda _facing, _skus: proven)
    assert seen.stranger(0, {"tomato"}) == expected


def test_print_is_asked_for_the_planned_and_the_alike() -> None:
    """Products far from the best are not compared; the planned one always is."""
    asked: list[tuple[str, ...]] = []

    def note(_facing: int, skus: tuple[str, ...]) -> None:
        asked.append(skus)

    observed((0.9, 0.85, 0.2), note).stranger(0, {"tomato"})
    assert asked == [("tomato", "salt")]


@pytest.mark.parametrize("similarity", [(0.8, 0.9, 0.2), (0.4, 0.3, 0.2), (0.2, 0.3, 0.9)])
def test_print_is_not_asked_where_likeness_tells(similarity: tuple[float, ...]) -> None:
    """The planned product leads, nothing is alike enough, or another one leads clearly."""

    def never(_facing: int, _skus: tuple[str, ...]) -> str:
        raise AssertionError("asked")

    observed(similarity, never).stranger(0, {"tomato"})


def test_without_print_a_near_twin_is_what_is_planned() -> None:
    """Nothing can be said against it."""
    assert observed((0.9, 0.85, 0.2), None).stranger(0, {"tomato"}) == ()


def test_facings_keep_their_print_when_some_are_left_out() -> None:
    """A selection's facings are asked for by their place in the picture."""
    asked: list[int] = []

    def note(facing: int, _skus: tuple[str, ...]) -> None:
        asked.append(facing)

    three = Observed(
        (100, 100),
        np.array([[10.0, 10, 40, 60]] * 3),
        np.ones(3),
        np.zeros((0, 4)),
        np.zeros(0),
        SKUS,
        np.array([(0.9, 0.85, 0.2)] * 3),
        note,
        IdentityRule(0.5, 0.1, 0.02),
        TWINS,
    )
    three.only(np.array([2])).stranger(0, {"tomato"})
    assert asked == [2]
