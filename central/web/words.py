"""How places, lists and durations are said to a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from central.web.language import Texts
from shelf import SlotId


def place(t: Texts, aisle: str, slot: SlotId) -> str:
    """``aisle a12, bay 1, shelf 3 from the bottom, 2nd from the left``."""
    return t("place.full", aisle=aisle, slot=slot_place(t, slot))


def slot_place(t: Texts, slot: SlotId) -> str:
    """``bay 1, shelf 3 from the bottom, 2nd from the left``."""
    nth = t.ordinal(slot.position)
    return t("place.slot", bay=slot.bay, shelf=slot.shelf, nth=nth)


def listed(t: Texts, names: Sequence[str]) -> str:
    """``c1``, ``c1 and c2``, ``c1, c2 and c3``."""
    if len(names) < 2:
        return "".join(names)
    return t("list.and", first=", ".join(names[:-1]), last=names[-1])


def duration(t: Texts, span: timedelta) -> str:
    """A span as a person says it: ``40 s``, ``12 min``, ``3 h 05 min``, ``2 days``."""
    secs = max(0, round(span.total_seconds()))
    if secs < 60:
        return t("duration.secs", count=secs)
    minutes = secs // 60
    if minutes < 60:
        return t("duration.minutes", count=minutes)
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return t("duration.hours", hours=hours, minutes=f"{minutes:02d}")
    return t("duration.days", count=hours // 24)


def capital(text: str) -> str:
    """Return ``text`` with a capital first letter."""
    return text[:1].upper() + text[1:]


def shortened(text: str, characters: int) -> str:
    """Return ``text`` in at most ``characters``, cut with an ellipsis; empty below 3."""
    if len(text) <= characters:
        return text
    return f"{text[: characters - 1].rstrip()}…" if characters >= 3 else ""
