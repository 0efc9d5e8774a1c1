"""Pictures and videos that tests can recognise again."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray


def numbered(number: int, size_px: tuple[int, int] = (320, 240)) -> NDArray[np.uint8]:
    """Return a picture whose ten columns are bright where ``number`` has a bit set."""
    width_px, height_px = size_px
    image = np.full((height_px, width_px, 3), 40, np.uint8)
    for bit in range(10):
        if number >> bit & 1:
            image[:, bit * width_px // 10 : (bit + 1) * width_px // 10] = 220
    return image


def number_in(image_bgr: NDArray[np.uint8]) -> int:
    """Return the number in a picture of `numbered`."""
    height_px, width_px = image_bgr.shape[:2]
    columns = [(bit * 2 + 1) * width_px // 20 for bit in range(10)]
    grey = image_bgr[height_px // 4 : height_px // 2].mean(axis=(0, 2))
    return sum(1 << bit for bit, column in enumerate(columns) if grey[column] > 128)


def jpeg(number: int) -> bytes:
    """Return a picture of `numbered` as JPEG."""
    return cv2.imencode(".jpg", numbered(number))[1].tobytes()


def write_video(
    path: Path, numbers: range, rate: int = 5, keyframe_every: int = 5, b_frames: int = 0
) -> Path:
    """Write an MP4 (H.264) with one picture of `numbered` a frame."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.gop_size = keyframe_every
        stream.max_b_frames = b_frames
        stream.options = {"preset": "ultrafast", "sc_threshold": "0", "b-adapt": "0"}
        for number in numbers:
            frame = av.VideoFrame.from_ndarray(numbered(number), format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
