"""How many heaps the C library keeps."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, threading
from edge_agent.heap import share_heaps
if {is_shared}:
    share_heaps(2)
library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
together = threading.Barrier(8)
def allocate():
    together.wait(30)
    for _ in range(2000):
        library.malloc(1000)
    together.wait(30)
threads = [threading.Thread(target=allocate) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
library.malloc_info(0, ctypes.c_void_p.in_dll(library, "stdout"))
library.fflush(None)
"""


def heaps(is_shared: bool) -> int:
    command = [sys.executable, "-c", PROGRAM.format(is_shared=is_shared)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.count("<heap nr=")


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="needs glibc")
def test_threads_share_two_heaps() -> None:
    """Left alone, eight threads would have more."""
    assert heaps(is_shared=False) > 2
    assert heaps(is_shared=True) == 2
