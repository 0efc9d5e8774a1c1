"""Which sequences of one source and epoch are committed, and up to where without a gap."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field


@dataclass(slots=True)
class Committed:
    """``watermark``: all up to it are committed; ``above``: ranges beyond the first gap."""

    watermark: int = 0
    above: list[tuple[int, int]] = field(default_factory=list)

    def copy(self) -> Committed:
        """Return an independent copy."""
        return Committed(self.watermark, list(self.above))

    def add(self, first: int, last: int) -> None:
        """Note that ``first`` to ``last`` are committed; any order, any overlap."""
        if last <= self.watermark or first > last:
            return
        insort(self.above, (first, last))
        merged: list[tuple[int, int]] = []
        for start, end in self.above:
            if merged and start <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(merged[-1][1], end))
            else:
                merged.append((start, end))
        while merged and merged[0][0] <= self.watermark + 1:
            self.watermark = max(self.watermark, merged.pop(0)[1])
        self.above = merged

    def raise_to(self, watermark: int) -> None:
        """Note that everything up to ``watermark`` is committed, here or elsewhere."""
        self.add(self.watermark + 1, watermark)

    def __contains__(self, sequence: int) -> bool:
        if sequence <= self.watermark:
            return True
        return any(first <= sequence <= last for first, last in self.above)
