"""From a commit in any thread to what an open page receives."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy.exc import OperationalError

from central.web.live import Changes, History, Parts, Snapshot, stream


class Page:
    """Parts that a test changes; counts how often they were drawn."""

    def __init__(self) -> None:
        self.parts: Parts = {"alerts": "none", "summary": "quiet"}
        self.history = History()
        self.is_broken = False

    async def draw(self) -> Snapshot:
        if self.is_broken:
            raise OperationalError("select", {}, Exception("disk I/O error"))
        return self.history.keep(dict(self.parts))


async def next_event(events: AsyncIterator[str]) -> tuple[str, Any]:
    async with asyncio.timeout(10):
        while True:
            text = await anext(events)
            if text.startswith("id: "):
                _, name, data = text.strip().split("\n")
                return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def test_a_commit_in_another_thread_sends_only_the_part_that_changed() -> None:
    """First everything, then what says something else."""

    async def scenario() -> None:
        changes, page = Changes(), Page()
        changes.open()
        events = stream(changes, page.draw, beat_secs=600, gather_secs=0)
        _, first = await next_event(events)
        assert first["parts"] == page.parts
        following = asyncio.ensure_future(next_event(events))
        page.parts["alerts"] = "one"
        thread = threading.Thread(target=changes.notify)
        thread.start()
        name, second = await following
        thread.join()
        assert (name, second["parts"]) == ("parts", {"alerts": "one"})
        await events.aclose()  # type: ignore[attr-defined]

    asyncio.run(scenario())


def test_a_quiet_page_gets_beats() -> None:
    """Silence would mean that the connection is lost."""

    async def scenario() -> None:
        changes, page = Changes(), Page()
        changes.open()
        events = stream(changes, page.draw, beat_secs=0.01, gather_secs=0)
        names = [(await next_event(events))[0] for _ in range(3)]
        assert names == ["parts", "beat", "beat"]

    asyncio.run(scenario())


def test_a_change_that_nobody_announced_is_found_at_the_next_beat() -> None:
    """Another process may write to the database."""

    async def scenario() -> None:
        changes, page = Changes(), Page()
        changes.open()
        events = stream(changes, page.draw, beat_secs=0.01, gather_secs=0)
        await next_event(events)
        page.parts["summary"] = "busy"
        name = "beat"
        while name == "beat":
            name, said = await next_event(events)
        assert said["parts"] == {"summary": "busy"}

    asyncio.run(scenario())


def test_who_is_not_welcome_any_more_gets_nothing() -> None:
    """The stream ends at the next change or beat after the session has."""

    async def scenario() -> None:
        changes, page, welcome = Changes(), Page(), [True]
        changes.open()

        async def is_welcome() -> bool:
            return welcome[0]

        events = stream(changes, page.draw, None, is_welcome, beat_secs=0.01, gather_secs=0)
        await next_event(events)
        welcome[0] = False
        page.parts["alerts"] = "secret"
        async with asyncio.timeout(10):
            rest = [text async for text in events]
        assert "secret" not in "".join(rest)

    asyncio.run(scenario())


def test_a_page_that_comes_back_gets_only_what_it_missed() -> None:
    """What is gone is told too; a page whose drawing is forgotten gets everything anew."""

    async def scenario() -> None:
        changes, page = Changes(), Page()
        changes.open()
        seen = await page.draw()
        page.parts = {"alerts": "one", "more": "new"}
        for known, is_all in ((page.history.find(seen.id), False), (page.history.find("x"), True)):
            events = stream(changes, page.draw, known, beat_secs=600, gather_secs=0)
            _, first = await next_event(events)
            assert first["all"] is is_all
            gone = {} if is_all else {"summary": None}
            assert first["parts"] == page.parts | gone
            await events.aclose()  # type: ignore[attr-defined]

    asyncio.run(scenario())


def test_old_drawings_are_forgotten() -> None:
    """Memory stays bounded however long the pages live."""
    history = History(size=2)
    names = [history.keep({"alerts": str(number)}).id for number in range(3)]
    assert [history.find(name) is not None for name in names] == [False, True, True]


def test_a_database_error_is_silence_and_then_recovery() -> None:
    """The stream lives on, and sends what it could not when the database is back."""

    async def scenario() -> None:
        changes, page = Changes(), Page()
        changes.open()
        page.is_broken = True
        events = stream(changes, page.draw, beat_secs=0.01, gather_secs=0)
        first = asyncio.ensure_future(next_event(events))
        await asyncio.sleep(0.05)
        assert not first.done()
        page.is_broken = False
        assert (await first)[0] == "parts"

    asyncio.run(scenario())


def test_closing_ends_every_stream() -> None:
    """A server that stops does not wait for its pages."""

    async def scenario() -> None:
        changes, page = Changes(), Page()
        changes.open()
        streams = [stream(changes, page.draw, beat_secs=600, gather_secs=0) for _ in range(3)]
        for events in streams:
            await next_event(events)
        endings = [asyncio.ensure_future(anext(events, "the end")) for events in streams]
        await asyncio.sleep(0)
        changes.close()
        async with asyncio.timeout(10):
            assert await asyncio.gather(*endings) == ["the end"] * 3

    asyncio.run(scenario())


def test_a_commit_after_the_loop_has_ended_is_no_error() -> None:
    """The collector may outlive the web server by a moment."""
    changes = Changes()

    async def scenario() -> None:
        changes.open()

    asyncio.run(scenario())
    changes.notify()
