"""Slot ids and how a slot's place is said in words."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SLOT_ID = re.compile(r"b(\d{1,3})/s(\d{1,3})/p(\d{1,3})")


@dataclass(frozen=True, slots=True, order=True)
class SlotId:
    """A planogram position: bay and slot count from the left, shelf from the bottom, from 1.

    Its text is ``b01/s3/p02``. Raises ``ValueError`` for a number outside 1..999.
    """

    bay: int
    shelf: int
    position: int

    def __post_init__(self) -> None:
        for name in ("bay", "shelf", "position"):
            number = getattr(self, name)
            if not 1 <= number <= 999:
                raise ValueError(f"{name} must be 1-999, got {number}")

    def __str__(self) -> str:
        return f"b{self.bay:02d}/s{self.shelf}/p{self.position:02d}"

    @property
    def bay_id(self) -> str:
        """The bay's part of the id: ``b01``."""
        return bay_id(self.bay)

    @property
    def in_words(self) -> str:
        """The place for a person: ``bay 1, shelf 3 from the bottom, 2nd from the left``."""
        return (
            f"bay {self.bay}, shelf {self.shelf} from the bottom, "
            f"{ordinal(self.position)} from the left"
        )

    @classmethod
    def parse(cls, text: str) -> SlotId:
        """Return the id that ``text`` spells; raises ``ValueError`` naming the form."""
        match = _SLOT_ID.fullmatch(text)
        if match is None:
            raise ValueError(f"expected a slot id like b01/s3/p02, got {text!r}")
        bay, shelf, position = (int(group) for group in match.groups())
        return cls(bay, shelf, position)


def bay_id(bay: int) -> str:
    """Return the id of bay number ``bay``: ``b01``."""
    return f"b{bay:02d}"


def ordinal(number: int) -> str:
    """Return an English ordinal: 1st, 2nd, 3rd, 4th, 11th, 21st."""
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"
