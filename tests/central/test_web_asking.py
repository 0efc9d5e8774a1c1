"""The pages "Where does this go?" and of a bay over HTTP, with nodes that answer as a test says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from page_store import FakeCollector, insert
from starlette.testclient import TestClient
from web_rows import planogram, stored_alert, stored_slot

from central.asking import Asker, Why
from central.database import Database
from central.photographs import Fault
from central.web import asking_pages
from central.web.app import make_app
from central.web.asking_views import view_found
from central.web.language import LANGUAGES
from central.web.layouts import Layouts
from central.web.rows import Site, SiteRows
from shelf.commands import (
    MAX_PHOTO_SIDE_PX,
    BayView,
    BayViewReply,
    Candidate,
    Command,
    Outcome,
    Reply,
    Search,
    SearchReply,
    SlotInView,
    Sureness,
    jpeg_of,
    to_base64,
)
from shelf.picture_head import read_head
from shelf.slots import SlotId
from shelf.states import State
from shelf.topics import Node
from shelf.wire import parse

SITE = Site("demo", "s0001")
NOW = datetime.now(UTC)


def jpeg(width_px: int = 640, height_px: int = 480, grey: int = 90) -> bytes:
    _, code = cv2.imencode(".jpg", np.full((height_px, width_px, 3), grey, np.uint8))
    return code.tobytes()


def candidate(**changes: object) -> Candidate:
    values: dict[str, object] = {
        "sku": "100",
        "name": "Oat crackers",
        "sureness": Sureness.PRINT,
        "similarity": 0.9,
        "print_points": 40,
        "slots": ("a12/b01/s1/p01",),
    }
    return Candidate.model_validate(values | changes)


def bay_reply(**changes: object) -> BayViewReply:
    slots = (
        SlotInView(
            slot="a12/b01/s1/p01",
            state=State.OUT_OF_STOCK,
            box=(0.1, 0.5, 0.4, 0.9),
            seen=NOW,
            drawn=3,
        ),
        SlotInView(
            slot="a12/b01/s1/p02",
            state=State.STOCKED,
            box=(0.5, 0.5, 0.9, 0.9),
            seen=NOW - timedelta(minutes=7),
        ),
    )
    values: dict[str, object] = {
        "id": "replaced",
        "outcome": Outcome.OK,
        "picture": to_base64(jpeg()),
        "width_px": 640,
        "height_px": 480,
        "seen": NOW,
        "slots": slots,
    }
    return BayViewReply.model_validate(values | changes)


class Nodes:
    """A store's nodes: ``answer`` says what each of them replies, None for silence."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Command]] = []
        self.answer: Callable[[Node, Command], Reply | None] = lambda node, command: None
        self.is_up = True
        self.asker = Asker(self._send)

    def _send(self, topic: str, payload: bytes) -> bool:
        if not self.is_up:
            return False
        *_, tenant, site, name, _dn, _cmd, command_name = topic.split("/")
        node = Node(tenant, site, name)
        command = parse(Search if command_name == "search" else BayView, payload)
        self.asked.append((name, command))
        reply = self.answer(node, command)
        if reply is not None:
            told = reply.model_copy(update={"id": command.id}).to_json()
            threading.Thread(target=self.asker.take, args=(node.reply(command.id), told)).start()
        return True


@pytest.fixture
def nodes() -> Nodes:
    return Nodes()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{tmp_path / 'central.sqlite'}")
    insert(opened, "slot_states", stored_slot())
    insert(opened, "nodes", node_row("e1"), node_row("e2", state="offline"))
    yield opened
    opened.close()


def node_row(name: str, **changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "tenant": SITE.tenant,
        "site": SITE.site,
        "node": name,
        "state": "online",
        "time_utc": NOW - timedelta(minutes=5),
        "epoch": 1,
        "version": "0.1.0",
    }
    return row | changes


@pytest.fixture
def client(
    database: Database, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    monkeypatch.setattr(asking_pages, "BAY_SECS", 0.3)
    monkeypatch.setattr(asking_pages, "SEARCH_SECS", 0.3)
    collector = FakeCollector()
    collector.asker = nodes.asker
    app = make_app(database, {SITE: {"a12": planogram()}}, (), collector)
    with TestClient(app) as client:
        csrf = client.get("/api/me").json()["csrf"]
        client.headers["X-CSRF-Token"] = csrf
        yield client


def test_a_product_and_its_place_are_told(client: TestClient, nodes: Nodes) -> None:
    """Name, how sure, the place in words and on the strip, and that it is empty there."""
    nodes.answer = lambda node, command: SearchReply(
        id="", outcome=Outcome.OK, found=(candidate(),), others=(candidate(sku="7", slots=()),)
    )
    answer = client.post("/where", content=jpeg())
    assert answer.status_code == 200
    for words in (
        "Oat crackers",
        "Sure: the print on its package matches.",
        "Aisle a12",
        "Bay 1, shelf 1 from the bottom, 1st from the left",
        'class="mark"',
        "/bay?tenant=demo&amp;site=s0001&amp;slot=a12/b01/s1/p01",
        "It has no place on the shelves",
    ):
        assert words in answer.text
    assert [name for name, _ in nodes.asked] == ["e1"]


def test_what_is_sent_is_small_and_new(client: TestClient, nodes: Nodes) -> None:
    """Whatever comes in, a JPEG of at most 1024 px goes out."""
    client.post("/where", content=jpeg(3000, 2000))
    ((_, command),) = nodes.asked
    assert isinstance(command, Search)
    head = read_head(jpeg_of("picture", command.picture, MAX_PHOTO_SIDE_PX))
    assert (head.width_px, head.height_px) == (1024, 683)


def test_nothing_of_a_photograph_is_stored(
    client: TestClient, nodes: Nodes, database: Database, tmp_path: Path
) -> None:
    """Neither the photograph nor what was sent of it is in the database or beside it."""
    rng = np.random.default_rng(3)
    _, code = cv2.imencode(".jpg", rng.integers(0, 255, (300, 300, 3), dtype=np.uint8))
    photograph = code.tobytes()
    client.post("/where", content=photograph)
    ((_, command),) = nodes.asked
    assert isinstance(command, Search)
    sent = jpeg_of("picture", command.picture, MAX_PHOTO_SIDE_PX)
    database.close()
    for path in tmp_path.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert photograph[200:400] not in content
        assert sent[200:400] not in content


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (SearchReply(id="", outcome=Outcome.OK), "Not known"),
        (SearchReply(id="", outcome=Outcome.OK, detail="flat"), "it is all of one colour"),
        (
            SearchReply(id="", outcome=Outcome.OK, found=(candidate(), candidate(sku="8"))),
            "One of these",
        ),
        (
            SearchReply(id="", outcome=Outcome.OK, found=(candidate(sureness=Sureness.LIKENESS),)),
            "Likely: it looks like it.",
        ),
        (Reply(id="", outcome=Outcome.REFUSED, detail="`answers`"), "does not allow it"),
        (Reply(id="", outcome=Outcome.NOT_HERE, detail="no catalogue"), "no catalogue"),
        (Reply(id="", outcome=Outcome.BUSY), "busy"),
        (None, "does not answer"),
    ],
)
def test_every_answer_has_words(
    client: TestClient, nodes: Nodes, reply: Reply | None, words: str
) -> None:
    """Not known, one of several, likely, refused, busy, silence."""
    nodes.answer = lambda node, command: reply
    assert words in client.post("/where", content=jpeg()).text


@pytest.mark.parametrize(
    ("photograph", "words"),
    [
        (b"", "There was no photo in it"),
        (b"hello", "no photo that can be read"),
        (jpeg(10, 10), "too small"),
        (b"\xff\xd8\xff" + bytes(21 * 1024 * 1024), "at most 64 megapixels and 20 MB"),
    ],
)
def test_what_is_no_photograph_is_told(
    client: TestClient, nodes: Nodes, photograph: bytes, words: str
) -> None:
    """And no node is asked."""
    answer = client.post("/where", content=photograph)
    assert answer.status_code == 400
    assert words in answer.text
    assert nodes.asked == []


def test_the_node_that_knows_it_is_believed(
    client: TestClient, nodes: Nodes, database: Database
) -> None:
    """Two nodes watch two aisles; the one that plans the product has the answer."""
    insert(database, "nodes", node_row("e3"))
    found = {"e1": candidate(slots=()), "e3": candidate(sku="9", name="Tea")}
    nodes.answer = lambda node, command: SearchReply(
        id="", outcome=Outcome.OK, found=(found[node.node],)
    )
    assert '<h2 tabindex="-1">Tea</h2>' in client.post("/where", content=jpeg()).text


def test_only_ones_own_page_may_ask(client: TestClient, nodes: Nodes) -> None:
    """Another page cannot make a browser send photographs, and nobody can ask without end."""
    client.headers["X-CSRF-Token"] = "wrong"
    assert client.post("/where", content=jpeg()).status_code == 403
    assert nodes.asked == []


def test_nobody_asks_without_end(client: TestClient, nodes: Nodes) -> None:
    """Each question costs the store's computer."""
    nodes.answer = lambda node, command: SearchReply(id="", outcome=Outcome.OK)
    codes = [client.post("/where", content=jpeg()).status_code for _ in range(32)]
    assert codes == [200] * 30 + [429] * 2


def test_a_bay_is_shown_with_its_gaps(client: TestClient, nodes: Nodes) -> None:
    """Its picture, what is missing in words, what is hidden, and how old that is."""
    nodes.answer = lambda node, command: bay_reply()
    page = client.get("/bay?tenant=demo&site=s0001&slot=a12/b01/s1/p01").text
    for words in (
        "Aisle a12, bay 1",
        "The camera last looked",
        "3 facings drawn in",
        "Oat crackers",
        "Out of stock",
        "Hidden: seen 7 min earlier",
        'class="slot-frame out_of_stock"',
        'class="mark"',
    ):
        assert words in page
    src = page.partition('<image href="')[2].partition('"')[0].replace("&amp;", "&")
    picture = client.get(src)
    assert picture.content == jpeg()
    assert picture.headers["cache-control"] == "no-store"


def test_the_last_picture_stays_while_the_node_is_silent(client: TestClient, nodes: Nodes) -> None:
    """With its age, and with the words that it is the last one."""
    seen = datetime.now(UTC) - timedelta(minutes=9, seconds=5)
    nodes.answer = lambda node, command: bay_reply(seen=seen)
    client.get("/bay?aisle=a12&bay=1")
    nodes.answer = lambda node, command: None
    page = client.get("/bay?aisle=a12&bay=1").text
    assert "does not answer" in page
    assert "This is the last picture, 9 min old." in page
    assert "<image" in page


def test_a_picture_is_not_kept_for_ever(
    client: TestClient, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After twelve hours it is forgotten, also by its address."""
    nodes.answer = lambda node, command: bay_reply()
    client.get("/bay?aisle=a12&bay=1")
    assert client.get("/bay/picture.jpg?aisle=a12&bay=1").status_code == 200
    monkeypatch.setattr(asking_pages, "KEPT_FOR", timedelta(0))
    assert client.get("/bay/picture.jpg?aisle=a12&bay=1").status_code == 404


def test_pictures_of_few_bays_are_kept(
    client: TestClient, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest goes when there are too many: memory is bounded."""
    monkeypatch.setattr(asking_pages, "KEPT_BAYS", 1)
    nodes.answer = lambda node, command: bay_reply()
    codes = []
    for bay in (1, 2):
        client.get(f"/bay?aisle=a12&bay={bay}")
        codes.append(client.get("/bay/picture.jpg?aisle=a12&bay=1").status_code)
    assert codes == [200, 404]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/bay?aisle=a12&bay=99", 404),
        ("/bay?aisle=a12", 400),
        ("/bay?slot=nonsense", 400),
        ("/bay?alert=nonsense", 404),
        ("/bay?tenant=demo&site=other&aisle=a12&bay=1", 404),
        ("/bay/picture.jpg?aisle=a12&bay=1", 404),
    ],
)
def test_what_is_not_there_is_told(client: TestClient, path: str, status: int) -> None:
    """No bay, no slot, no alert, no store, no picture yet."""
    assert client.get(path).status_code == status


def test_an_alert_leads_to_its_bay(client: TestClient, nodes: Nodes, database: Database) -> None:
    """The alert's slot is marked."""
    insert(database, "alerts", stored_alert())
    nodes.answer = lambda node, command: bay_reply()
    page = client.get(f"/bay?alert={stored_alert()['alert']}").text
    assert 'class="mark"' in page


def test_a_store_that_is_away_is_not_waited_for(
    client: TestClient, nodes: Nodes, database: Database
) -> None:
    """Its page says since when; without a broker it says that."""
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE nodes SET state = 'offline'")
    assert "out of reach for" in client.get("/bay?aisle=a12&bay=1").text
    assert nodes.asked == []
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE nodes SET state = 'online'")
    nodes.is_up = False
    assert "cannot reach the stores" in client.get("/bay?aisle=a12&bay=1").text


def test_places_to_fill_come_first() -> None:
    """Of two slots of one product the empty one is told first."""
    empty = Layouts({"a12": planogram()}).planned_slot("a12", SlotId(1, 1, 2))
    assert empty is not None
    rows = SiteRows(slots=(replace(empty, state=State.OUT_OF_STOCK),))
    reply = SearchReply(
        id="",
        outcome=Outcome.OK,
        found=(candidate(slots=("a12/b01/s1/p01", "a12/b01/s1/p02")),),
    )
    layouts = Layouts({"a12": planogram()})
    for t in LANGUAGES.values():
        (product,) = view_found(t, reply, rows, layouts).products
        assert [home.slot.position for home in product.homes] == [2, 1]
        assert all(home.state_words and home.strip for home in product.homes)


def test_every_reason_has_words_in_every_language() -> None:
    """Whatever a node or the center says, there is a text for it."""
    keys = [f"asking.{why.value}" for why in Why]
    keys += [f"asking.outcome.{one.value}" for one in Outcome if one is not Outcome.OK]
    keys += [f"where.fault.{fault.value}" for fault in Fault]
    keys += [f"where.now.{state.value}" for state in State]
    keys += ["where.sure.print", "where.sure.likeness"]
    for t in LANGUAGES.values():
        for key in keys:
            assert t(key)
