"""Finds products and gaps in pictures of shelves. It knows pictures, not stores.

::

    from detector import Detector
    found = Detector.load().detect(image_bgr)
    products = found.of_class("product")

Names are loaded on first use, so importing this package costs nothing and loads no runtime.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from detector.catalog import Catalog, Match
    from detector.detections import Detections
    from detector.embedding import (
        ColourLayoutEmbedder,
        Embedder,
        KnownRule,
        crops_of,
        embed_detections,
    )
    from detector.errors import (
        CatalogError,
        DetectorError,
        ModelError,
        PictureError,
        TrainingError,
    )
    from detector.letterbox import Letterbox
    from detector.manifest import Manifest
    from detector.model import GAP, PRODUCT, Detector
    from detector.pictures import read_picture, trim_uniform_border
    from detector.recogniser import NetworkEmbedder, load_embedder
    from detector.session import SessionOptions

_MODULE_OF = {
    "Catalog": "catalog",
    "CatalogError": "errors",
    "ColourLayoutEmbedder": "embedding",
    "Detections": "detections",
    "Detector": "model",
    "DetectorError": "errors",
    "Embedder": "embedding",
    "GAP": "model",
    "KnownRule": "embedding",
    "Letterbox": "letterbox",
    "Manifest": "manifest",
    "Match": "catalog",
    "ModelError": "errors",
    "NetworkEmbedder": "recogniser",
    "PRODUCT": "model",
    "PictureError": "errors",
    "SessionOptions": "session",
    "TrainingError": "errors",
    "crops_of": "embedding",
    "embed_detections": "embedding",
    "load_embedder": "recogniser",
    "read_picture": "pictures",
    "trim_uniform_border": "pictures",
}

__all__ = [
    "GAP",
    "PRODUCT",
    "Catalog",
    "CatalogError",
    "ColourLayoutEmbedder",
    "Detections",
    "Detector",
    "DetectorError",
    "Embedder",
    "KnownRule",
    "Letterbox",
    "Manifest",
    "Match",
    "ModelError",
    "NetworkEmbedder",
    "PictureError",
    "SessionOptions",
    "TrainingError",
    "crops_of",
    "embed_detections",
    "load_embedder",
    "read_picture",
    "trim_uniform_border",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'detector' has no attribute {name!r}")
    return getattr(import_module(f"detector.{_MODULE_OF[name]}"), name)
