"""Pictures of the products a store sells, and the search for what a facing shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray
from detector.embedding import Embedder, unit_rows
from detector.errors import CatalogError, PictureError
from detector.pictures import PICTURE_SUFFIXES, read_picture, trim_uniform_border

#: Two catalogue pictures this alike are one picture stored twice.
SAME_PICTURE = 0.9999


@dataclass(frozen=True, slots=True)
class Match:
    """One candidate for a facing: the product's key and the cosine similarity, -1..1."""

    key: str
    similarity: float


@dataclass(frozen=True, slots=True)
class KnownRule:
    """When the best match counts as an answer.

    ``min_similarity``: anything below is not in the catalogue. ``min_margin``: the best must lead
    the second product by this much, or the picture does not tell them apart.

    The defaults belong to the colour layout. On crops of 60 products as seen on shelves, three
    pictures each, it then answers for 88 % of the facings, 96 % of the answers are right, and of
    facings whose product the catalogue lacks 11 % are taken for another.
    """

    min_similarity: float = 0.7
    min_margin: float = 0.05


class Catalog:
    """Vectors of reference pictures, one or more per product key (a SKU or a product's name).

    A product's similarity to a facing is that of its best picture. Immutable.
    """

    def __init__(self, vectors: FloatArray, keys: Sequence[str], embedder_identity: str) -> None:
        """``vectors`` (m, d), made unit length here; ``keys`` (m,), one per vector."""
        if vectors.ndim != 2 or len(vectors) != len(keys):
            raise ValueError(
                f"catalogue: expected one key per vector, got {len(keys)} and {vectors.shape}"
            )
        self._vectors = unit_rows(vectors)
        self._keys = tuple(dict.fromkeys(keys))
        position = {key: index for index, key in enumerate(self._keys)}
        self._owner = np.array([position[key] for key in keys], dtype=np.int64)
        self.embedder_identity = embedder_identity

    @classmethod
    def from_folder(
        cls,
        folder: Path,
        embedder: Embedder,
        *,
        progress: Callable[[Iterable[Path]], Iterable[Path]] = iter,
    ) -> Catalog:
        """A catalogue from ``<key>.jpg`` files and ``<key>/*.jpg`` folders.

        Raises :class:`~detector.errors.CatalogError` that names every problem: no pictures,
        unreadable ones, a key that occurs twice, or two products with the same picture.
        """
        files = catalog_files(folder)
        paths, crops, keys, problems = [], [], [], []
        for path in progress(files):
            try:
                crops.append(trim_uniform_border(read_picture(path)))
            except PictureError as error:
                problems.append(str(error))
                continue
            paths.append(path)
            keys.append(files[path])
        if problems:
            raise CatalogError("\n".join(problems))
        vectors = embedder.embed(crops)
        problems = _same_pictures(paths, keys, vectors)
        if problems:
            raise CatalogError("\n".join(problems))
        return cls(vectors, keys, embedder.identity)

    @property
    def keys(self) -> tuple[str, ...]:
        """The products, in the order they were added."""
        return self._keys

    def __len__(self) -> int:
        return len(self._keys)

    def similarities(self, embeddings: FloatArray) -> FloatArray:
        """Cosine similarity of each embedding (n, d) to each product: (n, len(keys)), -1..1."""
        if embeddings.ndim != 2 or (len(self._vectors) and embeddings.shape[1] != self.dimension):
            raise ValueError(
                f"embeddings: expected shape (n, {self.dimension}), got {embeddings.shape}"
            )
        if len(self._keys) == 0:
            return np.zeros((len(embeddings), 0), dtype=np.float32)
        per_picture = unit_rows(embeddings) @ self._vectors.T
        best = np.full((len(self._keys), len(embeddings)), -1.0, dtype=np.float32)
        np.maximum.at(best, self._owner, per_picture.T)
        return np.ascontiguousarray(best.T)

    def similarity(self, embeddings: FloatArray, keys: Sequence[str]) -> FloatArray:
        """Similarity of each embedding (n, d) to the product named beside it, (n,).

        nan where the catalogue has no picture of that product: then nothing can be said.
        """
        if len(embeddings) != len(keys):
            raise ValueError(f"keys: expected {len(embeddings)}, got {len(keys)}")
        columns = self.similarity_to(embeddings, tuple(dict.fromkeys(keys)))
        position = {key: index for index, key in enumerate(dict.fromkeys(keys))}
        picked = [position[key] for key in keys]
        return np.asarray(columns[np.arange(len(keys)), picked], dtype=np.float32)

    def similarity_to(self, embeddings: FloatArray, keys: Sequence[str]) -> FloatArray:
        """Similarity of each embedding (n, d) to each named product: (n, len(keys)).

        nan where the catalogue has no picture of the product.
        """
        table = self.similarities(embeddings)
        position = {key: index for index, key in enumerate(self._keys)}
        result = np.full((len(embeddings), len(keys)), np.nan, dtype=np.float32)
        for column, key in enumerate(keys):
            if key in position:
                result[:, column] = table[:, position[key]]
        return result

    def search(
        self, embeddings: FloatArray, count: int = 5, *, among: Sequence[str] | None = None
    ) -> list[list[Match]]:
        """The best ``count`` products for each embedding (n, d), best first.

        ``among``: look only at these products (those that the catalogue has).
        """
        table = self.similarities(embeddings)
        if among is None:
            columns = np.arange(len(self._keys))
        else:
            wanted = set(among)
            columns = np.array([i for i, k in enumerate(self._keys) if k in wanted], dtype=int)
        results = []
        for row in table:
            order = columns[np.argsort(-row[columns], kind="stable")][:count]
            results.append([Match(self._keys[index], float(row[index])) for index in order])
        return results

    def recognise(
        self,
        embeddings: FloatArray,
        rule: KnownRule | None = None,
        *,
        among: Sequence[str] | None = None,
    ) -> list[Match | None]:
        """The product each embedding (n, d) shows, or None: "not known" is an honest answer."""
        rule = rule or KnownRule()
        return [known_match(found, rule) for found in self.search(embeddings, 2, among=among)]

    def with_pictures(
        self, pictures: Mapping[str, Sequence[NDArray[np.uint8]]], embedder: Embedder
    ) -> Catalog:
        """A catalogue with more pictures per product (crops enrolled from a stocked shelf).

        Raises :class:`~detector.errors.CatalogError` when ``embedder`` is not the one that made
        this catalogue: their vectors cannot be compared.
        """
        self.check_embedder(embedder)
        keys = [key for key, crops in pictures.items() for _ in crops]
        crops = [crop for of_key in pictures.values() for crop in of_key]
        mine = [self._keys[index] for index in self._owner]
        vectors = np.concatenate([self._vectors, embedder.embed(crops)]) if crops else self._vectors
        return Catalog(vectors, mine + keys, self.embedder_identity)

    def check_embedder(self, embedder: Embedder) -> None:
        """Raise :class:`~detector.errors.CatalogError` unless ``embedder`` made these vectors."""
        if embedder.identity != self.embedder_identity:
            raise CatalogError(
                f"catalogue: expected vectors of {embedder.identity}, found vectors of "
                f"{self.embedder_identity}; build the catalogue again with the embedder in use"
            )

    @property
    def dimension(self) -> int:
        """Length of each vector."""
        return int(self._vectors.shape[1])


def known_match(candidates: Sequence[Match], rule: KnownRule) -> Match | None:
    """The first of ``candidates`` (best first) if the rule accepts it, else None."""
    if not candidates or candidates[0].similarity < rule.min_similarity:
        return None
    if len(candidates) > 1:
        lead = candidates[0].similarity - candidates[1].similarity
        if lead < rule.min_margin:
            return None
    return candidates[0]


def catalog_files(folder: Path) -> dict[Path, str]:
    """Each picture of a catalogue folder and the key it stands for, sorted by path.

    Raises :class:`~detector.errors.CatalogError` when the folder holds no pictures or a key twice.
    """
    if not folder.is_dir():
        raise CatalogError(f"{folder}: expected a folder of product pictures, found none")
    found: dict[Path, str] = {}
    owner_of_key: dict[str, Path] = {}
    problems = []
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            key, pictures = entry.name, sorted(p for p in entry.iterdir() if _is_picture(p))
        elif _is_picture(entry):
            key, pictures = entry.stem, [entry]
        else:
            continue
        if not pictures:
            continue
        if key in owner_of_key:
            problems.append(f"{entry}: expected each product once, found {owner_of_key[key]} too")
        owner_of_key[key] = entry
        found.update(dict.fromkeys(pictures, key))
    if problems:
        raise CatalogError("\n".join(problems))
    if not found:
        raise CatalogError(
            f"{folder}: expected <product>.jpg files or <product>/ folders with pictures, "
            "found no pictures"
        )
    return found


def _is_picture(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in PICTURE_SUFFIXES


def _same_pictures(paths: Sequence[Path], keys: Sequence[str], vectors: FloatArray) -> list[str]:
    likeness = np.triu(vectors @ vectors.T, 1)
    problems = []
    for left, right in np.argwhere(likeness > SAME_PICTURE):
        if keys[left] != keys[right]:
            problems.append(
                f"{paths[right]}: expected a picture of {keys[right]!r} alone, found the same "
                f"picture as {paths[left]}; one of the two products needs its own"
            )
    return problems
