"""Which product a facing shows: the detector's catalogue, asked for the planned SKUs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from detector import Catalog, Embedder, load_embedder
from detector.boxes import FloatArray
from detector.second_look import PrintReader, print_points
from edge_agent.frames import ImageBgr
from edge_agent.match.observed import ByPrint, IdentityRule
from shelf import Planogram

Floats = NDArray[np.float64]

MIN_PRINT_PX = 60
"""Facings with a shorter side show their colours but not their print."""


def sku_of_key(keys: Iterable[str], names: Mapping[str, str]) -> dict[str, str]:
    """Return the SKU that each of a catalogue's keys stands for; ``names`` by planned SKU.

    A key is an SKU, or the name that one planned SKU alone has; else it stands for itself.
    """
    named = Counter(names.values())
    by_name = {name: sku for sku, name in names.items() if named[name] == 1}
    return {key: key if key in names else by_name.get(key, key) for key in keys}


class Recogniser:
    """Compares facings with a catalogue whose pictures are named after SKUs or products.

    ``catalog`` has the pictures under their SKUs, and under their own names where no SKU is
    planned; ``folder_of`` gives the catalogue's own name of an SKU. ``unpictured`` are the names
    of planned products that it has no picture of. ``rule`` is for `Observed`.
    """

    def __init__(self, catalog: Catalog, embedder: Embedder, planogram: Planogram) -> None:
        catalog.check_embedder(embedder)
        self.embedder = embedder
        sku_of = sku_of_key(catalog.keys, planogram.names)
        self.catalog = catalog.renamed(sku_of)
        self._print_reader = PrintReader(self.catalog.files)
        self.folder_of = {sku: key for key, sku in reversed(sku_of.items())}
        self.rule = IdentityRule(
            embedder.stranger.min_similarity,
            embedder.stranger.min_margin,
            embedder.known.min_margin,
        )
        self.names = planogram.names
        self.sizes = {
            slot.sku: (slot.facing_width_mm, slot.facing_height_mm)
            for slot in planogram.slots
            if planogram.has_sizes
        }
        self.unpictured = sorted(self.names[sku] for sku in set(self.names) - set(self.skus))

    @classmethod
    def load(cls, folder: Path, planogram: Planogram, embedder: Embedder | None = None) -> Self:
        """Read the catalogue in ``folder``; raises `detector.CatalogError`.

        ``embedder`` is another than the one to use when none is named.
        """
        embedder = embedder or load_embedder()
        return cls(Catalog.from_folder(folder, embedder), embedder, planogram)

    @property
    def skus(self) -> tuple[str, ...]:
        """The catalogue's products, also those that are not planned."""
        return self.catalog.keys

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was wrong with the catalogue's pictures or its index."""
        return self.catalog.remarks

    @property
    def twins(self) -> Set[frozenset[str]]:
        """Pairs of products that facings cannot tell apart."""
        return self.catalog.twins

    def similarity(self, crops_bgr: Sequence[ImageBgr]) -> Floats:
        """Return (n, len(skus)): how alike each facing is to each product, higher is more."""
        return self.similarity_of(self.embed(crops_bgr))

    def embed(self, crops_bgr: Sequence[ImageBgr]) -> FloatArray:
        """Return the vectors (n, d) of facings, for `similarity_of`."""
        if len(crops_bgr) == 0:
            return np.zeros((0, self.embedder.dimension), dtype=np.float32)
        return self.embedder.embed(crops_bgr)

    def similarity_of(self, vectors: FloatArray) -> Floats:
        """Return (n, len(skus)) for facings with these vectors (n, d)."""
        if len(vectors) == 0:
            return np.zeros((0, len(self.skus)))
        return np.asarray(self.catalog.similarities(vectors), dtype=np.float64)

    def reader_of(self, crops_bgr: Sequence[ImageBgr]) -> ByPrint:
        """For `Observed.by_print`: the product that a facing's print proves, of those named.

        None when the facing is too small for its print or the print does not tell.
        """

        def proven(facing: int, skus: tuple[str, ...]) -> str | None:
            crop = crops_bgr[facing]
            if min(crop.shape[:2]) < MIN_PRINT_PX:
                return None
            return self._print_reader.proven(print_points(crop), skus)

        return proven
