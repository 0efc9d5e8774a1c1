"""Products to learn a recogniser from, and the batches that it sees.

Products are kept apart by name: a product on the test side is in no batch, whatever folder its
pictures come from. Negatives are made as hard as shelves make them: other flavours of the same
brand are in one batch, and a near-twin is painted where the data has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from detector.embedding import crops_of
from detector.errors import PictureError, TrainingError
from detector.pictures import PICTURE_SUFFIXES, read_picture, trim_uniform_border
from detector.training.labels import read_labels
from detector.training.recogniser_views import (
    Picture,
    ViewSettings,
    camera_view,
    held_view,
    near_twin,
    on_background,
)
from detector.training.splits import Side


class SourceKind(StrEnum):
    """What a folder of pictures holds."""

    #: A folder per SKU with crops of its facings.
    FACINGS = "facings"
    #: A file per SKU, clean pictures on white.
    PACKSHOTS = "packshots"
    #: A folder per SKU with photographs of the product held up or standing in front.
    PHOTOS = "photos"
    #: Shelf photographs with a label file: each facing is a product of its own.
    SHELVES = "shelves"


class Source(BaseModel):
    """One folder to learn from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path = Field(description="Folder of pictures, relative to the recipe's data folder.")
    kind: SourceKind
    weight: float = Field(1.0, gt=0, description="How often its products are drawn.")
    labels: Path | None = Field(None, description="Label file of shelf photographs.")
    per_photo: int = Field(8, gt=0, description="Facings taken of one shelf photograph.")


@dataclass(frozen=True, slots=True)
class Product:
    """Pictures of one product. ``scene``: products of one scene may be the same, unknown to us."""

    key: str
    packshots: tuple[Picture, ...] = ()
    facings: tuple[Picture, ...] = ()
    photos: tuple[Picture, ...] = ()
    scene: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """``pictures`` (n,) and the product of each; ``scenes`` (n,), -1 where it has none."""

    pictures: list[Picture]
    products: np.ndarray
    scenes: np.ndarray


def load_products(
    sources: Sequence[Source], root: Path, seed: int = 0
) -> dict[Source, list[Product]]:
    """The products of each source, in the order of their names, whatever their side.

    Packshots whose name is also in a folder of photographs join that product. Raises
    :class:`~detector.errors.TrainingError` for a folder without pictures.
    """
    packshots = {
        path.stem: trim_uniform_border(read_picture(path))
        for source in sources
        if source.kind is SourceKind.PACKSHOTS
        for path in _pictures(root / source.folder)
    }
    rng = np.random.default_rng(seed)
    loaded: dict[Source, list[Product]] = {}
    joined = set()
    for source in sources:
        folder = root / source.folder
        if source.kind is SourceKind.SHELVES:
            loaded[source] = _shelf_products(source, root, rng)
        elif source.kind is not SourceKind.PACKSHOTS:
            products = []
            for entry in _folders(folder):
                pictures = tuple(_read(_pictures(entry)))
                own = (packshots[entry.name],) if entry.name in packshots else ()
                joined.update({entry.name} & packshots.keys())
                if source.kind is SourceKind.PHOTOS:
                    products.append(Product(entry.name, own, photos=pictures))
                else:
                    products.append(Product(entry.name, own, facings=pictures))
            loaded[source] = products
    for source in sources:
        if source.kind is SourceKind.PACKSHOTS:
            stems = [path.stem for path in _pictures(root / source.folder)]
            loaded[source] = [Product(s, (packshots[s],)) for s in stems if s not in joined]
    for source, products in loaded.items():
        if not products and source.kind is not SourceKind.PACKSHOTS:
            raise TrainingError(f"{root / source.folder}: expected {source.kind}, found none")
    return {source: products for source, products in loaded.items() if products}


class BatchSampler:
    """Draws products by their source's weight, and views of each."""

    def __init__(
        self,
        products: dict[Source, list[Product]],
        *,
        size_px: int,
        products_per_batch: int,
        views: int,
        twin_share: float,
        settings: ViewSettings | None = None,
    ) -> None:
        """``twin_share``: how often a drawn product brings a painted near-twin with it."""
        self._sources = list(products)
        self._products = products
        weights = np.array([source.weight for source in self._sources])
        self._chances = weights / weights.sum()
        self._size, self._count, self._views = size_px, products_per_batch, views
        self._twin_share = twin_share
        self._settings = settings or ViewSettings()

    def __call__(self, rng: np.random.Generator) -> Batch:
        """One batch; a near-twin is a product of its own."""
        drawn: dict[str, Product] = {}
        while len(drawn) < self._count:
            source = self._sources[rng.choice(len(self._sources), p=self._chances)]
            pool = self._products[source]
            product = pool[rng.integers(len(pool))]
            drawn[product.key] = product
        members = list(drawn.values())
        pictures: list[Picture] = []
        labels: list[int] = []
        scenes: list[int] = []
        scene_ids: dict[str, int] = {}
        for product in members:
            other = members[rng.integers(len(members))]
            bases = [self._base(product, rng) for _ in range(self._views)]
            scene = -1
            if product.scene is not None:
                scene = scene_ids.setdefault(product.scene, len(scene_ids))
            groups = [bases]
            if rng.random() < self._twin_share and not product.photos:
                # The twin is painted once, so that all its views agree on the difference.
                twin = near_twin(bases[0], self._base(other, rng), rng)
                groups = [[bases[0]] * self._views, [twin] * self._views]
            for group in groups:
                label = labels[-1] + 1 if labels else 0
                for base in group:
                    beside = self._base(members[rng.integers(len(members))], rng)
                    view = camera_view(base, self._size, self._settings, rng, beside)
                    pictures.append(view)
                    labels.append(label)
                    scenes.append(scene)
        return Batch(pictures, np.array(labels), np.array(scenes))

    def _base(self, product: Product, rng: np.random.Generator) -> Picture:
        if product.photos and (not product.packshots or rng.random() < 0.6):
            return held_view(product.photos[rng.integers(len(product.photos))], rng)
        if product.facings and (not product.packshots or rng.random() < 0.6):
            return product.facings[rng.integers(len(product.facings))]
        picture = product.packshots[rng.integers(len(product.packshots))]
        return on_background(picture, rng) if rng.random() < 0.5 else picture


def _shelf_products(source: Source, root: Path, rng: np.random.Generator) -> list[Product]:
    """Single facings of the training photographs, those of one photograph in one scene."""
    if source.labels is None:
        raise TrainingError(f"{source.folder}: labels: expected a label file, found none")
    products = []
    for label in read_labels(root / source.labels):
        if label.side is not Side.TRAIN or Path(label.picture).parts[0] != source.folder.name:
            continue
        sides = label.products[:, 2:] - label.products[:, :2]
        large = np.flatnonzero(sides.min(axis=1) >= 24) if len(sides) else np.zeros(0, int)
        if len(large) == 0:
            continue
        chosen = rng.permutation(large)[: source.per_photo]
        image = read_picture(root / source.folder.parent / label.picture)
        for index, crop in zip(chosen, crops_of(image, label.products[chosen]), strict=True):
            key = f"{label.picture}#{index}"
            products.append(Product(key, (np.ascontiguousarray(crop),), scene=label.picture))
    return products


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise TrainingError(f"{folder}: expected a folder for each product, found none")
    return sorted(path for path in folder.iterdir() if path.is_dir())


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise TrainingError(f"{folder}: expected a folder of pictures, found none")
    return [p for p in sorted(folder.iterdir()) if p.suffix.lower() in PICTURE_SUFFIXES]


def _read(paths: Sequence[Path]) -> list[Picture]:
    pictures = []
    for path in paths:
        try:
            pictures.append(read_picture(path))
        except PictureError as error:
            raise TrainingError(str(error)) from error
    return pictures
