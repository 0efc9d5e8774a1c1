"""Commands from the center: each is answered once, in time, and a bad one says what is wrong."""

from __future__ import annotations

import threading

import pytest

from edge_agent.commands import WAITING, Commands, UnanswerableError
from shelf import ConfigError, Problem
from shelf.commands import (
    BayView,
    BayViewReply,
    Command,
    CommandName,
    Outcome,
    Reply,
    Search,
    SearchReply,
)
from shelf.topics import Node
from shelf.wire import parse

NODE = Node("acme", "s1", "n1")


class Center:
    """What the center hears of a node whose handlers a test chooses."""

    def __init__(self, *allowed: CommandName) -> None:
        self.heard: dict[str, Reply] = {}
        self.answers = 0
        self.now = 0.0
        self.fault: Exception | None = None
        handlers = {CommandName.SEARCH: self._search, CommandName.BAY_VIEW: self._view}
        self.commands = Commands(
            NODE, handlers, self._hear, allowed or tuple(CommandName), lambda: self.now
        )

    def _search(self, command: Command) -> Reply:
        if self.fault is not None:
            raise self.fault
        return SearchReply(id=command.id, outcome=Outcome.OK)

    def _view(self, command: Command) -> Reply:
        assert isinstance(command, BayView)
        return BayViewReply(id=command.id, outcome=Outcome.OK, width_px=command.bay)

    def _hear(self, topic: str, payload: bytes) -> None:
        self.answers += 1
        self.heard[topic.rpartition("/")[2]] = parse(Reply, payload)

    def ask(self, identity: str = "abcdefgh", name: str = "search", **fields: object) -> Reply:
        command = Search(id=identity, picture="", **fields)  # type: ignore[arg-type]
        self.commands.take(name, command.to_json())
        self.commands.answer_one(0)
        return self.heard[identity]


def test_a_command_is_answered_to_its_id() -> None:
    """The reply goes where the command said."""
    assert Center().ask().outcome is Outcome.OK


def test_what_comes_twice_is_answered_once() -> None:
    """A broker may deliver a message again."""
    center = Center()
    center.ask()
    center.ask()
    assert center.answers == 1


@pytest.mark.parametrize(
    ("fault", "outcome", "words"),
    [
        (UnanswerableError(Outcome.NOT_HERE, "no catalogue"), Outcome.NOT_HERE, "no catalogue"),
        (ConfigError([Problem("a", "b", "c")]), Outcome.FAILED, "a"),
        (RuntimeError("secret path"), Outcome.FAILED, "a fault of the node; its log says which"),
    ],
)
def test_a_fault_is_told_and_ends_nothing(fault: Exception, outcome: Outcome, words: str) -> None:
    """Whatever goes wrong with one command, the next is answered; internals stay inside."""
    center = Center()
    center.fault = fault
    reply = center.ask()
    assert reply.outcome is outcome and words in reply.detail and "secret" not in reply.detail
    center.fault = None
    assert center.ask("other-id").outcome is Outcome.OK


def test_what_the_site_does_not_allow_is_refused() -> None:
    """Only what `answers` names is answered."""
    center = Center(CommandName.BAY_VIEW)
    reply = center.ask()
    assert reply.outcome is Outcome.REFUSED and "answers" in reply.detail


def test_an_unknown_or_broken_command_is_told() -> None:
    """Another name, another form; what has no id has nobody to answer."""
    center = Center()
    assert "expected one of search, bay_view" in center.ask(name="reboot").detail
    center.commands.take("bay_view", b'{"id": "abcdefg2", "aisle": "a12", "bay": 0}')
    assert center.heard["abcdefg2"].outcome is Outcome.INVALID
    before = center.answers
    for payload in (b"", b"[]", b'{"id": 7}', b'{"id": "a/b"}', b"\xff" * 100, b"x" * 2_000_000):
        center.commands.take("search", payload)
    assert center.answers == before


def test_a_busy_node_says_so() -> None:
    """The next after those that wait is turned away at once."""
    center = Center()
    for number in range(WAITING + 1):
        command = Search(id=f"abcdefg{number}", picture="")
        center.commands.take("search", command.to_json())
    assert center.heard[f"abcdefg{WAITING}"].outcome is Outcome.BUSY
    for _ in range(WAITING):
        assert center.commands.answer_one(0)
    assert center.answers == WAITING + 1


def test_who_has_gone_is_not_answered() -> None:
    """Work for somebody who no longer waits is not done."""
    center = Center()
    command = Search(id="abcdefgh", picture="", within_secs=5)
    center.commands.take("search", command.to_json())
    center.now = 5.0
    assert center.commands.answer_one(0)
    assert center.answers == 0


def test_answers_come_from_a_thread_of_their_own() -> None:
    """Between start and stop nobody has to ask for them."""
    center, answered = Center(), threading.Event()
    hear = center._hear
    center.commands._answer = lambda topic, payload: (hear(topic, payload), answered.set())[0]
    center.commands.start()
    center.commands.take("search", Search(id="abcdefgh", picture="").to_json())
    assert answered.wait(20)
    center.commands.stop()
    assert center.heard["abcdefgh"].outcome is Outcome.OK
