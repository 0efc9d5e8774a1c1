"""The wire format: the published example, schemas, unknown and broken messages."""

import json
from pathlib import Path
from uuid import UUID

import jsonschema
import pytest

from shelf.ids import uuid7
from shelf.schema import stale_files
from shelf.wire import Event, InvalidMessageError, SlotChanged, parse

SCHEMAS = Path(__file__).parents[2] / "configs" / "schema"

EXAMPLE = {
    "specversion": "1.0",
    "id": "0190a3f0-0000-7000-8000-000000000000",
    "source": "/acme/s0421/s0421-e1",
    "type": "io.shelfwatch.slot.changed.v1",
    "subject": "a12/b03/s2/p07",
    "time": "2026-11-21T12:30:00.125Z",
    "epoch": 17,
    "sequence": 90211,
    "data": {
        "state": "out_of_stock",
        "previous": "low",
        "since": "2026-11-21T12:28:10Z",
        "sku": "4006381333931",
        "facings": {"expected": 4, "seen": 0},
        "confidence": 0.93,
        "observed_secs": 130,
        "planogram": "pg-2026w47-3",
        "model": "sha256:9c1e",
        "calibration": "c7",
        "clock": "synced",
    },
}


def test_published_example_is_read_and_fits_its_schemas() -> None:
    """The example of the design is an event, and its data a slot change."""
    event = parse(Event, json.dumps(EXAMPLE))
    assert isinstance(event.payload(), SlotChanged)
    for name, value in (("event", EXAMPLE), ("slot.changed.v1", EXAMPLE["data"])):
        schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
        jsonschema.validate(value, schema, cls=jsonschema.Draft202012Validator)


def test_event_survives_its_json() -> None:
    """Writing and reading gives the same event."""
    event = parse(Event, json.dumps(EXAMPLE))
    assert parse(Event, event.to_json()) == event


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"epoch": 0}, "epoch"),
        ({"time": "2026-11-21T12:30:00"}, "time"),
        ({"source": "s0421-e1"}, "source"),
        ({"specversion": "0.3"}, "specversion"),
    ],
)
def test_broken_envelopes_are_named(change: dict[str, object], words: str) -> None:
    """The first field that is wrong is in the message."""
    with pytest.raises(InvalidMessageError, match=words):
        parse(Event, json.dumps(EXAMPLE | change))


def test_unknown_types_and_foreign_data_are_refused() -> None:
    """An event of an unknown type, or with other data, has no payload."""
    with pytest.raises(InvalidMessageError, match="type"):
        parse(Event, json.dumps(EXAMPLE | {"type": "io.other.v1"})).payload()
    with pytest.raises(InvalidMessageError, match="state"):
        parse(Event, json.dumps(EXAMPLE | {"data": {"state": "gone"}})).payload()


def test_unknown_keys_are_ignored() -> None:
    """A newer node may say more than this reader knows."""
    parse(Event, json.dumps(EXAMPLE | {"traceparent": "00-1"}))


def test_published_schemas_are_those_of_the_code() -> None:
    """The generated files in the repository are up to date."""
    assert stale_files(SCHEMAS) == []


def test_uuid7_sorts_by_time() -> None:
    """Ids of later events sort after earlier ones, and are version 7."""
    early, late = uuid7(1_000), uuid7(2_000)
    assert str(early) < str(late)
    assert (UUID(str(late)).version, early.variant) == (7, late.variant)
