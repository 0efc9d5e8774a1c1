"""From what was told of a slot to which state held when. Pure.

The intervals are a function of the set of claims alone: in which order they came, and how often,
makes no difference. A claim that comes late takes its place in the past and changes nothing after
the next one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from shelf.states import State

OPEN = datetime(9999, 12, 31, tzinfo=UTC)
"""The end of an interval that has not ended."""

ClaimKey = tuple[str, int, int]
"""Source, epoch and sequence."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A node says that a slot is in a state since a time; ``sku`` empty: it is planned no more."""

    source: str
    epoch: int
    sequence: int
    state: State
    sku: str
    planogram: str
    since_utc: datetime
    time_utc: datetime

    @property
    def key(self) -> ClaimKey:
        """What makes it the same claim when it comes again."""
        return self.source, self.epoch, self.sequence

    @property
    def order(self) -> tuple[datetime, int, int, str]:
        """Claims count in the order in which they were made."""
        return self.time_utc, self.epoch, self.sequence, self.source


@dataclass(frozen=True, slots=True)
class Interval:
    """A claim held from ``from_utc`` until just before ``until_utc`` (`OPEN`: it still does)."""

    claim: Claim
    from_utc: datetime
    until_utc: datetime


def weave(claims: Iterable[Claim], first_from: datetime | None = None) -> list[Interval]:
    """Return the intervals of one slot's claims, in order of time.

    ``from`` is when the evidence began (``since``), but not before the claim before was made:
    until then a node knew better. So ``from[i] <= time[i] <= from[i+1]``, and a late claim moves
    no boundary but those beside it. ``first_from`` is the ``from`` of the first claim where the
    claims before it are left out.
    """
    unique = {claim.key: claim for claim in claims}
    ordered = sorted(unique.values(), key=lambda claim: claim.order)
    starts: list[datetime] = []
    for number, claim in enumerate(ordered):
        start = min(claim.since_utc, claim.time_utc)
        if number:
            start = max(start, ordered[number - 1].time_utc)
        elif first_from is not None:
            start = first_from
        starts.append(start)
    ends = [*starts[1:], OPEN]
    return [
        Interval(claim, start, end)
        for claim, start, end in zip(ordered, starts, ends, strict=False)
    ]
