"""Sources that another package brings, found by entry point."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from importlib.metadata import entry_points
from typing import Any, Protocol

from edge_agent.frames import ImageBgr
from edge_agent.sources.settings import SimulatorSettings
from edge_agent.sources.source import EndOfSource, Grab, Source, SourceError
from shelf.errors import ShelfwatchError

GROUP = "shelfwatch.sources"
"""The entry points' group. Each names a factory: settings as a dict -> `PictureGiver`."""


class PictureGiver(Protocol):
    """What a factory returns; it raises ``EOFError`` after its last picture."""

    def grab(self) -> tuple[ImageBgr, datetime | None]:
        """Return a picture and when it was taken."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


def open_simulated(settings: SimulatorSettings) -> Source:
    """Return the source that the entry point ``settings.type`` makes; raises `SourceError`."""
    found = entry_points(group=GROUP, name=settings.type)
    if not found:
        raise SourceError(
            f"{settings.type}: expected an entry point {settings.type!r} in {GROUP}, found none; "
            "install the package that brings it"
        )
    try:
        factory: Callable[[dict[str, Any]], PictureGiver] = next(iter(found)).load()
        giver = factory(settings.model_dump(exclude={"type"}))
    except (ShelfwatchError, ImportError, AttributeError, ValueError, LookupError) as error:
        raise SourceError(f"{settings.type}: cannot be opened: {error}") from error
    return SimulatedSource(giver)


class SimulatedSource:
    """Wraps what the entry point made in the `Source` protocol."""

    def __init__(self, giver: PictureGiver) -> None:
        self._giver = giver

    def grab(self) -> Grab:
        """Return the next picture; see `Source.grab`."""
        try:
            image_bgr, captured_at_utc = self._giver.grab()
        except EOFError as error:
            raise EndOfSource(str(error) or "the simulation has ended") from error
        return Grab(image_bgr, captured_at_utc)

    def close(self) -> None:
        """Close the simulation."""
        self._giver.close()
