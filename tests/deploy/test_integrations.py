"""The examples of docs/integrations name topics and keys that the messages really have."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import topic_matches_sub

from shelf import topics
from shelf.kpi import Figures, Kpi, SlotCounts, Spread
from shelf.node_health import CameraLooks, NodeHealth
from shelf.states import State
from shelf.topics import Node
from shelf.wire import Event, Facings, OpenAlert, OpenAlerts, SlotChanged, type_of

DOCS = Path(__file__).parents[2] / "docs" / "integrations"
NODE = Node("acme", "s0421", "s0421-e1")
NOW = datetime(2026, 11, 21, 12, 0, 0, 125_000, tzinfo=UTC)
TOLD = Spread(count=1, median=1, p90=2)
FIGURES = Figures(
    availability=0.9,
    coverage=0.8,
    planned_secs=1,
    observed_secs=1,
    out_of_stock_secs=0,
    stock_outs=1,
    time_to_restock_secs=TOLD,
    alerts_closed=0,
    wrong_alarms=0,
)
KPI = Kpi(
    tenant="acme",
    scope="site",
    id="s0421",
    time=NOW,
    slots=SlotCounts(stocked=1),
    today=FIGURES,
    week=FIGURES,
)
HEALTH = NodeHealth(time=NOW, cameras={"c1": CameraLooks(looks_per_minute=6)})
CHANGED = SlotChanged(
    state=State.LOW,
    previous=State.STOCKED,
    since=NOW,
    sku="1",
    facings=Facings(expected=2, seen=1),
    confidence=1,
    observed_secs=1,
    planogram="p",
    model="m",
    calibration="c",
)
EVENT = Event(
    id="e1",
    source=NODE.source,
    type=type_of(CHANGED),
    subject="a12/b01/s1/p01",
    time=NOW,
    epoch=1,
    sequence=1,
    data=CHANGED.model_dump(mode="json"),
)
ALERT = OpenAlert(
    alert="e1",
    slot="a12/b01/s1/p01",
    place="bay 1",
    state=State.OUT_OF_STOCK,
    sku="1",
    since=NOW,
    facings=Facings(expected=2, seen=0),
    confidence=1,
)
ALERTS = OpenAlerts(aisle="a12", time=NOW, alerts=(ALERT,))
SENT = {
    topics.kpi("acme", "site", "s0421"): KPI.to_json(),
    NODE.metrics: HEALTH.to_json(),
    NODE.events("a12"): EVENT.to_json(),
    topics.open_alerts("acme", "s0421", "a12"): ALERTS.to_json(),
}


def block(name: str, language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", (DOCS / name).read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Return numbers by their path, named as Telegraf's JSON parser names them."""
    if isinstance(value, dict):
        return {
            name: number
            for key, item in value.items()
            for name, number in flat(item, f"{path}_{key}".strip("_")).items()
        }
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return {path: value} if is_number else {}


def sent_to(subscription: str) -> list[dict[str, Any]]:
    return [json.loads(body) for t, body in SENT.items() if topic_matches_sub(subscription, t)]


def test_telegraf_reads_what_is_sent() -> None:
    """Each input hears one message, whose time and tags are where it looks for them."""
    config = tomllib.loads(block("telegraf.md", "toml"))
    for source in config["inputs"]["mqtt_consumer"]:
        for subscription in source["topics"]:
            (message,) = sent_to(subscription)
            assert re.fullmatch(
                r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)",
                message[source["json_time_key"]],
            )
            assert set(source.get("tag_keys", ())) <= message.keys()
            for parsing in source.get("topic_parsing", ()):
                levels = [len(parsing[key].split("/")) for key in ("topic", "tags")]
                assert levels == [len(subscription.split("/"))] * 2


def test_fields_that_the_text_names_are_there() -> None:
    """As Telegraf names them: the keys of the path, joined."""
    text = (DOCS / "telegraf.md").read_text()
    sentence = text[text.index("Fields are named") :].partition("\n")[0]
    named = set(re.findall(r"`(\w+)`", sentence))
    assert len(named) > 6
    assert (
        named <= flat(json.loads(KPI.to_json())).keys() | flat(json.loads(HEALTH.to_json())).keys()
    )


def flow() -> dict[str, dict[str, Any]]:
    return {node["id"]: node for node in json.loads(block("node-red.md", "json"))}


def test_node_red_subscribes_to_what_is_sent() -> None:
    """Each input hears one message, and wires lead to nodes that are there."""
    nodes = flow()
    for node in nodes.values():
        for targets in node.get("wires", ()):
            assert set(targets) <= nodes.keys()
        if node["type"] == "mqtt in":
            assert len(sent_to(node["topic"])) == 1
            assert node["broker"] in nodes


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("lamp", {"a.": OpenAlert, "msg.payload.": OpenAlerts}),
        ("changes", {"event.data.": SlotChanged, "event.": Event}),
    ],
)
def test_node_red_reads_keys_that_are_there(name: str, keys: dict[str, Any]) -> None:
    """Whatever a function asks of a message is a field of its model; types and states exist."""
    code = flow()[name]["func"]
    for beginning, model in keys.items():
        asked = set(re.findall(rf"(?<![\w.]){re.escape(beginning)}(\w+)", code))
        assert asked and asked <= set(model.model_fields), (beginning, asked)
    for kind in re.findall(r"'(io\.[\w.]+)'", code):
        assert kind == EVENT.type
    for state in re.findall(r"state === '(\w+)'", code):
        assert State(state)
