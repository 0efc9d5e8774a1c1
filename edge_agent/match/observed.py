"""What a detector and a recogniser saw in one picture, as the matching takes it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ByPrint = Callable[[int, tuple[str, ...]], str | None]
"""Facing and SKUs to the one of them that the facing's print proves, or None."""

PRINT_REACH = 0.15
"""Products as much less alike than the best one may still be what the print proves."""

PRINT_CANDIDATES = 5
"""Products whose print is compared with a facing's."""


@dataclass(frozen=True, slots=True)
class IdentityRule:
    """When a facing counts as another product than the planned one.

    The other product must be at least ``min_similarity`` alike, and by ``min_margin`` more than
    what is planned. Of near-twins, one is told from the other by a lead of ``twin_margin``. The
    numbers belong to what compares the facings; these are the colour layout's.
    """

    min_similarity: float = 0.6
    min_margin: float = 0.2
    twin_margin: float = 0.05


@dataclass(frozen=True, eq=False)
class Observed:
    """Facings and gaps of one picture.

    ``facings_xyxy_px`` (n,4) and ``gaps_xyxy_px`` (m,4) are float64 boxes in the picture
    (origin top left, y down); ``facing_scores`` (n,) and ``gap_scores`` (m,) are 0..1.
    ``similarity`` (n,k) compares each facing with the ``skus`` (k) of a catalogue, higher is
    more alike, or is None without a catalogue; ``by_print`` looks closer where that does not tell
    products apart; ``twins`` are pairs of SKUs that ``similarity`` cannot tell apart; ``names``
    and ``sizes`` are the products' names and facings' widths and heights by SKU, in planogram
    lengths, where they are known. ``place_colours`` has one number for each planned facing of the
    bay: how far the colours in its place spread, in units of CIE Lab.
    Raises ``ValueError`` when the shapes do not fit together or a box has no area.
    """

    size_px: tuple[int, int]
    facings_xyxy_px: Floats
    facing_scores: Floats
    gaps_xyxy_px: Floats
    gap_scores: Floats
    skus: tuple[str, ...] = ()
    similarity: Floats | None = None
    by_print: ByPrint | None = None
    rule: IdentityRule = IdentityRule()
    twins: Set[frozenset[str]] = frozenset()
    names: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    place_colours: Floats | None = None

    def __post_init__(self) -> None:
        count = len(self.facing_scores)
        for name, shape in (
            ("facings_xyxy_px", (count, 4)),
            ("gaps_xyxy_px", (len(self.gap_scores), 4)),
        ):
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name}: expected {shape}, got {getattr(self, name).shape}")
        for name in ("facings_xyxy_px", "gaps_xyxy_px"):
            boxes = getattr(self, name)
            if not (np.isfinite(boxes).all() and (boxes[:, 2:] > boxes[:, :2]).all()):
                raise ValueError(f"{name}: expected finite boxes with x1 < x2 and y1 < y2")
        if self.similarity is not None and self.similarity.shape != (count, len(self.skus)):
            raise ValueError(
                f"similarity: expected {(count, len(self.skus))}, got {self.similarity.shape}"
            )

    def only(self, facings: NDArray[np.int64]) -> Observed:
        """Return what was seen with only these facings (k,); all gaps stay."""
        return replace(
            self,
            facings_xyxy_px=self.facings_xyxy_px[facings],
            facing_scores=self.facing_scores[facings],
            similarity=None if self.similarity is None else self.similarity[facings],
            by_print=_of_these(self.by_print, facings),
        )

    @property
    def has_identity(self) -> bool:
        """Whether the facings were compared with two products or more."""
        return self.similarity is not None and len(self.skus) > 1

    @cached_property
    def best(self) -> list[str]:
        """The SKU that each facing is most alike to; empty without a catalogue."""
        if self.similarity is None or not len(self.skus):
            return []
        return [self.skus[column] for column in self.similarity.argmax(axis=1).tolist()]

    def stranger(self, facing: int, accepted: Collection[str]) -> tuple[str, ...]:
        """Return the SKUs that a facing may show, when it clearly shows none of ``accepted``.

        Several are near-twins, most alike first. Where the similarity does not tell, the print
        decides. Empty when the facing shows one of ``accepted``, when it cannot be told (then
        what is planned decides), or when the catalogue has no picture of any of them: then
        nothing can be said against the facing.
        """
        if self.similarity is None or not self.best or self.best[facing] in accepted:
            return ()
        first = self.best[facing]
        best = self._column[first]
        similarity = self.similarity[facing]
        expected = [self._column[sku] for sku in accepted if sku in self._column]
        if not expected or similarity[best] < self.rule.min_similarity:
            return ()
        planned = max(expected, key=lambda k: similarity[k])
        order = np.argsort(-similarity, kind="stable")
        lead = similarity[best] - similarity[order]
        if similarity[best] - similarity[planned] < self.rule.min_margin or any(
            frozenset((first, sku)) in self.twins for sku in accepted
        ):
            near = order[lead < PRINT_REACH][:PRINT_CANDIDATES].tolist()
            named = [self.skus[k] for k in dict.fromkeys([planned, *near])]
            proven = self.by_print(facing, tuple(named)) if self.by_print is not None else None
            return () if proven is None or proven in accepted else (proven,)
        close = [
            k
            for k in order[lead < self.rule.twin_margin].tolist()
            if frozenset((first, self.skus[k])) in self.twins
        ]
        return (first, *(self.skus[k] for k in close))

    def mismatch(self, facings: Ints, skus: Sequence[str]) -> Floats:
        """Return (m, len(skus)): how little each of ``facings`` (m,) looks like each SKU, 0..1.

        0 when the SKU is the best answer of the catalogue, 1 when it is no better than the
        catalogue's median answer: the scale of the similarity cancels. An SKU that the
        catalogue does not know costs nothing, because nothing can be said against it.
        """
        return self._mismatch(facings[:, None], skus)

    def mismatch_of_pairs(self, facings: Ints, skus: Sequence[str]) -> Floats:
        """Return (m,): the same of each of ``facings`` (m,) and its own SKU of ``skus``."""
        return self._mismatch(facings, skus)

    def _mismatch(self, facings: Ints, skus: Sequence[str]) -> Floats:
        if self.similarity is None or not self.has_identity:
            return np.zeros(np.broadcast_shapes(facings.shape, (len(skus),)))
        columns = np.array([self._column.get(sku, -1) for sku in skus], dtype=np.int64)
        best, spread = (values[facings] for values in self._scale)
        result = (best - self.similarity[facings, columns]) / spread
        np.clip(result, 0.0, 1.0, out=result)
        result[..., columns < 0] = 0.0
        return np.asarray(result)

    @cached_property
    def _column(self) -> dict[str, int]:
        return {sku: index for index, sku in enumerate(self.skus)}

    @cached_property
    def _scale(self) -> tuple[Floats, Floats]:
        """The best similarity of each facing (n,), and by how much it leads the median (n,)."""
        assert self.similarity is not None
        best = self.similarity.max(axis=1)
        ordered = np.sort(self.similarity, axis=1)
        last = len(self.skus) - 1
        usual = (ordered[:, last // 2] + ordered[:, (last + 1) // 2]) / 2
        return best, np.maximum(best - usual, 1e-9)


def _of_these(by_print: ByPrint | None, facings: NDArray[np.int64]) -> ByPrint | None:
    if by_print is None:
        return None
    return lambda facing, skus: by_print(int(facings[facing]), skus)
