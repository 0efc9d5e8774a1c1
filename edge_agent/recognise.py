"""Which product a facing shows: the detector's catalogue, asked for the planned SKUs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Set
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from detector import Catalog, Embedder, crops_of, load_embedder
from detector.second_look import PrintReader, print_points
from edge_agent.frames import ImageBgr
from edge_agent.match.observed import ByPrint, IdentityRule
from shelf import Planogram

Floats = NDArray[np.float64]

MIN_PRINT_PX = 60.0
"""Facings with a shorter side show their colours but not their print."""


class Recogniser:
    """Compares facings with a catalogue whose pictures are named after SKUs or products.

    ``catalog`` has the pictures under their SKUs, and under their own names where no SKU is
    planned; ``folder_of`` gives the catalogue's own name of an SKU. ``unpictured`` are the names
    of planned products that it has no picture of. ``rule`` is for `Observed`.
    """

    def __init__(self, catalog: Catalog, embedder: Embedder, planogram: Planogram) -> None:
        catalog.check_embedder(embedder)
        self.embedder = embedder
        named = Counter(planogram.names.values())
        by_name = {name: sku for sku, name in planogram.names.items() if named[name] == 1}
        sku_of = {
            key: key if key in planogram.names else by_name.get(key, key) for key in catalog.keys
        }
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

    def reader_of(self, image_bgr: ImageBgr, boxes_xyxy_px: Floats) -> ByPrint:
        """For `Observed.by_print`: the product that a facing's print proves, of those named.

        None when the facing is too small for its print or the print does not tell.
        """

        def proven(facing: int, skus: tuple[str, ...]) -> str | None:
            box = boxes_xyxy_px[facing : facing + 1]
            if (box[0, 2:] - box[0, :2]).min() < MIN_PRINT_PX:
                return None
            (crop,) = crops_of(image_bgr, box.astype(np.float32))
            return self._print_reader.proven(print_points(crop), skus)

        return proven

    def similarity(self, image_bgr: ImageBgr, boxes_xyxy_px: Floats) -> Floats:
        """Return (n, len(skus)): how alike each facing is to each product, higher is more."""
        if len(boxes_xyxy_px) == 0:
            return np.zeros((0, len(self.skus)))
        crops = crops_of(image_bgr, boxes_xyxy_px.astype(np.float32))
        return np.asarray(self.catalog.similarities(self.embedder.embed(crops)), dtype=np.float64)
