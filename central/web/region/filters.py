"""What of a page is asked for: days, hours, stores, places and products, kept in the URL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from urllib.parse import quote, urlencode

from starlette.exceptions import HTTPException

from central.metrics.grouping import Dimension
from central.metrics.reading import Days
from central.web.metrics_api import MAX_DAYS, hours_of

PRESETS = (1, 7, 14, 30, 90)
"""Numbers of days that one tap chooses; today is the last of them."""

DEFAULT_DAYS = 7

OVERVIEW, STORE, SLOT = "/region", "/region/store", "/region/slot"
TABLE_CSV, TABLE_JSON = "/region/table.csv", "/region/table.json"


@dataclass(frozen=True, slots=True)
class Filters:
    """What is asked for; None: all. Days are those of each store's clock, both included.

    ``product`` is part of a name or of a SKU. ``preset`` is how many days were chosen at once.
    """

    first: date
    last: date
    preset: int | None = None
    hours: tuple[int, int] | None = None
    tenant: str | None = None
    region: str | None = None
    site: str | None = None
    aisle: str | None = None
    bay: str | None = None
    slot: str | None = None
    category: str | None = None
    product: str | None = None

    @property
    def days(self) -> Days:
        """The days as a question has them."""
        return Days(self.first, self.last)

    @property
    def where(self) -> dict[Dimension, str]:
        """The values that places and products have to have."""
        wanted = {
            Dimension.AISLE: self.aisle,
            Dimension.BAY: self.bay,
            Dimension.SLOT: self.slot,
            Dimension.CATEGORY: self.category,
        }
        return {dimension: value for dimension, value in wanted.items() if value is not None}

    @property
    def query(self) -> str:
        """All of it as the query of a URL."""
        values: dict[str, str] = {}
        if self.preset is None:
            values |= {"from": self.first.isoformat(), "to": self.last.isoformat()}
        elif self.preset != DEFAULT_DAYS:
            values["days"] = str(self.preset)
        if self.hours is not None:
            values["hours"] = "-".join(str(hour) for hour in self.hours)
        for name in NAMES:
            value = getattr(self, name)
            if value is not None:
                values[name] = value
        return urlencode(values, safe="/", quote_via=quote)

    def at(self, path: str, **changes: str | int | None) -> str:
        """Return the URL of a page with some of it changed; ``preset`` chooses the last days."""
        query = replace(self, **changes).query if changes else self.query  # type: ignore[arg-type]
        return f"{path}?{query}" if query else path

    def of_region(self, region: str | None) -> str:
        """Return the URL of a region's stores; None: of all stores."""
        return self.at(OVERVIEW, **{**_NOWHERE, "region": region})

    def store(self, site: str, **place: str) -> str:
        """Return the URL of a store, or of an aisle or a bay in it."""
        return self.at(STORE, **{**_NOWHERE, "site": site, **place})

    def one_slot(self, site: str, slot: str) -> str:
        """Return the URL of one slot, as ``a12/b03/s2/p07``."""
        products = {"category": None, "product": None}
        return self.at(SLOT, **{**_NOWHERE, **products, "site": site, "slot": slot})

    def table(self, path: str, name: str) -> str:
        """Return the URL of a table of this page."""
        return f"{path}?table={name}&{self.query}".rstrip("&")


NAMES = ("tenant", "region", "site", "aisle", "bay", "slot", "category", "product")
_NOWHERE: dict[str, str | None] = {"site": None, "aisle": None, "bay": None, "slot": None}


def read_filters(query: Mapping[str, str], today: date) -> Filters:
    """Return what a query asks for; raises 400 with what was expected."""
    given = {name: value.strip() for name, value in query.items() if value.strip()}
    number: int | None = None
    if "from" in given or "to" in given:
        last = _day(given, "to", today)
        first = _day(given, "from", last)
    else:
        number = _number(given.get("days"))
        first, last = today - timedelta(days=number - 1), today
    if not first <= last < first + timedelta(days=MAX_DAYS):
        raise HTTPException(400, f"from, to: expected up to {MAX_DAYS} days, in order")
    return Filters(
        first, last, number, hours_of(given.get("hours")), **{n: given.get(n) for n in NAMES}
    )


def _number(text: str | None) -> int:
    if text is None:
        return DEFAULT_DAYS
    if not text.isdecimal() or not 1 <= int(text) <= MAX_DAYS:
        raise HTTPException(400, f"days: expected 1 to {MAX_DAYS}, got {text!r}")
    return int(text)


def _day(given: Mapping[str, str], name: str, otherwise: date) -> date:
    text = given.get(name)
    if text is None:
        return otherwise
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        expected = "expected a day like 2026-11-21"
        raise HTTPException(400, f"{name}: {expected}, got {text!r}") from error
