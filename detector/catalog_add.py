"""Add pictures to a catalogue's folder: each is checked first, and refused with the reason."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from detector.catalog_folder import catalog_files, is_picture
from detector.errors import CatalogError, PictureError
from detector.manifest import sha256_of
from detector.pictures import decode_picture, trim_uniform_border

#: A picture that shows less of a product than this says little.
MIN_SIDE_PX = 16
#: A picture whose pixels differ by less (standard deviation, 0..255) shows nothing.
MIN_CONTRAST = 3.0


@dataclass(frozen=True, slots=True)
class NewPicture:
    """A picture file's ``content`` that is to stand for ``key`` under ``name``.

    ``source`` is how messages call it.
    """

    key: str
    name: str
    content: bytes
    source: str


@dataclass(frozen=True, slots=True)
class AddReport:
    """``added`` are files in the catalogue's folder, ``there`` those that it had already;
    ``refused`` says what was not added, and why."""

    added: tuple[Path, ...]
    there: tuple[Path, ...]
    refused: tuple[str, ...]


def pictures_at(path: Path, key: str | None) -> list[NewPicture]:
    """The pictures of a file, or of a folder laid out as a catalogue, to add.

    ``key`` names their product; by default each is named as in a catalogue. Raises
    :class:`~detector.errors.CatalogError` when there is no such file, or no picture.
    """
    if path.is_dir():
        files = catalog_files(path)
    elif path.exists() and not is_picture(path):
        raise CatalogError(f"{path}: expected a picture by its name (.jpg, .png, .webp...)")
    else:
        files = {path: path.stem}
    try:
        return [
            NewPicture(key or named, file.name, file.read_bytes(), str(file))
            for file, named in files.items()
        ]
    except OSError as error:
        raise CatalogError(
            f"{error.filename}: expected a picture, found {error.strerror}"
        ) from error


def add_pictures(folder: Path, pictures: Iterable[NewPicture]) -> AddReport:
    """Copy ``pictures`` into ``folder``, each into its product's own folder.

    Refused are unreadable, tiny and blank ones, those that are there already, and those that
    stand for another product. Raises :class:`~detector.errors.CatalogError` when the folder
    cannot be written or a key cannot name a folder; then what was added stays.
    """
    there = _pictures_there(folder)
    added: list[Path] = []
    present: list[Path] = []
    refused: list[str] = []
    for picture in pictures:
        check_key(picture.key)
        digest = hashlib.sha256(picture.content).hexdigest()
        owner, same = there.get(digest, (None, None))
        if same is not None and owner == picture.key:
            present.append(same)
            continue
        reason = (
            _fault(picture)
            if same is None
            else (
                f"expected a picture of {picture.key!r} alone, found the same picture as {same} of "
                f"{owner!r}; one of the two products needs its own"
            )
        )
        if reason is not None:
            refused.append(f"{picture.source}: {reason}")
            continue
        path = _free_path(folder / picture.key, picture.name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture.content)
        except OSError as error:
            raise CatalogError(f"{path}: cannot be written: {error.strerror}") from error
        there[digest] = (picture.key, path)
        added.append(path)
    return AddReport(tuple(added), tuple(present), tuple(refused))


def check_key(key: str) -> None:
    """Raise :class:`~detector.errors.CatalogError` unless ``key`` can name a folder."""
    usable = key.strip() == key and not key.startswith(".") and len(key.encode()) <= 200
    if not key or not usable or any(c in '/\\:*?"<>|' or not c.isprintable() for c in key):
        raise CatalogError(
            f"{key!r}: expected a SKU or product name that can name a folder (no / or :, no "
            "leading dot, at most 200 bytes)"
        )


def _pictures_there(folder: Path) -> dict[str, tuple[str, Path]]:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return {}
    try:
        return {sha256_of(path): (key, path) for path, key in catalog_files(folder).items()}
    except OSError as error:
        raise CatalogError(f"{error.filename}: cannot be read: {error.strerror}") from error


def _fault(picture: NewPicture) -> str | None:
    try:
        image = decode_picture(picture.content)
    except PictureError as error:
        return str(error)
    height, width = trim_uniform_border(image).shape[:2]
    if min(height, width) < MIN_SIDE_PX:
        return f"expected a product of at least {MIN_SIDE_PX} px, found {width}x{height} px"
    if float(image.std(axis=(0, 1)).max()) < MIN_CONTRAST:
        return "expected a product, found a picture of one colour"
    return None


def _free_path(folder: Path, name: str) -> Path:
    path = folder / name
    number = 2
    while path.exists():
        path = folder / f"{Path(name).stem}-{number}{Path(name).suffix}"
        number += 1
    return path
