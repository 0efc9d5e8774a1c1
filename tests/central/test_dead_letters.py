"""Messages that cannot be used, from a real broker to the page, and back into use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from browser import wait_until
from page_store import FakeCollector
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import select
from starlette.testclient import TestClient

from central import ingest_batch, tables
from central.accounts import Accounts, Role
from central.admission import Admission
from central.broker import EmbeddedBroker
from central.broker_settings import BrokerSettings
from central.collector import Collector
from central.config import Login
from central.database import Database
from central.dead_letters import Wanted, count_kinds, read_again, read_letters
from central.desk import Desk
from central.ingest import Ingest
from central.intake import DeadKind, Received
from central.web.app import make_app
from central.web.entrance import Entrance
from central.web.language import LANGUAGES
from shelf.states import State
from shelf.topics import Node
from shelf.wire import Event, Facings, NodeStatus, SlotChanged, type_of

NODE = Node("acme", "s1", "e1")
STRANGER = Node("acme", "s9", "e1")
KNOWN = Admission(frozenset({"acme/s1/*"}), max_message_bytes=100_000)
EVIL = "<script>alert(1)</script>"
PASSWORD = "seven brown shelves"


def event(sequence: int, state: State = State.LOW, **changes: Any) -> bytes:
    data = SlotChanged(
        state=state,
        previous=State.STOCKED,
        since=datetime.now(UTC),
        sku="1001",
        facings=Facings(expected=4, seen=1),
        confidence=0.9,
        observed_secs=60,
        planogram="pg-1",
        model="sha256:0",
        calibration="c1",
    )
    values: dict[str, Any] = {
        "id": f"id-{sequence}",
        "source": NODE.source,
        "type": type_of(data),
        "subject": "a12/b01/s1/p01",
        "time": datetime.now(UTC),
        "epoch": 1,
        "sequence": sequence,
        "data": data.model_dump(mode="json", exclude_none=True),
    }
    return Event.model_validate(values | changes).to_json()


EVENTS = NODE.events("a12")
TOMORROW = datetime.now(UTC) + timedelta(days=1)
BAD: dict[DeadKind, tuple[str, bytes]] = {
    DeadKind.UNKNOWN_VERSION: (EVENTS, event(2, type="io.shelfwatch.slot.changed.v9")),
    DeadKind.WRONG_SOURCE: (EVENTS, event(3, source="/acme/s2/e1")),
    DeadKind.FROM_FUTURE: (EVENTS, event(4, time=TOMORROW)),
    DeadKind.TOO_LARGE: (EVENTS, event(5, subject="a12/" + "x" * 1_000_000)),
    DeadKind.NOT_JSON: (EVENTS, b"\xff\x00<not json>"),
    DeadKind.INVALID: (EVENTS, event(6, data={"state": EVIL})),
    DeadKind.TOPIC: ("shelf/v1/acme/s1/e1/up/other", b"{}"),
    DeadKind.UNREGISTERED: (STRANGER.events("a12"), event(2, source=STRANGER.source)),
}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    folder = tmp_path_factory.mktemp("broker")
    broker = EmbeddedBroker(BrokerSettings(embedded=True, port=0, folder=folder))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{tmp_path / 'central.sqlite'}")
    yield opened
    opened.close()


def received(topic: str, payload: bytes) -> Received:
    return Received(topic, payload, datetime.now(UTC))


def letters(database: Database, wanted: Wanted = Wanted()) -> list[Any]:  # noqa: B008
    with database.read() as connection:
        return read_letters(connection, wanted)


def slot_states(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(select(tables.slot_states.c.state)).scalars())


def test_every_kind_is_counted_and_kept_and_changes_nothing(
    broker: EmbeddedBroker, tmp_path: Path, database: Database
) -> None:
    """Over a real broker: one letter of each kind, the good event beside them is the only state."""
    settings = broker.client_settings().model_copy(update={"client_id": "letters"})
    collector = Collector(database, settings, admission=KNOWN)
    collector.start()
    sender = Client(CallbackAPIVersion.VERSION2, client_id="sender")
    sender.connect(broker.host, broker.port)
    sender.loop_start()
    try:
        wait_until(lambda: collector.is_connected, 60)
        for topic, payload in (*BAD.values(), (EVENTS, event(7, State.OUT_OF_STOCK))):
            sender.publish(topic, payload, qos=1).wait_for_publish(30)
        wait_until(lambda: collector.counts["events"] == 1, 60)
        wait_until(lambda: collector.counts["dead_letters"] == len(BAD), 60)
    finally:
        sender.disconnect()
        sender.loop_stop()
        collector.stop()
    assert collector.dead_kinds == dict.fromkeys(BAD, 1)
    with database.read() as connection:
        assert count_kinds(connection) == dict.fromkeys(BAD, 1)
    assert slot_states(database) == ["out_of_stock"]
    with TestClient(make_app(database, {})) as client:
        assert client.get("/").status_code == 200


def test_a_stranger_is_kept_once_and_can_come_back(database: Database) -> None:
    """Its number is not counted: once it is registered it sends all it has kept."""
    ingest = Ingest(database, admission=KNOWN)
    topic = STRANGER.events("a12")
    batch = [received(topic, event(n, source=STRANGER.source)) for n in (1, 2)]
    assert ingest.apply(batch).dead == {DeadKind.UNREGISTERED: 2}
    ingest.apply(batch)
    assert [letter.source for letter in letters(database)] == [STRANGER.source]
    assert database.watermarks() == {}
    Ingest(database).apply(batch)
    assert database.watermarks() == {STRANGER.source: (1, 2)}


def test_letters_do_not_fill_the_disk(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest stay, and of each no more than its beginning."""
    monkeypatch.setattr(ingest_batch.make_room, "__defaults__", (3,))
    ingest = Ingest(database)
    for number in range(5):
        ingest.apply([received(EVENTS, b"%d" % number + b"x" * 200_000)])
    found = letters(database)
    assert [letter.payload[:1] for letter in found] == [b"4", b"3", b"2"]
    assert {(len(letter.payload), letter.size_bytes) for letter in found} == {(65536, 200_001)}


def test_what_can_be_read_after_an_update_is_used(database: Database) -> None:
    """The event counts as if it had come then: it is older than what is known since."""
    ingest = Ingest(database)
    ingest.apply([received(EVENTS, event(1, data={"state": "odd"}))])
    (letter,) = letters(database)
    with database.write() as connection:  # as an update would read it
        connection.execute(tables.dead_letters.update().values(payload=event(1)))
    changed, outcomes = read_again(database, Desk(), Admission(), [letter.id], datetime.now(UTC))
    assert [outcome.reason for outcome in outcomes] == [None]
    assert (changed.events, slot_states(database), letters(database)) == (1, ["low"], [])
    assert database.count(tables.slot_intervals) == 1
    assert database.watermarks() == {NODE.source: (1, 1)}


def test_what_is_newer_stays(database: Database) -> None:
    """Neither an old event nor an old word of the node overwrites what came later."""
    ingest = Ingest(database)
    ingest.apply([received(EVENTS, event(1, data={})), received(NODE.status, b"{}")])
    now = datetime.now(UTC)
    online = NodeStatus(state="online", time=now, epoch=1).to_json()
    ingest.apply([received(EVENTS, event(2, State.STOCKED)), received(NODE.status, online)])
    old = NodeStatus(state="offline", time=now - timedelta(hours=1), epoch=1).to_json()
    with database.write() as connection:
        update = tables.dead_letters.update()
        is_event = tables.dead_letters.c.topic == EVENTS
        connection.execute(update.where(is_event).values(payload=event(1), size_bytes=0))
        connection.execute(update.where(~is_event).values(payload=old, size_bytes=0))
    ids = [letter.id for letter in letters(database)]
    _, outcomes = read_again(database, Desk(), Admission(), ids, datetime.now(UTC))
    assert [outcome.reason is None for outcome in outcomes] == [True, False]
    assert slot_states(database) == ["stocked"]
    assert database.count(tables.slot_intervals) == 2
    with database.read() as connection:
        assert list(connection.execute(select(tables.nodes.c.state)).scalars()) == ["online"]
    assert [letter.kind for letter in letters(database)] == [DeadKind.OUTDATED]


def test_what_still_cannot_be_read_says_why(database: Database) -> None:
    """It stays, with the reason of today; one of which only the beginning was kept says so."""
    Ingest(database).apply(
        [received(EVENTS, b"{"), received(NODE.status, b"x" * 70_000)],
    )
    ids = [letter.id for letter in letters(database)]
    _, outcomes = read_again(database, Desk(), Admission(), [*ids, 99], datetime.now(UTC))
    assert "JSON" in str(outcomes[0].reason)
    assert outcomes[1].reason == "only 65536 of 70000 bytes were kept"
    assert letters(database)[1].read_again_utc is not None


@pytest.fixture
def people(database: Database) -> Iterator[TestClient]:
    """A browser in which admin is logged in."""
    accounts = Accounts(database)
    for name, role in (("root", Role.ADMIN), ("boss", Role.MANAGER)):
        token = accounts.put(name, role, None)
        assert token is not None
        accounts.use_link(token, PASSWORD)
    collector = FakeCollector()
    app = make_app(database, {}, collector=collector, entrance=Entrance(accounts, Login()))
    app.state.fake = collector
    with TestClient(app) as client:
        log_in(client, "root")
        yield client


def log_in(client: TestClient, name: str) -> None:
    answer = client.post("/login", data={"name": name, "password": PASSWORD})
    assert answer.status_code == 200, answer.text


def test_the_page_shows_payloads_as_text(people: TestClient, database: Database) -> None:
    """Nothing in them is markup, and what cannot be printed is not sent."""
    Ingest(database).apply([received(*BAD[DeadKind.INVALID]), received(*BAD[DeadKind.NOT_JSON])])
    page = people.get("/dead-letters").text
    assert EVIL not in page and "&lt;script&gt;alert(1)" in page
    assert "\x00" not in page
    assert "A field does not fit" in page and "Not JSON" in page


def test_the_page_filters_by_its_address(people: TestClient, database: Database) -> None:
    """By kind and by node, with the older ones behind a link."""
    batch = [received(EVENTS, b"%d{" % number) for number in range(60)]
    Ingest(database).apply([*batch, received(*BAD[DeadKind.TOPIC])])
    page = people.get("/dead-letters?kind=not_json&source=/acme/s1/e1").text
    assert page.count('name="letter"') == 50
    older = re.search(r'href="(/dead-letters\?[^"]*before=[^"]*)"', page)
    assert older is not None
    assert people.get(older[1].replace("&amp;", "&")).text.count('name="letter"') == 10
    answer = people.get("/api/dead-letters.json?kind=topic").json()
    assert [letter["topic"] for letter in answer["letters"]] == ["shelf/v1/acme/s1/e1/up/other"]
    assert answer["kinds"] == {"not_json": 60, "topic": 1}
    assert people.get("/dead-letters?kind=odd").status_code == 400
    assert people.get("/dead-letters?before=x").status_code == 400


def test_reading_again_needs_the_own_page(people: TestClient, database: Database) -> None:
    """With its token the chosen letters are read, and the page says what became of them."""
    Ingest(database).apply([received(EVENTS, b"{"), received(EVENTS, b"[")])
    token = people.get("/api/me").json()["csrf"]
    assert people.post("/dead-letters", data={"letter": ["1"], "csrf": "x"}).status_code == 403
    form = {"letter": ["1", "2"], "csrf": token}
    page = people.post("/dead-letters", data=form).text
    assert "1 message is used now. 1 still cannot be used" in page
    assert people.app.state.fake.reread == [1, 2]  # type: ignore[attr-defined]
    assert people.post("/dead-letters", data=form | {"letter": ["x"]}).status_code == 400


def test_only_admins_read_other_peoples_messages(people: TestClient) -> None:
    """They may hold anything."""
    people.cookies.clear()
    log_in(people, "boss")
    assert people.get("/dead-letters").status_code == 403
    assert people.get("/api/dead-letters.json").status_code == 403


def test_every_kind_has_words_in_every_language() -> None:
    """A kind that is added needs a name."""
    for texts in LANGUAGES.values():
        for kind in DeadKind:
            assert texts(f"dead.kind.{kind.value}")
