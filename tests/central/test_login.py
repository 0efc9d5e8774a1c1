"""Who may come in, what they see, and what another page cannot make them do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from alert_site import START
from argon2 import PasswordHasher
from page_store import FakeCollector, insert
from starlette.testclient import TestClient
from web_rows import planogram, stored_alert, stored_slot

from central.accounts import LINK_LASTS, AccountError, Accounts, Role
from central.config import Login, ProxyLogin
from central.database import Database
from central.web.app import make_app
from central.web.entrance import Entrance
from central.web.limits import Limit
from central.web.rows import Site

PASSWORD = "seven brown shelves"
HERE, THERE = Site("demo", "s0001"), Site("demo", "s0002")
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class Clock:
    """A clock that a test puts forward."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{tmp_path / 'central.sqlite'}")
    insert(opened, "slot_states", stored_slot(), stored_slot(site="s0002", name="Nutmeg"))
    insert(opened, "alerts", stored_alert("e1"), stored_alert("e2", site="s0002"))
    yield opened
    opened.close()


@pytest.fixture
def accounts(database: Database, clock: Clock) -> Accounts:
    return Accounts(database, clock=clock, hasher=CHEAP)


def person(accounts: Accounts, name: str, role: Role, stores: list[str] | None) -> str:
    """Make somebody with the password, and return the name."""
    token = accounts.put(name, role, stores)
    assert token is not None
    accounts.use_link(token, PASSWORD)
    return name


@pytest.fixture
def collector() -> FakeCollector:
    return FakeCollector()


def browser(
    database: Database,
    accounts: Accounts,
    collector: FakeCollector | None = None,
    login: Login | None = None,
    address: str = "192.0.2.1",
) -> TestClient:
    """Return a client that keeps its cookies and follows no redirect."""
    entrance = Entrance(accounts, login or Login())
    planograms = {HERE: {"a12": planogram()}}
    app = make_app(database, planograms, collector=collector, entrance=entrance)
    return TestClient(app, follow_redirects=False, client=(address, 5000))


def log_in(client: TestClient, name: str, password: str = PASSWORD) -> int:
    return client.post("/login", data={"name": name, "password": password}).status_code


def token_of(client: TestClient) -> dict[str, str]:
    return {"X-CSRF-Token": client.get("/api/me").json()["csrf"]}


def test_a_stranger_sees_nothing(database: Database, accounts: Accounts) -> None:
    """Pages lead to the login, programs get 401; health and the login's own files are open."""
    client = browser(database, accounts)
    page = client.get("/?site=s0001")
    assert (page.status_code, page.headers["location"]) == (303, "/login?next=%2F%3Fsite%3Ds0001")
    for path in ("/events", "/card", "/api/alerts.json", "/api/me", "/evidence/e1/now.jpg"):
        assert client.get(path).status_code == 401
    assert client.post("/api/actions", json={}).status_code == 401
    for path in ("/healthz", "/login", "/static/page.css"):
        assert client.get(path).status_code == 200


def test_the_first_admin_comes_in_by_a_link(database: Database, accounts: Accounts) -> None:
    """Once: the link ends with its use, and with the next start."""
    old = accounts.first_link()
    token = accounts.first_link()
    client = browser(database, accounts)
    assert client.get(f"/link/{old}").status_code == 404
    assert "admin" in client.get(f"/link/{token}").text
    differ = client.post(f"/link/{token}", data={"password": PASSWORD, "again": "another one"})
    assert "The two passwords differ" in differ.text
    short = client.post(f"/link/{token}", data={"password": "short", "again": "short"})
    assert (short.status_code, "10 to 200 characters, found 5" in short.text) == (400, True)
    form = {"password": PASSWORD, "again": PASSWORD}
    assert client.post(f"/link/{token}", data=form).headers["location"] == "/"
    assert client.get("/api/me").json()["role"] == "admin"
    assert client.post(f"/link/{token}", data=form).status_code == 404
    assert accounts.first_link() is None


def test_a_link_ends(accounts: Accounts, clock: Clock) -> None:
    """After a day; and a new one ends the one before."""
    token = accounts.put("anna", Role.STAFF, ["demo/s0001"])
    assert token is not None
    clock.now += LINK_LASTS
    assert accounts.link_owner(token) is None
    with pytest.raises(AccountError, match="used or is over"):
        accounts.use_link(token, PASSWORD)


def test_name_and_password_let_in(database: Database, accounts: Accounts) -> None:
    """The cookie is out of reach of scripts; the wrong password says nothing of the name."""
    person(accounts, "anna", Role.STAFF, ["demo/s0001"])
    client = browser(database, accounts)
    wrong = client.post("/login", data={"name": "anna", "password": "wrong"})
    unknown = client.post("/login", data={"name": "nobody", "password": "wrong"})
    assert wrong.status_code == unknown.status_code == 403
    assert wrong.text.replace("anna", "") == unknown.text.replace("nobody", "")
    form = {"name": "anna", "password": PASSWORD, "next": "/?site=s0001"}
    answer = client.post("/login", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/?site=s0001")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "anna" in client.get("/").text


@pytest.mark.parametrize("path", ["https://evil.example", "//evil.example", "/\\evil.example"])
def test_the_login_leads_nowhere_else(database: Database, accounts: Accounts, path: str) -> None:
    """A link to the login cannot send on to another server."""
    person(accounts, "anna", Role.STAFF, ["demo/s0001"])
    form = {"name": "anna", "password": PASSWORD, "next": path}
    answer = browser(database, accounts).post("/login", data=form)
    assert answer.headers["location"] == "/"


def test_people_see_their_own_store(
    database: Database, accounts: Accounts, collector: FakeCollector
) -> None:
    """Pages, news, cards and JSON of another store are as if it did not exist."""
    person(accounts, "anna", Role.STAFF, ["demo/s0001"])
    client = browser(database, accounts, collector)
    log_in(client, "anna")
    assert "s0002" not in client.get("/").text
    query = "tenant=demo&site=s0002"
    for path in (f"/?{query}", f"/events?{query}", f"/card?{query}&slot=a12/b01/s1/p01"):
        assert client.get(path).status_code == 404
    assert client.get(f"/api/alerts.json?{query}").json() == {"open": [], "closed": []}
    assert [a["id"] for a in client.get("/api/alerts.json").json()["open"]] == ["e1"]
    assert client.get("/api/alert.json?alert=e2").status_code == 404
    assert {s["site"] for s in client.get("/api/slots.json").json()["slots"]} == {"s0001"}
    body = {"actions": [{"action": "phone-0001", "alert": "e2", "kind": "done"}]}
    assert client.post("/api/actions", json=body, headers=token_of(client)).status_code == 200
    (actor, _action) = collector.acted[0]
    assert (actor.person, actor.sites) == ("anna", frozenset({("demo", "s0001")}))


def test_pictures_of_another_store_are_not_shown(database: Database, accounts: Accounts) -> None:
    """Whose event it is says the event."""
    times = {"time_utc": START, "received_utc": START}
    event = {"epoch": 1, "id": "e2", "type": "t", "subject": "s", "aisle": "a12", "data": {}}
    insert(database, "events", event | times | {"source": "/demo/s0002/n", "sequence": 1})
    picture = {"event_id": "e2", "now": b"\xff\xd8", "before": None, "time_utc": START}
    insert(database, "evidence", picture)
    for name, stores, status in (("anna", ["demo/s0001"], 404), ("rita", ["demo/*"], 200)):
        person(accounts, name, Role.MANAGER, stores)
        client = browser(database, accounts)
        log_in(client, name)
        assert client.get("/evidence/e2/now.jpg").status_code == status


RIGHTS = {
    Role.STAFF: (200, 403, 403, 403),
    Role.INSTALLER: (403, 204, 403, 403),
    Role.MANAGER: (200, 204, 200, 403),
    Role.ADMIN: (200, 204, 200, 200),
}


@pytest.mark.parametrize("role", Role)
def test_each_role_may_do_its_own(database: Database, accounts: Accounts, role: Role) -> None:
    """Act, announce a rebuild, see dead messages, manage people."""
    collector = FakeCollector()
    person(accounts, "anna", role, ["demo/s0001"])
    client = browser(database, accounts, collector)
    log_in(client, "anna")
    headers = token_of(client)
    act = {"actions": [{"action": "phone-0001", "alert": "e1", "kind": "done"}]}
    until = {"tenant": "demo", "site": "s0001", "aisle": "a12", "until": "2026-11-23T12:00:00Z"}
    got = (
        client.post("/api/actions", json=act, headers=headers).status_code,
        client.post("/api/resets", json=until, headers=headers).status_code,
        client.get("/api/pushes.json").status_code,
        client.get("/api/people.json").status_code,
    )
    assert got == RIGHTS[role]


def test_another_page_can_make_nobody_act(database: Database, accounts: Accounts) -> None:
    """Neither with the cookie alone, nor with another session's token, nor log anybody in."""
    person(accounts, "anna", Role.STAFF, ["demo/s0001"])
    person(accounts, "ben", Role.STAFF, ["demo/s0001"])
    anna, ben = (browser(database, accounts, FakeCollector()) for _ in range(2))
    log_in(anna, "anna")
    log_in(ben, "ben")
    body = {"actions": [{"action": "phone-0001", "alert": "e1", "kind": "done"}]}
    assert anna.post("/api/actions", json=body).status_code == 403
    assert anna.post("/api/actions", json=body, headers=token_of(ben)).status_code == 403
    assert anna.post("/logout", data={}).status_code == 403
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        form = {"name": "anna", "password": PASSWORD}
        assert anna.post("/login", data=form, headers=headers).status_code == 403


def test_logging_out_ends_the_session(database: Database, accounts: Accounts) -> None:
    """On the server, not only in the browser."""
    person(accounts, "anna", Role.STAFF, ["demo/s0001"])
    client = browser(database, accounts)
    log_in(client, "anna")
    cookie = client.cookies["shelfwatch_session"]
    csrf = re.search(r'name="csrf" value="(\w+)"', client.get("/more").text)
    assert csrf is not None
    assert client.post("/logout", data={"csrf": csrf[1]}).headers["location"] == "/login"
    assert accounts.session(cookie) is None


def test_a_session_lives_as_long_as_it_is_used(accounts: Accounts, clock: Clock) -> None:
    """Two weeks after its last use it is over; what is in the database opens no door."""
    person(accounts, "anna", Role.STAFF, ["demo/s0001"])
    token = accounts.log_in("anna", PASSWORD)
    assert token is not None
    for _ in range(5):
        clock.now += timedelta(days=10)
        assert accounts.session(token) is not None
    clock.now += timedelta(days=14)
    assert accounts.session(token) is None


def test_who_is_disabled_is_out_at_once(accounts: Accounts) -> None:
    """Sessions end, and the password opens no new one."""
    person(accounts, "anna", Role.STAFF, ["demo/s0001"])
    token = accounts.log_in("anna", PASSWORD)
    assert token is not None
    accounts.put("anna", Role.STAFF, ["demo/s0001"], is_disabled=True)
    assert accounts.session(token) is None
    assert accounts.log_in("anna", PASSWORD) is None


def test_the_last_admin_stays(accounts: Accounts) -> None:
    """Nobody can lock everybody out."""
    person(accounts, "root", Role.ADMIN, None)
    for change in (
        lambda: accounts.put("root", Role.STAFF, ["demo/s0001"]),
        lambda: accounts.put("root", Role.ADMIN, None, is_disabled=True),
        lambda: accounts.remove("root"),
    ):
        with pytest.raises(AccountError, match="root is the last"):
            change()


@pytest.mark.parametrize(
    ("name", "stores", "words"),
    [
        ("a b", ["demo/s0001"], "name: expected 1-64 letters"),
        ("anna", ["s0001"], "stores: expected tenant/site"),
        ("anna", None, "stores: expected those of the person"),
    ],
)
def test_a_wrong_account_is_told_by_field(
    accounts: Accounts, name: str, stores: list[str] | None, words: str
) -> None:
    """With what was expected and found."""
    with pytest.raises(AccountError, match=words):
        accounts.put(name, Role.STAFF, stores)


def test_guessing_has_to_wait(database: Database, accounts: Accounts) -> None:
    """After eight tries even the right password waits; other people do not."""
    person(accounts, "anna", Role.STAFF, ["demo/s0001"])
    person(accounts, "ben", Role.STAFF, ["demo/s0001"])
    client = browser(database, accounts)
    for _ in range(8):
        assert log_in(client, "anna", "wrong") == 403
    answer = client.post("/login", data={"name": "anna", "password": PASSWORD})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert log_in(client, "ben") == 303


def test_a_limit_forgets() -> None:
    """After its time, and after a success."""
    now = [0.0]
    limit = Limit(2, 60, clock=lambda: now[0])
    assert [limit.wait_secs("a") for _ in range(3)] == [0, 0, 60]
    now[0] = 60.0
    assert limit.wait_secs("a") == 0
    limit.forget("a")
    assert [limit.wait_secs("a") for _ in range(2)] == [0, 0]


@pytest.mark.parametrize(
    ("address", "name", "status"),
    [
        ("10.0.0.5", "anna", 200),
        ("10.0.0.6", "anna", 401),
        ("10.0.0.5", "nobody", 401),
        ("10.0.0.5", "", 401),
    ],
)
def test_a_proxy_is_believed_from_its_address_only(
    database: Database, accounts: Accounts, address: str, name: str, status: int
) -> None:
    """And only about people who are known."""
    person(accounts, "anna", Role.STAFF, ["demo/s0001"])
    login = Login(proxy=ProxyLogin.model_validate({"trusted": ["10.0.0.5/32"]}))
    client = browser(database, accounts, login=login, address=address)
    headers = {"X-Forwarded-User": name} if name else {}
    assert client.get("/api/me", headers=headers).status_code == status


def test_an_admin_manages_people(database: Database, accounts: Accounts) -> None:
    """Makes them with a link, gives a new one, removes them; errors say what was wrong."""
    person(accounts, "root", Role.ADMIN, None)
    client = browser(database, accounts)
    log_in(client, "root")
    headers = token_of(client)
    body = {"name": "anna", "role": "staff", "stores": ["demo/s0001"]}
    link = client.post("/api/people", json=body, headers=headers).json()["link"]
    form = {"password": PASSWORD, "again": PASSWORD}
    assert browser(database, accounts).post(link, data=form).status_code == 303
    again = client.post("/api/people", json=body, headers=headers).json()
    assert again["link"] is None
    fresh = client.post("/api/people", json=body | {"new_password": True}, headers=headers)
    assert fresh.json()["link"].startswith("/link/")
    people = client.get("/api/people.json").json()["people"]
    assert [(one["name"], one["has_password"]) for one in people] == [
        ("anna", True),
        ("root", True),
    ]
    wrong = client.post("/api/people", json=body | {"stores": ["x"]}, headers=headers)
    assert (wrong.status_code, "tenant/site" in wrong.text) == (400, True)
    removed = client.post("/api/people/remove", json={"name": "anna"}, headers=headers)
    assert removed.status_code == 204
    assert accounts.find("anna") is None


def test_an_admin_has_a_page_for_people(database: Database, accounts: Accounts) -> None:
    """It shows the link for a new person, says what was wrong, and is for admins only."""
    person(accounts, "root", Role.ADMIN, None)
    client = browser(database, accounts)
    log_in(client, "root")
    form = {"csrf": token_of(client)["X-CSRF-Token"], "name": "anna", "role": "staff"}
    wrong = client.post("/people", data=form)
    assert (wrong.status_code, "staff have one" in wrong.text) == (400, True)
    saved = client.post("/people", data=form | {"stores": "demo/s0001"})
    link = re.search(r"<code>http://testserver(/link/[\w-]+)</code>", saved.text)
    assert link is not None
    assert client.post("/people", data=form | {"csrf": ""}).status_code == 403
    assert (
        "<code>"
        in client.post("/people", data=form | {"stores": "demo/s0001", "password": "on"}).text
    )
    assert "no password yet" in client.get("/people").text
    assert 'href="/people"' in client.get("/more").text
    person(accounts, "ben", Role.MANAGER, None)
    other = browser(database, accounts)
    log_in(other, "ben")
    assert other.get("/people").status_code == 403
    assert 'href="/people"' not in other.get("/more").text


def test_without_login_the_page_says_so(database: Database) -> None:
    """For the demo and for a proxy that lets in nobody else."""
    with TestClient(make_app(database, {})) as client:
        assert "Login is switched off" in client.get("/").text
