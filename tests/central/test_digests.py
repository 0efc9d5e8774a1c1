"""Digests over a real mail server on this machine: what they say, and that they come once."""

from __future__ import annotations

import email
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from email.message import Message as Mail
from email.policy import default
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiosmtpd.controller import Controller
from browser import free_port
from metric_messages import changed, status
from pydantic import ValidationError

from central import tables
from central.channels import Channel, SendError
from central.cli import digests_from
from central.config import Central
from central.database import Database
from central.delivery import MAX_ATTEMPTS
from central.delivery_text import Message
from central.digest_reading import Days, period_of
from central.digest_settings import DigestSettings
from central.digests import Digests, Subscription
from central.ingest import Ingest
from central.metric_settings import Region
from central.metrics.grouping import Grouping
from central.metrics.roller import Roller
from central.products import Products
from shelf.errors import ConfigError
from shelf.states import State
from shelf.topics import Node

BERLIN = ZoneInfo("Europe/Berlin")
FIRST = Node("acme", "s1", "e1")
SECOND = Node("acme", "s2", "e1")
MORNING = datetime(2026, 11, 22, 7, 0, tzinfo=BERLIN)
NORTH = Region(tenant="acme", id="north", name="Region North", sites=("s1", "s2"))
GROUPING = Grouping.of(
    [NORTH],
    Products(),
    {("acme", "s1"): "Main <street>", ("acme", "s2"): "Harbour"},
    lambda *_: BERLIN,
)

BROKER = {"broker": {"url": "mqtt://127.0.0.1"}}
GOOD = {"name": "x", "tenant": "acme", "urls": ["mailto://127.0.0.1/?to=a@example.com"]}


class Post:
    """Keeps the mails that it takes."""

    def __init__(self) -> None:
        self.got: list[Any] = []

    async def handle_DATA(  # noqa: N802 - the name that aiosmtpd calls
        self, _server: object, _session: object, envelope: Any
    ) -> str:
        self.got.append(email.message_from_bytes(envelope.content, policy=default))
        return "250 OK"


class Refusing:
    """An address that takes nothing."""

    key = "refusing"

    def send(self, _message: Message) -> None:
        raise SendError("no such mailbox")


class Clock:
    """A clock that a test puts forward."""

    def __init__(self, now: datetime = MORNING) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now.astimezone(UTC)


@contextmanager
def mail_server(port: int = 0) -> Iterator[tuple[Post, str]]:
    post = Post()
    controller = Controller(post, hostname="127.0.0.1", port=port or free_port())
    controller.start()
    try:
        yield post, address(controller.port)
    finally:
        controller.stop()


def address(port: int, to: str = "boss@example.com") -> str:
    return f"mailto://127.0.0.1:{port}/?from=shelf@example.com&to={to}"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{tmp_path / 'central.sqlite'}")
    yield opened
    opened.close()


@pytest.fixture
def filled(database: Database) -> Database:
    """Two stores over two days: the first is worse on the second day, the other cannot be seen."""
    hour, day = 3600.0, 86_400.0
    start = -8.5 * hour  # before midnight in Berlin, two days before the morning of the digest
    Ingest(database).apply(
        [
            status("online", start, FIRST),
            status("online", start, SECOND),
            changed(1, State.STOCKED, start, start, node=FIRST),
            changed(1, State.UNKNOWN, start, start, node=SECOND),
            changed(2, State.OUT_OF_STOCK, day * 0.2, day * 0.2, node=FIRST),
            changed(3, State.STOCKED, day * 0.2 + 2 * hour, day * 0.2 + 2 * hour, node=FIRST),
        ]
    )
    roller = Roller(database, GROUPING.zone_of)
    while roller.step(MORNING.astimezone(UTC)):
        pass
    return database


def digests(
    database: Database, clock: Clock, url: str = "", channels: list[str] | None = None, **given: Any
) -> Digests:
    values = {"name": "north", "tenant": "acme", "region": "north", "urls": [url or "x"]}
    settings = DigestSettings.model_validate(values | given)
    opened = [Channel(each) for each in channels or [url]]
    subscriptions = [Subscription(settings, opened)]
    return Digests(database, subscriptions, GROUPING, "http://192.0.2.7/", clock=clock)


def text_of(mail: Mail, kind: str) -> str:
    (part,) = (part for part in mail.walk() if part.get_content_type() == f"text/{kind}")
    return str(part.get_content())  # type: ignore[attr-defined]


def states(database: Database) -> list[str]:
    with database.read() as connection:
        return [row.state for row in connection.execute(tables.digests.select())]


def test_a_digest_tells_of_yesterday_as_text_and_html(filled: Database) -> None:
    """Availability with what was seen of it, the worst slot, what got worse, and the fleet."""
    with mail_server() as (post, url):
        digests(filled, Clock(), url).look()
    (mail,) = post.got
    assert mail["to"] == "boss@example.com"
    assert mail["subject"] == "Region North, 2026-11-21: 91.7 % on the shelf"
    plain, html = text_of(mail, "plain"), text_of(mail, "html")
    for words in (
        "91.7 % on the shelf",
        "50.0 % of the planned time could be seen",
        "2 stores.",
        "Harbour: 0.0 % seen",
        "1001: 2 h 00 min empty, Main <street>, aisle a12, bay 1",
        "1001: 2 h 00 min longer empty than the time before",
        "http://192.0.2.7/",
    ):
        assert words in plain, plain
    assert "Main &lt;street&gt;" in html and "Main <street>" not in html
    assert "http" not in html.replace("http://192.0.2.7/", "")


@pytest.mark.parametrize(
    ("language", "words"),
    [("de", ["im Regal", "21.11.2026", "91,7 %"]), ("es", ["en el estante", "21/11/2026"])],
)
def test_a_digest_speaks_the_regions_language(
    filled: Database, language: str, words: list[str]
) -> None:
    """Numbers and dates, too."""
    with mail_server() as (post, url):
        digests(filled, Clock(), url, language=language).look()
    said = post.got[0]["subject"] + text_of(post.got[0], "plain")
    assert all(word in said for word in words), said


def test_a_digest_comes_when_it_is_due_and_once(filled: Database) -> None:
    """By the stores' clock; neither another look nor another process sends it again."""
    clock = Clock(MORNING - timedelta(minutes=1))
    with mail_server() as (post, url):
        digests(filled, clock, url).look()
        assert post.got == []
        clock.now = MORNING
        for _ in range(2):
            digests(filled, clock, url).look()
        assert len(post.got) == 1
        clock.now = MORNING + timedelta(days=1)
        digests(filled, clock, url).look()
        assert [mail["subject"].split(":")[0] for mail in post.got] == [
            "Region North, 2026-11-21",
            "Region North, 2026-11-22",
        ]


def test_another_clock_can_be_named(filled: Database) -> None:
    """Seven in Tokyo is earlier."""
    with mail_server() as (post, url):
        digests(filled, Clock(MORNING - timedelta(hours=6)), url, timezone="Asia/Tokyo").look()
    assert len(post.got) == 1


def test_a_mail_server_that_is_away_loses_nothing(filled: Database) -> None:
    """It is tried again with pauses, also after a restart; who has got it does not again."""
    clock, port = Clock(), free_port()
    with mail_server() as (post, url):
        both = [url, address(port, "away@example.com")]
        digests(filled, clock, url, both).look()
        assert sorted(states(filled)) == ["queued", "sent"]
        clock.now += timedelta(minutes=1)
        with mail_server(port) as (late, _):
            for _ in range(2):
                digests(filled, clock, url, both).look()
    assert [len(post.got), len(late.got)] == [1, 1]
    assert states(filled) == ["sent", "sent"]


def test_what_was_being_sent_at_a_kill_is_sent_when_its_taking_lapses(filled: Database) -> None:
    """Nobody else sends it meanwhile."""
    clock = Clock()
    with mail_server() as (post, url):
        first = digests(filled, clock, url)
        first._write_if_due(first._subscriptions[0])
        with filled.write() as connection:
            taken = {"state": "taken", "next_utc": clock() + timedelta(minutes=15)}
            connection.execute(tables.digests.update().values(taken))
        digests(filled, clock, url).look()
        assert post.got == []
        clock.now += timedelta(minutes=15)
        digests(filled, clock, url).look()
        assert len(post.got) == 1


def test_two_processes_send_one_digest(filled: Database) -> None:
    """While one is sending, the other finds nothing to send."""
    clock, settings, sent = Clock(), DigestSettings.model_validate(GOOD), []

    class Slow:
        key = "slow"

        def send(self, message: Message) -> None:
            sent.append(message.title)
            other.look()

    subscriptions = [Subscription(settings, [Slow()])]
    other = Digests(filled, subscriptions, GROUPING, clock=clock)
    Digests(filled, subscriptions, GROUPING, clock=clock).look()
    assert len(sent) == 1


def test_a_digest_is_given_up_after_a_while(filled: Database) -> None:
    """With the reason; the next one is tried as if nothing had been."""
    clock, settings = Clock(), DigestSettings.model_validate(GOOD)
    sender = Digests(filled, [Subscription(settings, [Refusing()])], GROUPING, clock=clock)
    for _ in range(MAX_ATTEMPTS + 1):
        sender.look()
        clock.now += timedelta(minutes=31)
    with filled.read() as connection:
        (row,) = connection.execute(tables.digests.select())
    assert (row.state, row.attempts, row.error) == ("dead", MAX_ATTEMPTS, "no such mailbox")


def test_a_region_of_which_nothing_is_known_says_so(database: Database) -> None:
    """No figure is made up."""
    with mail_server() as (post, url):
        digests(database, Clock(), url, region=None, timezone="Europe/Berlin").look()
    plain = text_of(post.got[0], "plain")
    assert "Nothing was measured in this time." in plain
    assert "not known on the shelf" in post.got[0]["subject"]


@pytest.mark.parametrize(
    ("day", "every_week", "name", "first", "last"),
    [
        (date(2026, 11, 22), False, "2026-11-21", date(2026, 11, 21), date(2026, 11, 21)),
        (date(2026, 11, 23), True, "2026-W47", date(2026, 11, 16), date(2026, 11, 22)),
        (date(2026, 11, 29), True, "2026-W47", date(2026, 11, 16), date(2026, 11, 22)),
        (date(2027, 1, 4), True, "2026-W53", date(2026, 12, 28), date(2027, 1, 3)),
    ],
)
def test_a_period_is_over(day: date, every_week: bool, name: str, first: date, last: date) -> None:
    """Yesterday, or the last Monday to Sunday; a week across New Year has one name."""
    assert period_of(day, every_week) == (name, Days(first, last))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"at": "25:00"}, "expected a time of the day like 07:00"),
        ({"timezone": "Mars/Base"}, "expected a time zone"),
        ({"region": "west"}, "expected digests of regions that are there, got acme/west"),
        ({"region": "north", "site": "s1"}, "expected a region or a site, not both"),
        ({"urls": []}, "expected either urls or a urls_file"),
    ],
)
def test_a_digest_that_cannot_be_is_refused(given: dict[str, Any], words: str) -> None:
    """With what was expected."""
    values = BROKER | {"regions": [NORTH.model_dump()], "digests": [GOOD | given]}
    with pytest.raises(ValidationError, match=words):
        Central.model_validate(values)


def test_an_address_that_cannot_be_is_refused(database: Database) -> None:
    """With its place in the configuration, and without the address, which may hold a secret."""
    bad = GOOD | {"urls": ["nonsense://secret"]}
    settings = Central.model_validate(BROKER | {"digests": [bad]})
    with pytest.raises(ConfigError, match=r"digests\[0\]\.urls: number 1") as caught:
        digests_from(settings, database, GROUPING)
    assert "secret" not in str(caught.value)
