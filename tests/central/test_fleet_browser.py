"""The pages for who looks after the fleet, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import fleet_store
import pytest
from axe import grave_faults
from browser import ABSENT, CHROMIUM, DRIVER, LAPTOP, PHONE, Browser, running_browser
from fleet_store import fill, serving
from page_store import FakeCollector
from test_dead_letters import BAD, KNOWN, received

from central.accounts import Accounts, Role
from central.config import Login
from central.database import Database
from central.ingest import Ingest
from central.web.app import make_app
from central.web.entrance import Entrance
from central.web.login import COOKIE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None or DRIVER is None, reason=ABSENT),
]

TABLET = (820, 1180)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Browser, str]]:
    """A browser in which admin is logged in, and the address of the pages."""
    folder = tmp_path_factory.mktemp("fleet")
    database = Database.open(f"sqlite:///{folder / 'central.sqlite'}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fleet_store, "NOW", datetime.now(UTC))
        fill(database)
    Ingest(database, admission=KNOWN).apply([received(*message) for message in BAD.values()])
    accounts = Accounts(database)
    token = accounts.put("root", Role.ADMIN, None)
    assert token is not None
    cookie = accounts.use_link(token, "seven brown shelves")
    app = make_app(database, {}, (), FakeCollector(), entrance=Entrance(accounts, Login()))
    with serving(app) as url, running_browser(folder) as browser:
        browser.set_cookie(url, COOKIE, cookie)
        yield browser, url
    database.close()


@pytest.mark.parametrize("path", ["/fleet", "/dead-letters"])
@pytest.mark.parametrize(
    ("size", "scheme"), [(LAPTOP, "light"), (TABLET, "dark"), (PHONE, "light")], ids=str
)
def test_a_page_fits_and_can_be_used_by_everybody(
    opened: tuple[Browser, str], path: str, size: tuple[int, int], scheme: str
) -> None:
    """Nothing hangs over, nothing is fetched from elsewhere, axe finds nothing grave."""
    browser, url = opened
    browser.resize(size)
    browser.scheme(scheme)
    browser.open(url + path)
    assert browser.script("return document.documentElement.scrollWidth <= innerWidth")
    fetched = "return performance.getEntriesByType('resource').map((e) => e.name)"
    assert all(name.startswith(url) for name in browser.script(fetched))
    assert browser.errors() == []
    assert grave_faults(browser) == []


def test_a_filter_is_in_the_address_and_back_leads_back(opened: tuple[Browser, str]) -> None:
    """A view of the fleet can be kept as a link."""
    browser, url = opened
    browser.resize(LAPTOP)
    browser.open(f"{url}/fleet")
    browser.tap('.filters a[href*="camera_moved"]')
    browser.wait_for("return location.search.includes('need=camera_moved')")
    assert "192.0.2.31" not in browser.text("main")
    browser.script("history.back()")
    browser.wait_for("return !location.search.includes('need')")
    browser.wait_for("return document.querySelector('main').innerText.includes('192.0.2.31')")


def test_letters_are_read_again_by_their_own_page(opened: tuple[Browser, str]) -> None:
    """What it holds unfolds, ticked ones are read again, and the page says what became of them."""
    browser, url = opened
    browser.resize(PHONE)
    browser.open(f"{url}/dead-letters?kind=invalid")
    browser.tap(".letters summary")
    browser.wait_for("return document.querySelector('.letters pre').offsetHeight > 0")
    assert "<script>alert(1)</script>" in browser.text(".letters pre")
    browser.tap(".act .done")
    said = browser.wait_for("return document.querySelector('.notice')?.innerText")
    assert "used now" in said or "still cannot be used" in said
    assert browser.errors() == []
