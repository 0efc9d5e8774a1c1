"""The embedding network: crops of facings in, unit vectors out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray
from detector.embedding import ColourLayoutEmbedder, Embedder, KnownRule, check_crop, unit_rows
from detector.errors import ModelError, PictureError
from detector.letterbox import Letterbox
from detector.manifest import MANIFEST_NAME, Colour, read_weights
from detector.pictures import read_picture
from detector.recogniser_manifest import EmbedderManifest, Fit, read_embedder_manifest
from detector.session import OnnxSession, SessionOptions

#: The embedding network that ships with this package, when one does.
SHIPPED_EMBEDDER = Path(__file__).parent / "models" / "shelf-embed"

#: The network's input and output, by name.
INPUT, OUTPUT = "crops", "vectors"


class NetworkEmbedder:
    """An `Embedder` by a network. Safe to share between threads: no state after construction."""

    def __init__(self, manifest: EmbedderManifest, session: OnnxSession, folder: Path) -> None:
        """Check that the network fits ``manifest`` and embeds its golden crop; see :meth:`load`."""
        self.manifest = manifest
        self._session = session
        self._where = str(folder / MANIFEST_NAME)
        self._mean = np.array(manifest.input.mean, dtype=np.float32)[None, :, None, None]
        self._std = np.array(manifest.input.std, dtype=np.float32)[None, :, None, None]
        self._check_network()
        self._check_golden(folder)

    @classmethod
    def load(cls, folder: Path, options: SessionOptions | None = None) -> NetworkEmbedder:
        """Load a model folder.

        Raises :class:`~detector.errors.ModelError` when the manifest is wrong, the weights are
        not the ones it names, the network does not fit it, or it embeds the golden crop
        differently than when it was measured.
        """
        manifest = read_embedder_manifest(folder)
        return cls(
            manifest, OnnxSession(read_weights(manifest, folder / MANIFEST_NAME), options), folder
        )

    @property
    def identity(self) -> str:
        """Name, version, hash of the weights, and a hash of how crops are prepared."""
        prepared = hashlib.sha256(self.manifest.input.model_dump_json().encode()).hexdigest()
        manifest = self.manifest
        return f"{manifest.name}-{manifest.version}/sha256:{manifest.sha256}/{prepared[:8]}"

    @property
    def dimension(self) -> int:
        """Length of each vector."""
        return self.manifest.dimension

    @property
    def reference_widths_px(self) -> tuple[int, ...]:
        """Widths that a catalogue's picture is shrunk to."""
        return self.manifest.reference_widths_px

    @property
    def known(self) -> KnownRule:
        """When the best product of a catalogue is the answer."""
        return self.manifest.known.known_rule

    @property
    def stranger(self) -> KnownRule:
        """When a facing is another product than planned."""
        return (self.manifest.stranger or self.manifest.known).known_rule

    def embed(self, crops_bgr: Sequence[NDArray[np.uint8]]) -> FloatArray:
        """One unit vector per crop, float32 (n, dimension), in runs of ``manifest.batch``.

        Raises :class:`~detector.errors.PictureError` for a crop that is not uint8 (H, W, 3).
        """
        for crop in crops_bgr:
            check_crop(crop)
        step = self.manifest.batch
        parts = [
            self._session.run(INPUT, self._tensor(crops_bgr[start : start + step]))
            for start in range(0, len(crops_bgr), step)
        ]
        if not parts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        return unit_rows(np.concatenate(parts))

    def _tensor(self, crops_bgr: Sequence[NDArray[np.uint8]]) -> FloatArray:
        spec = self.manifest.input
        boxed = [_fitted(crop, spec.size_px, spec.fit) for crop in crops_bgr]
        swap = spec.colour is Colour.RGB
        blob = np.asarray(cv2.dnn.blobFromImages(boxed, spec.scale, swapRB=swap), dtype=np.float32)
        return np.asarray((blob - self._mean) / self._std, dtype=np.float32)

    def _check_network(self) -> None:
        side = self.manifest.input.size_px
        inputs, outputs = self._session.inputs, self._session.outputs
        names = [info.name for info in inputs], [info.name for info in outputs[:1]]
        if names != ([INPUT], [OUTPUT]):
            raise ModelError(
                f"{self._where}: expected a network {INPUT!r} -> {OUTPUT!r}, found "
                f"{', '.join(names[0])} -> {', '.join(names[1])}"
            )
        if not _fits(inputs[0].shape, (3, side, side)):
            raise ModelError(
                f"{self._where}: input.size_px: expected {INPUT} [any, 3, {side}, {side}], "
                f"found {_words(inputs[0].shape)}"
            )
        if inputs[0].element_type != "tensor(float)":
            raise ModelError(
                f"{self._where}: expected float32 {INPUT}, found {inputs[0].element_type}"
            )

    def _check_golden(self, folder: Path) -> None:
        """Embed the golden crop, which also shows the output's real shape and warms up."""
        golden = self.manifest.golden
        try:
            picture = read_picture(folder / golden.file)
        except PictureError as error:
            raise ModelError(f"{self._where}: golden.file: {error}") from error
        try:
            # Two at once: a network with a fixed batch of one fails here, not in a store.
            vectors = self._session.run(INPUT, self._tensor([picture, picture]))
        except Exception as error:  # the runtime raises many unrelated types
            raise ModelError(f"{self._where}: the network does not run: {error}") from error
        if vectors.shape != (2, self.dimension):
            raise ModelError(
                f"{self._where}: dimension: expected {OUTPUT} [2, {self.dimension}] for two "
                f"crops, found {list(vectors.shape)}"
            )
        head = np.array(golden.vector_head, dtype=np.float32)
        off = float(np.abs(unit_rows(vectors)[:, : len(head)] - head).max())
        if not off <= golden.tolerance:
            raise ModelError(
                f"{self._where}: golden: expected the vector of {golden.file} within "
                f"{golden.tolerance:g} of vector_head, found a difference of {off:.3g}; "
                "the weights or the input's settings are not those that were measured"
            )


def load_embedder(folder: Path | None = None) -> Embedder:
    """The embedder in a model folder; None is the one to use when none is named.

    That is the network that ships with this package, or the colour layout where none does.
    Raises :class:`~detector.errors.ModelError`, see :meth:`NetworkEmbedder.load`.
    """
    return _shipped() if folder is None else NetworkEmbedder.load(folder)


@cache
def _shipped() -> Embedder:
    if (SHIPPED_EMBEDDER / MANIFEST_NAME).is_file():
        return NetworkEmbedder.load(SHIPPED_EMBEDDER)
    return ColourLayoutEmbedder()


def _fitted(crop_bgr: NDArray[np.uint8], size_px: int, fit: Fit) -> NDArray[np.uint8]:
    height, width = crop_bgr.shape[:2]
    if fit is Fit.LETTERBOX:
        return Letterbox.fit((width, height), (size_px, size_px)).apply(crop_bgr)
    how = cv2.INTER_AREA if min(height, width) > size_px else cv2.INTER_LINEAR
    resized = cv2.resize(crop_bgr, (size_px, size_px), interpolation=how)
    return np.asarray(resized, dtype=np.uint8)


def _fits(shape: tuple[int | None, ...], wanted: tuple[int, int, int]) -> bool:
    if len(shape) != 4 or shape[0] is not None:
        return False
    return all(side in (None, want) for side, want in zip(shape[1:], wanted, strict=True))


def _words(shape: tuple[int | None, ...]) -> str:
    return "[" + ", ".join("any" if side is None else str(side) for side in shape) + "]"
