"""Pictures from a video file."""

from __future__ import annotations

import threading
from collections.abc import Generator

import av
import numpy as np

from edge_agent.sources.settings import VideoSettings
from edge_agent.sources.source import EndOfSource, Grab, SourceError


class VideoSource:
    """Gives a picture every ``every_secs`` of video time, the first one first.

    ``at_secs`` is the video time of the last picture given, from the video's beginning.
    """

    def __init__(self, settings: VideoSettings) -> None:
        self._path = settings.path
        self._every_secs = settings.every_secs
        self.at_secs = 0.0
        self._using = threading.Lock()
        try:
            self._container = av.open(str(settings.path))
        except (av.FFmpegError, OSError) as error:
            reason = error.strerror or "data that is no video"
            raise SourceError(f"{settings.path}: expected a video, found: {reason}") from error
        if not self._container.streams.video:
            self._container.close()
            raise SourceError(f"{settings.path}: expected a video, found no picture in it")
        self._frames = self._looks()

    def grab(self) -> Grab:
        """Return the next picture; see `Source.grab`."""
        with self._using:
            found = next(self._frames, None)
        if found is None:
            raise EndOfSource(f"{self._path}: the video has ended")
        return found

    def close(self) -> None:
        """Close the file."""
        with self._using:
            self._frames.close()
            self._container.close()

    def _looks(self) -> Generator[Grab, None, None]:
        stream = self._container.streams.video[0]
        stream.thread_type = "AUTO"
        rate = float(stream.average_rate or 25)
        start_secs: float | None = None
        due_secs = 0.0
        try:
            for number, frame in enumerate(self._container.decode(stream)):
                time_secs = number / rate if frame.time is None else float(frame.time)
                start_secs = time_secs if start_secs is None else start_secs
                # Half a frame early is on time: rates like 29.97 never hit a whole second.
                if time_secs - start_secs < due_secs - 0.5 / rate:
                    continue
                self.at_secs = time_secs - start_secs
                due_secs += self._every_secs * (1 + (self.at_secs - due_secs) // self._every_secs)
                yield Grab(np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8))
        except av.FFmpegError as error:
            raise EndOfSource(
                f"{self._path}: the video breaks off after {self.at_secs:.1f} s ({error.strerror})"
            ) from error
