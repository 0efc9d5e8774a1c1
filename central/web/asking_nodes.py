"""Which nodes of a store are asked, and what is said when none of them answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from central.asking import Asker, NoAnswerError
from central.web.rows import NodeRow, Site
from shelf.commands import Command, CommandName, Outcome, Reply
from shelf.topics import Node

R = TypeVar("R", bound=Reply)


@dataclass(frozen=True, slots=True)
class Silence:
    """Why there is no answer: a text by ``key``, which may say ``since`` when it is so, and what a
    node said itself."""

    key: str
    since_utc: datetime | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Asked(Generic[R]):
    """The best reply with outcome ok, or None and why."""

    reply: R | None
    silence: Silence | None = None


_LATER = (Outcome.FAILED, Outcome.BUSY, Outcome.REFUSED, Outcome.INVALID, Outcome.NOT_HERE)
"""Of several nodes' reasons, the first in this order is told."""


async def ask_store(
    asker: Asker | None,
    site: Site,
    nodes: Sequence[NodeRow],
    name: CommandName,
    command: Command,
    reply: type[R],
    better: Callable[[R], Any],
) -> Asked[R]:
    """Ask every node of ``site`` that is online, all at once.

    The answer for which ``better`` is largest counts. A node that is known to be away is not
    waited for.
    """
    if asker is None:
        return Asked(None, Silence("asking.no_broker"))
    online = [node for node in nodes if node.is_online]
    if not nodes:
        return Asked(None, Silence("asking.no_node"))
    if not online:
        newest = max(nodes, key=lambda node: node.time_utc)
        return Asked(None, Silence("asking.offline", newest.time_utc))
    asked = [
        asker.ask(Node(site.tenant, site.site, node.node), name, command, reply) for node in online
    ]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    good = [a for a in answers if isinstance(a, reply) and a.outcome is Outcome.OK]
    if good:
        return Asked(max(good, key=better))
    return Asked(None, _why(answers))


def _why(answers: Sequence[Reply | BaseException]) -> Silence:
    replies = {answer.outcome: answer for answer in answers if isinstance(answer, Reply)}
    for outcome in _LATER:
        if outcome in replies:
            return Silence(f"asking.outcome.{outcome.value}", detail=replies[outcome].detail)
    for answer in answers:
        if isinstance(answer, NoAnswerError):
            return Silence(f"asking.{answer.why.value}")
        if isinstance(answer, BaseException):
            raise answer
    return Silence("asking.silent")
