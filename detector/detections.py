"""What a detector found in one picture, as a struct of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.boxes import BoolArray, FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """n detections in one picture.

    ``boxes_xyxy_px``: float32 (n, 4), left, top, right, bottom in the picture's pixels.
    ``scores``: float32 (n,), 0..1.
    ``class_ids``: int64 (n,), an index into ``class_names``.
    ``class_names``: what the ids mean, the same for every picture of one model.
    ``embeddings``: float32 (n, d) or None, one vector per detection.

    Construction checks all of this and raises :class:`ValueError`; arrays are not copied when
    they already have the right type, and nothing in this package writes into them.
    """

    boxes_xyxy_px: FloatArray
    scores: FloatArray
    class_ids: NDArray[np.int64]
    class_names: tuple[str, ...]
    embeddings: FloatArray | None = None

    def __post_init__(self) -> None:
        boxes = np.asarray(self.boxes_xyxy_px, dtype=np.float32)
        scores = np.asarray(self.scores, dtype=np.float32)
        class_ids = np.asarray(self.class_ids, dtype=np.int64)
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise ValueError(f"boxes_xyxy_px: expected shape (n, 4), got {boxes.shape}")
        count = len(boxes)
        for name, array in (("scores", scores), ("class_ids", class_ids)):
            if array.shape != (count,):
                raise ValueError(f"{name}: expected shape ({count},), got {array.shape}")
        if not np.isfinite(boxes).all() or not np.isfinite(scores).all():
            raise ValueError("boxes_xyxy_px and scores: expected finite numbers, got nan or inf")
        if count and (boxes[:, 2:] < boxes[:, :2]).any():
            raise ValueError("boxes_xyxy_px: expected x1 <= x2 and y1 <= y2 in every row")
        if count and (class_ids.min() < 0 or class_ids.max() >= len(self.class_names)):
            raise ValueError(
                f"class_ids: expected 0..{len(self.class_names) - 1}, "
                f"got {class_ids.min()}..{class_ids.max()}"
            )
        object.__setattr__(self, "boxes_xyxy_px", boxes)
        object.__setattr__(self, "scores", scores)
        object.__setattr__(self, "class_ids", class_ids)
        object.__setattr__(self, "class_names", tuple(self.class_names))
        if self.embeddings is not None:
            embeddings = np.asarray(self.embeddings, dtype=np.float32)
            if embeddings.ndim != 2 or len(embeddings) != count:
                raise ValueError(f"embeddings: expected shape ({count}, d), got {embeddings.shape}")
            object.__setattr__(self, "embeddings", embeddings)

    @classmethod
    def empty(cls, class_names: Sequence[str] = ()) -> Detections:
        """No detections."""
        return cls(
            boxes_xyxy_px=np.zeros((0, 4), dtype=np.float32),
            scores=np.zeros(0, dtype=np.float32),
            class_ids=np.zeros(0, dtype=np.int64),
            class_names=tuple(class_names),
        )

    @classmethod
    def concatenate(cls, parts: Sequence[Detections]) -> Detections:
        """All detections of several results, in order.

        Raises :class:`ValueError` when the parts name classes differently, or when only some of
        them carry embeddings.
        """
        if not parts:
            return cls.empty()
        names = parts[0].class_names
        if any(part.class_names != names for part in parts):
            raise ValueError(f"class_names: expected {names} in every part")
        embeddings = [part.embeddings for part in parts if part.embeddings is not None]
        if embeddings and len(embeddings) != len(parts):
            raise ValueError("embeddings: expected in every part or in none")
        return cls(
            boxes_xyxy_px=np.concatenate([part.boxes_xyxy_px for part in parts]),
            scores=np.concatenate([part.scores for part in parts]),
            class_ids=np.concatenate([part.class_ids for part in parts]),
            class_names=names,
            embeddings=np.concatenate(embeddings) if embeddings else None,
        )

    def __len__(self) -> int:
        return len(self.boxes_xyxy_px)

    def select(self, mask_or_indices: BoolArray | NDArray[np.integer[Any]]) -> Detections:
        """The detections that a boolean mask (n,) or an index array picks, in its order."""
        picked = np.asarray(mask_or_indices)
        if picked.dtype == np.bool_ and picked.shape != (len(self),):
            raise ValueError(f"mask: expected shape ({len(self)},), got {picked.shape}")
        if picked.size == 0 and picked.dtype != np.bool_:
            picked = np.zeros(0, dtype=np.int64)
        return Detections(
            boxes_xyxy_px=self.boxes_xyxy_px[picked],
            scores=self.scores[picked],
            class_ids=self.class_ids[picked],
            class_names=self.class_names,
            embeddings=None if self.embeddings is None else self.embeddings[picked],
        )

    def of_class(self, name: str) -> Detections:
        """The detections of one class; none when the model does not know the class."""
        if name not in self.class_names:
            return self.select(np.zeros(len(self), dtype=np.bool_))
        return self.select(self.class_ids == self.class_names.index(name))

    def with_boxes(self, boxes_xyxy_px: FloatArray) -> Detections:
        """The same detections at other places (a crop's offset, another frame of reference)."""
        return replace(self, boxes_xyxy_px=boxes_xyxy_px)

    def with_embeddings(self, embeddings: FloatArray) -> Detections:
        """The same detections, each with its vector (n, d)."""
        return replace(self, embeddings=embeddings)

    def names(self) -> list[str]:
        """The class name of each detection."""
        return [self.class_names[index] for index in self.class_ids]
