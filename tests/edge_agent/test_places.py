"""What the plan mends of a detector's work: bottles in two parts, packages overlooked."""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.places import colour_spread, joined_parts, lone_parts, nested_parts

BOTTLE = np.array([[100.0, 100.0, 160.0, 300.0]])
"""The place of one planned facing, 60 x 200 px."""

NECK, LABEL = [105.0, 102.0, 155.0, 200.0], [101.0, 198.0, 161.0, 301.0]


def test_neck_and_label_are_one_bottle() -> None:
    """In whatever order they were found."""
    assert joined_parts(np.array([NECK, LABEL]), BOTTLE) == [(1, 0)]
    assert joined_parts(np.array([LABEL, NECK]), BOTTLE) == [(0, 1)]


@pytest.mark.parametrize(
    "boxes",
    [
        [LABEL],
        [LABEL, [165.0, 102.0, 215.0, 200.0]],
        [LABEL, [105.0, 20.0, 155.0, 110.0]],
        [[101.0, 105.0, 161.0, 301.0], [105.0, 20.0, 155.0, 110.0]],
        [LABEL, [105.0, 20.0, 155.0, 200.0]],
    ],
    ids=["one part", "beside it", "not above it", "a whole one", "too tall together"],
)
def test_other_boxes_stay_apart(boxes: list[list[float]]) -> None:
    """Two boxes are joined only where they make the planned facing."""
    assert joined_parts(np.array(boxes), BOTTLE) == []


def test_stacked_cans_stay_two() -> None:
    """Where two small facings are planned, two boxes are right."""
    cans = np.array([[100.0, 200.0, 160.0, 300.0], [100.0, 100.0, 160.0, 200.0]])
    assert joined_parts(cans, cans) == []


def test_a_label_within_a_bottle_is_dropped() -> None:
    """The bottle was found as a whole and once more by its label."""
    whole = [98.0, 105.0, 162.0, 302.0]
    assert nested_parts(np.array([whole, LABEL]), BOTTLE) == [1]
    assert nested_parts(np.array([NECK, LABEL]), BOTTLE) == []


def test_a_label_alone_may_be_a_bottle() -> None:
    """Stretched to the planned height; what is as tall as planned, or hangs, is not."""
    ((part, place, stretched),) = lone_parts(np.array([NECK, LABEL]), BOTTLE)
    assert (part, place) == (1, 0)
    assert stretched.tolist() == [101.0, 101.0, 161.0, 301.0]
    assert lone_parts(np.array([[98.0, 105.0, 162.0, 302.0]]), BOTTLE) == []


def test_no_boxes_no_parts() -> None:
    """An empty shelf has nothing to join."""
    nothing = np.zeros((0, 4))
    assert joined_parts(nothing, BOTTLE) == []
    assert nested_parts(nothing, BOTTLE) == []
    assert lone_parts(nothing, BOTTLE) == []


def test_print_is_colourful_and_a_bare_place_is_not() -> None:
    """Light and shade do not count, nor what stands at the place's sides."""
    picture = np.full((400, 400, 3), 150, np.uint8)
    picture[250:, :] = 60
    picture[100:300, 95:108] = (20, 20, 220)
    bare, printed = colour_spread(picture, BOTTLE), picture.copy()
    printed[150:280, 120:140] = (30, 160, 230)
    assert bare[0] < 2
    assert colour_spread(printed, BOTTLE)[0] > 15


def test_a_place_outside_the_picture_has_no_colours() -> None:
    """Partly outside it is measured by what is inside."""
    picture = np.random.default_rng(1).integers(0, 255, (200, 150, 3), np.uint8)
    beyond = np.array([[500.0, 100.0, 560.0, 300.0], [140.0, 20.0, 200.0, 120.0]])
    assert colour_spread(picture, beyond)[0] == 0
    assert np.isfinite(colour_spread(picture, beyond)).all()
