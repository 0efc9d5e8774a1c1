"""The JSON Schemas of what the HTTP API answers. Keys are added to answers, never renamed."""

from __future__ import annotations

from typing import Any

from central.accounts import Role
from central.fleet import Need
from central.intake import DeadKind
from central.web.access import Right
from shelf.states import CameraState, State
from shelf.wire import AlertPhase

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": "number"}
SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
TIME: Schema = {"type": "string", "format": "date-time"}


def ref(name: str) -> Schema:
    """Return a reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def one_of(values: Any) -> Schema:
    """Return the schema of an enum's values."""
    return {"type": "string", "enum": [str(value) for value in values]}


def maybe(schema: Schema) -> Schema:
    """Return the schema of what may be null."""
    return {"anyOf": [schema, {"type": "null"}]}


def many(schema: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": schema}


def mapped(schema: Schema) -> Schema:
    """Return the schema of an object with keys of its own."""
    return {"type": "object", "additionalProperties": schema}


def having(**fields: Schema) -> Schema:
    """Return the schema of an object that has all of ``fields``."""
    return {"type": "object", "properties": fields, "required": list(fields)}


def extended(base: Schema, **fields: Schema) -> Schema:
    """Return ``base`` with more fields."""
    return having(**base["properties"], **fields)


_SITE = {"tenant": TEXT, "site": TEXT}
_FOUND = many(having(sku=maybe(TEXT), confidence=SHARE))
_SLOT_FIELDS: dict[str, Schema] = {
    **_SITE,
    "aisle": TEXT,
    "slot": {"type": "string", "description": "Aisle and slot: a12/b01/s3/p02."},
    "state": one_of(State),
    "sku": TEXT,
    "name": maybe(TEXT),
    "facings_expected": COUNT,
    "facings_seen": COUNT,
    "confidence": SHARE,
    "reason": maybe(TEXT),
    "found": _FOUND,
}
_SLOT = having(since_utc=maybe(TIME), **_SLOT_FIELDS)
_ALERT = having(
    **_SLOT_FIELDS,
    id=TEXT,
    since_utc=TIME,
    opened_utc=TIME,
    closed_utc=maybe(TIME),
    closed_reason=maybe(TEXT),
    picture=maybe(TEXT),
    has_before=FLAG,
    phase=one_of(AlertPhase),
    phase_utc=maybe(TIME),
    by=maybe(TEXT),
    until_utc=maybe(TIME),
    held_by=maybe(TEXT),
    notified_utc=maybe(TIME),
    place={"type": "string", "description": "In words."},
    rank={"type": "number", "description": "The more urgent, the higher."},
    now={**maybe(TEXT), "description": "Path of the picture that shows it."},
    before=maybe(TEXT),
)
_STEP = having(step=TEXT, time_utc=TIME, by=maybe(TEXT), detail=maybe(TEXT))
_NEEDS = many(one_of(Need))
_FLEET_NODE = having(
    **_SITE,
    node=TEXT,
    state=one_of(("online", "offline")),
    since_utc=TIME,
    version=TEXT,
    reported_utc=maybe(TIME),
    outbox_events=maybe(COUNT),
    outbox_bytes=maybe(COUNT),
    outbox_oldest_utc=maybe(TIME),
    dropped_events=maybe(COUNT),
    planograms=mapped(maybe(TEXT)),
    needs=_NEEDS,
)
_FLEET_CAMERA = having(
    **_SITE,
    node=TEXT,
    camera=TEXT,
    state=one_of(CameraState),
    since_utc=TIME,
    detail=TEXT,
    slots=COUNT,
    coverage=maybe(SHARE),
    last_look_utc=maybe(TIME),
    looks_per_minute=maybe(NUMBER),
    model=TEXT,
    refused=TEXT,
    calibration=maybe(TEXT),
    calibration_since_utc=maybe(TIME),
    calibration_score=maybe(SHARE),
    drift_px=maybe(NUMBER),
    drift_since_utc=maybe(TIME),
    needs=_NEEDS,
)
_LETTER = having(
    id=COUNT,
    topic=TEXT,
    kind=one_of(DeadKind),
    reason=TEXT,
    source=maybe(TEXT),
    sequence=maybe(COUNT),
    size_bytes=COUNT,
    received_utc=TIME,
    read_again_utc=maybe(TIME),
    payload={"type": "string", "description": "Its beginning, as text."},
    is_whole=FLAG,
)
_PERSON = having(
    name=TEXT,
    role=one_of(Role),
    stores=maybe(many(TEXT)),
    has_password=FLAG,
    is_disabled=FLAG,
)
_PUSH = having(
    **_SITE,
    push=TEXT,
    person=TEXT,
    kind=TEXT,
    alerts=many(TEXT),
    created_utc=TIME,
    attempts=COUNT,
    error=TEXT,
)
SCHEMAS: dict[str, Schema] = {
    "Alert": _ALERT,
    "AlertWithSteps": extended(_ALERT, steps=many(_STEP)),
    "Alerts": having(open=many(ref("Alert")), closed=many(ref("Alert"))),
    "Answers": having(answers=many(ref("StaffAnswer"))),
    "Chronic": having(**{"from": TIME}, until=TIME, rows=many(ref("Row"))),
    "DeadLetters": having(kinds=mapped(COUNT), letters=many(_LETTER), next_before=maybe(COUNT)),
    "Fleet": having(
        time=TIME, needs=mapped(COUNT), nodes=many(_FLEET_NODE), cameras=many(_FLEET_CAMERA)
    ),
    "Link": having(link=maybe(TEXT)),
    "Me": having(
        name=TEXT,
        role=one_of(Role),
        stores=many(having(**_SITE)),
        rights=many(one_of(right.name.lower() for right in Right)),
        csrf=TEXT,
    ),
    "Metrics": having(**{"from": TIME}, until=TIME, by=many(TEXT), rows=many(ref("Row"))),
    "People": having(people=many(_PERSON)),
    "Products": having(
        time=TIME, stores=many(having(**_SITE, products=mapped({"type": ["object", "string"]})))
    ),
    "Pushes": having(pushes=many(_PUSH)),
    "Regions": having(
        regions=many(having(tenant=TEXT, id=TEXT, name=maybe(TEXT), sites=many(TEXT)))
    ),
    "Slots": having(
        slots=many(_SLOT),
        nodes=many(having(**_SITE, node=TEXT, is_online=FLAG, time_utc=TIME)),
        cameras=many(
            having(
                **_SITE,
                node=TEXT,
                camera=TEXT,
                state=one_of(CameraState),
                since_utc=TIME,
                detail=TEXT,
            )
        ),
    ),
}
"""Every answer by its name; the models that it shares with the wire are added to them."""
