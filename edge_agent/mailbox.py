"""One slot for each camera between capture and the workers: the latest picture wins."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

T = TypeVar("T")


class MailboxSet(Generic[T]):
    """Mailboxes for several cameras, emptied by any number of workers.

    A mailbox holds one item; a newer one replaces it and is counted in ``replaced``. The
    camera that has waited longest is served first, so none starves. A camera whose item was
    taken is not served again before `done`, so that the looks of one camera stay in order.
    """

    def __init__(self, cameras: Iterable[str]) -> None:
        self._news = threading.Condition()
        self._items: dict[str, T] = {}
        self._waiting: deque[str] = deque()
        self._taken: set[str] = set()
        self._replaced = dict.fromkeys(cameras, 0)
        self._is_closed = False

    @property
    def replaced(self) -> Mapping[str, int]:
        """How many items of each camera were never taken because a newer one came."""
        with self._news:
            return dict(self._replaced)

    def put(self, camera: str, item: T) -> None:
        """Leave ``item`` for the workers; raises ``KeyError`` for a camera without a mailbox."""
        with self._news:
            if camera not in self._replaced:
                raise KeyError(camera)
            if self._is_closed:
                return
            if camera in self._items:
                self._replaced[camera] += 1
            else:
                self._waiting.append(camera)
            self._items[camera] = item
            self._news.notify()

    def take(self, timeout_secs: float) -> tuple[str, T] | None:
        """Return a camera and its item; the caller must call `done` with the camera.

        None when nothing came within ``timeout_secs`` or the set was closed.
        """
        end_secs = time.monotonic() + timeout_secs
        with self._news:
            while True:
                if self._is_closed:
                    return None
                camera = next((name for name in self._waiting if name not in self._taken), None)
                if camera is not None:
                    self._waiting.remove(camera)
                    self._taken.add(camera)
                    return camera, self._items.pop(camera)
                left_secs = end_secs - time.monotonic()
                if left_secs <= 0:
                    return None
                self._news.wait(left_secs)

    def done(self, camera: str) -> None:
        """Let the next item of ``camera`` be taken."""
        with self._news:
            self._taken.discard(camera)
            if camera in self._items:
                self._news.notify()

    def is_empty(self) -> bool:
        """Return whether nothing waits and nothing that was taken is still being worked on."""
        with self._news:
            return not self._items and not self._taken

    def close(self) -> None:
        """Wake every worker with None; what waits is dropped."""
        with self._news:
            self._is_closed = True
            self._items.clear()
            self._waiting.clear()
            self._news.notify_all()
