"""Pictures of the products a store sells, and the search for what a facing shows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detector.boxes import FloatArray
from detector.catalog_index import CatalogIndex, Progress, index_folder
from detector.embedding import Embedder, KnownRule, unit_rows
from detector.errors import CatalogError


@dataclass(frozen=True, slots=True)
class Match:
    """One candidate for a facing: the product's key and the cosine similarity, -1..1."""

    key: str
    similarity: float


Answer = tuple[Match, ...]
"""What a facing shows, best first: empty when it is not known, several when it is one of these
near-twins and cannot be told which."""


class Catalog:
    """Vectors of reference pictures, one or more per product key (a SKU or a product's name).

    A product's similarity to a facing is that of its best picture. ``known`` is the rule by
    which a product counts as found, ``twins`` are pairs of products that facings cannot tell
    apart, ``files`` are the products' pictures where they are on disk, ``remarks`` say what was
    wrong with them. Immutable.
    """

    def __init__(
        self,
        vectors: FloatArray,
        keys: Sequence[str],
        embedder_identity: str,
        known: KnownRule,
        twins: Collection[tuple[str, str]] = (),
        remarks: Sequence[str] = (),
        files: Mapping[str, Sequence[Path]] | None = None,
    ) -> None:
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
        self.known = known
        self.twins = frozenset(frozenset((a, b)) for a, b in twins if a != b)
        self.remarks = tuple(remarks)
        self.files = {key: tuple(paths) for key, paths in (files or {}).items()}

    @classmethod
    def from_folder(cls, folder: Path, embedder: Embedder, *, progress: Progress = iter) -> Catalog:
        """A catalogue from ``<key>.jpg`` files and ``<key>/*.jpg`` folders.

        Unreadable pictures are left out, and a stored index saves time; ``remarks`` say so.
        Raises :class:`~detector.errors.CatalogError` when there is no usable picture.
        """
        return cls.from_index(index_folder(folder, embedder, progress=progress), embedder, folder)

    @classmethod
    def from_index(cls, index: CatalogIndex, embedder: Embedder, folder: Path) -> Catalog:
        """A catalogue of the pictures in ``folder``, whose ``index`` the ``embedder`` made."""
        files: dict[str, list[Path]] = {}
        for picture in index.pictures:
            files.setdefault(picture.key, []).append(folder / picture.file)
        return cls(
            index.vectors,
            index.keys,
            embedder.identity,
            embedder.known,
            [twin.keys for twin in index.twins],
            index.remarks,
            files,
        )

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
        *,
        among: Sequence[str] | None = None,
        prior: Collection[str] = (),
    ) -> list[Answer]:
        """What each embedding (n, d) shows; "not known" and "one of these" are honest answers.

        ``prior``: products that are expected; of near-twins, the only expected one is the answer.
        """
        return [self.decide(found, prior) for found in self.search(embeddings, 5, among=among)]

    def decide(self, candidates: Sequence[Match], prior: Collection[str] = ()) -> Answer:
        """The answer from ``candidates``, the best products, best first; see :meth:`recognise`."""
        if not candidates or candidates[0].similarity < self.known.min_similarity:
            return ()
        best = candidates[0]
        least = best.similarity - self.known.min_margin
        close = [match for match in candidates[1:] if match.similarity > least]
        if any(frozenset((best.key, match.key)) not in self.twins for match in close):
            return ()
        expected = [match for match in (best, *close) if match.key in prior]
        return tuple(expected) if len(expected) == 1 else (best, *close)

    def renamed(self, names: Mapping[str, str]) -> Catalog:
        """The same pictures under other keys; keys that become the same are one product."""
        files: dict[str, list[Path]] = {}
        for key, paths in self.files.items():
            files.setdefault(names.get(key, key), []).extend(paths)
        return Catalog(
            self._vectors,
            [names.get(self._keys[owner], self._keys[owner]) for owner in self._owner],
            self.embedder_identity,
            self.known,
            [(names.get(a, a), names.get(b, b)) for a, b in map(sorted, self.twins)],
            self.remarks,
            files,
        )

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
