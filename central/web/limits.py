"""How often somebody may try: counted in memory, since the last start."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

MAX_KEYS = 10_000


class Limit:
    """At most ``count`` tries a key within ``secs``."""

    def __init__(
        self, count: int, secs: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._count = count
        self._secs = secs
        self._clock = clock
        self._tries: dict[str, deque[float]] = {}

    def wait_secs(self, key: str) -> float:
        """Count a try; return 0 when it is allowed, else how long until the next one is."""
        now = self._clock()
        tries = self._tries.setdefault(key, deque())
        while tries and tries[0] <= now - self._secs:
            tries.popleft()
        if len(tries) >= self._count:
            return tries[0] + self._secs - now
        tries.append(now)
        if len(self._tries) > MAX_KEYS:
            self._forget(now)
        return 0.0

    def forget(self, key: str) -> None:
        """Start anew: the right password was given."""
        self._tries.pop(key, None)

    def _forget(self, now: float) -> None:
        old = [key for key, tries in self._tries.items() if tries[-1] <= now - self._secs]
        for key in old or list(self._tries)[: MAX_KEYS // 10]:
            del self._tries[key]
