"""The picture to look at before crops of a photograph become pictures of products."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from edge_agent.catalog_enrol import Enrolment
from edge_agent.frames import ImageBgr

TILE_PX = 110
LABEL_PX = 26
EDGE_PX = 6
OLD, NEW, REFUSED = (150, 150, 150), (120, 170, 60), (60, 50, 220)


def contact_sheet(
    enrolment: Enrolment, names: Mapping[str, str], pictured: Mapping[str, Sequence[ImageBgr]]
) -> ImageBgr:
    """A row per product: its pictures so far framed grey, new ones green, refused ones red.

    ``names`` and ``pictured`` (pictures so far) are by SKU.
    """
    skus = sorted(
        {crop.sku for crop in enrolment.taken} | {item.crop.sku for item in enrolment.refused},
        key=lambda sku: names.get(sku, sku),
    )
    rows = []
    for sku in skus:
        tiles = [(image, OLD) for image in pictured.get(sku, ())]
        tiles += [(crop.image_bgr, NEW) for crop in enrolment.taken if crop.sku == sku]
        tiles += [(i.crop.image_bgr, REFUSED) for i in enrolment.refused if i.crop.sku == sku]
        rows.append((names.get(sku, sku), tiles))
    most = max((len(tiles) for _, tiles in rows), default=1)
    width, tall = max(most, 5) * TILE_PX, LABEL_PX + TILE_PX
    sheet = np.full((max(1, len(rows)) * tall, width, 3), 255, dtype=np.uint8)
    for number, (name, tiles) in enumerate(rows):
        _write(sheet, name, number * tall + LABEL_PX - 8)
        for column, (image, colour) in enumerate(tiles):
            top, left = number * tall + LABEL_PX, column * TILE_PX
            _paste(sheet[top : top + TILE_PX, left : left + TILE_PX], image, colour)
    return sheet


def _paste(tile: ImageBgr, image_bgr: ImageBgr, colour: tuple[int, int, int]) -> None:
    """Draw a picture into ``tile``, fitted and framed, in place."""
    room = TILE_PX - 2 * EDGE_PX
    height, width = image_bgr.shape[:2]
    scale = room / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    x, y = (TILE_PX - size[0]) // 2, (TILE_PX - size[1]) // 2
    tile[y : y + size[1], x : x + size[0]] = cv2.resize(image_bgr, size, interpolation=how)
    cv2.rectangle(tile, (x - 3, y - 3), (x + size[0] + 2, y + size[1] + 2), colour, 3)


def _write(sheet: ImageBgr, text: str, bottom: int) -> None:
    # OpenCV's own font has no letters beyond ASCII.
    plain = text.encode("ascii", "replace").decode()
    cv2.putText(sheet, plain, (EDGE_PX, bottom), 0, 0.5, (40, 40, 40), 1, cv2.LINE_AA)
