"""Keyframes of an RTSP stream."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

import av
import numpy as np

from edge_agent.sources.settings import RtspSettings
from edge_agent.sources.source import Grab, SourceError

_READ_SECS = 5.0
_CLOSE_SECS = 1.0

# Without these the library watches the stream for 5 s to learn its frame rate, which nobody asks.
_OPTIONS = {"fflags": "discardcorrupt", "fpsprobesize": "0", "analyzeduration": "2000000"}


class RtspSource:
    """Gives the newest keyframe of a stream that a thread of its own keeps reading.

    The stream must be read all the time: what is left unread piles up in buffers, and a look
    every few seconds would fall further and further behind. Only packets that hold a keyframe
    are decoded. Opening and reading are bounded by the library's interrupt, and a grab by
    ``timeout_secs``, whether the camera sends nothing, garbage or no keyframes.
    """

    def __init__(self, settings: RtspSettings) -> None:
        self._settings = settings
        self._name = settings.shown
        self._news = threading.Condition()
        self._newest: Grab | None = None
        self._failure: str | None = None
        self._is_closed = threading.Event()
        url = self._url_with_credentials()
        self._reader = threading.Thread(target=self._read, args=(url,), name="rtsp", daemon=True)
        self._reader.start()

    def grab(self) -> Grab:
        """Return the newest keyframe that was not given before; see `Source.grab`."""
        end_secs = time.monotonic() + self._settings.timeout_secs
        with self._news:
            while self._newest is None:
                if self._failure is not None:
                    raise SourceError(f"{self._name}: {self._failure}")
                if self._is_closed.is_set():
                    raise SourceError(f"{self._name}: closed")
                left_secs = end_secs - time.monotonic()
                if left_secs <= 0:
                    raise SourceError(
                        f"{self._name}: no keyframe within {self._settings.timeout_secs:g} s"
                    )
                self._news.wait(left_secs)
            newest, self._newest = self._newest, None
        return newest

    def close(self) -> None:
        """Stop reading. A reader that is stuck in a read ends by itself when its time is up."""
        self._is_closed.set()
        with self._news:
            self._news.notify_all()
        self._reader.join(_CLOSE_SECS)

    @property
    def _read_secs(self) -> float:
        return min(_READ_SECS, self._settings.timeout_secs)

    def _url_with_credentials(self) -> str:
        try:
            credentials = self._settings.credentials()
        except (OSError, UnicodeDecodeError) as error:
            raise SourceError(f"{self._name}: password_file cannot be read: {error}") from error
        if credentials is None:
            return self._settings.address
        user, password = (quote(part, safe="") for part in credentials)
        parts = urlsplit(self._settings.address)
        return parts._replace(netloc=f"{user}:{password}@{parts.netloc}").geturl()

    def _read(self, url: str) -> None:
        try:
            self._read_stream(url)
            failure = "the camera ended the stream"
        except (av.FFmpegError, OSError, ValueError) as error:
            # Only the reason: the library's full text repeats the URL with its credentials.
            reason = getattr(error, "strerror", None) or type(error).__name__
            failure = f"the stream broke: {reason}"
        with self._news:
            self._failure = failure
            self._news.notify_all()

    def _read_stream(self, url: str) -> None:
        options = {"rtsp_transport": self._settings.transport, **_OPTIONS}
        container = av.open(
            url, options=options, timeout=(self._settings.timeout_secs, self._read_secs)
        )
        with container:
            if not container.streams.video:
                raise ValueError("no video")
            stream = container.streams.video[0]
            decoder = stream.codec_context
            for packet in container.demux(stream):
                if self._is_closed.is_set():
                    return
                if not packet.is_keyframe or packet.size == 0:
                    continue
                received_at_utc = datetime.now(UTC)
                # A decoder keeps pictures back to put them in order: two keyframes late, with
                # the B frames of many cameras. Each one is drained and the next begins anew.
                for frame in (*decoder.decode(packet), *decoder.decode(None)):
                    image = np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8)
                    with self._news:
                        self._newest = Grab(image, received_at_utc)
                        self._news.notify_all()
                decoder.flush_buffers()
