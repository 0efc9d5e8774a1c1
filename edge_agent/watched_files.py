"""When files that may be replaced while the agent runs have changed, and are whole again."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

State = TypeVar("State", bound=Hashable)
"""What tells one state of some files from another."""


class WatchedFiles(Generic[State]):
    """Files whose state ``look`` finds. For one thread."""

    def __init__(self, look: Callable[[], State]) -> None:
        """Take the state that is found now as known; read the files after this, not before."""
        self._look = look
        self._taken = self._changing = look()

    @property
    def taken(self) -> State:
        """The state in which the files were tried last."""
        return self._taken

    def have_changed(self, *, at_once: bool = False) -> bool:
        """Return True once for each new state of the files.

        Files that have changed since the last call may still be on their way: they count when
        the next call finds them the same, or ``at_once``.
        """
        found = self._look()
        settled, self._changing = found == self._changing, found
        if found == self._taken or not (settled or at_once):
            return False
        self._taken = found
        return True
