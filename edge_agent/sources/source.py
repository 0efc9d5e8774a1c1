"""What every source of pictures is, and how one is opened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from edge_agent.frames import ImageBgr
from edge_agent.sources.settings import (
    FolderSettings,
    HttpSettings,
    RtspSettings,
    SourceSettings,
    UsbSettings,
    VideoSettings,
)
from shelf.errors import ShelfwatchError


class SourceError(ShelfwatchError):
    """A source that gives no picture now; trying again later may help.

    The text names the source and never its credentials.
    """

    exit_code = 1


class EndOfSource(ShelfwatchError):  # noqa: N818 - the end is no fault
    """A source that has given its last picture."""

    exit_code = 1


@dataclass(frozen=True, slots=True, eq=False)
class Grab:
    """A picture and, where the source knows it, when it was taken (aware UTC)."""

    image_bgr: ImageBgr
    captured_at_utc: datetime | None = None


class Source(Protocol):
    """Gives pictures one at a time to one thread."""

    def grab(self) -> Grab:
        """Return the newest picture; waits for it no longer than the source's time limit.

        Raises `SourceError` when there is none now and `EndOfSource` after the last.
        """
        ...

    def close(self) -> None:
        """Let go of everything; may be called twice, and from another thread than `grab`."""
        ...


def open_source(settings: SourceSettings) -> Source:
    """Return the source that ``settings`` describe; raises `SourceError`.

    Each kind is imported when it is asked for, so that none pays for another's libraries.
    """
    if isinstance(settings, FolderSettings):
        from edge_agent.sources.folder import FolderSource

        return FolderSource(settings)
    if isinstance(settings, VideoSettings):
        from edge_agent.sources.video import VideoSource

        return VideoSource(settings)
    if isinstance(settings, HttpSettings):
        from edge_agent.sources.http import HttpSource

        return HttpSource(settings)
    if isinstance(settings, RtspSettings):
        from edge_agent.sources.rtsp import RtspSource

        return RtspSource(settings)
    if isinstance(settings, UsbSettings):
        from edge_agent.sources.usb import UsbSource

        return UsbSource(settings)
    from edge_agent.sources.simulated import open_simulated

    return open_simulated(settings)
