"""A catalogue's folder: a picture ``<product>.jpg``, or a folder ``<product>/`` with several."""

from __future__ import annotations

from pathlib import Path

from detector.errors import CatalogError
from detector.pictures import PICTURE_SUFFIXES


def catalog_files(folder: Path) -> dict[Path, str]:
    """Each picture of a catalogue folder and the product's key, sorted by path.

    ``tea.jpg`` and ``tea/front.jpg`` are pictures of one product. Hidden files are left out.
    Raises :class:`~detector.errors.CatalogError` when there is no folder or no picture in it.
    """
    if not folder.is_dir():
        raise CatalogError(f"{folder}: expected a folder of product pictures, found none")
    found: dict[Path, str] = {}
    try:
        for entry in sorted(folder.iterdir()):
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                found |= {path: entry.name for path in sorted(entry.iterdir()) if is_picture(path)}
            elif is_picture(entry):
                found[entry] = entry.stem
    except OSError as error:
        raise CatalogError(f"{error.filename}: cannot be read: {error.strerror}") from error
    if not found:
        raise CatalogError(
            f"{folder}: expected <product>.jpg files or <product>/ folders with pictures, "
            "found no pictures"
        )
    return found


def is_picture(path: Path) -> bool:
    """Whether a file's name says that it is a picture; hidden files are not."""
    hidden = path.name.startswith(".")
    return not hidden and path.suffix.lower() in PICTURE_SUFFIXES and path.is_file()
