"""What staff do on their phones, with and without a connection, alone and two at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from browser import ABSENT, CHROMIUM, DRIVER, LAPTOP, PHONE, Browser, running_browser, wait_until
from live_store import Edge, Store

from central.children import stop_all
from central.web.login import COOKIE
from shelf.states import State
from tests.axe import grave_faults

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(CHROMIUM is None or DRIVER is None, reason=ABSENT),
]

IS_LIVE = "return document.getElementById('live').dataset.state === 'live'"
HAS_TEXT = "return document.querySelector(arguments[0])?.textContent.includes(arguments[1])"
SLOTS = ("b01/s1/p01", "b01/s1/p02", "b01/s2/p01", "b02/s1/p01")
PATIENCE = 60.0


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with running_browser(tmp_path_factory.mktemp("browser")) as browser:
        browser.resize(PHONE)
        yield browser


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store(tmp_path_factory.mktemp("store"), people=("anna", "ben"))
    yield store
    stop_all([store.child])


@pytest.fixture(scope="module")
def edge(store: Store) -> Iterator[Edge]:
    edge = Edge(store.broker_port)
    edge.status("online")
    yield edge
    edge.close()


@pytest.fixture
def alerts(store: Store, edge: Edge) -> Iterator[list[str]]:
    """The ids of fresh alerts, one a slot; afterwards all slots are stocked again."""
    ids = [
        edge.slot(slot, State.OUT_OF_STOCK, 0, name=f"Product {number}")
        for number, slot in enumerate(SLOTS, 1)
    ]
    with store.api("ben") as ben:
        wait_until(lambda: len(open_alerts(ben)) == len(SLOTS), PATIENCE)
        yield ids
        for slot in SLOTS:
            edge.slot(slot, State.STOCKED, 3)
        wait_until(lambda: not open_alerts(ben), PATIENCE)


def open_alerts(api: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get("/api/alerts.json").json()["open"]
    return found


def steps(api: Any, alert: str) -> list[tuple[str, str | None]]:
    """What people have done about an alert, in order."""
    life = api.get(f"/api/alert.json?alert={alert}").json()["steps"]
    return [(step["step"], step["by"]) for step in life if step["by"]]


def come_in(browser: Browser, store: Store, person: str = "anna") -> None:
    browser.set_cookie(store.url, COOKIE, store.sessions[person])
    browser.open(store.url)
    browser.wait_for(IS_LIVE, timeout_secs=PATIENCE)
    browser.wait_for(f"return document.querySelectorAll('.alert').length === {len(SLOTS)}")


def of(alert: str) -> str:
    return f'[data-alert="{alert}"]'


def phase_is(browser: Browser, alert: str, phase: str) -> None:
    browser.wait_for(
        "return document.querySelector(arguments[0])?.dataset.phase === arguments[1]",
        of(alert),
        phase,
        timeout_secs=PATIENCE,
    )


@pytest.mark.parametrize("size", [PHONE, LAPTOP], ids=["phone", "laptop"])
def test_one_thumb_does_it_and_takes_it_back(
    browser: Browser, store: Store, alerts: list[str], size: tuple[int, int]
) -> None:
    """Claim and done are one large button; the rest comes when the alert is unfolded."""
    browser.resize(size)
    come_in(browser, store)
    first = of(alerts[0])
    browser.tap(f"{first} [data-act=claim]")
    phase_is(browser, alerts[0], "claimed")
    browser.wait_for(HAS_TEXT, first, "Claimed by anna")
    browser.tap(f"{first} [data-act=undo]")
    phase_is(browser, alerts[0], "open")
    browser.tap(f"{first} summary")
    browser.tap(f"{first} [data-act=no_stock]")
    phase_is(browser, alerts[0], "no_stock")
    browser.wait_for(HAS_TEXT, "#list", "Waiting for the camera or a delivery")
    second = of(alerts[1])
    browser.tap(f"{second} summary")
    browser.tap(f"{second} [data-act=wrong_alarm]")
    browser.wait_for("return !document.querySelector(arguments[0])", second)
    browser.tap("#notes button")
    phase_is(browser, alerts[1], "open")
    browser.tap(f"{of(alerts[2])} [data-act=claim]")
    phase_is(browser, alerts[2], "claimed")
    browser.tap(f"{of(alerts[2])} [data-act=done]")
    phase_is(browser, alerts[2], "done")
    with store.api("anna") as anna:
        assert steps(anna, alerts[0]) == [
            ("claimed", "anna"),
            ("undone", "anna"),
            ("no_stock", "anna"),
        ]
        assert steps(anna, alerts[2]) == [("claimed", "anna"), ("done", "anna")]
    browser.resize(PHONE)
    assert browser.errors() == []


def test_two_taps_are_one(browser: Browser, store: Store, alerts: list[str]) -> None:
    """An impatient thumb does not claim what has moved under it."""
    come_in(browser, store)
    browser.script(
        "const buttons = document.querySelectorAll('[data-act=claim]');"
        "buttons[0].click(); buttons[0].click(); buttons[1].click()"
    )
    phase_is(browser, alerts[2], "claimed")  # the walk begins on the upper shelf
    with store.api("anna") as anna:
        assert steps(anna, alerts[2]) == [("claimed", "anna")]
        assert [each["phase"] for each in open_alerts(anna)].count("claimed") == 1


def test_others_see_a_claim_at_once_and_the_second_is_told(
    browser: Browser, store: Store, alerts: list[str]
) -> None:
    """Two people tap before either has heard of the other: one has it, both see who."""
    come_in(browser, store)
    with store.api("ben") as ben:
        body = {"action": "ben-first", "alert": alerts[0], "kind": "claim"}
        browser.script(
            "window.realFetch = window.fetch; window.fetch = () => new Promise(() => {})"
        )
        browser.tap(f"{of(alerts[0])} [data-act=claim]")
        said = ben.post("/api/actions", json={"actions": [body]}).json()["answers"]
        assert said[0]["outcome"] == "applied"
        browser.wait_for(HAS_TEXT, of(alerts[0]), "Claimed by ben")
        come_in(browser, store)  # the phone was put away and taken out again: what it kept is sent
        browser.wait_for(HAS_TEXT, "#notes", "Not done: I do it, Product 1. ben has it.")
        assert steps(ben, alerts[0]) == [("claimed", "ben")]
        assert (
            browser.script(
                "return Object.keys(localStorage).filter("
                "(key) => key.startsWith('shelfwatch.action')).length"
            )
            == 0
        )


def test_a_phone_that_was_away_for_an_hour_loses_and_doubles_nothing(
    browser: Browser, store: Store, edge: Edge, alerts: list[str]
) -> None:
    """Five actions without a network, at their own times; a reload; a closed and a taken alert."""
    come_in(browser, store)
    browser.wait_for("return navigator.serviceWorker.controller", timeout_secs=PATIENCE)
    browser.script("return caches.open('shelfwatch-list').then(() => true)")
    browser.cut_network(True)
    browser.tap(f"{of(alerts[0])} [data-act=claim]")
    browser.wait_for(HAS_TEXT, of(alerts[0]), "Not sent yet: I do it")
    acts = [(alerts[0], "done"), (alerts[1], "done"), (alerts[2], "no_stock"), (alerts[3], "claim")]
    browser.script("for (const one of document.querySelectorAll('.alert details')) one.open = true")
    for alert, kind in acts:
        browser.wait_for("return !document.getElementById('unsent').hidden")
        browser.script("window.setTimeout(() => { window.isRested = true; }, 600)")
        browser.wait_for("const is = window.isRested; if (is) delete window.isRested; return is")
        browser.script(
            "document.querySelector(arguments[0]).querySelector(arguments[1]).click()",
            of(alert),
            f"[data-act={kind}]",
        )
    browser.wait_for(HAS_TEXT, "#unsent", "5 actions wait to be sent")
    # An hour passes: what the phone has kept is as old, and the store has gone on without it.
    browser.script(
        "for (const key of Object.keys(localStorage)) if (key.startsWith('shelfwatch.action.')) {"
        "const entry = JSON.parse(localStorage[key]);"
        "entry.at = new Date(Date.parse(entry.at) - 3600e3).toISOString();"
        "localStorage[key] = JSON.stringify(entry); }"
    )
    with store.api("ben") as ben:
        body = {"action": "ben-again", "alert": alerts[3], "kind": "claim"}
        ben.post("/api/actions", json={"actions": [body]})
        edge.slot(SLOTS[1], State.STOCKED, 3)
        wait_until(lambda: len(open_alerts(ben)) == 3, PATIENCE)
    store.child.stop()  # what DevTools cuts is the page's network, not its worker's
    browser.open(store.url)
    browser.wait_for(HAS_TEXT, "#unsent", "5 actions wait to be sent")
    assert browser.script("return document.querySelectorAll('.alert').length") == 4
    browser.wait_for("return document.getElementById('live').dataset.state === 'lost'")
    store.restart()
    with store.api("ben") as ben:
        browser.cut_network(False)
        browser.wait_for(HAS_TEXT, "#notes", "Product 2. The alert was closed before.")
        browser.wait_for(HAS_TEXT, "#notes", "Product 4. ben has it.")
        browser.wait_for("return document.getElementById('unsent').hidden")
        browser.wait_for(IS_LIVE, timeout_secs=PATIENCE)
        assert steps(ben, alerts[0]) == [("claimed", "anna"), ("done", "anna")]
        assert steps(ben, alerts[1]) == []
        assert steps(ben, alerts[2]) == [("no_stock", "anna")]
        assert steps(ben, alerts[3]) == [("claimed", "ben")]
    phase_is(browser, alerts[0], "done")


def test_an_answer_that_got_lost_is_not_done_twice(
    browser: Browser, store: Store, alerts: list[str]
) -> None:
    """The server has done it, the phone has not heard so: it is sent again under its id."""
    come_in(browser, store)
    browser.script(
        "const real = window.fetch; window.sent = 0;"
        "window.fetch = (...asked) => real(...asked).then((answer) => {"
        "  if (String(asked[0]) !== '/api/actions' || window.sent++) return answer;"
        "  throw new TypeError('the connection broke'); })"
    )
    browser.tap(f"{of(alerts[0])} [data-act=claim]")
    browser.wait_for("return window.sent > 1", timeout_secs=PATIENCE)
    browser.wait_for("return document.getElementById('unsent').hidden")
    with store.api("anna") as anna:
        assert steps(anna, alerts[0]) == [("claimed", "anna")]
    assert browser.script("return document.querySelectorAll('#notes .fault').length") == 0


def test_what_cannot_be_done_is_answered_clearly(
    browser: Browser, store: Store, alerts: list[str]
) -> None:
    """An alert that is gone, an action that cannot be read; the others are done all the same."""
    come_in(browser, store)
    browser.script(
        "const keep = (order, entry) => localStorage.setItem(`shelfwatch.action.${order}`,"
        " JSON.stringify({by: 'anna', name: entry.alert, label: 'Done', kind: 'done',"
        "   at: new Date().toISOString(), ...entry}));"
        "keep('1', {action: 'made-up-1', alert: 'nonsense'});"
        "keep('2', {action: '!', alert: 'broken'});"
        "keep('3', {action: 'made-up-3', alert: arguments[0]});"
        "window.dispatchEvent(new Event('online'))",
        alerts[0],
    )
    browser.wait_for(HAS_TEXT, "#notes", "nonsense. There is no such alert any more.")
    browser.wait_for(HAS_TEXT, "#notes", "broken. The server did not take it.")
    phase_is(browser, alerts[0], "done")


def test_a_session_that_is_over_keeps_what_was_done(
    browser: Browser, store: Store, alerts: list[str]
) -> None:
    """The phone leads to the login; after it, the action is sent in the person's own name."""
    come_in(browser, store)
    browser.devtools("Network.deleteCookies", name=COOKIE, url=store.url)
    browser.tap(f"{of(alerts[0])} [data-act=claim]")
    browser.wait_for(
        "return document.getElementById('unsent')?.href?.includes('/login') "
        "|| location.pathname === '/login'",
        timeout_secs=PATIENCE,
    )
    come_in(browser, store, "ben")
    with store.api("ben") as ben:
        assert steps(ben, alerts[0]) == []
        come_in(browser, store, "anna")
        phase_is(browser, alerts[0], "claimed")
        assert steps(ben, alerts[0]) == [("claimed", "anna")]


def test_no_request_leaves_the_machine(browser: Browser, store: Store, alerts: list[str]) -> None:
    """And the first page is small."""
    come_in(browser, store)
    names = browser.script("return performance.getEntriesByType('resource').map((e) => e.name)")
    assert len(names) > 5
    assert all(name.startswith(store.url) for name in names)
    sizes = browser.script(
        "return performance.getEntriesByType('resource')"
        ".concat(performance.getEntriesByType('navigation')).map((e) => e.encodedBodySize)"
    )
    assert sum(sizes) < 200_000


def test_it_can_be_installed(browser: Browser, store: Store, alerts: list[str]) -> None:
    """The browser finds no fault with manifest, icons and worker."""
    come_in(browser, store)
    browser.wait_for("return navigator.serviceWorker.controller", timeout_secs=PATIENCE)
    manifest = browser.devtools("Page.getAppManifest")
    assert manifest["url"].endswith("/static/manifest.webmanifest")
    assert manifest["errors"] == []
    faults = browser.devtools("Page.getInstallabilityErrors")["installabilityErrors"]
    # A headless window is a private one to this check; nothing else may be wrong.
    assert [fault["errorId"] for fault in faults if fault["errorId"] != "in-incognito"] == []


def test_the_login_has_nothing_serious_to_trip_over(browser: Browser, store: Store) -> None:
    """Nor has its password to be typed blindly; logging out forgets the kept list."""
    browser.devtools("Network.deleteCookies", name=COOKIE, url=store.url)
    browser.open(f"{store.url}/login")
    assert grave_faults(browser) == []
    browser.tap("[data-reveal]")
    assert browser.script("return document.querySelector('[name=password]').type") == "text"
    browser.set_cookie(store.url, COOKIE, store.sessions["anna"])
    browser.open(f"{store.url}/more")
    browser.tap("#logout button")
    browser.wait_for("return location.pathname === '/login'", timeout_secs=PATIENCE)
    kept = "return caches.keys().then((names) => names.filter((name) => name.endsWith('-list')))"
    assert browser.script(kept) == []
