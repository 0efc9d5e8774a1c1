"""Asking a node, and its answer: over the collector's connection, with an end to the waiting.

Catalogue and pictures live on the nodes. Nothing that is asked or answered is stored here.
"""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from shelf.commands import Command, CommandName, Reply
from shelf.topics import Node, parse_up
from shelf.wire import InvalidMessageError, parse

MOST = 64
"""Commands that may wait for their answers at a time."""

R = TypeVar("R", bound=Reply)


class Why(StrEnum):
    """Why there is no answer."""

    NO_BROKER = "no_broker"
    TOO_MANY = "too_many"
    SILENT = "silent"
    UNREADABLE = "unreadable"


class NoAnswerError(Exception):
    """A node has not answered; ``why`` says what kept it."""

    def __init__(self, why: Why, detail: str) -> None:
        super().__init__(detail)
        self.why = why


@dataclass(frozen=True, slots=True)
class _Waiting:
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[bytes]


class Asker:
    """Matches answers to what was asked. May be used from several threads and loops."""

    def __init__(self, send: Callable[[str, bytes], bool], most: int = MOST) -> None:
        """``send`` publishes a payload to a topic, and is false while there is no broker."""
        self._send = send
        self._most = most
        self._lock = threading.Lock()
        self._waiting: dict[tuple[Node, str], _Waiting] = {}

    @property
    def waiting(self) -> int:
        """How many answers are waited for."""
        return len(self._waiting)

    async def ask(
        self,
        node: Node,
        name: CommandName,
        command: Command,
        reply: type[R],
    ) -> R:
        """Return what ``node`` answers within ``command.within_secs``.

        The command gets an id of its own. A node that understood nothing answers with an outcome
        and no more. Raises `NoAnswerError`.
        """
        identity = uuid.uuid4().hex
        loop = asyncio.get_running_loop()
        waiting = _Waiting(loop, loop.create_future())
        with self._lock:
            if len(self._waiting) >= self._most:
                raise NoAnswerError(Why.TOO_MANY, f"{self._most} other questions wait")
            self._waiting[node, identity] = waiting
        try:
            payload = command.model_copy(update={"id": identity}).to_json()
            if not self._send(node.command(name), payload):
                raise NoAnswerError(Why.NO_BROKER, "there is no connection to the broker")
            async with asyncio.timeout(command.within_secs):
                answer = await waiting.answer
            return parse(reply, answer)
        except TimeoutError as error:
            detail = f"{node.node} has not answered within {command.within_secs:g} s"
            raise NoAnswerError(Why.SILENT, detail) from error
        except InvalidMessageError as error:
            raise NoAnswerError(Why.UNREADABLE, f"{node.node}: {error}") from error
        finally:
            with self._lock:
                del self._waiting[node, identity]

    def take(self, topic: str, payload: bytes) -> bool:
        """Take a message if it is a reply; one that nobody waits for is dropped. Any thread."""
        if "/up/rsp/" not in topic:
            return False
        try:
            up = parse_up(topic)
        except ValueError:
            return False
        if up.kind != "rsp" or len(up.rest) != 1:
            return False
        with self._lock:
            waiting = self._waiting.get((up.node, up.rest[0]))
        if waiting is not None and not waiting.loop.is_closed():
            waiting.loop.call_soon_threadsafe(_answer, waiting.answer, payload)
        return True


def _answer(future: asyncio.Future[bytes], payload: bytes) -> None:
    if not future.done():
        future.set_result(payload)
