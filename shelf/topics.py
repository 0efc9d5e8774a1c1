"""The MQTT topics, version 1.

``up/`` is written by a node and ``dn/`` is read by it, so that a broker's access list needs
two lines a node.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ROOT = "shelf/v1"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")

ALL_UP = f"{ROOT}/+/+/+/up/#"
"""What a collector subscribes to."""

ALL_STAFF_ACTIONS = f"{ROOT}/+/_staff/+/actions/+"
"""What a collector subscribes to for the actions of people."""


def name_fault(text: str) -> str:
    """Return what is wrong with ``text`` as one topic level, or an empty string."""
    if _NAME.fullmatch(text):
        return ""
    return "1-64 letters, digits, '-' or '_', the first a letter or digit"


@dataclass(frozen=True, slots=True)
class Node:
    """The address of one edge node; raises ``ValueError`` for a name unfit for a topic."""

    tenant: str
    site: str
    node: str

    def __post_init__(self) -> None:
        for level in ("tenant", "site", "node"):
            fault = name_fault(getattr(self, level))
            if fault:
                raise ValueError(f"{level}: expected {fault}, got {getattr(self, level)!r}")

    @property
    def source(self) -> str:
        """The CloudEvents source of this node's events."""
        return f"/{self.tenant}/{self.site}/{self.node}"

    @classmethod
    def from_source(cls, source: str) -> Node:
        """Return the node whose ``source`` this is; raises ``ValueError``."""
        parts = source.split("/")
        if len(parts) != 4 or parts[0]:
            raise ValueError(f"expected a source like /tenant/site/node, got {source!r}")
        return cls(*parts[1:])

    def _topic(self, rest: str) -> str:
        return f"{ROOT}/{self.tenant}/{self.site}/{self.node}/{rest}"

    @property
    def status(self) -> str:
        """Birth and last will, retained."""
        return self._topic("up/status")

    @property
    def metrics(self) -> str:
        """Health figures, QoS 0."""
        return self._topic("up/metrics")

    @property
    def reported_config(self) -> str:
        """The configuration that the node runs with."""
        return self._topic("up/cfg")

    @property
    def desired_config(self) -> str:
        """The configuration that the node should run with, retained."""
        return self._topic("dn/cfg")

    @property
    def watermark(self) -> str:
        """What the collector has committed, retained."""
        return self._topic("dn/ack")

    def events(self, aisle: str) -> str:
        """Events of one aisle, never retained."""
        return self._topic(f"up/evt/{aisle}")

    def bay_state(self, aisle: str, bay: str) -> str:
        """The compact snapshot of one bay, retained."""
        return self._topic(f"up/state/{aisle}/{bay}")

    def camera(self, camera: str) -> str:
        """The state of one camera, retained."""
        return self._topic(f"up/cam/{camera}")

    def command(self, name: str) -> str:
        """Commands to the node; ``name`` may be the ``+`` wildcard."""
        return self._topic(f"dn/cmd/{name}")

    def reply(self, command_id: str) -> str:
        """The reply to one command."""
        return self._topic(f"up/rsp/{command_id}")


@dataclass(frozen=True, slots=True)
class UpTopic:
    """A topic that a node wrote to, taken apart: ``kind`` is the level after ``up``."""

    node: Node
    kind: str
    rest: tuple[str, ...]


def parse_up(topic: str) -> UpTopic:
    """Take a topic under ``up/`` apart; raises ``ValueError`` when it is none."""
    parts = topic.split("/")
    if len(parts) < 7 or "/".join(parts[:2]) != ROOT or parts[5] != "up":
        raise ValueError(f"expected {ROOT}/tenant/site/node/up/..., got {topic!r}")
    return UpTopic(Node(*parts[2:5]), parts[6], tuple(parts[7:]))


def open_alerts(tenant: str, site: str, aisle: str) -> str:
    """Open staff alerts of one aisle, retained."""
    return f"{ROOT}/{tenant}/_staff/{site}/alerts/{aisle}"


@dataclass(frozen=True, slots=True)
class StaffMember:
    """Who acts over MQTT; raises ``ValueError`` for a name unfit for a topic.

    ``person`` is the client's user name at the broker, whose access list lets it write to no
    other topic.
    """

    tenant: str
    site: str
    person: str

    def __post_init__(self) -> None:
        for level in ("tenant", "site", "person"):
            fault = name_fault(getattr(self, level))
            if fault:
                raise ValueError(f"{level}: expected {fault}, got {getattr(self, level)!r}")

    @property
    def actions(self) -> str:
        """What the person does about alerts, never retained."""
        return f"{ROOT}/{self.tenant}/_staff/{self.site}/actions/{self.person}"

    @property
    def answers(self) -> str:
        """What became of that."""
        return f"{ROOT}/{self.tenant}/_staff/{self.site}/answers/{self.person}"

    @classmethod
    def from_actions(cls, topic: str) -> StaffMember:
        """Return who writes to ``topic``; raises ``ValueError`` when nobody does."""
        parts = topic.split("/")
        if len(parts) != 7 or (parts[3], parts[5]) != ("_staff", "actions"):
            raise ValueError(f"expected {ROOT}/tenant/_staff/site/actions/person, got {topic!r}")
        return cls(parts[2], parts[4], parts[6])


def kpi(tenant: str, scope: str, identity: str) -> str:
    """The aggregated feed of a ``site`` or ``region``, retained."""
    return f"{ROOT}/{tenant}/_agg/{scope}/{identity}/kpi"
