"""Figures, days and names as the reader's language says them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from central.web import words
from central.web.language import Texts
from central.web.region.tables import Row
from shelf import SlotId

NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Wording:
    """What the templates ask for; ``zone`` is the clock in which times are told."""

    t: Texts
    zone: tzinfo

    def percent(self, share: float | None, digits: int = 1) -> str:
        """``95.3 %``; a share of nothing is a dash, and nothing is rounded to 100 % or 0 %."""
        if share is None:
            return NOTHING
        margin = 0.5 * 10**-digits
        value = share * 100
        if 0 < share < 1:
            value = min(max(value, margin), 100 - margin) if digits else value
        text = f"{value:.{digits}f}"
        return f"{text if self.t.language == 'en' else text.replace('.', ',')} %"

    def whole(self, share: float | None) -> str:
        """``95``: a percentage without its sign, for a small place."""
        return NOTHING if share is None else f"{int(share * 100)}"

    def span(self, secs: float | None) -> str:
        """``12 min``."""
        return NOTHING if secs is None else words.duration(self.t, timedelta(seconds=secs))

    def total(self, secs: float | None) -> str:
        """``37 min``, ``556 h``: a time that slots have together, which days would hide."""
        if secs is None or secs < 3600:
            return self.span(secs)
        return self.t("region.slot_hours", hours=round(secs / 3600))

    def day(self, day: date) -> str:
        """``Sat 2026-11-21``."""
        values = {"year": day.year, "month": f"{day.month:02d}", "day": f"{day.day:02d}"}
        return self.t("region.day", weekday=self.weekday(day.weekday()), **values)

    def short_day(self, day: date) -> str:
        """``Sat 21``."""
        return f"{self.weekday(day.weekday())} {day.day}"

    def weekday(self, number: int) -> str:
        """``Mon`` for 0."""
        return self.t(f"region.weekday.{number}")

    def moment(self, moment: datetime) -> str:
        """``Sat 2026-11-21 14:00`` by the store's clock."""
        local = moment.astimezone(self.zone)
        return f"{self.day(local.date())} {local:%H:%M}"

    def clock(self, moment: datetime) -> str:
        """``14:00``."""
        return f"{moment.astimezone(self.zone):%H:%M}"

    def place(self, slot: str) -> str:
        """``Aisle a12, bay 1, shelf 3 from the bottom, 2nd from the left``; also of a bay."""
        aisle, _, rest = slot.partition("/")
        if "/" in rest:
            from_text = words.place(self.t, aisle, SlotId.parse(rest))
            return words.capital(from_text)
        if rest:
            return self.t("shelves.bay", aisle=aisle, bay=int(rest.removeprefix("b")))
        return self.t("place.aisle", aisle=aisle)

    def tone(self, row: Row) -> str:
        """Return the class of a coloured place."""
        if row.band is None:
            return "unseen"
        return f"band-{row.band}" + ("" if row.is_ranked else " little")

    def names(self, row: Row, stores: Mapping[str, str]) -> str:
        """Return where a slot of a table is: store and place."""
        site, slot = str(row.keys.get("site") or ""), str(row.keys.get("slot") or "")
        return f"{stores.get(site, site)} · {self.place(slot)}"
