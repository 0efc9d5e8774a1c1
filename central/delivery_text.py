"""What a push says: Jinja templates in a sandbox, with a default that suits most channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from central.alerts import Alert, PushKind
from shelf.slots import SlotId
from shelf.states import State

TITLE = (
    "{{ store }}{% if aisle %}, aisle {{ aisle }}{% endif %}: "
    "{% if kind == 'reminder' %}still open: {% elif kind == 'escalation' %}nobody on it: "
    "{% elif kind == 'digest' %}in the last hour: {% endif %}"
    "{{ alerts | length }} {{ 'alert' if alerts | length == 1 else 'alerts' }}"
)
BODY = (
    "{% for alert in alerts %}"
    "{{ alert.name }}: {{ alert.what }}, since {{ alert.since }}\n"
    "  aisle {{ alert.aisle }}, {{ alert.place }}\n"
    "{% endfor %}"
    "{% if others %}{{ others }} more open in this aisle.\n{% endif %}"
    "{% if url %}{{ url }}\n{% endif %}"
)

MAX_ALERTS = 20
"""A message names this many; the rest are counted."""

_WHAT = {
    State.OUT_OF_STOCK: "out of stock",
    State.MISPLACED: "another product stands there",
}

_environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)


class TextError(Exception):
    """A template that cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Message:
    """What a channel is given; of HTML it makes the text that it can show."""

    title: str
    body: str
    is_html: bool = False


def render(
    context: Mapping[str, Any], title: str | None = None, body: str | None = None
) -> Message:
    """Return the message; raises `TextError` for a template that cannot be used."""
    try:
        return Message(
            _environment.from_string(title or TITLE).render(context).strip(),
            _environment.from_string(body or BODY).render(context).strip(),
        )
    except (TemplateError, ArithmeticError, TypeError, ValueError, LookupError) as error:
        raise TextError(f"{type(error).__name__}: {error}") from error


def context_of(
    kind: PushKind,
    store: str,
    aisle: str | None,
    alerts: Sequence[Alert],
    others: int,
    url: str,
    zone: tzinfo,
    now: datetime,
) -> dict[str, Any]:
    """Return what a template can use; times are by the store's clock.

    ``others`` is how many more alerts of ``aisle`` are open.
    """
    named = alerts[:MAX_ALERTS]
    return {
        "kind": kind.value,
        "store": store,
        "aisle": aisle or "",
        "alerts": [_alert(alert, zone, now) for alert in named],
        "others": others + len(alerts) - len(named),
        "url": url,
    }


def example_context() -> dict[str, Any]:
    """Return a context in which every variable has a value, to try a template on."""
    return {
        "kind": "new",
        "store": "Store s0421",
        "aisle": "a12",
        "alerts": [
            {
                "alert": "0190a3f0-0000-7000-8000-000000000000",
                "name": "Rye crackers",
                "sku": "1001",
                "state": "low",
                "what": "1 of 4 left",
                "since": "09:12",
                "minutes": 7,
                "aisle": "a12",
                "slot": "b03/s2/p07",
                "place": "bay 3, shelf 2 from the bottom, 7th from the left",
                "expected": 4,
                "seen": 1,
                "missing": 3,
            }
        ],
        "others": 2,
        "url": "http://192.0.2.7:8080/",
    }


def _alert(alert: Alert, zone: tzinfo, now: datetime) -> dict[str, Any]:
    seen, expected = alert.facings_seen, alert.facings_expected
    return {
        "alert": alert.alert,
        "name": alert.name or alert.sku,
        "sku": alert.sku,
        "state": alert.state.value,
        "what": _WHAT.get(alert.state, f"{seen} of {expected} left"),
        "since": f"{alert.since_utc.astimezone(zone):%H:%M}",
        "minutes": max(int((now - alert.since_utc).total_seconds() // 60), 0),
        "aisle": alert.aisle,
        "slot": alert.slot,
        "place": SlotId.parse(alert.slot).in_words,
        "expected": expected,
        "seen": seen,
        "missing": max(expected - seen, 0),
    }
