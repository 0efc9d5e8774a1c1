"""Two weeks of twelve stores in three regions, for the pages over all stores. Seeded.

Harbour has run out more and more of late, Mill Lane's cameras see little, Depot has been away
for all of the time, and one slot at Castle Hill is empty again and again.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import cv2
import numpy as np
from metric_messages import at, changed, status

from central import tables
from central.alert_settings import Store
from central.database import Database, insert_new
from central.desk import Actor, Desk
from central.ingest import Ingest
from central.intake import Received
from central.metric_settings import Region
from central.metrics.grouping import Grouping
from central.metrics.roller import Roller
from central.products import Products
from shelf.planogram import Planogram
from shelf.planogram_csv import parse_csv
from shelf.states import State
from shelf.topics import Node
from shelf.wire import ActionKind, StaffAction

TENANT = "acme"
ZONE = ZoneInfo("Europe/Berlin")
NOW = at(8 * 3600)
"""Saturday 21 November 2026, 14:30 UTC: half past three by the stores' clocks."""

DAYS = 14
AISLES = ("a11", "a12")
SLOTS = [
    f"b{bay:02d}/s{shelf}/p{position:02d}"
    for bay in (1, 2)
    for shelf in (1, 2)
    for position in (1, 2, 3)
]
NAMES = {
    "s0101": "Harbour", "s0102": "Old Town", "s0103": "Castle Hill", "s0104": "Station",
    "s0201": "Mill Lane", "s0202": "Market Square", "s0203": "Riverside", "s0204": "Airport Road",
    "s0301": "Garden City", "s0302": "Lake View", "s0303": "University", "s0304": "Depot",
}  # fmt: skip
REGIONS = [
    Region(tenant=TENANT, id="north", name="North", sites=("s0101", "s0102", "s0103", "s0104")),
    Region(tenant=TENANT, id="middle", name="Middle", sites=("s0201", "s0202", "s0203", "s0204")),
    Region(tenant=TENANT, id="south", name="South", sites=("s0301", "s0302", "s0303", "s0304")),
]
RATES = {"s0101": 1.2, "s0103": 1.6, "s0204": 1.1, "s0202": 0.5, "s0302": 0.25}
"""Problems a slot and day in the busiest hours; 0.8 elsewhere."""

BLIND = "s0201"
AWAY = "s0304"
CHRONIC = ("s0103", "a12", "b02/s1/p02")

CATEGORIES = {
    "Tea and coffee": ["Green tea", "Black tea", "Ground coffee", "Espresso beans"],
    "Biscuits": ["Oat crackers", "Butter biscuits", "Ginger snaps", "Rye crisps"],
    "Breakfast": ["Corn flakes", "Muesli", "Honey", "Strawberry jam"],
    "Pasta and rice": ["Penne", "Spaghetti", "Basmati rice", "Red lentils"],
    "Sauces": ["Tomato sauce", "Pesto", "Soy sauce", "Mustard"],
    "Drinks": ["Apple juice", "Sparkling water", "Cola", "Ginger ale"],
}
PRODUCTS = {
    f"{2001 + number}": name
    for number, name in enumerate(name for names in CATEGORIES.values() for name in names)
}
CATEGORY_OF = {
    sku: category
    for category, names in CATEGORIES.items()
    for sku, name in PRODUCTS.items()
    if name in names
}
BUSY = [0.1] * 7 + [0.6, 1, 1, 1, 1.3, 1.5, 1.2, 1, 1.2, 2.2, 3, 3.2, 2.4, 1.3, 0.6, 0.2, 0.1]
"""How many products run out in an hour of the day, against the mean."""


def planograms() -> Mapping[tuple[str, str], Mapping[str, Planogram]]:
    """Return the same planogram for all stores: 12 slots in each of two aisles."""
    skus = iter(PRODUCTS.items())
    by_aisle = {}
    for aisle in AISLES:
        lines = ["bay,shelf,slot,sku,name,facings_wide"]
        for slot in SLOTS:
            bay, shelf, position = (int(part[1:]) for part in slot.split("/"))
            lines.append(f"{bay},{shelf},{position},{','.join(next(skus))},3")
        by_aisle[aisle] = parse_csv("\n".join(lines), f"{aisle}.csv", aisle)
    return {(TENANT, site): by_aisle for site in NAMES}


def grouping() -> Grouping:
    """Return what would be configured."""
    return Grouping.of(
        REGIONS,
        Products({}, CATEGORY_OF),
        {(TENANT, site): name for site, name in NAMES.items()},
        lambda _tenant, _site: ZONE,
    )


def stores() -> list[Store]:
    """Return the stores as the configuration names them."""
    return [Store(tenant=TENANT, site=site, name=name) for site, name in NAMES.items()]


@dataclass(frozen=True, slots=True)
class _Step:
    """A message that comes at a time, or the answer of a person."""

    time: float
    message: Received | None = None
    wrong_alarm: str | None = None


def fill(database: Database, days: int = DAYS, seed: int = 1) -> None:
    """Write the last ``days`` before `NOW` into an empty database, and sum them."""
    ingest, desk = Ingest(database), Desk()
    for number, site in enumerate(NAMES):
        rng = random.Random(seed * 100 + number)
        pending: list[Received] = []
        for step in sorted(_steps(site, days, rng), key=lambda step: step.time):
            if step.message is not None:
                pending.append(step.message)
                if len(pending) < 400:
                    continue
            ingest.apply(pending)
            pending = []
            if step.wrong_alarm is not None:
                kind = ActionKind.WRONG_ALARM
                action = StaffAction(
                    action=f"phone-{step.wrong_alarm}", alert=step.wrong_alarm, kind=kind
                )
                with database.write() as connection:
                    desk.act(connection, Actor("mira"), [action], at(step.time))
        if pending:
            ingest.apply(pending)
    Roller(database, lambda *_: ZONE).run(NOW)
    _add_pictures(database)


def _steps(site: str, days: int, rng: random.Random) -> Iterator[_Step]:
    node = Node(TENANT, site, f"{site}-e1")
    begin, end = (NOW - at(0)).total_seconds() - days * 86_400, 8 * 3600.0
    yield _Step(begin, status("online", begin, node))
    if site == AWAY:
        yield _Step(begin + 60, status("offline", begin + 60, node))
    planned = iter(PRODUCTS)
    claims: list[tuple[float, float, str, str, str, State]] = []
    for aisle in AISLES:
        for slot in SLOTS:
            sku = next(planned)
            claims.append((begin, begin + 30, aisle, slot, sku, State.STOCKED))
            if site != AWAY:
                found = _life(site, aisle, slot, begin, end, rng)
                claims += [(*times, aisle, slot, sku, state) for *times, state in found]
    claims.sort(key=lambda claim: claim[1])
    for number, (since, told, aisle, slot, sku, state) in enumerate(claims, 1):
        message = changed(
            number, state, since, told, slot=slot, aisle=aisle, sku=sku, planogram="w47", node=node
        )
        yield _Step(told, message)
        if state is State.OUT_OF_STOCK and rng.random() < 0.03:
            yield _Step(told + 600, wrong_alarm=f"{TENANT}-{site}-1-{number}")


def _life(
    site: str, aisle: str, slot: str, begin: float, end: float, rng: random.Random
) -> Iterator[tuple[float, float, State]]:
    """Yield since, told and state of what happens to one slot."""
    rate = 5.0 if (site, aisle, slot) == CHRONIC else RATES.get(site, 0.8)
    moment = begin + 60
    while True:
        moment += rng.expovariate(rate * 3) * 86_400
        if moment > end - 1200:
            return
        clock = at(moment).astimezone(ZONE)
        is_late = site == "s0101" and clock.day > 19 and aisle == "a12"
        if rng.random() * 3.2 > BUSY[clock.hour] * (
            1.6 if clock.weekday() > 4 else 3 if is_late else 1
        ):
            continue
        kind = rng.random()
        told = moment + rng.uniform(45, 130)
        if site == BLIND and kind < 0.8:
            gone = moment + rng.uniform(20, 60) * 3600
            yield moment, told, State.UNKNOWN
        elif kind < 0.62 or is_late:
            gone = moment + 900 + rng.expovariate(1 / (30_000 if is_late else 9000))
            yield moment, told, State.OUT_OF_STOCK
        elif kind < 0.78:
            gone = moment + 1200 + rng.expovariate(1 / 4000)
            yield moment, told, State.LOW
        elif kind < 0.86:
            gone = moment + 1200 + rng.expovariate(1 / 5000)
            yield moment, told, State.MISPLACED
        else:
            gone = moment + rng.uniform(300, 5400)
            yield moment, told, State.UNKNOWN
        if gone > end - 300:
            return
        yield gone, gone + rng.uniform(20, 60), State.STOCKED
        moment = gone + 300


def _add_pictures(database: Database) -> None:
    """Give the last alerts their pictures: a shelf before, and with a gap."""
    before, now = _picture(is_gap=False), _picture(is_gap=True)
    alerts = tables.alerts
    with database.write() as connection:
        query = alerts.select().order_by(alerts.c.opened_utc.desc()).limit(400)
        rows = [
            {"event_id": row.alert, "now": now, "before": before, "time_utc": row.opened_utc}
            for row in connection.execute(query)
            if row.state == State.OUT_OF_STOCK.value
        ]
        insert_new(connection, tables.evidence, rows)
        names = [row["event_id"] for row in rows]
        connection.execute(
            alerts.update().where(alerts.c.alert.in_(names)).values(evidence=alerts.c.alert)
        )


def _picture(*, is_gap: bool) -> bytes:
    """Draw nine facings of three products on a shelf as JPEG; the middle ones may be gone."""
    picture = np.full((270, 360, 3), (196, 204, 206), np.uint8)
    cv2.rectangle(picture, (0, 222), (360, 270), (120, 130, 134), -1)
    for number in range(9):
        colour = [(90, 140, 60), (60, 110, 200), (150, 90, 120)][number // 3]
        left = 8 + number * 39
        if is_gap and number // 3 == 1:
            continue
        cv2.rectangle(picture, (left, 70), (left + 34, 221), colour, -1)
        cv2.rectangle(picture, (left + 5, 110), (left + 29, 160), (236, 240, 240), -1)
    encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    return encoded.tobytes()
