"""JSON Schemas of everything that crosses a border, and the AsyncAPI description.

``python -m shelf.schema --write configs/schema`` writes them, ``--check`` fails when the files
differ from the code. Packages add their configuration models as entry points of
``shelfwatch.schemas``.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from shelf import commands, kpi, node_health, topics, wire
from shelf.commands import CommandName

GROUP = "shelfwatch.schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_files() -> dict[str, str]:
    """Return the text of every generated file by its name."""
    models: dict[str, type[BaseModel]] = {
        **wire.MESSAGES,
        **commands.MESSAGES,
        **kpi.MESSAGES,
        **node_health.MESSAGES,
    }
    models |= {name.removeprefix(wire.TYPE_PREFIX): m for name, m in wire.EVENT_DATA.items()}
    models |= {entry.name: entry.load() for entry in entry_points(group=GROUP)}
    files = {f"{name}.schema.json": _schema_text(model) for name, model in models.items()}
    files["asyncapi.yaml"] = yaml.safe_dump(_asyncapi(), sort_keys=False, width=100)
    return files


def _schema_text(model: type[BaseModel]) -> str:
    schema = {"$schema": DIALECT, **model.model_json_schema()}
    return json.dumps(schema, indent=2) + "\n"


def _asyncapi() -> dict[str, Any]:
    node = topics.Node("tenant", "site", "node")
    member = topics.StaffMember("tenant", "site", "person")
    channels = {
        "status": (node.status, "receive", ["node-status"], "Birth and last will; retained."),
        "events": (
            node.events("aisle"),
            "receive",
            ["event"],
            "Events, QoS 1, never retained; data by type in its own schema.",
        ),
        "state": (
            node.bay_state("aisle", "bay"),
            "receive",
            ["bay-snapshot"],
            "Compact snapshot of a bay; retained.",
        ),
        "camera": (
            node.camera("camera"),
            "receive",
            ["camera-status"],
            "Whether a camera can be trusted; retained.",
        ),
        "health": (
            node.metrics,
            "receive",
            ["node-health"],
            "How the node is, once a minute; QoS 0, never retained.",
        ),
        "ack": (
            node.watermark,
            "send",
            ["watermark"],
            "What the collector has committed; retained.",
        ),
        "command-search": (
            node.command(CommandName.SEARCH),
            "send",
            ["command.search"],
            "Which product a photograph shows; never retained.",
        ),
        "command-bay-view": (
            node.command(CommandName.BAY_VIEW),
            "send",
            ["command.bay-view"],
            "What a bay looks like; never retained.",
        ),
        "reply": (
            node.reply("id"),
            "receive",
            ["reply", "reply.search", "reply.bay-view"],
            "The answer to the command with this id; never retained.",
        ),
        "alerts": (
            topics.open_alerts("tenant", "site", "aisle"),
            "send",
            ["open-alerts"],
            "Open staff alerts of an aisle; retained.",
        ),
        "actions": (
            member.actions,
            "receive",
            ["staff-action"],
            "What a person does about an alert; never retained.",
        ),
        "answers": (member.answers, "send", ["staff-answer"], "What became of an action."),
        "figures": (
            topics.kpi("tenant", "scope", "id"),
            "send",
            ["kpi"],
            "Key figures of a site or a region (scope); retained.",
        ),
    }
    names = ("tenant", "site", "node", "aisle", "bay", "camera", "person", "scope", "id")
    document: dict[str, Any] = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Shelfwatch",
            "version": "1",
            "description": "Seen from the center: it receives what nodes write under up/ "
            "and sends what they read under dn/.",
        },
        "channels": {},
        "operations": {},
        "components": {"messages": {}},
    }
    for name, (topic, action, messages, description) in channels.items():
        levels = [f"{{{level}}}" if level in names else level for level in topic.split("/")]
        parameters: dict[str, Any] = {level: {} for level in topic.split("/") if level in names}
        document["channels"][name] = {
            "address": "/".join(levels),
            "description": description,
            "parameters": parameters,
            "messages": {m: {"$ref": f"#/components/messages/{m}"} for m in messages},
        }
        document["operations"][f"{action}-{name}"] = {
            "action": action,
            "channel": {"$ref": f"#/channels/{name}"},
        }
    for name in (*wire.MESSAGES, *commands.MESSAGES, *kpi.MESSAGES, *node_health.MESSAGES):
        document["components"]["messages"][name] = {
            "contentType": "application/json",
            "payload": {"$ref": f"./{name}.schema.json"},
        }
    return document


def stale_files(folder: Path) -> list[str]:
    """Return the names of files in ``folder`` that differ from the code or do not belong."""
    wanted = schema_files()
    present = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    changed = [
        name
        for name, text in wanted.items()
        if name not in present or (folder / name).read_text(encoding="utf-8") != text
    ]
    return sorted(changed + list(present - wanted.keys()))


def main(arguments: list[str]) -> int:
    """Write or check the files; returns the exit code."""
    if len(arguments) != 2 or arguments[0] not in ("--write", "--check"):
        sys.stderr.write("usage: python -m shelf.schema --write|--check FOLDER\n")
        return 2
    folder = Path(arguments[1])
    if arguments[0] == "--write":
        folder.mkdir(parents=True, exist_ok=True)
        for name in stale_files(folder):
            (folder / name).unlink(missing_ok=True)
        for name, text in schema_files().items():
            (folder / name).write_text(text, encoding="utf-8")
        return 0
    stale = stale_files(folder)
    for name in stale:
        sys.stderr.write(f"{folder / name}: not as generated; run python -m shelf.schema --write\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
