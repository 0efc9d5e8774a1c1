from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detector.tiling import Tile, cut_at_inner_border, tiles_for


@given(
    width=st.integers(1, 4000),
    height=st.integers(1, 4000),
    tile=st.integers(100, 1500),
    overlap=st.integers(0, 400),
)
def test_tiles_cover_the_picture(width, height, tile, overlap):
    """Every pixel lies in a tile, no tile is too large, neighbours overlap enough."""
    tiles = tiles_for((width, height), tile, overlap)
    for side, spans in (
        (width, sorted({(t.x1, t.x2) for t in tiles})),
        (height, sorted({(t.y1, t.y2) for t in tiles})),
    ):
        assert spans[0][0] == 0
        assert spans[-1][1] == side
        assert all(end - start <= tile for start, end in spans)
        needed = min(overlap, tile // 2)
        for (_, end), (start, _) in pairwise(spans):
            assert end - start >= needed - 1


def test_only_inner_borders_cut():
    """A box at the picture's own edge is whole as far as anyone can know."""
    boxes = np.array([[0, 10, 20, 20], [80, 10, 100, 20], [40, 40, 60, 60]], np.float32)
    left = Tile(0, 0, 100, 100)
    assert cut_at_inner_border(boxes, left, (200, 100), 2).tolist() == [False, True, False]
    assert not cut_at_inner_border(boxes, left, (100, 100), 2).any()
