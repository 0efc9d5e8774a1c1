"""The configuration of alerts, stores and people, and the file of sales velocities."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from web_rows import planogram

from central.alert_rules import make_rules
from central.alert_settings import AlertSettings, Recipient, Store
from central.config import load_central
from central.velocity import load_velocities
from shelf.errors import ConfigError

STORE = Store.model_validate(
    {
        "tenant": "acme",
        "site": "s1",
        "timezone": "Europe/Berlin",
        "hours": {"mon": "07:00-22:00", "sat": "18:00-24:00"},
        "resets": [{"start": "2026-11-23T05:00", "end": "2026-11-23T09:00", "aisle": "a12"}],
    }
)


def test_rules_come_from_the_configuration() -> None:
    """Times, hours by the store's clock, people of the store, and what matters more."""
    anna = Recipient(name="anna", tenant="acme", aisles=("a12",), urls=("ntfy://x",))
    ben = Recipient(name="ben", tenant="acme", site="s2", urls=("ntfy://x",))
    rules_of = make_rules(
        AlertSettings(claimed_secs=60),
        (STORE,),
        (anna, ben),
        {("acme", "s1"): {"a12": planogram()}},
    )
    rules = rules_of("acme", "s1")
    assert rules.times.claimed == timedelta(minutes=1)
    assert [person.name for person in rules.people] == ["anna"]
    assert [person.name for person in rules_of("acme", "s2").people] == ["anna", "ben"]
    monday = datetime(2026, 11, 23, 6, tzinfo=UTC)
    assert rules.calendar.is_open(monday)
    assert not rules.calendar.is_open(monday - timedelta(minutes=1))
    assert rules.calendar.is_reset("a12", monday)
    assert not rules.calendar.is_reset("a13", monday)
    assert rules.weights.priority("a12", "b01/s2/p01") == 5
    assert rules.weights.priority("a13", "b01/s2/p01") == 1
    assert rules_of("other", "s1").people == ()


def test_velocities_are_by_store_and_by_product(tmp_path: Path) -> None:
    """A store's own figure comes first, then the one for all, then one a day."""
    file = tmp_path / "velocity.csv"
    file.write_text("sku,units_per_day,site\n100,12.5,\n100,30,s1\n")
    velocities = load_velocities(file)
    assert velocities.units_per_day("s1", "100") == 30
    assert velocities.units_per_day("s2", "100") == 12.5
    assert velocities.units_per_day("s1", "999") == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sku,units\n", "line 1: expected the columns sku, units_per_day, found sku, units"),
        ("", "line 1: expected the columns"),
        ("sku,units_per_day\n100,many\n", "line 2: units_per_day: expected a number from 0"),
        ("sku,units_per_day\n100,-1\n", "line 2: units_per_day: expected a number from 0"),
        ("sku,units_per_day\n,3\n", "line 2: sku: expected a value"),
        ("sku,units_per_day\n1,3\n1,4\n", "line 3: sku: expected each product once a site"),
    ],
)
def test_a_wrong_velocity_file_is_told_by_line(tmp_path: Path, text: str, words: str) -> None:
    """With what was expected and found."""
    file = tmp_path / "velocity.csv"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_velocities(file)
    assert words in str(caught.value)


GOOD = "broker: {embedded: true}\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stores: [{tenant: a, site: s, timezone: Mars}]", "stores[0].timezone: expected a time z"),
        (
            "stores: [{tenant: a, site: s, hours: {mon: 7-22}}]",
            "stores[0].hours.mon: expected closed, or hours like 07:00-22:00",
        ),
        (
            "stores: [{tenant: a, site: s}, {tenant: a, site: s}]",
            "stores: expected each store once",
        ),
        ("people: [{name: anna, tenant: a}]", "people[0]: expected either urls or a urls_file"),
        (
            "people: [{name: x, tenant: a, urls: [u]}, {name: x, tenant: a, urls: [u]}]",
            "people: expected each name once",
        ),
        ("alerts: {group_wait: 3}", "did you mean 'group_wait_secs'?"),
        (
            "alerts: {escalate_after_secs: [60, 30]}",
            "expected escalate_after_secs in rising order",
        ),
        ("login: {proxy: {trusted: [here]}}", "login.proxy.trusted[0]"),
        ("http: {public_url: shelf.example}", "http.public_url: expected an http"),
    ],
)
def test_a_wrong_setting_is_told_by_field(tmp_path: Path, text: str, words: str) -> None:
    """Before anything starts."""
    file = tmp_path / "central.yaml"
    file.write_text(GOOD + text)
    with pytest.raises(ConfigError) as caught:
        load_central(file)
    assert words in str(caught.value)
