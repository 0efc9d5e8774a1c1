"""The document of the HTTP API, as OpenAPI 3.1: ``/api/openapi.json``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from central.fleet import Need
from central.intake import DeadKind
from central.metrics.grouping import Dimension
from central.web.api import Actions, ResetBody
from central.web.metrics_api import FILTERS
from central.web.openapi_answers import (
    COUNT,
    SCHEMAS,
    TEXT,
    TIME,
    Schema,
    mapped,
    maybe,
    one_of,
    ref,
)
from central.web.people_api import NameBody, PersonBody
from shelf.kpi import Figures
from shelf.wire import StaffAnswer

PATH = "/api/openapi.json"
VERSION = "1"


@dataclass(frozen=True, slots=True)
class Operation:
    """One route. ``answer`` names a schema; None: no content, or what ``kind`` says."""

    path: str
    summary: str
    answer: str | None = None
    parameters: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    body: type[BaseModel] | None = None
    kind: str = "application/json"
    faults: tuple[int, ...] = ()


PARAMETERS: dict[str, tuple[Schema, str]] = {
    "tenant": (TEXT, "Only this tenant's stores."),
    "site": (TEXT, "Only this store."),
    "region": (TEXT, "Only this region's stores."),
    "from": (TIME, "Beginning, with its zone: 2026-11-14T00:00Z. Today's midnight if absent."),
    "until": (TIME, "End; now if absent."),
    "by": (TEXT, f"Up to three of {', '.join(Dimension)}, with commas."),
    "hours": ({"type": "string", "pattern": r"^\d+-\d+$"}, "Hours of the store's day: 7-22."),
    "gtin": (TEXT, "Only this product."),
    "alert": (TEXT, "The alert's id."),
    "need": (one_of(Need), "Only nodes and cameras that need this."),
    "kind": (one_of(DeadKind), "Only messages of this kind."),
    "source": (TEXT, "Only messages of this node: /acme/s0421/s0421-e1."),
    "before": (COUNT, "Only messages with a lower id: next_before of the page before."),
    **{
        dimension.value: (TEXT, f"Only this {dimension.value}.")
        for dimension in FILTERS
        if dimension.value not in ("region", "site")
    },
}

_STORE = ("tenant", "site")
_STORES = ("tenant", "site", "region")
_FILTERS = tuple(dimension.value for dimension in FILTERS)

OPERATIONS = (
    Operation("GET /api/me", "Who asks, what they may do, and the token for changes.", "Me"),
    Operation(
        "GET /api/alerts.json",
        "Open alerts, the most urgent first, and recently closed ones.",
        "Alerts",
        _STORE,
    ),
    Operation(
        "GET /api/alert.json",
        "One alert with every step of its life.",
        "AlertWithSteps",
        ("alert",),
        ("alert",),
        faults=(404,),
    ),
    Operation("GET /api/slots.json", "Slots, nodes and cameras as they are now.", "Slots", _STORE),
    Operation(
        "POST /api/actions",
        "Do what a person says about alerts; each action is done once.",
        "Answers",
        body=Actions,
        faults=(400, 403, 413, 429, 503),
    ),
    Operation(
        "POST /api/resets",
        "An aisle is rebuilt until a time; one that is over ends it.",
        body=ResetBody,
        faults=(400, 403, 404, 503),
    ),
    Operation(
        "GET /api/pushes.json", "Messages to people that were given up.", "Pushes", faults=(403,)
    ),
    Operation(
        "GET /api/metrics.json",
        "Figures by any of the dimensions.",
        "Metrics",
        (*_STORES, "from", "until", "by", "hours", *_FILTERS),
        faults=(400, 404),
    ),
    Operation(
        "GET /api/chronic.json",
        "Slots that are empty again and again, the worst first.",
        "Chronic",
        (*_STORES, "from", "until", "hours", *_FILTERS),
        faults=(400, 404),
    ),
    Operation(
        "GET /api/products.json",
        "Whether a shopper finds each product now.",
        "Products",
        (*_STORES, "gtin"),
        faults=(404,),
    ),
    Operation("GET /api/regions.json", "Regions with their stores.", "Regions"),
    Operation(
        "GET /api/fleet.json",
        "Nodes and cameras, those first that need somebody.",
        "Fleet",
        (*_STORES, "need"),
        faults=(400, 403, 404),
    ),
    Operation(
        "GET /api/fleet.csv",
        "The same as a table.",
        None,
        (*_STORES, "need"),
        kind="text/csv",
        faults=(400, 403, 404),
    ),
    Operation(
        "GET /api/dead-letters.json",
        "Messages that could not be used, the newest first.",
        "DeadLetters",
        ("kind", "source", "before"),
        faults=(400, 403),
    ),
    Operation("GET /api/people.json", "Who may log in, and to what.", "People", faults=(403,)),
    Operation(
        "POST /api/people",
        "Make or change a person; the answer has a one-time link where a password is missing.",
        "Link",
        body=PersonBody,
        faults=(400, 403),
    ),
    Operation("POST /api/people/remove", "Remove a person.", body=NameBody, faults=(400, 403)),
    Operation(f"GET {PATH}", "This document.", "Document"),
)
FAULTS = {
    400: "What was asked does not fit; the text says what was expected.",
    401: "Log in first.",
    403: "Not allowed, or not asked by a page or program with the token.",
    404: "Not there, or not yours.",
    413: "Too large.",
    429: "Too many requests; Retry-After says for how long.",
    503: "Cannot be done now; Retry-After says when to try again.",
}


@cache
def document() -> dict[str, Any]:
    """Return the whole document."""
    shared = [(Figures, "serialization"), (StaffAnswer, "serialization")]
    bodies = [(op.body, "validation") for op in OPERATIONS if op.body is not None]
    template = "#/components/schemas/{model}"
    _, made = models_json_schema([*shared, *bodies], ref_template=template)  # type: ignore[list-item]
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        method, path = operation.path.split()
        paths.setdefault(path, {})[method.lower()] = _operation(operation, method)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Shelfwatch",
            "version": VERSION,
            "description": "A program logs in as a person: the session's cookie from POST /login "
            "(form fields name, password). Every POST needs X-CSRF-Token from /api/me.",
        },
        "paths": paths,
        "components": {
            "schemas": {
                **made["$defs"],
                **SCHEMAS,
                "Row": _row(made["$defs"]["Figures"]),
                "Document": {"type": "object", "additionalProperties": True},
            },
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": "shelfwatch_session"},
                "token": {"type": "apiKey", "in": "header", "name": "X-CSRF-Token"},
            },
        },
        "security": [{"session": []}],
    }


def _row(figures: Schema) -> Schema:
    """Return the schema of figures with the dimensions that they were asked by."""
    dimensions = {dimension.value: maybe(TEXT) for dimension in Dimension}
    return {
        **figures,
        "properties": {**figures["properties"], "state_secs": mapped(COUNT), **dimensions},
        "required": [*figures.get("required", []), "state_secs"],
        "description": "Figures, and those of the dimensions that were asked for.",
    }


def _operation(operation: Operation, method: str) -> dict[str, Any]:
    answered: dict[str, Any] = {"description": "Done." if method == "POST" else "Found."}
    if operation.answer is not None:
        answered["content"] = {operation.kind: {"schema": ref(operation.answer)}}
    elif operation.kind != "application/json":
        answered["content"] = {operation.kind: {"schema": TEXT}}
    has_content = "content" in answered
    made: dict[str, Any] = {
        "operationId": operation.path.lower().replace("/api/", "").translate(_TO_NAME),
        "summary": operation.summary,
        "responses": {
            "200" if has_content else "204": answered,
            **{
                str(code): {"description": FAULTS[code], "content": {"text/plain": {}}}
                for code in sorted({401, *operation.faults})
            },
        },
    }
    if operation.parameters:
        made["parameters"] = [_parameter(name, operation) for name in operation.parameters]
    if operation.body is not None:
        content = {"application/json": {"schema": ref(operation.body.__name__)}}
        made["requestBody"] = {"required": True, "content": content}
        made["security"] = [{"session": [], "token": []}]
    return made


_TO_NAME = str.maketrans({" ": "_", "/": "_", "-": "_", ".": "_"})


def _parameter(name: str, operation: Operation) -> dict[str, Any]:
    schema, words = PARAMETERS[name]
    return {
        "name": name,
        "in": "query",
        "required": name in operation.required,
        "description": words,
        "schema": schema,
    }


async def show(_request: Request) -> Response:
    """The document, for everybody who may log in."""
    return JSONResponse(document())


def routes() -> list[Route]:
    """Return what is served."""
    return [Route(PATH, show)]
