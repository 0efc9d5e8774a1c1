"""What a commit has changed, for whoever has to tell of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from central.database import AisleKey
from central.intake import DeadKind
from central.slot_writes import SlotKey
from shelf.topics import Node, StaffMember
from shelf.wire import StaffAnswer


@dataclass(frozen=True, slots=True)
class Watermarked:
    """What to tell a node: all of ``epoch`` up to ``sequence`` is committed."""

    node: Node
    epoch: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Changed:
    """What a committed batch has changed."""

    watermarks: tuple[Watermarked, ...] = ()
    slots: frozenset[SlotKey] = frozenset()
    alerts: frozenset[AisleKey] = frozenset()
    nodes: frozenset[Node] = frozenset()
    events: int = 0
    dead: Counter[DeadKind] = field(default_factory=Counter)
    answers: tuple[tuple[StaffMember, StaffAnswer], ...] = ()
    pushes: int = 0

    @property
    def dead_letters(self) -> int:
        """How many messages could not be used."""
        return self.dead.total()

    @property
    def is_visible(self) -> bool:
        """True when somebody who looks at the pages would see a difference."""
        return bool(self.slots or self.alerts or self.nodes or self.dead_letters)


def merge(parts: Iterable[Changed]) -> Changed:
    """Return what several commits have changed together; the last watermark of each counts."""
    merged = Changed()
    marks: dict[tuple[Node, int], Watermarked] = {}
    for part in parts:
        for mark in part.watermarks:
            marks.pop((mark.node, mark.epoch), None)
            marks[mark.node, mark.epoch] = mark
        merged = Changed(
            watermarks=tuple(marks.values()),
            slots=merged.slots | part.slots,
            alerts=merged.alerts | part.alerts,
            nodes=merged.nodes | part.nodes,
            events=merged.events + part.events,
            dead=merged.dead + part.dead,
            answers=merged.answers + part.answers,
            pushes=merged.pushes + part.pushes,
        )
    return merged
