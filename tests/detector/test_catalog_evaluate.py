"""The figures of a catalogue, on vectors whose likeness is chosen."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from detector import Catalog, KnownRule
from detector.catalog_evaluate import Evaluation, evaluate

KNOWN, STRANGER = KnownRule(0.7, 0.05), KnownRule(0.6, 0.2)
KEYS = ("a", "b", "c")


def evaluated(
    facings: Sequence[tuple[str, tuple[float, float, float]]],
    twins: Sequence[tuple[str, str]] = (),
    stranger: KnownRule = STRANGER,
) -> Evaluation:
    """Facings of a product with their likeness to a, b and c (squares below 1 in sum)."""
    # A fourth direction, in which no product lies, makes up the length.
    rows = [[*row, math.sqrt(max(0.0, 1 - sum(v * v for v in row)))] for _, row in facings]
    catalog = Catalog(np.eye(4, dtype=np.float32)[:3], KEYS, "", KNOWN, twins)
    return evaluate(catalog, np.array(rows, np.float32), [key for key, _ in facings], stranger)


def test_ranks_and_confusions_are_counted() -> None:
    """Two right, two taken for another; all among the first five."""
    result = evaluated(
        [
            ("a", (0.9, 0.2, 0.1)),
            ("b", (0.1, 0.9, 0.1)),
            ("a", (0.3, 0.9, 0.1)),
            ("a", (0.3, 0.8, 0.1)),
        ]
    )
    assert (result.facings, result.products) == (4, 2)
    assert (result.top1, result.top5) == (0.5, 1.0)
    assert result.confusions == (("a", "b", 2),)
    assert result.twin_share == 0.0
    assert (result.answered, result.right) == (1.0, 0.5)


def test_what_is_not_known_is_not_answered() -> None:
    """Below the rule, or too close to another, there is no answer."""
    result = evaluated([("a", (0.6, 0.1, 0.1)), ("a", (0.68, 0.69, 0.0)), ("a", (0.9, 0.1, 0.1))])
    assert result.answered == pytest.approx(1 / 3)
    assert result.right == 1.0


def test_twins_are_undecided_and_their_confusions_counted() -> None:
    """A facing between near-twins is not wrong: it is said to be one of both."""
    result = evaluated([("a", (0.7, 0.71, 0.0)), ("c", (0.0, 0.1, 0.9))], [("a", "b")])
    assert result.undecided == 0.5
    assert result.twin_share == 1.0
    assert result.right == 1.0


def test_a_stranger_is_a_facing_without_its_product() -> None:
    """Its own product taken out, one facing is still like another product, one is not."""
    result = evaluated([("a", (0.6, 0.75, 0.0)), ("a", (0.9, 0.1, 0.1))])
    assert result.strangers_taken == 0.5


def test_slots_suspect_what_leads_over_the_planned() -> None:
    """One of two is called another in its own slot; in other slots, both are found."""
    result = evaluated([("a", (0.2, 0.9, 0.0)), ("b", (0.1, 0.9, 0.0))])
    assert result.right_suspected == 0.5
    assert result.wrong_found == 0.75
    twins = evaluated([("a", (0.2, 0.9, 0.0)), ("b", (0.1, 0.9, 0.0))], [("a", "b")])
    assert twins.right_suspected == 0.0


def test_a_threshold_keeps_strangers_out() -> None:
    """At the similarity given for 10 %, no more than that share of strangers is taken."""
    rng = np.random.default_rng(0)
    facings = [
        ("a", (float(rng.uniform(0.3, 0.8)), float(rng.uniform(0.0, 0.6)), 0.0)) for _ in range(200)
    ]
    result = evaluated(facings)
    for row in result.thresholds:
        taken = [b for _, (_, b, _) in facings if b >= row.min_similarity]
        assert len(taken) <= row.strangers * len(facings)
    assert result.thresholds[0].answered <= result.thresholds[2].answered


def test_products_must_be_in_the_catalogue() -> None:
    """A facing of no product of the catalogue has no right answer."""
    with pytest.raises(ValueError, match="'soap'"):
        evaluated([("soap", (0.1, 0.1, 0.1))])
