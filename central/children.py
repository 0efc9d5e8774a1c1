"""Programs of ours that run as children: started in order, stopped in reverse, none left over."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

STOP_TIMEOUT_SECS = 15.0
LOG_LINES = 15

_RUN = "from shelf.cli import main; main()"


class Child:
    """One ``shelfwatch`` command with its log.

    It leads a process group of its own, so that a Ctrl-C at the terminal reaches only the
    parent, who stops the children in the right order.
    """

    def __init__(self, name: str, arguments: Sequence[str], log: Path) -> None:
        """Start ``shelfwatch ARGUMENTS``; all that it says goes to ``log``."""
        self.name = name
        self.log = log
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _RUN, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                process_group=0,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for a signal."""
        return self._process.poll()

    def stop(self) -> None:
        """Ask it to end, wait, and end it and whatever it started if it does not."""
        if self.exit_code is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_TIMEOUT_SECS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def last_words(self, lines: int = LOG_LINES) -> str:
        """Return the end of its log."""
        text = self.log.read_text(encoding="utf-8", errors="replace").rstrip()
        return "\n".join(text.splitlines()[-lines:])


def stop_all(children: Sequence[Child]) -> None:
    """Stop children, the last started first."""
    for child in reversed(children):
        child.stop()


def _die_with_parent() -> None:
    """End the child when its parent is killed (Linux: ``man 2 prctl``, PR_SET_PDEATHSIG)."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)
