"""The vectors of a catalogue's pictures, kept in a file beside them so that a start is fast."""

from __future__ import annotations

import json
import tempfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray
from detector.catalog_folder import catalog_files
from detector.catalog_twins import TWIN_RULE, Twin, find_twins
from detector.embedding import Embedder, reference_views
from detector.errors import CatalogError, PictureError
from detector.manifest import sha256_of
from detector.pictures import read_picture, trim_uniform_border

#: The index in a catalogue's folder.
INDEX_NAME = "index.npz"
#: Version of the file's layout.
FORM = 1
#: What reading a damaged or foreign archive raises.
DAMAGED = (OSError, EOFError, BadZipFile, zlib.error, ValueError, KeyError, TypeError, IndexError)

Progress = Callable[[Iterable[Path]], Iterable[Path]]


@dataclass(frozen=True, slots=True)
class IndexedPicture:
    """One picture: its product, its file below the catalogue's folder, its hash, its size."""

    key: str
    file: str
    sha256: str
    size_px: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class CatalogIndex:
    """What is known of a catalogue's pictures.

    ``vectors`` float32 (m, d) are the pictures' views, ``picture_of`` (m,) says of which picture
    each is one. ``twins`` are products that a facing cannot tell apart. ``remarks`` say what was
    left out and why the index was not used as it is; they are not stored.
    """

    embedder_identity: str
    reference_widths_px: tuple[int, ...]
    pictures: tuple[IndexedPicture, ...]
    vectors: FloatArray
    picture_of: NDArray[np.int64]
    twins: tuple[Twin, ...] = ()
    remarks: tuple[str, ...] = field(default=(), compare=False)

    @property
    def keys(self) -> tuple[str, ...]:
        """The product of each vector, (m,)."""
        return tuple(self.pictures[index].key for index in self.picture_of)


def index_folder(folder: Path, embedder: Embedder, *, progress: Progress = iter) -> CatalogIndex:
    """Index the pictures in ``folder``; a stored index saves embedding what has not changed.

    Unreadable pictures are left out and remarked. Raises :class:`~detector.errors.CatalogError`
    when no picture is left.
    """
    files = catalog_files(folder)
    stored, remarks = _stored(folder, embedder)
    known = {} if stored is None else {p.sha256: k for k, p in enumerate(stored.pictures)}
    pictures: list[IndexedPicture] = []
    vectors: list[FloatArray] = []
    fresh: list[int] = []
    unreadable: list[str] = []
    for path in progress(files):
        name = path.relative_to(folder).as_posix()
        try:
            digest = sha256_of(path)
            if stored is not None and digest in known:
                number = known[digest]
                size_px = stored.pictures[number].size_px
                views = stored.vectors[stored.picture_of == number]
            else:
                image = trim_uniform_border(read_picture(path))
                size_px = (image.shape[1], image.shape[0])
                views = embedder.embed(reference_views(image, embedder.reference_widths_px))
                fresh.append(len(pictures))
        except (PictureError, OSError) as error:
            unreadable.append(str(error))
            continue
        pictures.append(IndexedPicture(files[path], name, digest, size_px))
        vectors.append(views)
    if unreadable:
        left_out = f"{len(unreadable)} of {len(files)} pictures left out"
        if not pictures:
            raise CatalogError("\n".join([f"{folder}: {left_out}", *unreadable]))
        remarks += [f"{left_out}: {reason}" for reason in unreadable]
    remarks += _same_pictures(pictures)
    table = np.concatenate(vectors)
    owner = np.repeat(np.arange(len(pictures)), [len(views) for views in vectors])
    same = stored is not None and not fresh and stored.pictures == tuple(pictures)
    if stored is not None and not same:
        remarks.append(
            f"{folder / INDEX_NAME}: out of date, {len(fresh)} of {len(pictures)} pictures are "
            "new; `shelfwatch catalog add` without pictures renews it"
        )
    if same:
        assert stored is not None
        twins = stored.twins
    else:
        keys = [pictures[k].key for k in owner]
        shown = [folder / picture.file for picture in pictures]
        twins = find_twins(table, keys, shown, [p.key for p in pictures], embedder)
    return CatalogIndex(
        embedder.identity,
        embedder.reference_widths_px,
        tuple(pictures),
        table,
        owner,
        twins,
        tuple(remarks),
    )


def save_index(index: CatalogIndex, folder: Path) -> None:
    """Write ``index`` into the catalogue's folder, whole or not at all.

    Raises :class:`~detector.errors.CatalogError` when the folder cannot be written.
    """
    head = {
        "form": FORM,
        "embedder": index.embedder_identity,
        "reference_widths_px": index.reference_widths_px,
        "twin_rule": TWIN_RULE,
        "pictures": [[p.key, p.file, p.sha256, p.size_px] for p in index.pictures],
        "twins": [[*twin.keys, twin.share] for twin in index.twins],
    }
    path = folder / INDEX_NAME
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".index-", delete=False) as stream:
            np.savez(
                stream,
                head=np.frombuffer(json.dumps(head).encode(), dtype=np.uint8),
                vectors=index.vectors,
                picture_of=index.picture_of,
            )
        written = Path(stream.name)
        written.chmod(0o644)
        written.replace(path)
    except OSError as error:
        raise CatalogError(f"{path}: cannot be written: {error.strerror}") from error


def _stored(folder: Path, embedder: Embedder) -> tuple[CatalogIndex | None, list[str]]:
    """The index in ``folder`` if it can be used, and why not."""
    path = folder / INDEX_NAME
    if not path.is_file():
        return None, []
    try:
        with np.load(path, allow_pickle=False) as content:
            head = json.loads(content["head"].tobytes())
            index = _parse(head, content["vectors"], content["picture_of"])
    except DAMAGED as error:
        return None, [f"{path}: not used, expected an index, found {type(error).__name__}: {error}"]
    if index.embedder_identity != embedder.identity:
        return None, [
            f"{path}: not used, expected vectors of {embedder.identity}, "
            f"found vectors of {index.embedder_identity}"
        ]
    if index.reference_widths_px != embedder.reference_widths_px:
        return None, [
            f"{path}: not used, expected pictures at widths {embedder.reference_widths_px}, "
            f"found {index.reference_widths_px}"
        ]
    if index.vectors.shape[1] != embedder.dimension or not np.isfinite(index.vectors).all():
        return None, [
            f"{path}: not used, expected vectors of {embedder.dimension} finite numbers, "
            f"found {index.vectors.shape}"
        ]
    return index, []


def _same_pictures(pictures: Sequence[IndexedPicture]) -> list[str]:
    first: dict[str, IndexedPicture] = {}
    remarks = []
    for picture in pictures:
        other = first.setdefault(picture.sha256, picture)
        if other.key != picture.key:
            remarks.append(
                f"{picture.file}: expected a picture of {picture.key!r} alone, found the same "
                f"picture as {other.file}; no facing can tell the two products apart"
            )
    return remarks


def _parse(
    head: dict[str, Any], vectors: FloatArray, picture_of: NDArray[np.int64]
) -> CatalogIndex:
    if head["form"] != FORM or head["twin_rule"] != TWIN_RULE:
        raise ValueError(f"an index of another version ({head['form']}, {head['twin_rule']})")
    pictures = tuple(
        IndexedPicture(str(key), str(file), str(digest), (int(size[0]), int(size[1])))
        for key, file, digest, size in head["pictures"]
    )
    if vectors.ndim != 2 or picture_of.shape != (len(vectors),):
        raise ValueError(f"{len(picture_of)} owners for vectors {vectors.shape}")
    if set(picture_of.tolist()) != set(range(len(pictures))):
        raise ValueError("vectors without a picture, or pictures without a vector")
    return CatalogIndex(
        str(head["embedder"]),
        tuple(int(width) for width in head["reference_widths_px"]),
        pictures,
        np.asarray(vectors, dtype=np.float32),
        np.asarray(picture_of, dtype=np.int64),
        tuple(Twin((str(a), str(b)), float(share)) for a, b, share in head["twins"]),
    )
