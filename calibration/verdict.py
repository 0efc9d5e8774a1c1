"""How good something is, for a person who decides: green, amber or red, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """Green can be used as it is, amber should be looked at, red must not be used."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was measured on a picture or a proposal.

    ``name`` is the same for the same measure ("focus"); ``value`` is in ``unit`` ("" for a bare
    number). ``words`` says what was found, ``advice`` what to do ("" where nothing is).
    """

    name: str
    verdict: Verdict
    value: float
    unit: str
    words: str
    advice: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the finding as the published JSON has it."""
        return {**asdict(self), "value": round(self.value, 3), "verdict": self.verdict.value}


_ORDER = {Verdict.GREEN: 0, Verdict.AMBER: 1, Verdict.RED: 2}


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst of ``verdicts``; green when there is none."""
    return max(verdicts, key=lambda verdict: _ORDER[verdict], default=Verdict.GREEN)
