"""What can go wrong in this package, with the exit status a command ends with."""

from __future__ import annotations


class DetectorError(Exception):
    """Base class: the message says what was expected, what was found and what to do."""

    exit_code: int = 2


class ModelError(DetectorError):
    """A model, its manifest or its files do not fit together; nothing can run."""


class CatalogError(DetectorError):
    """A catalogue folder cannot be used as it is."""


class PictureError(DetectorError):
    """A picture cannot be read or has the wrong form; other pictures are not affected."""

    exit_code = 1


class TrainingError(DetectorError):
    """A training step lacks its tools or its data."""
