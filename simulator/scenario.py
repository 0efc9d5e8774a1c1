"""What is to happen in a shop, and when."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shelf import SlotId


class Role(StrEnum):
    """What may happen to a slot."""

    RUNS_EMPTY = "runs_empty"
    RUNS_LOW = "runs_low"
    MISPLACED = "misplaced"
    RESTOCKED = "restocked"


@dataclass(frozen=True, slots=True)
class Part:
    """Something that happens to ``slot`` from ``at_secs`` of a round on.

    ``source`` is the slot whose item is put into ``slot`` when that is misplaced.
    """

    role: Role
    at_secs: float
    slot: SlotId
    source: SlotId | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """How busy a shop is, and what its first round brings.

    ``round_secs`` is how long a round lasts; in its last ``tidy_secs`` staff put all right.
    ``first`` is the script of the first round; without one, and in later rounds, the seed
    decides. ``passers_per_min`` is how many people walk by.
    """

    round_secs: float = 900.0
    tidy_secs: float = 200.0
    passers_per_min: float = 1.5
    first: tuple[Part, ...] = ()

    def __post_init__(self) -> None:
        if not 60 <= self.tidy_secs <= self.round_secs / 2:
            raise ValueError(
                f"tidy_secs must be 60 to half of round_secs, got {self.tidy_secs:g} of "
                f"{self.round_secs:g}"
            )
