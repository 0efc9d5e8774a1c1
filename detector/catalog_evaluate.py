"""How well a catalogue names facings whose product is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detector.boxes import FloatArray
from detector.catalog import Catalog, Match
from detector.embedding import KnownRule

#: Shares of strangers taken for a product, for which a threshold is given.
STRANGERS = (0.01, 0.05, 0.1)


@dataclass(frozen=True, slots=True)
class Threshold:
    """``min_similarity`` at which at most ``strangers`` of the strangers are taken, and its price.

    ``answered`` is the share of facings that still get an answer, ``right`` the right ones of
    these.
    """

    strangers: float
    min_similarity: float
    answered: float
    right: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Shares are 0..1; nan where there was nothing to count.

    ``top1`` and ``top5``: the facing's product is the best, or among the five best.
    ``confusions``: (shown, taken for, count), most frequent first; ``twin_share`` of them are
    between near-twins. By the ``known`` rule ``answered`` get one name, ``right`` of these the
    right one, ``undecided`` stay between near-twins. ``strangers_taken``: facings that get a
    name when their product is taken out of the catalogue. By the ``stranger`` rule
    ``right_suspected`` of facings in their own slot are called another product, and
    ``wrong_found`` of facings in each other product's slot.
    """

    facings: int
    products: int
    top1: float
    top5: float
    confusions: tuple[tuple[str, str, int], ...]
    twin_share: float
    answered: float
    right: float
    undecided: float
    strangers_taken: float
    right_suspected: float
    wrong_found: float
    thresholds: tuple[Threshold, ...]


def evaluate(
    catalog: Catalog, embeddings: FloatArray, shown: Sequence[str], stranger: KnownRule
) -> Evaluation:
    """Compare facings' ``embeddings`` (n, d) with the catalogue; ``shown`` (n,) are their products.

    Every product in ``shown`` must be in the catalogue. Raises ``ValueError`` otherwise.
    """
    strangers = sorted(set(shown) - set(catalog.keys))
    if strangers or not len(shown):
        raise ValueError(f"shown: expected products of the catalogue, got {strangers}")
    table = catalog.similarities(embeddings)
    column = {key: index for index, key in enumerate(catalog.keys)}
    own = np.array([column[key] for key in shown])
    rows = np.arange(len(shown))
    mine = table[rows, own]
    others = table.copy()
    others[rows, own] = -np.inf
    rank = (others >= mine[:, None]).sum(axis=1)
    best = others.argmax(axis=1)
    wrong = Counter(
        (shown[row], catalog.keys[best[row]]) for row in np.flatnonzero(rank > 0).tolist()
    )
    confusions = tuple(
        (a, b, n) for (a, b), n in sorted(wrong.items(), key=lambda x: (-x[1], x[0]))
    )
    answers = [catalog.decide(_candidates(catalog, row)) for row in table]
    named = [(row, answer[0].key) for row, answer in enumerate(answers) if len(answer) == 1]
    taken = [catalog.decide(_candidates(catalog, row)) for row in others]
    lead = others - mine[:, None]
    suspects = (others >= stranger.min_similarity) & (lead >= stranger.min_margin)
    twins = np.array([[_are_twins(catalog, a, b) for b in catalog.keys] for a in catalog.keys])
    suspects &= ~twins[own]
    return Evaluation(
        facings=len(shown),
        products=len(set(shown)),
        top1=float(np.mean(rank == 0)),
        top5=float(np.mean(rank < 5)),
        confusions=confusions,
        twin_share=_share(sum(n for a, b, n in confusions if _are_twins(catalog, a, b)), wrong),
        answered=len(named) / len(shown),
        right=float(np.mean([key == shown[row] for row, key in named])) if named else float("nan"),
        undecided=sum(len(answer) > 1 for answer in answers) / len(shown),
        strangers_taken=sum(len(answer) > 0 for answer in taken) / len(shown),
        right_suspected=float(np.mean(suspects.any(axis=1))),
        wrong_found=_wrong_found(table, own, stranger, twins),
        thresholds=tuple(_threshold(catalog, table, others, own, share) for share in STRANGERS),
    )


def _candidates(catalog: Catalog, similarities: FloatArray) -> list[Match]:
    order = np.argsort(-similarities, kind="stable")[:5]
    return [Match(catalog.keys[k], float(similarities[k])) for k in order]


def _are_twins(catalog: Catalog, a: str, b: str) -> bool:
    return frozenset((a, b)) in catalog.twins


def _share(count: int, of: Counter[tuple[str, str]]) -> float:
    total = of.total()
    return count / total if total else float("nan")


def _wrong_found(
    table: FloatArray, own: np.ndarray, stranger: KnownRule, twins: np.ndarray
) -> float:
    """A facing counts in the slots of all other products, near-twins of its best left out."""
    rows = np.arange(len(table))
    best = table.argmax(axis=1)
    lead = table[rows, best][:, None] - table
    found = (lead >= stranger.min_margin) & (table[rows, best][:, None] >= stranger.min_similarity)
    found &= ~twins[best]
    other = np.ones_like(found)
    other[rows, own] = False
    return float(found[other].mean()) if other.any() else float("nan")


def _threshold(
    catalog: Catalog, table: FloatArray, others: FloatArray, own: np.ndarray, share: float
) -> Threshold:
    """The lowest threshold that keeps strangers out; the margin stays the rule's."""
    taken, _ = _leads(others, catalog.known.min_margin)
    strangers = np.sort(taken[np.isfinite(taken)])[::-1]
    allowed = int(share * len(table))
    limit = float(strangers[allowed]) + 1e-4 if len(strangers) > allowed else -1.0
    best, at = _leads(table, catalog.known.min_margin)
    answered = best >= limit
    right = float(np.mean(at[answered] == own[answered])) if answered.any() else float("nan")
    return Threshold(share, round(limit, 4), float(answered.mean()), right)


def _leads(table: FloatArray, min_margin: float) -> tuple[FloatArray, np.ndarray]:
    """The best similarity of each row, -inf where it does not lead, and whose it is."""
    order = np.argsort(-table, axis=1, kind="stable")
    rows = np.arange(len(table))
    best = table[rows, order[:, 0]].copy()
    if table.shape[1] > 1:
        second = table[rows, order[:, 1]]
        best[np.isfinite(second) & (best - second < min_margin)] = -np.inf
    return best, order[:, 0]
