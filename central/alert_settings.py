"""What of the configuration concerns alerts: times, stores, and people who are pushed to."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from shelf.settings import Settings
from shelf.topics import name_fault

DAY_SECS = 24 * 3600
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")


def _check_name(text: str) -> str:
    if fault := name_fault(text):
        raise ValueError(f"expected {fault}")
    return text


def check_zone(text: str) -> str:
    """Return the name of a time zone; raises ``ValueError``."""
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("expected a time zone like Europe/Berlin") from error
    return text


def _check_hours(text: str) -> str:
    if text != "closed":
        parse_hours(text)
    return text


def parse_hours(text: str) -> tuple[time, time]:
    """Return ``07:00-22:00`` as two times; ``24:00`` is midnight. Raises ``ValueError``."""
    match = _HOURS.fullmatch(text)
    if match is None or (match[3] == "24" and match[4] != "00"):
        raise ValueError("expected closed, or hours like 07:00-22:00")
    opens = time(int(match[1]), int(match[2]))
    return opens, time(int(match[3]) % 24, int(match[4]))


def _check_local(moment: datetime) -> datetime:
    if moment.tzinfo is not None:
        raise ValueError("expected the store's local time, without a zone")
    return moment


Name = Annotated[str, AfterValidator(_check_name)]
Hours = Annotated[str, AfterValidator(_check_hours)]
LocalTime = Annotated[datetime, AfterValidator(_check_local)]
Secs = Annotated[float, Field(gt=0, le=30 * DAY_SECS)]


class AlertSettings(Settings):
    """How long everything lasts. The first three are as in Prometheus Alertmanager."""

    group_wait_secs: Annotated[float, Field(ge=0, le=DAY_SECS)] = Field(
        30, description="A quiet aisle's first alert waits this long for others."
    )
    group_interval_secs: Secs = Field(
        300, description="From one push of an aisle to the next about new alerts."
    )
    repeat_interval_secs: Secs = Field(
        7200, description="From the last push of an aisle to a reminder, when nothing is new."
    )
    acknowledged_secs: Secs = Field(1800, description="How long 'seen' keeps an alert silent.")
    claimed_secs: Secs = Field(1800, description="How long a claim lasts.")
    done_secs: Secs = Field(600, description="How soon the camera must see what is done.")
    no_stock_secs: Secs = Field(43200, description="How long 'no stock in the back' lasts.")
    wrong_alarm_secs: Secs = Field(
        86400, description="How long a wrong alarm silences its slot in that state."
    )
    undo_secs: Secs = Field(120, description="How long an action can be taken back.")
    escalate_after_secs: tuple[Secs, ...] = Field(
        (2700.0,),
        max_length=9,
        description="After how long unattended the people of level 1, 2, ... are told.",
    )
    velocity_file: Path | None = Field(
        None, description="CSV of sku,units_per_day[,site]: what sells more comes first."
    )

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if list(self.escalate_after_secs) != sorted(self.escalate_after_secs):
            raise ValueError("expected escalate_after_secs in rising order")
        return self


class OpeningHours(Settings):
    """By weekday: ``closed``, or hours like ``07:00-22:00``; past midnight is allowed."""

    mon: Hours = Field("closed", description="Monday.")
    tue: Hours = Field("closed", description="Tuesday.")
    wed: Hours = Field("closed", description="Wednesday.")
    thu: Hours = Field("closed", description="Thursday.")
    fri: Hours = Field("closed", description="Friday.")
    sat: Hours = Field("closed", description="Saturday.")
    sun: Hours = Field("closed", description="Sunday.")


class PlannedReset(Settings):
    """A time in which shelves are rebuilt, so that gaps are nobody's task."""

    start: LocalTime = Field(description="Local time of the store: 2026-11-23T05:00.")
    end: LocalTime = Field(description="Local time of the store.")
    aisle: Name | None = Field(None, description="The aisle; all of the store if absent.")

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.end <= self.start:
            raise ValueError("expected an end after the start")
        return self


class Store(Settings):
    """When a store is open, and by which clock."""

    tenant: Name = Field(description="The tenant, as in the topics.")
    site: Name = Field(description="The site, as in the topics.")
    name: str | None = Field(None, description="The name that people use.")
    timezone: Annotated[str, AfterValidator(check_zone)] = Field(
        "UTC", description="The store's time zone, like Europe/Berlin."
    )
    hours: OpeningHours | None = Field(None, description="Opening hours; always open if absent.")
    closed_on: tuple[date, ...] = Field((), description="Dates on which it stays closed.")
    resets: tuple[PlannedReset, ...] = Field((), description="Planned rebuilds of shelves.")
    walk: tuple[Name, ...] = Field(
        (), description="Aisles in the order in which one walks; all others follow by name."
    )


class Recipient(Settings):
    """A person, or a channel, that is pushed to."""

    name: Name = Field(description="Unique; appears in the log and with dead messages.")
    tenant: Name = Field(description="Whose alerts.")
    site: Name | None = Field(None, description="Which store's; all of the tenant's if absent.")
    aisles: tuple[Name, ...] | None = Field(None, description="Which aisles'; all if absent.")
    level: Annotated[int, Field(ge=0, le=9)] = Field(
        0, description="0 is told at once; 1 and above by escalation."
    )
    pushes_per_hour: Annotated[int, Field(ge=1, le=3600)] = Field(
        6, description="Never exceeded within 60 minutes; what is over it becomes a digest."
    )
    urls: tuple[str, ...] = Field((), description="Apprise URLs, like ntfy://ntfy.sh/topic.")
    urls_file: Path | None = Field(
        None, description="File with one Apprise URL a line: for those that hold secrets."
    )
    title: str | None = Field(None, description="Jinja template of the title.")
    body: str | None = Field(None, description="Jinja template of the text.")

    @model_validator(mode="after")
    def _check_urls(self) -> Self:
        if bool(self.urls) == (self.urls_file is not None):
            raise ValueError("expected either urls or a urls_file")
        return self


class HomeAssistant(Settings):
    """MQTT discovery: each aisle's number of open alerts becomes a sensor."""

    discovery: Literal[True] = Field(description="Publish discovery messages.")
    prefix: Name = Field("homeassistant", description="Home Assistant's discovery prefix.")
