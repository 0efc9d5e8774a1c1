"""Keeps the C library's heap small."""

from __future__ import annotations

import ctypes

_M_ARENA_MAX = -8  # malloc.h of glibc


def share_heaps(count: int = 2) -> None:
    """Let all threads of this process allocate from at most ``count`` heaps.

    glibc gives each thread a heap of its own, and what one thread frees no other can use: a fifth
    of the memory of an agent with two cameras. Call it before threads are started. Another C
    library is left as it is.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, count)
