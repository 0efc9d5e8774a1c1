"""Things that last for a while."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Span(Generic[T]):
    """``what`` is so from ``since_secs`` until just before ``until_secs``."""

    since_secs: float
    until_secs: float
    what: T


class Spans(Generic[T]):
    """Spans that may overlap, to be asked by time."""

    def __init__(self, spans: Sequence[Span[T]]) -> None:
        self._spans = sorted(spans, key=lambda span: span.since_secs)
        self._starts = [span.since_secs for span in self._spans]
        self._longest = max((s.until_secs - s.since_secs for s in self._spans), default=0.0)

    def at(self, secs: float) -> list[T]:
        """Return all that is so at a time, in order of their start."""
        last = bisect_right(self._starts, secs)
        first = bisect_right(self._starts, secs - self._longest - 1e-9)
        return [span.what for span in self._spans[first:last] if secs < span.until_secs]
