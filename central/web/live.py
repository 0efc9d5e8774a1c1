"""From a commit in the collector's thread to every open page, within a second."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

Parts = dict[str, str]
"""The parts of the page as HTML, by name."""

BEAT_SECS = 5.0
"""A silent stream says this often that it lives; it also looks whether it missed a change."""

GATHER_SECS = 0.15
"""Changes that follow one another this fast are drawn once."""

_log = structlog.get_logger()


class Changes:
    """Tells waiting coroutines that the database has changed.

    `notify` may be called from any thread; everything else belongs to the event loop.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()
        self.version = 0
        self.is_closed = False

    def open(self) -> None:
        """Belong to the running event loop."""
        self._loop = asyncio.get_running_loop()
        self.is_closed = False

    def close(self) -> None:
        """End every stream soon."""
        self.is_closed = True
        self._wake()

    def notify(self) -> None:
        """Say that something was committed."""
        loop = self._loop
        if loop is None:
            return
        try:
            loop.call_soon_threadsafe(self._wake)
        except RuntimeError:  # the loop has ended: nobody is left to tell
            self._loop = None

    def _wake(self) -> None:
        self.version += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait(self, seen_version: int, timeout_secs: float) -> None:
        """Return when ``version`` differs from ``seen_version``, or after ``timeout_secs``."""
        if self.version != seen_version or self.is_closed:
            return
        try:
            await asyncio.wait_for(self._changed.wait(), timeout_secs)
        except TimeoutError:
            return


async def stream(
    changes: Changes,
    draw: Callable[[], Awaitable[Parts]],
    is_welcome: Callable[[], Awaitable[bool]] | None = None,
    beat_secs: float = BEAT_SECS,
    gather_secs: float = GATHER_SECS,
) -> AsyncIterator[str]:
    """Yield server-sent events: ``parts`` that differ from what was sent, else a ``beat``.

    It ends when the reader ``is_welcome`` no more. The first event holds all parts. A database
    that does not answer gives silence, which the page shows as such.
    """
    sent: Parts = {}
    yield "retry: 1000\n\n"
    while not changes.is_closed:
        version = changes.version
        try:
            if is_welcome is not None and not await is_welcome():
                return
            parts = await draw()
        except SQLAlchemyError as error:
            _log.warning("web.not_drawn", error=str(error))
        else:
            news = {name: html for name, html in parts.items() if sent.get(name) != html}
            sent = parts
            yield _message("parts", {"parts": news}) if news else _message("beat", {})
        await changes.wait(version, beat_secs)
        if not changes.is_closed:
            await asyncio.sleep(gather_secs)


def _message(event: str, data: dict[str, object]) -> str:
    text = json.dumps({"at": datetime.now(UTC).isoformat(), **data})
    return f"event: {event}\ndata: {text}\n\n"
