"""The pages over all stores: their figures are the API's, and a manager finds the way to a slot."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import ABSENT, CHROMIUM, DRIVER, LAPTOP, PHONE, Browser, running_browser
from region_history import AWAY, BLIND, CHRONIC, NAMES, NOW, fill
from region_site import region_app, serving
from starlette.testclient import TestClient

from central.accounts import Accounts, Role
from central.config import Login
from central.database import Database
from central.web.entrance import Entrance
from central.web.login import COOKIE
from tests.axe import grave_faults

pytestmark = pytest.mark.timeout(600)

DAYS = 3
TABLET = (820, 1180)
FROM, UNTIL = "2026-11-18T23:00Z", "2026-11-21T14:00Z"
"""Three days up to the last full hour, by the clock of Berlin."""


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A few days of twelve stores."""
    folder = tmp_path_factory.mktemp("region")
    database = Database.open(f"sqlite:///{folder / 'central.sqlite'}")
    fill(database, DAYS)
    yield database
    database.close()


@pytest.fixture(scope="module")
def asking(history: Database) -> Iterator[TestClient]:
    """Somebody who may see all stores."""
    with TestClient(region_app(history)) as client:
        yield client


def rows_of(asking: TestClient, table: str, query: str = "") -> list[dict[str, Any]]:
    answer = asking.get(f"/region/table.json?table={table}&days={DAYS}&{query}")
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["rows"]
    return rows


def from_api(asking: TestClient, by: str, query: str = "") -> dict[str, dict[str, Any]]:
    answer = asking.get(f"/api/metrics.json?by={by}&from={FROM}&until={UNTIL}&{query}")
    return {str(row.pop(by)): row for row in answer.json()["rows"]}


@pytest.mark.parametrize(
    ("table", "key", "by", "query"),
    [
        ("stores", "site", "site", ""),
        ("stores", "site", "site", "hours=7-20"),
        ("stores", "site", "site", "category=Sauces"),
        ("regions", "region", "region", "hours=9-18"),
        ("days", "day", "day", "site=s0101"),
        ("days", "day", "day", "site=s0101&aisle=a12"),
        ("products", "sku", "sku", "region=north"),
        ("categories", "category", "category", "site=s0103&hours=16-20"),
        ("places", "aisle", "aisle", "site=s0103"),
        ("places", "bay", "bay", "site=s0103&aisle=a12"),
        ("places", "slot", "slot", "site=s0103&aisle=a12&bay=a12/b02"),
    ],
)
def test_the_figures_are_those_of_the_api(
    asking: TestClient, table: str, key: str, by: str, query: str
) -> None:
    """Each table of the pages says what the API says of the same stores and hours."""
    exact = from_api(asking, by, query)
    found = {row[key]: row for row in rows_of(asking, table, query)}
    assert {name for name, row in found.items() if "planned_secs" in row} == set(exact)
    for name, row in exact.items():
        for figure in ("availability", "coverage", "compliance", "out_of_stock_secs", "stock_outs",
                       "planned_secs", "alerts_closed", "wrong_alarm_rate"):  # fmt: skip
            assert found[name][figure] == row[figure], (name, figure)
        restock = row["time_to_restock_secs"] or {"median": None, "p90": None}
        assert found[name]["time_to_restock_median_secs"] == restock["median"]
        assert found[name]["time_to_restock_p90_secs"] == restock["p90"]
    assert sum(row["out_of_stock_secs"] for row in exact.values()) > 0


def test_hours_of_the_week_add_up(asking: TestClient) -> None:
    """All hours together are all there is; each is that of the stores' clocks."""
    week = rows_of(asking, "week", "site=s0101")
    exact = from_api(asking, "hour", "site=s0101")
    assert len(week) == 7 * 24
    thursday = next(row for row in week if (row["weekday"], row["hour"]) == (3, 18))
    assert thursday["out_of_stock_secs"] == exact["2026-11-19T18:00+01:00"]["out_of_stock_secs"]
    whole = sum(row["out_of_stock_secs"] for row in exact.values())
    assert sum(row["out_of_stock_secs"] for row in week) == pytest.approx(whole, abs=168)


def test_a_product_is_found_by_a_part_of_its_name(asking: TestClient) -> None:
    """Or of its SKU; the figures of its category and stores are then only its own."""
    assert [row["name"] for row in rows_of(asking, "products", "product=MUSEL")] == []
    assert [row["name"] for row in rows_of(asking, "products", "product=muesl")] == ["Muesli"]
    (only,) = rows_of(asking, "products", "product=2010")
    assert only["name"] == "Muesli"
    stores = rows_of(asking, "stores", "product=muesl")
    assert sum(row.get("planned_secs", 0) for row in stores) == only["planned_secs"]


def test_what_got_worse_is_told_with_its_share(asking: TestClient) -> None:
    """Harbour on Friday; its slots explain it, in time that they were empty for longer."""
    stores = rows_of(asking, "worse_stores")
    assert stores[0]["site"] == "s0101"
    days = {row["day"]: row for row in rows_of(asking, "days", "site=s0101")}
    more = days["2026-11-20"]["out_of_stock_secs"] - days["2026-11-19"]["out_of_stock_secs"]
    assert stores[0]["more_secs"] == pytest.approx(more, abs=1)
    slots = rows_of(asking, "worse", "site=s0101")
    assert all(row["more_secs"] > 0 for row in slots)
    assert slots == sorted(slots, key=lambda row: -row["more_secs"])
    assert sum(row["more_secs"] for row in slots) >= stores[0]["more_secs"] * 0.8


def test_chronic_slots_are_told_the_worst_first(asking: TestClient) -> None:
    """The same as the API's, and among them the one that is empty again and again."""
    found = [(row["site"], row["slot"]) for row in rows_of(asking, "chronic")]
    api = asking.get(f"/api/chronic.json?from={FROM}&until={UNTIL}").json()["rows"]
    assert sorted(found) == sorted((row["site"], row["slot"]) for row in api)
    assert ("s0103", f"{CHRONIC[1]}/{CHRONIC[2]}") in found


def test_a_store_that_sees_nothing_says_so(asking: TestClient) -> None:
    """It stands last, and no number is made up for it."""
    stores = rows_of(asking, "stores")
    assert stores[-1]["site"] in (AWAY, BLIND)
    away = next(row for row in stores if row["site"] == AWAY)
    assert (away["availability"], away["coverage"]) == (None, pytest.approx(0, abs=0.01))
    page = asking.get(f"/region/store?site={AWAY}&from=2026-11-19&to=2026-11-20")
    assert "Nothing could be seen here in this time" in page.text


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/region/store?site=nowhere", 404, "no store nowhere that you may see"),
        ("/region?region=nowhere", 404, "no region nowhere that you may see"),
        ("/region?tenant=nobody", 404, "no stores of nobody that you may see"),
        ("/region/slot?site=s0101&slot=a12/b09/s1/p01", 404, "no slot a12/b09/s1/p01 in store"),
        ("/region/slot?site=s0101", 400, "site, slot: expected a store and a slot"),
        ("/region/table.csv?table=wishes", 400, "table: expected one of stores, regions"),
        ("/region?days=x", 400, "days: expected 1 to 400"),
    ],
)
def test_what_is_not_there_is_told(
    asking: TestClient, path: str, status: int, message: str
) -> None:
    """With what was expected; nothing crashes."""
    answer = asking.get(path)
    assert (answer.status_code, message in answer.text) == (status, True), answer.text


def test_too_much_is_refused(asking: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table narrows its days or is left out with a reason; a page says what to choose."""
    monkeypatch.setattr("central.web.region.report.MAX_SLOT_ROWS", 400)
    page = asking.get(f"/region?days={DAYS}").text
    assert "Only since 2026-11-21" in page
    monkeypatch.setattr("central.web.region.report.MAX_SLOT_ROWS", 100)
    assert "choose fewer days, a region or a store" in asking.get(f"/region?days={DAYS}").text
    refused = asking.get(f"/region/table.csv?table=products&days={DAYS}")
    assert (refused.status_code, "fewer days" in refused.text) == (400, True)
    monkeypatch.setattr("central.web.region.report.MAX_STORE_DAYS", 20)
    assert asking.get(f"/region?days={DAYS}").status_code == 400
    assert asking.get("/region?days=1").status_code == 200


def test_an_empty_form_field_leaves_the_url(asking: TestClient) -> None:
    """So that a link that somebody copies can be read."""
    answer = asking.get("/region?region=&category=Sauces&product=", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/region?category=Sauces")


def test_nobody_has_told_anything_yet(tmp_path: Path) -> None:
    """An empty database has a page that says so, and a store that is configured is known."""
    database = Database.open(f"sqlite:///{tmp_path / 'central.sqlite'}")
    with TestClient(region_app(database)) as client:
        assert "No store has told anything yet" in client.get("/region").text
        assert "Nothing was ever heard of this store" in client.get("/region/store?site=s0101").text
    database.close()


def test_staff_see_no_such_page_and_managers_their_own(history: Database) -> None:
    """A role that may not compare is refused; stores of others do not exist."""
    accounts = Accounts(history)
    people = {"staff": (Role.STAFF, "s0101"), "manager": (Role.MANAGER, "s0102")}
    app = region_app(history, Entrance(accounts, Login()))
    with TestClient(app) as client:
        for name, (role, site) in people.items():
            token = accounts.put(name, role, [f"acme/{site}"])
            assert token is not None
            client.cookies.set(COOKIE, accounts.use_link(token, "seven brown shelves"))
            answers = {path: client.get(path) for path in ("/region", "/region/store?site=s0101")}
            codes = [answer.status_code for answer in answers.values()]
            assert codes == ([403, 403] if name == "staff" else [200, 404])
            more = client.get("/more").text
            assert ('href="/region"' in more) == (name == "manager")
        assert [row["site"] for row in rows_of(client, "stores")] == ["s0102"]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A window."""
    if CHROMIUM is None or DRIVER is None:
        pytest.skip(ABSENT)
    with running_browser(tmp_path_factory.mktemp("browser")) as window:
        yield window


@pytest.fixture(scope="module")
def url(history: Database) -> Iterator[str]:
    """Where the pages are."""
    with serving(region_app(history)) as address:
        yield address


def arrive(browser: Browser, path: str) -> None:
    browser.wait_for("return location.pathname + location.search === arguments[0]", path)


@pytest.mark.slow
def test_from_all_stores_to_one_slot_and_back(browser: Browser, url: str) -> None:
    """Region, store, aisle, bay, slot by taps; the filter goes along, and back leads back."""
    browser.resize(LAPTOP)
    browser.open(f"{url}/region?days={DAYS}")
    browser.tap("#regions tbody a")
    arrive(browser, f"/region?days={DAYS}&region=north")
    browser.tap('#stores a[href*="s0103"]')
    browser.tap('#places a[href*="aisle=a12"]')
    browser.tap('#places a[href*="bay=a12/b02"]')
    browser.tap('#places a[href*="p02"]')
    place = f"{CHRONIC[1]}/{CHRONIC[2]}"
    arrive(browser, f"/region/slot?days={DAYS}&region=north&site=s0103&slot={place}")
    assert browser.script("return document.querySelectorAll('.piece.out_of_stock').length") > 0
    assert browser.script("return document.querySelectorAll('.told .picture img').length") > 0
    browser.script("document.querySelector('.told img').scrollIntoView()")
    browser.wait_for("return document.querySelector('.told img').naturalWidth > 0")
    browser.script("history.back()")
    arrive(browser, f"/region/store?days={DAYS}&region=north&site=s0103&aisle=a12&bay=a12/b02")
    assert browser.errors() == []


@pytest.mark.slow
def test_a_filter_is_in_the_address(browser: Browser, url: str) -> None:
    """What the form asks for can be copied, and the CSV beside a table is of the same."""
    browser.open(f"{url}/region?days={DAYS}")
    browser.tap(".filters summary")
    browser.script("document.querySelector('[name=category]').value = 'Sauces'")
    browser.tap(".show")
    browser.wait_for("return location.search.includes('category=Sauces')")
    assert re.fullmatch(
        r"from=2026-11-19&to=2026-11-21&category=Sauces",
        browser.script("return location.search.slice(1)"),
    )
    link = browser.script("return document.querySelector('#stores .exports a').href")
    text = browser.script("return fetch(arguments[0]).then((answer) => answer.text())", link)
    lines = list(csv.DictReader(io.StringIO(text)))
    assert len(lines) == len(NAMES)
    shown = browser.text("#stores tbody tr .chip")
    assert shown == f"{float(lines[0]['availability']) * 100:.1f} %"


@pytest.mark.slow
@pytest.mark.parametrize("size", [LAPTOP, TABLET, PHONE], ids=["laptop", "tablet", "phone"])
def test_every_page_fits_and_can_be_read_by_all(
    browser: Browser, url: str, size: tuple[int, int]
) -> None:
    """No page scrolls sideways, axe finds nothing grave, light or dark, and nothing is refused."""
    place = f"{CHRONIC[1]}/{CHRONIC[2]}"
    browser.resize(size)
    for number, path in enumerate(
        ("/region", "/region/store?site=s0103", f"/region/slot?site=s0103&slot={place}")
    ):
        browser.scheme("dark" if (number + size[0]) % 2 else "light")
        browser.open(url + path)
        assert browser.script("return document.documentElement.scrollWidth") <= size[0]
        assert grave_faults(browser) == []
        assert browser.errors() == []
    browser.scheme("light")


@pytest.mark.slow
def test_a_page_can_be_printed(browser: Browser, url: str) -> None:
    """On paper there are no buttons, but the days that it is of."""
    browser.resize(LAPTOP)
    browser.open(f"{url}/region?days={DAYS}")
    browser.devtools("Emulation.setEmulatedMedia", media="print")
    shown = "return getComputedStyle(document.querySelector(arguments[0])).display"
    hidden = [browser.script(shown, part) for part in (".filters", ".top", ".exports")]
    assert hidden == ["none"] * 3
    assert "2026-11-19" in browser.text(".printed") and NOW.date().isoformat() in browser.text(
        ".printed"
    )
    assert len(browser.devtools("Page.printToPDF")["data"]) > 10_000
    browser.devtools("Emulation.setEmulatedMedia", media="")
