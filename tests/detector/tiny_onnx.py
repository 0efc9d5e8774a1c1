"""ONNX files of a few hundred bytes, written by hand so that no test needs the onnx package.

The network ignores its picture and answers with a constant tensor.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FLOAT = 1


def constant_network(
    output: NDArray[np.float32], input_shape: tuple[int | str, ...] = (1, 3, 64, 64)
) -> bytes:
    """Bytes of a network ``images`` -> ``output0``; a text in ``input_shape`` is a free side."""
    tensor = b"".join(_number(1, side) for side in output.shape)
    tensor += _number(2, FLOAT) + _text(8, "c") + _bytes(9, output.astype("<f4").tobytes())
    node = _text(1, "c") + _text(2, "output0") + _text(4, "Identity")
    graph = _bytes(1, node) + _text(2, "constant") + _bytes(5, tensor)
    graph += _bytes(11, _value("images", input_shape))
    graph += _bytes(12, _value("output0", output.shape))
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, _number(2, 17))


def _value(name: str, shape: tuple[int | str, ...]) -> bytes:
    sides = b"".join(
        _bytes(1, _text(2, side) if isinstance(side, str) else _number(1, side)) for side in shape
    )
    tensor_type = _number(1, FLOAT) + _bytes(2, sides)
    return _text(1, name) + _bytes(2, _bytes(1, tensor_type))


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())
