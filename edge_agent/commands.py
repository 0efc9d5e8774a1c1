"""What the center asks of this node: taken from the connection, answered one after the other.

A thread of its own answers, so that neither a look nor the connection waits for an answer.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import structlog

from detector import DetectorError
from edge_agent import metrics
from shelf import ShelfwatchError
from shelf.commands import COMMANDS, Command, CommandId, CommandName, Outcome, Reply
from shelf.topics import Node
from shelf.wire import InvalidMessageError, Message, parse

WAITING = 4
"""Commands that may wait; whoever comes later is told that the node is busy."""

KNOWN_IDS = 256
"""Commands that are remembered: one that the broker delivers twice is answered once."""

LARGEST_BYTES = 1024 * 1024

_log = structlog.get_logger(__name__)

Handler = Callable[[Command], Reply]


class UnanswerableError(Exception):
    """A command without an answer: the outcome and why, for a person."""

    def __init__(self, outcome: Outcome, detail: str) -> None:
        super().__init__(detail)
        self.outcome = outcome


class _Addressed(Message):
    """As much of a command as its reply needs."""

    id: CommandId


@dataclass(frozen=True, slots=True)
class _Waiting:
    name: CommandName
    command: Command
    until_secs: float


class Commands:
    """Answers commands until it is stopped."""

    def __init__(
        self,
        node: Node,
        handlers: Mapping[CommandName, Handler],
        answer: Callable[[str, bytes], None],
        allowed: Collection[CommandName] = tuple(CommandName),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``answer`` publishes a payload to a topic; what is not ``allowed`` is refused.

        A handler raises `UnanswerableError` for what it cannot answer.
        """
        self._node = node
        self._handlers = dict(handlers)
        self._answer = answer
        self._allowed = frozenset(allowed)
        self._clock = clock
        self._known: deque[str] = deque(maxlen=KNOWN_IDS)
        self._queue: queue.Queue[_Waiting] = queue.Queue(WAITING)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="commands", daemon=True)

    def start(self) -> None:
        """Begin to answer, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End after the answer under way; what waits is not answered."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def take(self, name: str, payload: bytes) -> None:
        """Take a command from the connection; returns at once."""
        try:
            if len(payload) > LARGEST_BYTES:
                raise InvalidMessageError(f"expected at most {LARGEST_BYTES} bytes")
            identity = parse(_Addressed, payload).id
        except InvalidMessageError as error:
            _log.warning("command ignored: nobody to answer", command=name, error=str(error))
            return
        if identity in self._known:
            return
        self._known.append(identity)
        try:
            known = CommandName(name)
        except ValueError:
            words = ", ".join(command.value for command in CommandName)
            self._refuse(name, identity, Outcome.INVALID, f"expected one of {words}, got {name}")
            return
        if known not in self._allowed:
            why = "the site file's `answers` does not allow it"
            self._refuse(name, identity, Outcome.REFUSED, why)
            return
        try:
            command = parse(COMMANDS[known][0], payload)
            waiting = _Waiting(known, command, self._clock() + command.within_secs)
            self._queue.put_nowait(waiting)
        except InvalidMessageError as error:
            self._refuse(name, identity, Outcome.INVALID, str(error))
        except queue.Full:
            self._refuse(name, identity, Outcome.BUSY, f"{WAITING} others wait; try again")

    def answer_one(self, timeout_secs: float) -> bool:
        """Answer the command that has waited longest; False when none comes in time."""
        try:
            waiting = self._queue.get(timeout=timeout_secs)
        except queue.Empty:
            return False
        if self._clock() >= waiting.until_secs:
            return True  # nobody waits for it any more
        name, identity = waiting.name.value, waiting.command.id
        try:
            reply = self._handlers[waiting.name](waiting.command)
        except UnanswerableError as error:
            self._refuse(name, identity, error.outcome, str(error))
        except InvalidMessageError as error:
            self._refuse(name, identity, Outcome.INVALID, str(error))
        except (ShelfwatchError, DetectorError) as error:
            self._refuse(name, identity, Outcome.FAILED, str(error))
        except Exception:  # noqa: BLE001 - a fault in one answer must not end the others
            _log.exception("command failed", command=name)
            self._refuse(name, identity, Outcome.FAILED, "a fault of the node; its log says which")
        else:
            metrics.COMMANDS.labels(name, reply.outcome.value).inc()
            self._answer(self._node.reply(identity), reply.to_json())
        return True

    def _refuse(self, name: str, identity: str, outcome: Outcome, detail: str) -> None:
        label = name if name in set(CommandName) else "other"
        metrics.COMMANDS.labels(label, outcome.value).inc()
        reply = Reply(id=identity, outcome=outcome, detail=detail)
        self._answer(self._node.reply(identity), reply.to_json())

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.answer_one(0.5)
