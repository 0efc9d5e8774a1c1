"""Time-ordered unique ids (RFC 9562, UUID version 7)."""

from __future__ import annotations

import os
import time
from uuid import UUID


def uuid7(unix_ms: int | None = None) -> UUID:
    """Return a UUID whose first 48 bits are the time in ms, so that ids sort by time."""
    stamp_ms = time.time_ns() // 1_000_000 if unix_ms is None else unix_ms
    value = (stamp_ms & (1 << 48) - 1) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)
