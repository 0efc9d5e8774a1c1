"""The page over HTTP, on a real SQLite database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from page_store import FakeCollector, insert
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient
from web_rows import NOW, planogram, stored_alert, stored_slot

from central import tables
from central.config import Look
from central.database import Database
from central.desk import Actor
from central.web.app import make_app
from central.web.language import ENGLISH
from central.web.live import Changes
from central.web.pages import Pages, View
from central.web.rows import Site
from shelf.wire import StaffAction, StaffAnswer

EVIL = "<script>alert('x')</script>"
SITE = Site("demo", "s0001")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{tmp_path / 'central.sqlite'}")
    yield opened
    opened.close()


@pytest.fixture
def client(database: Database) -> Iterator[TestClient]:
    looks = [Look(camera="c1", url="http://127.0.0.1:9/cameras/c1/look.jpg")]
    with TestClient(make_app(database, {SITE: {"a12": planogram()}}, looks)) as client:
        yield client


def test_an_empty_database_still_gives_a_page(client: TestClient) -> None:
    """It does not say that all is well, because nothing can be seen yet."""
    page = client.get("/").text
    assert "Nothing to do." not in page
    assert "Nothing can be seen." in page
    assert "4 slots in 2 bays of aisle a12" in page
    assert "No camera has reported yet." in page


def test_no_alert_says_what_is_watched(client: TestClient, database: Database) -> None:
    """And how much of it cannot be seen."""
    insert(database, "slot_states", stored_slot())
    page = client.get("/").text
    assert "Nothing to do.</b> Watching 4 slots in 2 bays of aisle a12; 3 cannot be seen." in page


def test_without_any_site_the_page_says_so(database: Database) -> None:
    """Neither a planogram nor a node."""
    with TestClient(make_app(database, {})) as client:
        page = client.get("/").text
    assert "No store yet" in page
    assert "no node has reported a slot" in page


def test_text_of_files_and_nodes_is_escaped_everywhere(
    client: TestClient, database: Database
) -> None:
    """Product names and reasons come from outside."""
    found = [{"sku": EVIL, "confidence": 0.5}]
    row: dict[str, Any] = {"name": EVIL, "reason": EVIL, "state": "misplaced", "found": found}
    insert(database, "slot_states", stored_slot(**row), stored_slot("b09/s9/p09", **row))
    insert(database, "alerts", stored_alert(**row), stored_alert("e2", **row, closed_utc=NOW))
    camera = {"tenant": "demo", "site": "s0001", "node": "e1", "camera": "c1", "state": "dark"}
    times = {"since_utc": NOW, "time_utc": NOW, "calibration_score": None}
    insert(database, "cameras", camera | times | {"detail": EVIL})
    for path in ("/", "/card?tenant=demo&site=s0001&slot=a12/b01/s1/p01"):
        text = client.get(path).text
        assert EVIL not in text
        assert "&lt;script&gt;" in text


def test_the_page_loads_nothing_from_elsewhere(client: TestClient) -> None:
    """Only its own files, and pictures from the agents that are configured."""
    policy = client.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "img-src 'self' http://127.0.0.1:9;" in policy
    assert "unsafe" not in policy
    for path in ("/healthz", "/static/todo.js", "/evidence/none/now.jpg"):
        assert client.get(path).headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("url", ["javascript:alert(1)", "http://a;script-src *", "/look.jpg"])
def test_a_look_that_is_no_http_url_is_refused(database: Database, url: str) -> None:
    """It would weaken the policy or never load."""
    with pytest.raises(ValueError, match="expected"):
        make_app(database, {}, [Look(camera="c1", url=url)])


def test_alerts_are_there_for_programs(client: TestClient, database: Database) -> None:
    """Open and closed, with place, picture and times."""
    insert(database, "alerts", stored_alert(), stored_alert("e2", "b02/s1/p01", closed_utc=NOW))
    insert(
        database,
        "evidence",
        {"event_id": "e1", "now": b"\xff\xd8\xff1", "before": None, "time_utc": NOW},
    )
    answer = client.get("/api/alerts.json?tenant=demo&site=s0001").json()
    (alert,) = answer["open"]
    assert alert["slot"] == "a12/b01/s1/p01"
    assert alert["place"].startswith("aisle a12, bay 1")
    assert alert["opened_utc"] == "2026-11-21T12:30:00+00:00"
    assert (alert["now"], alert["before"]) == ("/evidence/e1/now.jpg", None)
    assert [closed["id"] for closed in answer["closed"]] == ["e2"]
    assert alert["rank"] > answer["closed"][0]["rank"] > 0
    again = client.get("/api/alerts.json?site=s0001").json()
    assert [each["id"] for each in (*again["open"], *again["closed"])] == ["e1", "e2"]
    assert client.get("/api/alerts.json?site=other").json() == {"open": [], "closed": []}


def test_slots_nodes_and_cameras_are_there_for_programs(
    client: TestClient, database: Database
) -> None:
    """One object a slot, with its state."""
    insert(database, "slot_states", stored_slot())
    node = {"tenant": "demo", "site": "s0001", "node": "e1", "state": "online"}
    insert(database, "nodes", node | {"time_utc": NOW, "epoch": 1, "version": "1"})
    answer = client.get("/api/slots.json").json()
    assert [(s["slot"], s["state"]) for s in answer["slots"]] == [("a12/b01/s1/p01", "stocked")]
    assert [(n["node"], n["is_online"]) for n in answer["nodes"]] == [("e1", True)]
    assert answer["cameras"] == []


def test_pictures_are_served_as_jpeg_and_only_when_they_exist(
    client: TestClient, database: Database
) -> None:
    """Now, before, and neither."""
    row = {"event_id": "e1", "now": b"\xff\xd8\xff1", "before": b"\xff\xd8\xff2", "time_utc": NOW}
    insert(database, "evidence", row)
    now = client.get("/evidence/e1/now.jpg")
    assert (now.content, now.headers["content-type"]) == (b"\xff\xd8\xff1", "image/jpeg")
    assert client.get("/evidence/e1/before.jpg").content == b"\xff\xd8\xff2"
    assert client.get("/evidence/e2/now.jpg").status_code == 404
    assert client.get("/evidence/e1/after.jpg").status_code == 404


def test_a_picture_comes_small_for_a_list(client: TestClient, database: Database) -> None:
    """A phone that lists 200 alerts does not load 200 whole pictures; what is broken stays so."""
    noise = np.random.default_rng(1).integers(0, 255, (360, 480, 3), dtype=np.uint8)
    jpeg = cv2.imencode(".jpg", noise)[1].tobytes()
    row = {"event_id": "e1", "now": jpeg, "before": b"\xff\xd8\xff2", "time_utc": NOW}
    insert(database, "evidence", row)
    small = client.get("/evidence/e1/now.jpg?size=small").content
    assert cv2.imdecode(np.frombuffer(small, np.uint8), cv2.IMREAD_COLOR).shape == (168, 224, 3)
    assert client.get("/evidence/e1/now.jpg").content == jpeg
    assert client.get("/evidence/e1/before.jpg?size=small").content == b"\xff\xd8\xff2"


def test_an_alert_shows_its_pictures_when_they_have_arrived(
    client: TestClient, database: Database
) -> None:
    """The event comes first, its pictures later."""
    insert(database, "alerts", stored_alert())
    assert "/evidence/" not in client.get("/").text
    row = {"event_id": "e1", "now": b"\xff\xd8\xff1", "before": None, "time_utc": NOW}
    insert(database, "evidence", row)
    client.app.state.changes.notify()  # type: ignore[attr-defined]
    page = client.get("/").text
    assert 'src="/evidence/e1/now.jpg?size=small"' in page
    assert "before.jpg" not in page


def test_the_card_of_a_slot(client: TestClient, database: Database) -> None:
    """Known, planned but never reported, unknown to all, and no slot at all."""
    insert(database, "slot_states", stored_slot(state="low", facings_seen=1))
    query = "/card?tenant=demo&site=s0001&slot="
    known = client.get(f"{query}a12/b01/s1/p01").text
    assert "1 of 3 seen" in known
    assert "90 %" in known
    assert "not looked at yet" in client.get(f"{query}a12/b01/s2/p01").text
    assert client.get(f"{query}a12/b07/s1/p01").status_code == 404
    refused = client.get(f"{query}cheese")
    assert refused.status_code == 400
    assert "a12/b01/s3/p02" in refused.text


def test_several_stores_can_be_chosen(client: TestClient, database: Database) -> None:
    """The first is shown; a link leads to each; one that does not exist is said to be missing."""
    insert(database, "slot_states", stored_slot(site="s0002", name="Nutmeg"))
    assert "Nutmeg" not in client.get("/?view=all").text
    more = client.get("/more").text
    assert 'href="/?tenant=demo&amp;site=s0002">Store s0002</a>' in more
    assert "Nutmeg" in client.get("/?view=all&tenant=demo&site=s0002").text
    missing = client.get("/?tenant=demo&site=s9")
    assert (missing.status_code, "there is s0001, s0002" in missing.text) == (404, True)


def test_a_commit_of_the_collector_redraws(database: Database) -> None:
    """Without it a page would wait for the next beat."""
    collector = FakeCollector()
    app = make_app(database, {SITE: {"a12": planogram()}}, collector=collector)
    with TestClient(app) as client:
        assert "Rye crisps" not in client.get("/").text
        insert(database, "alerts", stored_alert(name="Rye crisps"))
        collector.commit()
        assert "Rye crisps" in client.get("/").text


def test_a_lost_broker_is_said(database: Database) -> None:
    """Nothing new can arrive, and the page must not look as if all were well."""
    collector = FakeCollector()
    collector.is_connected, collector.detail = False, "connection refused"
    with TestClient(make_app(database, {}, collector=collector)) as client:
        assert "The broker is out of reach" in client.get("/").text
        assert client.get("/healthz").json() == {"status": "ok", "broker": "connection refused"}


DONE = {"actions": [{"action": "phone-1-1", "alert": "e1", "kind": "done"}]}


@pytest.mark.parametrize(
    ("site", "token", "status"),
    [
        ("same-origin", True, 200),
        (None, True, 200),
        ("cross-site", True, 403),
        ("same-origin", False, 403),
        (None, False, 403),
    ],
)
def test_only_the_page_can_act(
    database: Database, site: str | None, token: bool, status: int
) -> None:
    """Another site's form can neither read the token nor send the header."""
    collector = FakeCollector()
    with TestClient(make_app(database, {}, collector=collector)) as client:
        headers = {"X-CSRF-Token": client.get("/api/me").json()["csrf"]} if token else {}
        headers |= {"Sec-Fetch-Site": site} if site else {}
        answer = client.post("/api/actions", headers=headers, json=DONE)
        assert answer.status_code == status
        assert len(collector.acted) == (status == 200)


def test_only_the_bay_that_changed_is_sent_again(database: Database) -> None:
    """A large store's page would else be a megabyte for each change."""
    pages = Pages(database, {SITE: {"a12": planogram()}}, Changes(), lambda: None)
    before = pages.draw_parts(SITE, ENGLISH, View.ALL)
    insert(database, "slot_states", stored_slot("b02/s1/p01"))
    after = pages.draw_parts(SITE, ENGLISH, View.ALL)
    changed = {name for name in after if after[name] != before[name]}
    assert "bay-a12-2" in changed
    assert "bay-a12-1" in after.keys() - changed


def test_the_first_page_is_whole(client: TestClient) -> None:
    """Every slot is drawn before any script has run, for whoever asks for all."""
    page = client.get("/?view=all").text
    for slot in ("b01/s1/p01", "b01/s1/p02", "b01/s2/p01", "b02/s1/p01"):
        assert f'data-key="a12/{slot}"' in page


def test_health_follows_the_database(client: TestClient, database: Database) -> None:
    """200 while it answers, 503 when its tables are gone."""
    assert client.get("/healthz").json() == {"status": "ok", "broker": "connected"}
    tables.metadata.drop_all(database.engine)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (503, "failing")


def test_a_database_that_does_not_answer_is_told(database: Database) -> None:
    """Nothing was done, and a phone keeps its actions for later."""

    class Stuck(FakeCollector):
        def act(self, actor: Actor, actions: Sequence[StaffAction]) -> list[StaffAnswer]:
            raise OperationalError("insert", {}, Exception("database is locked"))

    with TestClient(make_app(database, {}, collector=Stuck())) as client:
        headers = {"X-CSRF-Token": client.get("/api/me").json()["csrf"]}
        answer = client.post("/api/actions", headers=headers, json=DONE)
    assert (answer.status_code, "try again" in answer.text) == (503, True)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{", "body: expected JSON"),
        ('{"actions": []}', "actions: Tuple should have at least 1 item"),
        ('{"actions": [{"action": "x", "alert": "e1", "kind": "done"}]}', "actions.0.action"),
        ('{"actions": [{"action": "phone-001", "alert": "e1", "kind": "eat"}]}', "actions.0.kind"),
        ('{"deeds": []}', "actions: Field required"),
        (" " * 300_000, "expected at most 262144 bytes"),
    ],
)
def test_a_wrong_body_is_told_by_field(database: Database, body: str, words: str) -> None:
    """And nothing of it is done."""
    collector = FakeCollector()
    with TestClient(make_app(database, {}, collector=collector)) as client:
        headers = {"X-CSRF-Token": client.get("/api/me").json()["csrf"]}
        answer = client.post("/api/actions", headers=headers, content=body)
    assert answer.status_code in (400, 413)
    assert words in answer.text
    assert collector.acted == []


def test_an_alert_tells_its_life(client: TestClient, database: Database) -> None:
    """Every step with its time and who took it."""
    insert(database, "alerts", stored_alert(phase="claimed", by="anna"))
    step = {"alert": "e1", "time_utc": NOW, "detail": None, "action": None}
    steps = [step | {"number": 1, "step": "opened", "by": None}]
    steps += [step | {"number": 2, "step": "claimed", "by": "anna"}]
    insert(database, "alert_steps", *steps)
    said = client.get("/api/alert.json?alert=e1").json()
    assert (said["phase"], said["by"]) == ("claimed", "anna")
    assert [(each["step"], each["by"]) for each in said["steps"]] == [
        ("opened", None),
        ("claimed", "anna"),
    ]
    assert client.get("/api/alert.json?alert=none").status_code == 404
