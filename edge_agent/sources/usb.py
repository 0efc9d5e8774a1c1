"""A camera at this computer."""

from __future__ import annotations

import threading

import cv2
import numpy as np

from edge_agent.sources.settings import UsbSettings
from edge_agent.sources.source import Grab, SourceError

_BUFFERED_FRAMES = 4
_CLOSE_SECS = 1.0


class UsbSource:
    """Gives what the camera sees now, not what its driver has kept since the last look."""

    def __init__(self, settings: UsbSettings) -> None:
        self._name = f"usb camera {settings.device}"
        self._using = threading.Lock()
        self._capture = cv2.VideoCapture(settings.device)
        if not self._capture.isOpened():
            self._capture.release()
            raise SourceError(f"{self._name}: cannot be opened; is it plugged in and not in use?")
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        if settings.width_px is not None and settings.height_px is not None:
            # Uncompressed pictures of this size do not fit through USB 2 on most cameras.
            self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, settings.width_px)
            self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, settings.height_px)

    def grab(self) -> Grab:
        """Return the newest picture; see `Source.grab`."""
        with self._using:
            for _ in range(_BUFFERED_FRAMES):
                self._capture.grab()
            good, image = self._capture.read()
        if not good or image is None or image.size == 0:
            raise SourceError(f"{self._name}: gave no picture; was it unplugged?")
        return Grab(np.asarray(image, dtype=np.uint8))

    def close(self) -> None:
        """Release the device, unless a driver hangs in a grab: then releasing would crash."""
        if self._using.acquire(timeout=_CLOSE_SECS):
            try:
                self._capture.release()
            finally:
                self._using.release()
