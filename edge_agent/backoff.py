"""Growing pauses between attempts."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """Waits between attempts: doubling from ``first_secs`` to ``cap_secs``, with jitter.

    The jitter (half to all of the wait) keeps the cameras of a store, and the nodes of a
    region, from coming back together.
    """

    first_secs: float = 1.0
    cap_secs: float = 60.0
    rng: random.Random = field(default_factory=random.Random)
    failures: int = 0

    def succeeded(self) -> None:
        """Start from the first wait again."""
        self.failures = 0

    def next_secs(self) -> float:
        """Count a failure and return how long to wait."""
        wait = min(self.first_secs * 2.0 ** min(self.failures, 30), self.cap_secs)
        self.failures += 1
        return wait * self.rng.uniform(0.5, 1.0)
