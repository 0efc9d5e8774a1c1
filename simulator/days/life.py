"""How a store lives: opening hours, how busy it is, and how often things go wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Life:
    """The pace of a store.

    Time is in simulated seconds. A store's day of 24 hours passes in ``86400 / compress`` of
    them: people, hands and lenses keep their pace while hours go by faster, so that a day can
    be looked at in few looks. ``shoppers_per_min`` is at the busiest, for one bay.
    Rates of stock (``sell_outs`` to ``parked``) are means for a bay and day; rates of cameras
    (``bumps``, ``covers``) for a camera and day; ``flickers``, ``glares`` and ``promotions``
    for an aisle and day. Raises ``ValueError`` for hours or a compression that make no day.
    """

    compress: float = 12.0
    starts_hour: float = 6.5
    opens_hour: float = 7.0
    closes_hour: float = 21.0
    shoppers_per_min: float = 0.9
    sell_outs: float = 4.0
    run_lows: float = 3.0
    misplaced: float = 3.5
    pushes: float = 2.5
    falls: float = 0.5
    parked: float = 2.0
    bumps: float = 0.5
    covers: float = 0.4
    flickers: float = 0.4
    glares: float = 1.0
    promotions: float = 0.1

    def __post_init__(self) -> None:
        if not 1 <= self.compress <= 100:
            raise ValueError(f"compress must be 1-100, got {self.compress:g}")
        if not 2 <= self.opens_hour < self.closes_hour <= 22:
            raise ValueError(
                "opens_hour and closes_hour must be 2-22 in this order, got "
                f"{self.opens_hour:g} and {self.closes_hour:g}"
            )

    @property
    def day_secs(self) -> float:
        """How long a day takes."""
        return 86_400 / self.compress

    def secs_of(self, day: int, hour: float) -> float:
        """Return when it is ``hour`` o'clock of a day; day 0 is the one the store starts in."""
        return (day * 24 + hour - self.starts_hour) * 3600 / self.compress

    def hour_at(self, secs: float) -> float:
        """Return the time of day, 0..24."""
        return (self.starts_hour + secs * self.compress / 3600) % 24

    def day_at(self, secs: float) -> int:
        """Return the number of the day, from 0."""
        return int((self.starts_hour + secs * self.compress / 3600) // 24)

    def is_open(self, secs: float) -> bool:
        """Return whether shoppers may be in the store."""
        return self.opens_hour <= self.hour_at(secs) < self.closes_hour

    def traffic(self, secs: float) -> float:
        """Return how busy it is, 0..1: a peak at noon, a higher one after work."""
        if not self.is_open(secs):
            return 0.0
        hour = self.hour_at(secs)
        noon = 0.5 * max(0.0, 1 - abs(hour - 12.0) / 2.0)
        evening = 0.8 * max(0.0, 1 - abs(hour - 17.5) / 2.5)
        return min(1.0, 0.2 + noon + evening)
