"""Draws the pictures of docs/fleet.md: ``python tests/central/draw_fleet.py docs/fleet``.

Run it with the repository and ``tests`` in ``PYTHONPATH``.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import fleet_store
from browser import Browser, running_browser
from fleet_store import fill, serving
from metric_messages import changed, status
from page_store import FakeCollector
from test_dead_letters import BAD, KNOWN, received

from central.accounts import Accounts, Role
from central.config import Login
from central.database import Database
from central.digest_reading import Days, read_digest
from central.ingest import Ingest
from central.intake import Received
from central.metric_settings import Region
from central.metrics.grouping import Grouping
from central.metrics.roller import Roller
from central.products import Products
from central.web.app import make_app
from central.web.digest_text import render_digest
from central.web.entrance import Entrance
from central.web.login import COOKIE
from shelf.states import State
from shelf.topics import Node

SIZE = (820, 720)
MAIL = (640, 540)
BERLIN = ZoneInfo("Europe/Berlin")
STORES = {"s1": "Main street", "s2": "Harbour", "s3": "Airport"}
NAMES = {"1001": "Rye crackers", "1002": "Oat drink", "1003": "Green tea"}


def draw(folder: Path, scratch: Path) -> None:
    """Write three pictures."""
    fleet_store.NOW = datetime.now(UTC)
    database = Database.open(f"sqlite:///{scratch / 'central.sqlite'}")
    fill(database)
    Ingest(database, admission=KNOWN).apply([received(*message) for message in BAD.values()])
    accounts = Accounts(database)
    token = accounts.put("root", Role.ADMIN, None)
    assert token is not None
    cookie = accounts.use_link(token, "seven brown shelves")
    north = Region(tenant="demo", id="north", name="North", sites=("s0001", "s0002"))
    entrance = Entrance(accounts, Login())
    grouping = Grouping.of([north], Products(), {}, lambda *_: BERLIN)
    app = make_app(database, {}, (), FakeCollector(), entrance=entrance, grouping=grouping)
    mail = scratch / "mail.html"
    mail.write_text(f'<meta charset="utf-8">{mail_html(scratch)}', encoding="utf-8")
    with serving(app) as url, running_browser(scratch) as browser:
        browser.set_cookie(url, COOKIE, cookie)
        shoot(browser, f"{url}/fleet", folder / "fleet.png")
        shoot(browser, f"{url}/dead-letters", folder / "dead-letters.png")
        shoot(browser, mail.as_uri(), folder / "digest.png", MAIL)
    database.close()


def shoot(browser: Browser, url: str, path: Path, size: tuple[int, int] = SIZE) -> None:
    browser.resize(size)
    browser.scheme("light")
    browser.open(url)
    browser.screenshot(path)


def mail_html(scratch: Path) -> str:
    """Return the digest of a made-up day."""
    hour, day = 3600.0, 86_400.0
    messages: list[Received] = []
    for number, site in enumerate(STORES):
        node, start, sequence = Node("acme", site, "e1"), -8.5 * hour, 0
        messages.append(status("online", start, node))
        for position, sku in enumerate(NAMES, 1):
            slot = f"b0{position}/s2/p03"
            minutes = 25 * (number + 1) * position
            states = (
                (State.STOCKED, start),
                (State.OUT_OF_STOCK, day * 0.1),
                (State.STOCKED, day * 0.1 + minutes * 60),
            )
            for state, at in states:
                sequence += 1
                messages.append(changed(sequence, state, at, at, slot=slot, sku=sku, node=node))
    database = Database.open(f"sqlite:///{scratch / 'mail.sqlite'}")
    Ingest(database).apply(messages)
    sites = [("acme", site) for site in STORES]
    names = {("acme", site): name for site, name in STORES.items()}
    grouping = Grouping.of([], Products(), names, lambda *_: BERLIN)
    now = datetime(2026, 11, 22, 7, tzinfo=BERLIN).astimezone(UTC)
    roller = Roller(database, grouping.zone_of)
    while roller.step(now):
        pass
    yesterday = (now.astimezone(BERLIN) - timedelta(days=1)).date()
    with database.read() as connection:
        digest = read_digest(connection, sites, Days(yesterday, yesterday), grouping, now)
    database.close()
    url = "https://shelf.example.com/"
    _, html = render_digest(digest, "en", "Region North", lambda site: names[site], url)
    for sku, name in NAMES.items():
        html = html.replace(f"<b>{sku}</b>", f"<b>{name}</b>")
    return html


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        draw(target, Path(made))
