"""Count what is left out of the labels, by reason, and name the first few of each."""

from __future__ import annotations

from collections.abc import Iterator

#: How many places are named of each reason.
NAMED = 3


class Tally:
    """Reasons in order of their first case; each with its count and the first few places."""

    def __init__(self) -> None:
        """Nothing counted yet."""
        self._places: dict[str, list[str]] = {}

    def add(self, reason: str, place: str) -> None:
        """Count one case, for example ``("pictures that cannot be read, skipped", "a.jpg")``."""
        self._places.setdefault(reason, []).append(place)

    def count(self, reason: str) -> int:
        """Cases of ``reason`` so far."""
        return len(self._places.get(reason, ()))

    def lines(self) -> Iterator[str]:
        """One line a reason: ``boxes outside the picture, dropped: 2 (a.txt:3, b.txt:1)``."""
        for reason, places in self._places.items():
            named = ", ".join(places[:NAMED]) + (", ..." if len(places) > NAMED else "")
            yield f"{reason}: {len(places)} ({named})"
