"""The detector: a picture in, :class:`~detector.detections.Detections` in its pixels out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from detector.boxes import FloatArray, clip_boxes, nms
from detector.decode import DecodeSettings, decode
from detector.detections import Detections
from detector.errors import ModelError, PictureError
from detector.golden import golden_faults
from detector.letterbox import Letterbox
from detector.manifest import DEFAULT_MODEL as DEFAULT_MODEL
from detector.manifest import SHIPPED_MODELS as SHIPPED_MODELS
from detector.manifest import Colour, Manifest, manifest_path_of, read_manifest, read_weights
from detector.network_check import input_name_of, warm_up
from detector.pictures import read_picture
from detector.scale import search_scale
from detector.session import OnnxSession, SessionOptions
from detector.tiling import Tile, cut_at_inner_border, tiles_for

#: Class of a front unit on the shelf, by convention of every model with a catalogue beside it.
PRODUCT = "product"
#: Class of an empty place.
GAP = "gap"

#: Longest side to which the search for a scale enlarges a picture: about twenty tiles.
MAX_SEARCHED_PX = 4096
#: Largest side of one network input when a picture is worked on at a chosen scale.
MAX_INPUT_PX = 1280
#: Of two boxes from neighbouring tiles, the weaker goes when this much of the smaller is shared.
TILE_CONTAINED = 0.8


class Detector:
    """A loaded model. Safe to share between threads: it holds no state after construction."""

    def __init__(self, manifest: Manifest, session: OnnxSession, manifest_path: Path) -> None:
        """Check that the network fits ``manifest`` and warm it up; see :meth:`load`."""
        self.manifest = manifest
        self.manifest_path = manifest_path
        self._session = session
        self._input_name = input_name_of(session, manifest, str(manifest_path))
        self._settings = DecodeSettings(
            kind=manifest.decoder,
            box_unit=manifest.box_unit,
            thresholds=np.array([spec.threshold for spec in manifest.classes], dtype=np.float32),
            nms_ious=np.array(
                [spec.nms_iou or manifest.nms_iou for spec in manifest.classes], dtype=np.float32
            ),
            max_detections=manifest.max_detections,
        )
        warm_up(session, self._input_name, manifest, str(manifest_path))

    @classmethod
    def load(
        cls, path: Path | str | None = None, options: SessionOptions | None = None
    ) -> Detector:
        """Load a model folder, an ``.onnx`` file or a manifest; None is the shipped model.

        Raises :class:`~detector.errors.ModelError` when the manifest is wrong, the weights are
        not the ones it names, the network's input or output does not fit it, or the model does
        not find in its golden picture what the manifest says.
        """
        manifest_path = manifest_path_of(None if path is None else Path(path))
        manifest = read_manifest(manifest_path)
        weights = read_weights(manifest, manifest_path)
        loaded = cls(manifest, OnnxSession(weights, options), manifest_path)
        loaded._check_golden()
        return loaded

    def with_thresholds(self, thresholds: Mapping[str, float]) -> Detector:
        """The same network with other score thresholds, by class name; shares the session.

        Raises :class:`~detector.errors.ModelError` for a class that the model does not have.
        """
        unknown = sorted(set(thresholds) - set(self.class_names))
        if unknown:
            raise ModelError(
                f"thresholds: expected some of {', '.join(self.class_names)}, "
                f"found {', '.join(unknown)}"
            )
        classes = tuple(
            spec.model_copy(update={"threshold": thresholds.get(spec.name, spec.threshold)})
            for spec in self.manifest.classes
        )
        manifest = self.manifest.model_copy(update={"classes": classes})
        return Detector(manifest, self._session, self.manifest_path)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names that the class ids of every result index."""
        return self.manifest.class_names

    @property
    def identity(self) -> str:
        """``sha256:...`` of the weights, for events and logs."""
        return f"sha256:{self.manifest.sha256}"

    @property
    def providers(self) -> tuple[str, ...]:
        """Execution providers in use, in order."""
        return self._session.providers

    def detect(self, image_bgr: NDArray[np.uint8]) -> Detections:
        """Detections of the whole picture, its longer side brought to the model's input size.

        ``image_bgr``: uint8 (H, W, 3). Raises :class:`~detector.errors.PictureError` for any
        other array.
        """
        check_picture(image_bgr)
        return self._detect_in(image_bgr, self.manifest.input.size_px / max(image_bgr.shape[:2]))

    def input_of(self, image_bgr: NDArray[np.uint8]) -> FloatArray:
        """What :meth:`detect` gives the network for a picture: float32 (1, 3, height, width)."""
        check_picture(image_bgr)
        height, width = image_bgr.shape[:2]
        letterbox = self._letterbox(width, height, self.manifest.input.size_px / max(height, width))
        return self._tensor(letterbox.apply(image_bgr))

    def detect_tiled(
        self,
        image_bgr: NDArray[np.uint8],
        *,
        scale: float | None = None,
        facing_width_px: float | None = None,
    ) -> Detections:
        """Detections at a chosen scale, in overlapping tiles where one input cannot hold it.

        Give ``scale`` (input px per picture px) or ``facing_width_px``, the width in the picture
        of a typical facing, which is then brought to the middle of the range that the model was
        trained on. Boxes that a tile cuts are taken from the neighbour that sees all of them.
        """
        check_picture(image_bgr)
        if (scale is None) == (facing_width_px is None):
            raise ValueError("detect_tiled: expected either scale or facing_width_px")
        if scale is None:
            assert facing_width_px is not None
            scale = self.best_facing_px / facing_width_px
        if not 0 < scale < 64:
            raise ValueError(f"detect_tiled: scale must be above 0 and below 64, got {scale}")
        height, width = image_bgr.shape[:2]
        tiles = tiles_for((width, height), self._tile_px(scale), self._overlap_px(scale))
        parts = list(self._tile_detections(image_bgr, tiles, scale))
        merged = Detections.concatenate(parts)
        if len(tiles) == 1:
            return merged
        kept = nms(
            merged.boxes_xyxy_px,
            merged.scores,
            self._settings.nms_ious[merged.class_ids],
            class_ids=merged.class_ids,
            view_ids=np.repeat(np.arange(len(parts)), [len(part) for part in parts]),
            contained_threshold=TILE_CONTAINED,
        )
        return merged.select(kept)

    def detect_at_best_scale(
        self, image_bgr: NDArray[np.uint8], *, max_scale: float = 2.0, max_looks: int = 4
    ) -> Detections:
        """Detections of a photograph of unknown scale.

        The picture is looked at whole, at the input's size and at half of it (close-ups); the
        width of a typical facing there says at which scale facings have the size that the model
        knows best, and the picture is looked at again at that scale. The look that explains most
        of the picture wins. ``max_scale`` bounds enlarging: invented pixels help little.
        """
        check_picture(image_bgr)
        height, width = image_bgr.shape[:2]
        whole = self.manifest.input.size_px / max(height, width)
        largest = max(whole, min(max_scale, MAX_SEARCHED_PX / max(height, width)))
        product = PRODUCT if PRODUCT in self.class_names else self.class_names[0]
        _, found = search_scale(
            lambda scale: self.detect_tiled(image_bgr, scale=scale),
            (whole, whole / 2),
            self.best_facing_px,
            largest,
            max_looks,
            product,
        )
        return found

    @property
    def best_facing_px(self) -> float:
        """Facing width in the input that the model knows best: the middle of its range."""
        smallest, largest = self.manifest.facing_px
        return float(np.sqrt(smallest * largest))

    def _detect_in(self, image_bgr: NDArray[np.uint8], scale: float) -> Detections:
        """One run of the network on the picture at ``scale`` input px per picture px."""
        height, width = image_bgr.shape[:2]
        letterbox = self._letterbox(width, height, scale)
        output = self._session.run(self._input_name, self._tensor(letterbox.apply(image_bgr)))
        input_size_px = letterbox.input_width_px, letterbox.input_height_px
        boxes, scores, class_ids = decode(output, self._settings, input_size_px)
        placed = clip_boxes(letterbox.picture_from_input(boxes), width, height)
        sides = placed[:, 2:] - placed[:, :2]
        visible = (sides > 0).all(axis=1)
        return Detections(placed[visible], scores[visible], class_ids[visible], self.class_names)

    def _letterbox(self, width: int, height: int, scale: float) -> Letterbox:
        """A picture of so many px at ``scale``, in the smallest input that holds it.

        Most pictures are no squares, and padding costs as much time as picture does.
        """
        spec = self.manifest.input
        multiple = spec.any_size_multiple_px
        size_px = spec.size_px, spec.size_px
        if multiple is not None:
            size_px = _rounded_up(width * scale, multiple), _rounded_up(height * scale, multiple)
        return Letterbox.fit((width, height), size_px, max_scale=scale)

    def _tile_detections(
        self, image_bgr: NDArray[np.uint8], tiles: list[Tile], scale: float
    ) -> Iterator[Detections]:
        height, width = image_bgr.shape[:2]
        for tile in tiles:
            crop = np.ascontiguousarray(image_bgr[tile.y1 : tile.y2, tile.x1 : tile.x2])
            found = self._detect_in(crop, scale)
            boxes = found.boxes_xyxy_px
            cut = cut_at_inner_border(boxes, tile, (width, height), border_px=2.0 / scale)
            offset = np.array([tile.x1, tile.y1] * 2, dtype=np.float32)
            yield found.with_boxes(boxes + offset).select(~cut)

    def _tile_px(self, scale: float) -> int:
        largest = MAX_INPUT_PX
        if self.manifest.input.any_size_multiple_px is None:
            largest = self.manifest.input.size_px
        # The scale may itself be a rounded quotient; without the allowance a picture that just
        # fits would be cut in two.
        return max(1, int(largest / scale + 1e-3))

    def _overlap_px(self, scale: float) -> int:
        # A facing as wide as the model can know must fit whole into one of two neighbours.
        return round(1.25 * self.manifest.facing_px[1] / scale)

    def _tensor(self, boxed_bgr: NDArray[np.uint8]) -> FloatArray:
        swap = self.manifest.input.colour is Colour.RGB
        blob = cv2.dnn.blobFromImage(boxed_bgr, self.manifest.input.scale, swapRB=swap)
        return np.asarray(blob, dtype=np.float32)

    def _check_golden(self) -> None:
        golden = self.manifest.golden
        if golden is None:
            return
        where = f"{self.manifest_path}: golden"
        try:
            picture = read_picture(self.manifest_path.parent / golden.picture)
        except PictureError as error:
            raise ModelError(f"{where}.picture: {error}") from error
        found = self.detect(picture)
        faults = golden_faults(golden, found, self.manifest.thresholds)
        if faults:
            raise ModelError(
                f"{where}: expected the {len(golden.detections)} detections of the manifest in "
                f"{golden.picture}, found {len(found)} and {len(faults)} differences; the first: "
                f"{faults[0]}. The model does not see what it saw when it was made: copy the "
                "folder again, or remove `golden` if the manifest was changed on purpose"
            )


def check_picture(image_bgr: NDArray[np.uint8]) -> None:
    """Raise :class:`~detector.errors.PictureError` unless it is uint8 (H, W, 3), not empty."""
    if not isinstance(image_bgr, np.ndarray):
        raise PictureError(
            f"picture: expected a uint8 array (H, W, 3), found {type(image_bgr).__name__}"
        )
    shape = image_bgr.shape
    if image_bgr.dtype != np.uint8 or len(shape) != 3 or shape[2] != 3 or 0 in shape:
        raise PictureError(
            f"picture: expected a uint8 array (H, W, 3) in BGR, found {image_bgr.dtype} {shape}"
        )


def _rounded_up(side: float, multiple: int) -> int:
    return max(1, int(np.ceil(round(side) / multiple))) * multiple
