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
class Light:
    """All lamps give ``share`` of their usual light from ``since_secs`` until ``until_secs``.

    Seconds count from the shop's start, not from a round's.
    """

    since_secs: float
    until_secs: float
    share: float


@dataclass(frozen=True, slots=True)
class Bump:
    """From ``at_secs`` on, ``camera`` looks aside: its picture has moved by ``shift_px`` (x, y).

    Seconds count from the shop's start. Truth knows nothing of it: the slots are where they were.
    """

    at_secs: float
    camera: str
    shift_px: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Scenario:
    """How busy a shop is, and what its first round brings.

    ``round_secs`` is how long a round lasts; in its last ``tidy_secs`` staff put all right.
    ``first`` is the script of the first round; without one, and in later rounds, the seed
    decides. ``passers_per_min`` is how many people walk by. ``lights`` and ``bumps`` disturb
    what cameras see; of several at once the last holds.
    """

    round_secs: float = 900.0
    tidy_secs: float = 200.0
    passers_per_min: float = 1.5
    first: tuple[Part, ...] = ()
    lights: tuple[Light, ...] = ()
    bumps: tuple[Bump, ...] = ()

    def light_at(self, secs: float) -> float:
        """Return the share of the usual light at a time since the shop's start."""
        on = [light.share for light in self.lights if light.since_secs <= secs < light.until_secs]
        return on[-1] if on else 1.0

    def shifts_at(self, secs: float) -> dict[str, tuple[float, float]]:
        """Return by how many px the pictures of bumped cameras have moved."""
        return {bump.camera: bump.shift_px for bump in self.bumps if bump.at_secs <= secs}

    def __post_init__(self) -> None:
        if not 60 <= self.tidy_secs <= self.round_secs / 2:
            raise ValueError(
                f"tidy_secs must be 60 to half of round_secs, got {self.tidy_secs:g} of "
                f"{self.round_secs:g}"
            )
