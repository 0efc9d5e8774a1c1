"""Asking nodes: each answer reaches who asked, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from central.asking import Asker, NoAnswerError, Why
from shelf.commands import BayView, BayViewReply, CommandName, Outcome
from shelf.topics import Node
from shelf.wire import parse

NODE = Node("acme", "s1", "n1")
OTHER = Node("acme", "s1", "n2")


class Line:
    """Takes what is sent; answers from another thread when a test says so."""

    def __init__(self, most: int = 64) -> None:
        self.sent: list[tuple[str, BayView]] = []
        self.is_up = True
        self.on_send: Callable[[str, BayView], None] = lambda topic, command: None
        self.asker = Asker(self._send, most)

    def _send(self, topic: str, payload: bytes) -> bool:
        if self.is_up:
            command = parse(BayView, payload)
            self.sent.append((topic, command))
            self.on_send(topic, command)
        return self.is_up

    def answer(self, node: Node, command: BayView, **fields: Any) -> bool:
        reply = BayViewReply(id=command.id, outcome=Outcome.OK, **fields)
        done: list[bool] = []
        thread = threading.Thread(
            target=lambda: done.append(self.asker.take(node.reply(command.id), reply.to_json()))
        )
        thread.start()
        thread.join()
        return done[0]

    def ask(self, bay: int = 1, secs: float = 5.0, node: Node = NODE) -> Coroutine[Any, Any, Any]:
        command = BayView(id="replaced", aisle="a12", bay=bay, within_secs=secs)
        return self.asker.ask(node, CommandName.BAY_VIEW, command, BayViewReply)


def test_each_answer_reaches_who_asked() -> None:
    """Many at once, answered in another order, each by its own id."""
    line = Line()

    async def all_of_them() -> list[BayViewReply]:
        asked = [asyncio.create_task(line.ask(bay)) for bay in range(1, 41)]
        await asyncio.sleep(0)
        assert line.asker.waiting == 40
        for topic, command in reversed(line.sent):
            assert topic == NODE.command("bay_view")
            line.answer(NODE, command, width_px=command.bay)
        return await asyncio.gather(*asked)

    answers = asyncio.run(all_of_them())
    assert [answer.width_px for answer in answers] == list(range(1, 41))
    assert len({command.id for _, command in line.sent}) == 40
    assert line.asker.waiting == 0


def test_silence_ends() -> None:
    """Who does not answer is named; the answer that comes later is taken and dropped."""
    line = Line()
    with pytest.raises(NoAnswerError, match=r"n1 has not answered within 0.05 s") as caught:
        asyncio.run(line.ask(secs=0.05))
    assert caught.value.why is Why.SILENT
    assert line.answer(NODE, line.sent[0][1])
    assert line.asker.waiting == 0


def test_another_node_cannot_answer() -> None:
    """An id is good for the node that was asked."""
    line = Line()
    line.on_send = lambda topic, command: (line.answer(OTHER, command), None)[1]
    with pytest.raises(NoAnswerError) as caught:
        asyncio.run(line.ask(secs=0.05))
    assert caught.value.why is Why.SILENT


def test_without_a_broker_nobody_waits() -> None:
    """The answer is there at once."""
    line = Line()
    line.is_up = False
    with pytest.raises(NoAnswerError, match="broker") as caught:
        asyncio.run(line.ask(secs=60))
    assert caught.value.why is Why.NO_BROKER


def test_too_many_are_turned_away() -> None:
    """The third of two is refused, and the two get their answers."""
    line = Line(most=2)

    async def three() -> list[Any]:
        asked = [asyncio.create_task(line.ask(bay)) for bay in (1, 2, 3)]
        await asyncio.sleep(0)
        for _, command in line.sent:
            line.answer(NODE, command)
        return await asyncio.gather(*asked, return_exceptions=True)

    first, second, third = asyncio.run(three())
    assert first.outcome is second.outcome is Outcome.OK
    assert isinstance(third, NoAnswerError) and third.why is Why.TOO_MANY


def test_rubbish_is_told_as_such() -> None:
    """A reply that is none ends the waiting."""
    line = Line()
    line.on_send = lambda topic, command: (
        line.asker.take(NODE.reply(command.id), json.dumps({"id": 7}).encode()),
        None,
    )[1]
    with pytest.raises(NoAnswerError) as caught:
        asyncio.run(line.ask())
    assert caught.value.why is Why.UNREADABLE


@pytest.mark.parametrize(
    ("topic", "is_reply"),
    [
        (NODE.reply("abcdefgh"), True),
        (NODE.status, False),
        (NODE.events("rsp"), False),
        (f"{NODE.reply('a')}/b", False),
        ("shelf/v1/x/up/rsp/y", False),
    ],
)
def test_only_replies_are_taken(topic: str, is_reply: bool) -> None:
    """Everything else goes on to the database."""
    assert Line().asker.take(topic, b"") is is_reply
