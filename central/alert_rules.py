"""From the configuration to the rules of each site."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, timedelta
from functools import cache, partial
from zoneinfo import ZoneInfo

from central.alert_settings import AlertSettings, Recipient, Store, parse_hours
from central.alerts import Calendar, Person, ResetWindow, Rules, Times, Weights
from central.alerts.calendar import WEEKDAYS
from central.desk import RulesOf, SiteKey
from central.velocity import Velocities
from shelf.planogram import Planogram
from shelf.slots import SlotId

Planograms = Mapping[SiteKey, Mapping[str, Planogram]]
"""Planograms by site and aisle."""


def make_rules(
    alerts: AlertSettings,
    stores: tuple[Store, ...] = (),
    people: tuple[Recipient, ...] = (),
    planograms: Planograms | None = None,
    velocities: Velocities | None = None,
) -> RulesOf:
    """Return the rules of any site; one that no store names is always open, in UTC."""
    times = times_of(alerts)
    calendars = {(store.tenant, store.site): calendar_of(store) for store in stores}
    by_site = planograms or {}
    sold = velocities or Velocities()

    @cache
    def rules_of(tenant: str, site: str) -> Rules:
        rules = Rules(
            times=times,
            people=tuple(
                _person(person)
                for person in people
                if person.tenant == tenant and person.site in (None, site)
            ),
            weights=Weights(
                units_per_day=partial(sold.units_per_day, site),
                priority=partial(_priority, by_site.get((tenant, site), {})),
            ),
        )
        return replace(rules, calendar=calendars.get((tenant, site), rules.calendar))

    return rules_of


def times_of(alerts: AlertSettings) -> Times:
    """Return the configured times."""
    return Times(
        group_wait=timedelta(seconds=alerts.group_wait_secs),
        group_interval=timedelta(seconds=alerts.group_interval_secs),
        repeat_interval=timedelta(seconds=alerts.repeat_interval_secs),
        acknowledged=timedelta(seconds=alerts.acknowledged_secs),
        claimed=timedelta(seconds=alerts.claimed_secs),
        done=timedelta(seconds=alerts.done_secs),
        no_stock=timedelta(seconds=alerts.no_stock_secs),
        wrong_alarm=timedelta(seconds=alerts.wrong_alarm_secs),
        undo=timedelta(seconds=alerts.undo_secs),
        escalation=tuple(timedelta(seconds=secs) for secs in alerts.escalate_after_secs),
    )


def calendar_of(store: Store) -> Calendar:
    """Return a store's opening hours and planned resets."""
    zone = ZoneInfo(store.timezone)
    hours = None
    if store.hours is not None:
        texts = {number: getattr(store.hours, day) for number, day in enumerate(WEEKDAYS)}
        hours = {day: parse_hours(text) for day, text in texts.items() if text != "closed"}
    resets = tuple(
        ResetWindow(
            reset.start.replace(tzinfo=zone).astimezone(UTC),
            reset.end.replace(tzinfo=zone).astimezone(UTC),
            reset.aisle,
        )
        for reset in store.resets
    )
    return Calendar(zone, hours, frozenset(store.closed_on), resets)


def _person(person: Recipient) -> Person:
    aisles = None if person.aisles is None else frozenset(person.aisles)
    return Person(person.name, person.level, aisles, person.pushes_per_hour)


def _priority(planograms: Mapping[str, Planogram], aisle: str, slot: str) -> float:
    try:
        return planograms[aisle].slot(SlotId.parse(slot)).priority
    except (KeyError, ValueError):
        return 1.0
