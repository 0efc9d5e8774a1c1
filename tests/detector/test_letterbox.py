import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.letterbox import PAD_VALUE, Letterbox

SIDES = st.integers(1, 5000)


@given(width=SIDES, height=SIDES, input_side=st.sampled_from([320, 640, 960]), data=st.data())
def test_boxes_come_back_exactly(width, height, input_side, data):
    """A box taken to the input and back is the same box, for any size of picture."""
    letterbox = Letterbox.fit((width, height), (input_side, input_side))
    x = sorted(data.draw(st.lists(st.floats(0, width), min_size=2, max_size=2)))
    y = sorted(data.draw(st.lists(st.floats(0, height), min_size=2, max_size=2)))
    box = np.array([[x[0], y[0], x[1], y[1]]], dtype=np.float32)
    back = letterbox.picture_from_input(letterbox.input_from_picture(box))
    tolerance = 1e-3 * max(width, height) / 640 + 1e-3
    assert np.abs(back - box).max() <= tolerance


@given(width=SIDES, height=SIDES)
def test_the_whole_picture_lies_inside_the_input(width, height):
    """Nothing of the picture is cut, and at least one side is filled."""
    letterbox = Letterbox.fit((width, height), (640, 640))
    corners = np.array([[0, 0, width, height]], dtype=np.float32)
    x1, y1, x2, y2 = letterbox.input_from_picture(corners)[0]
    assert 0 <= x1 <= x2 <= 640 + 1e-3
    assert 0 <= y1 <= y2 <= 640 + 1e-3
    assert max(x2 - x1, y2 - y1) == pytest.approx(640, abs=1e-3)


def test_padding_is_grey_and_centred():
    """A wide white picture lies between two grey bars."""
    boxed = Letterbox.fit((64, 32), (64, 64)).apply(np.full((32, 64, 3), 255, np.uint8))
    assert (boxed[:16] == PAD_VALUE).all()
    assert (boxed[16:48] == 255).all()
    assert (boxed[48:] == PAD_VALUE).all()


def test_enlarging_can_be_bounded():
    """A small picture keeps its size when it may not be enlarged."""
    letterbox = Letterbox.fit((10, 10), (64, 64), max_scale=1.0)
    assert (letterbox.scale_x, letterbox.pad_left_px) == (1.0, 27)


def test_no_size_is_an_error():
    """A picture without pixels is refused with both sizes in the message."""
    with pytest.raises(ValueError, match="picture 0x5"):
        Letterbox.fit((0, 5), (64, 64))
