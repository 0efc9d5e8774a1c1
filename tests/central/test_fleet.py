"""How nodes and cameras are, and who of them comes first."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import fleet_store
import pytest
from fleet_store import AWAY, GOOD, NOW, ODD, camera, fill, health, minutes, status
from starlette.testclient import TestClient

from central import tables
from central.accounts import Accounts, Role
from central.config import Login
from central.database import Database
from central.fleet import Fleet, Need, read_fleet
from central.ingest import Ingest
from central.metric_settings import Region
from central.metrics.grouping import Grouping
from central.products import Products
from central.web.app import make_app
from central.web.entrance import Entrance
from central.web.language import LANGUAGES

SITES = [("demo", "s0001"), ("demo", "s0002"), ("demo", "s0003")]
NORTH = Region(tenant="demo", id="north", name="North", sites=("s0001", "s0002"))
GROUPING = Grouping.of([NORTH], Products(), {}, lambda *_: UTC)
PASSWORD = "seven brown shelves"


def read(database: Database) -> Fleet:
    with database.read() as connection:
        return read_fleet(connection, SITES, NOW)


def test_what_needs_somebody_comes_first(database: Database) -> None:
    """Nodes and cameras each by their gravest need; cameras of a node that is away have none."""
    fill(database)
    fleet = read(database)
    assert [(node.site, node.needs) for node in fleet.nodes] == [
        ("s0002", (Need.NODE_OFFLINE,)),
        ("s0003", (Need.EVENTS_LOST, Need.EVENTS_WAIT, Need.OLD_VERSION)),
        ("s0001", ()),
    ]
    assert [(c.site, c.camera, c.needs) for c in fleet.cameras] == [
        ("s0003", "c1", (Need.CAMERA_OFFLINE,)),
        ("s0003", "c2", (Need.CAMERA_MOVED,)),
        ("s0003", "c4", (Need.UNCALIBRATED, Need.CAMERA_DARK)),
        ("s0003", "c3", (Need.LOW_COVERAGE, Need.REFUSED, Need.DRIFTED)),
        ("s0001", "c1", ()),
        ("s0002", "c1", ()),
    ]
    assert fleet.needs[Need.DRIFTED] == 1
    assert fleet.with_need(Need.CAMERA_MOVED).cameras[0].camera == "c2"


def test_what_nodes_say_of_themselves_is_kept(database: Database) -> None:
    """Outbox, planograms, looks and models; the share of slots that is seen is counted here."""
    fill(database)
    fleet = read(database)
    odd = next(node for node in fleet.nodes if node.site == "s0003")
    assert (odd.outbox_events, odd.outbox_oldest_utc) == (12_000, minutes(45))
    assert dict(odd.planograms) == {"a12": "a12-w47"}
    c3 = next(camera for camera in fleet.cameras if camera.camera == "c3")
    assert (c3.slots, c3.coverage, c3.looks_per_minute) == (4, 0.25, 1)
    assert (c3.drift_px, c3.drift_since_utc) == (3.5, minutes(50))
    assert (c3.calibration, c3.calibration_since_utc) == ("c1-3", minutes(2))


def test_a_calibration_in_use_keeps_its_age(database: Database) -> None:
    """A status that says the same version again does not make it young; another one does."""
    fill(database)
    for version, expected in (("c1-3", minutes(2)), ("c1-4", NOW)):
        said = camera(GOOD, "c1", time=NOW, calibration=version)
        Ingest(database).apply([replace(said, received_utc=NOW)])
        c1 = next(c for c in read(database).cameras if (c.site, c.camera) == ("s0001", "c1"))
        assert (c1.calibration, c1.calibration_since_utc) == (version, expected)


def test_a_node_that_is_connected_and_says_nothing_is_silent(database: Database) -> None:
    """One that has never reported is an older agent, and is not blamed."""
    Ingest(database).apply(
        [status(GOOD, 60), health(GOOD, 6), status(ODD, 60), status(AWAY, 60)],
    )
    needs = {node.site: node.needs for node in read(database).nodes}
    assert needs == {"s0001": (Need.NODE_SILENT,), "s0002": (), "s0003": ()}


def test_a_node_from_the_future_is_here_now(database: Database) -> None:
    """Its clock is wrong, and its word is taken as of its arrival."""
    Ingest(database).apply([replace(status(GOOD, -600), received_utc=NOW)])
    assert read(database).nodes[0].since_utc == NOW


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A database in which the fleet is as of now: the page goes by the wall clock."""
    monkeypatch.setattr(fleet_store, "NOW", datetime.now(UTC))
    database = Database.open(f"sqlite:///{tmp_path / 'central.sqlite'}")
    yield database
    database.close()


@pytest.fixture
def client(opened: Database) -> Iterator[TestClient]:
    """A browser; everybody is a manager."""
    with TestClient(make_app(opened, {}, grouping=GROUPING)) as client:
        yield client


def test_the_page_says_what_to_do(client: TestClient, opened: Database) -> None:
    """The gravest first, each in words; what is well is there, too."""
    fill(opened)
    page = client.get("/fleet").text
    first = page.index("Check power and network of the small computer")
    assert first < page.index("Check the camera&#39;s power") < page.index('id="nodes"')
    assert "12000, the oldest" in page
    assert "Put it back, or calibrate it anew." in page
    assert "25 % of 4" in page
    assert page.count("moved 40 px") == 2


def test_the_page_filters_by_its_address(client: TestClient, opened: Database) -> None:
    """By region, by store and by need; what nobody has is said, and what is wrong refused."""
    fill(opened)
    assert "192.0.2.31" not in client.get("/fleet?region=north").text
    assert "192.0.2.31" in client.get("/fleet?site=demo/s0003").text
    moved = client.get("/fleet?need=camera_moved").text
    assert "192.0.2.31" not in moved and "moved 40 px" in moved
    assert client.get("/fleet?site=demo/s0009").status_code == 404
    assert "expected one of node_offline" in client.get("/fleet?need=odd").text
    well = client.get("/fleet?site=demo/s0001").text
    assert "Nothing needs anybody." in well


def test_an_empty_fleet_gives_a_page(client: TestClient) -> None:
    """Also in every other language."""
    for texts in LANGUAGES.values():
        headers = {"Accept-Language": texts.language}
        assert texts("fleet.empty") in client.get("/fleet", headers=headers).text


def test_the_same_for_programs_and_spreadsheets(client: TestClient, opened: Database) -> None:
    """JSON and CSV have all rows; a text that a spreadsheet would compute is quoted."""
    fill(opened)
    with opened.write() as connection:
        connection.execute(tables.cameras.update().values(detail="=1+1"))
    answer = client.get("/api/fleet.json?need=events_lost").json()
    assert [node["node"] for node in answer["nodes"]] == ["s0003-e1"]
    assert answer["needs"]["node_offline"] == 1
    assert answer["cameras"] == []
    table = list(csv.DictReader(io.StringIO(client.get("/api/fleet.csv").text)))
    assert [row["camera"] for row in table] == ["", "", "", "c1", "c2", "c4", "c3", "c1", "c1"]
    assert table[3]["detail"] == "'=1+1"
    assert table[1]["needs"] == "events_lost events_wait old_version"


def test_only_who_looks_after_it_sees_the_fleet(opened: Database) -> None:
    """Staff do not; an installer sees their own stores."""
    fill(opened)
    accounts = Accounts(opened)
    people = {"ina": (Role.INSTALLER, ["demo/s0001"]), "sam": (Role.STAFF, ["demo/s0001"])}
    for name, (role, stores) in people.items():
        token = accounts.put(name, role, stores)
        assert token is not None
        accounts.use_link(token, PASSWORD)
    with TestClient(make_app(opened, {}, entrance=Entrance(accounts, Login()))) as client:
        client.post("/login", data={"name": "ina", "password": PASSWORD})
        page = client.get("/fleet").text
        assert "s0001-e1" in page and "s0002-e1" not in page
        assert client.get("/fleet?site=demo/s0002").status_code == 404
        client.cookies.clear()
        client.post("/login", data={"name": "sam", "password": PASSWORD})
        assert client.get("/fleet").status_code == 403
        assert client.get("/api/fleet.csv").status_code == 403


def test_every_need_has_words_in_every_language() -> None:
    """What it is, and what to do about it."""
    for texts in LANGUAGES.values():
        for need in Need:
            assert texts(f"fleet.need.{need.value}") and texts(f"fleet.do.{need.value}")


def test_versions_are_compared_as_numbers(database: Database) -> None:
    """0.10 is newer than 0.9."""
    Ingest(database).apply([status(GOOD, 5, version="0.10.0"), status(ODD, 5, version="0.9.9")])
    old = [node.site for node in read(database).nodes if Need.OLD_VERSION in node.needs]
    assert old == ["s0003"]
