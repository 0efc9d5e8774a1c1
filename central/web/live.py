"""From a commit in the collector's thread to every open page, within a second."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

Parts = dict[str, str]
"""The parts of the page as HTML, by name."""

BEAT_SECS = 5.0
"""A silent stream says this often that it lives; it also looks whether it missed a change."""

GATHER_SECS = 0.15
"""Changes that follow one another this fast are drawn once."""

KEPT_SNAPSHOTS = 300
"""How many drawings are kept for pages that come back."""

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


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All parts of a page at one time, and the name under which they are kept."""

    id: str
    parts: Parts


class History:
    """The last snapshots: a page that comes back gets only what it missed."""

    def __init__(self, size: int = KEPT_SNAPSHOTS) -> None:
        self._size = size
        self._kept: OrderedDict[str, Snapshot] = OrderedDict()
        self._boot = secrets.token_hex(4)
        self._count = 0

    def keep(self, parts: Parts) -> Snapshot:
        """Return ``parts`` under a new name."""
        self._count += 1
        snapshot = Snapshot(f"{self._boot}-{self._count}", parts)
        self._kept[snapshot.id] = snapshot
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)
        return snapshot

    def find(self, name: str | None) -> Snapshot | None:
        """Return a snapshot, or None for one that is unknown or too old."""
        return self._kept.get(name or "")


async def stream(
    changes: Changes,
    draw: Callable[[], Awaitable[Snapshot]],
    known: Snapshot | None = None,
    is_welcome: Callable[[], Awaitable[bool]] | None = None,
    beat_secs: float = BEAT_SECS,
    gather_secs: float = GATHER_SECS,
) -> AsyncIterator[str]:
    """Yield server-sent events: ``parts`` that differ from what the page has, else a ``beat``.

    A part that is gone is None. ``known`` is what the page has; without it the first event says
    ``all``: what it does not name is gone. The stream ends when the reader ``is_welcome`` no
    more. A database that does not answer gives silence, which the page shows as such.
    """
    yield "retry: 1000\n\n"
    while not changes.is_closed:
        version = changes.version
        try:
            if is_welcome is not None and not await is_welcome():
                return
            now = await draw()
        except SQLAlchemyError as error:
            _log.warning("web.not_drawn", error=str(error))
        else:
            news = _news(known.parts if known else {}, now.parts)
            if news or known is None:
                yield _message("parts", now.id, {"all": known is None, "parts": news})
            else:
                yield _message("beat", now.id, {})
            known = now
        await changes.wait(version, beat_secs)
        if not changes.is_closed:
            await asyncio.sleep(gather_secs)


def _news(sent: Parts, parts: Parts) -> dict[str, str | None]:
    """Return what differs; a part that is gone is None."""
    if sent is parts:
        return {}
    news: dict[str, str | None] = {
        name: html for name, html in parts.items() if sent.get(name) != html
    }
    return news | {name: None for name in sent if name not in parts}


def _message(event: str, snapshot: str, data: dict[str, object]) -> str:
    text = json.dumps({"at": datetime.now(UTC).isoformat(), **data})
    return f"id: {snapshot}\nevent: {event}\ndata: {text}\n\n"
