"""Pushes over real endpoints on this machine: a webhook, a mail server, ones that are down."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from alert_site import MINUTE, START, rules, sighting
from sqlalchemy import select

from central import tables
from central.alert_settings import Recipient
from central.channels import Channel, open_channels
from central.database import AisleKey, Database
from central.delivery import MAX_ATTEMPTS, Delivery, Mailbox, Names
from central.delivery_text import TextError, example_context, render
from central.desk import Desk
from central.home_assistant import discovery
from shelf.errors import ConfigError
from shelf.states import State

SITE = ("acme", "s1")


class Webhook:
    """An HTTP endpoint that keeps what it is sent and answers as a test says."""

    def __init__(self, port: int = 0) -> None:
        self.got: list[dict[str, Any]] = []
        self.status = 200
        self.gate = threading.Event()
        self.gate.set()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.gate.wait(30)
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if hook.status == 200:
                    hook.got.append(json.loads(body))
                self.send_response(hook.status)
                self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self.url = f"json://127.0.0.1:{self.port}/secret-token"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Mail:
    """Keeps the mails that it takes."""

    def __init__(self) -> None:
        self.got: list[str] = []

    async def handle_DATA(  # noqa: N802 - the name that aiosmtpd calls
        self, _server: object, _session: object, envelope: Any
    ) -> str:
        self.got.append(envelope.content.decode())
        return "250 OK"


class Clock:
    """A clock that a test puts forward."""

    def __init__(self) -> None:
        self.now = START + MINUTE

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    hook = Webhook()
    yield hook
    hook.close()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{tmp_path / 'central.sqlite'}")
    yield opened
    opened.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@contextmanager
def delivering(
    database: Database, clock: Clock, retry_secs: float = 60, **urls: list[str]
) -> Iterator[Delivery]:
    mailboxes = {name: Mailbox([Channel(url) for url in each]) for name, each in urls.items()}
    delivery = Delivery(
        database,
        mailboxes,
        lambda *_: rules(),
        Names({SITE: "Main street"}, "http://192.0.2.7/"),
        clock=clock,
        retry_secs=retry_secs,
    )
    delivery.start()
    try:
        yield delivery
    finally:
        delivery.stop()


def open_alert(database: Database, desk: Desk, state: State = State.OUT_OF_STOCK) -> None:
    """Have an alert that is told of at once: a minute passes."""
    for inputs, now in (([sighting(state)], START), ([], START + MINUTE)):
        with database.write() as connection:
            desk.advance(connection, {SITE: inputs}, now)


def push(database: Database) -> Any:
    with database.read() as connection:
        return connection.execute(select(tables.pushes)).one()


def wait_until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, f"waited until {what}"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_webhook_gets_what_and_where(database: Database, webhook: Webhook, clock: Clock) -> None:
    """The product, its state, since when, and the place in words; once."""
    open_alert(database, Desk(lambda *_: rules()))
    with delivering(database, clock, anna=[webhook.url]):
        wait_until(lambda: push(database).state == "sent", "it is sent")
    (said,) = webhook.got
    assert said["title"] == "Main street, aisle a12: 1 alert"
    assert "Oat crackers: out of stock, since 08:58" in said["message"]
    assert "aisle a12, bay 1, shelf 1 from the bottom, 1st from the left" in said["message"]
    assert said["message"].endswith("http://192.0.2.7/")


def test_a_mail_is_sent(database: Database, clock: Clock) -> None:
    """Over SMTP, with the title as its subject."""
    mail = Mail()
    controller = Controller(mail, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        open_alert(database, Desk(lambda *_: rules()))
        url = f"mailto://127.0.0.1:{controller.port}/?from=shelf@example.com&to=anna@example.com"
        with delivering(database, clock, anna=[url]):
            wait_until(lambda: push(database).state == "sent", "it is sent")
    finally:
        controller.stop()
    (text,) = mail.got
    assert "Subject: Main street, aisle a12: 1 alert" in text
    assert "To: anna@example.com" in text


def test_an_endpoint_that_is_down_gets_it_later(database: Database, clock: Clock) -> None:
    """The first attempt fails with a reason, the next one is on time, and it is sent once."""
    port = free_port()
    open_alert(database, Desk(lambda *_: rules()))
    with delivering(database, clock, anna=[f"json://127.0.0.1:{port}"]) as delivery:
        wait_until(lambda: push(database).attempts == 1, "it has failed")
        failed = push(database)
        assert failed.state == "queued"
        assert "onnection" in failed.error
        assert START + 1.5 * MINUTE <= failed.next_utc <= START + 2 * MINUTE
        hook = Webhook(port)
        clock.now += MINUTE
        delivery.wake()
        wait_until(lambda: push(database).state == "sent", "it is sent")
        hook.close()
    assert len(hook.got) == 1


def test_what_is_never_taken_becomes_a_dead_letter(
    database: Database, webhook: Webhook, clock: Clock
) -> None:
    """After the last attempt, with the reason and without the secret of the URL."""
    webhook.status = 500
    open_alert(database, Desk(lambda *_: rules()))
    with delivering(database, clock, anna=[webhook.url]) as delivery:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            wait_until(lambda n=attempt: push(database).attempts == n, "it has failed")  # type: ignore[misc]
            clock.now += timedelta(hours=1)
            delivery.wake()
    dead = push(database)
    assert (dead.state, dead.attempts) == ("dead", MAX_ATTEMPTS)
    assert "500" in dead.error
    assert "secret-token" not in dead.error


def test_a_channel_that_took_it_does_not_get_it_again(
    database: Database, webhook: Webhook, clock: Clock
) -> None:
    """Only the one that failed is tried again."""
    bad = Webhook()
    bad.status = 503
    open_alert(database, Desk(lambda *_: rules()))
    try:
        with delivering(database, clock, anna=[webhook.url, bad.url]) as delivery:
            wait_until(lambda: push(database).attempts == 1, "one has failed")
            bad.status = 200
            clock.now += MINUTE
            delivery.wake()
            wait_until(lambda: push(database).state == "sent", "it is sent")
    finally:
        bad.close()
    assert (len(webhook.got), len(bad.got)) == (1, 1)


def test_a_slow_endpoint_holds_up_nobody_else(
    database: Database, webhook: Webhook, clock: Clock
) -> None:
    """Ben hears while Anna's endpoint has not answered yet."""
    slow = Webhook()
    slow.gate.clear()
    people = (rules().people[0], type(rules().people[0])("ben"))
    open_alert(database, Desk(lambda *_: rules(*people)))
    try:
        with delivering(database, clock, anna=[slow.url], ben=[webhook.url]):
            wait_until(lambda: webhook.got, "Ben has heard")
            slow.gate.set()
    finally:
        slow.close()


def test_what_is_solved_meanwhile_is_not_sent(
    database: Database, webhook: Webhook, clock: Clock
) -> None:
    """An endpoint that was down does not wake anybody for a shelf that is full."""
    desk = Desk(lambda *_: rules())
    open_alert(database, desk)
    with database.write() as connection:
        desk.advance(connection, {SITE: [sighting(State.STOCKED, evidence="e2")]}, clock.now)
    with delivering(database, clock, anna=[webhook.url]):
        wait_until(lambda: push(database).state == "pointless", "it is given up")
    assert webhook.got == []


def test_who_is_not_configured_any_more_is_a_dead_letter(database: Database, clock: Clock) -> None:
    """With the name, so that somebody can put it right."""
    open_alert(database, Desk(lambda *_: rules()))
    with delivering(database, clock):
        wait_until(lambda: push(database).state == "dead", "it is given up")
    assert push(database).error.startswith("anna: nobody")


def test_a_restart_sends_what_was_queued(
    database: Database, webhook: Webhook, clock: Clock
) -> None:
    """And not what was sent before."""
    open_alert(database, Desk(lambda *_: rules()))
    for _ in range(2):
        with delivering(database, clock, anna=[webhook.url]):
            wait_until(lambda: push(database).state == "sent", "it is sent")
    assert len(webhook.got) == 1


def test_templates_can_say_it_another_way() -> None:
    """With the same names as the default uses."""
    message = render(
        example_context(),
        "{{ store }}",
        "{% for alert in alerts %}{{ alert.missing }} x {{ alert.sku }}{% endfor %}",
    )
    assert (message.title, message.body) == ("Store s0421", "3 x 1001")


@pytest.mark.parametrize(
    "text",
    [
        "{{ nothing }}",
        "{% for %}",
        "{{ ''.__class__.__mro__ }}",
        "{{ alerts.append(1) }}",
        "{{ 1 // 0 }}",
    ],
)
def test_a_template_is_kept_in_its_sandbox(text: str) -> None:
    """Neither an unknown name nor a way out of the sandbox; the reason is told."""
    with pytest.raises(TextError):
        render(example_context(), None, text)


def test_a_wrong_recipient_is_told_by_field(tmp_path: Path) -> None:
    """All problems at once, and no URL in the message."""
    file = tmp_path / "urls"
    file.write_text("# Anna\nnosuch://token-123\nntfy://ntfy.sh/topic\n")
    person = Recipient(name="anna", tenant="acme", urls_file=file, body="{{ nothing }}")
    with pytest.raises(ConfigError) as caught:
        open_channels(person, "people[0]")
    said = str(caught.value)
    assert "number 1: expected a URL that apprise knows" in said
    assert "people[0].body: expected a Jinja template" in said
    assert "token-123" not in said
    with pytest.raises(ConfigError, match="expected a file with one URL a line"):
        open_channels(person.model_copy(update={"urls_file": tmp_path / "none"}), "people[0]")


def test_home_assistant_finds_each_aisle() -> None:
    """A sensor that counts the retained message of the aisle."""
    topic, payload = discovery(AisleKey("acme", "s1", "a12"), "homeassistant")
    said = json.loads(payload)
    assert topic == "homeassistant/sensor/shelfwatch_acme_s1_a12/config"
    assert said["state_topic"] == "shelf/v1/acme/_staff/s1/alerts/a12"
