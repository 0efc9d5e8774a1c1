"""One slot for each camera."""

from __future__ import annotations

import threading

import pytest

from edge_agent.mailbox import MailboxSet


def test_the_latest_wins_and_the_rest_is_counted() -> None:
    """Two pictures that nobody took are gone, and known to be gone."""
    boxes = MailboxSet[int](["c1", "c2"])
    for number in range(3):
        boxes.put("c1", number)
    assert boxes.take(0) == ("c1", 2)
    assert boxes.replaced == {"c1": 2, "c2": 0}


def test_who_waits_longest_is_served_first() -> None:
    """A busy camera does not push in front of the others by being replaced."""
    boxes = MailboxSet[int](["c1", "c2", "c3"])
    for camera in ("c2", "c1", "c3", "c2"):
        boxes.put(camera, 0)
    served = []
    while (taken := boxes.take(0)) is not None:
        served.append(taken[0])
        boxes.done(taken[0])
        boxes.put("c2", 1) if len(served) == 1 else None
    assert served == ["c2", "c1", "c3", "c2"]


def test_a_camera_is_with_one_worker_at_a_time() -> None:
    """Its next look waits for the one that is being worked on."""
    boxes = MailboxSet[int](["c1"])
    boxes.put("c1", 1)
    assert boxes.take(0) == ("c1", 1)
    boxes.put("c1", 2)
    assert boxes.take(0) is None
    assert not boxes.is_empty()
    boxes.done("c1")
    assert boxes.take(0) == ("c1", 2)
    boxes.done("c1")
    assert boxes.is_empty()


def test_done_wakes_a_worker_that_waits() -> None:
    """The next look of a camera goes to a sleeping worker as soon as the last one is done."""
    boxes = MailboxSet[int](["c1"])
    boxes.put("c1", 0)
    boxes.take(0)
    for number in range(1, 20):
        taken: list[tuple[str, int] | None] = []
        worker = threading.Thread(target=lambda: taken.append(boxes.take(60)))  # noqa: B023
        boxes.put("c1", number)
        worker.start()
        boxes.done("c1")
        worker.join(10)
        assert taken == [("c1", number)]


def test_every_waiting_worker_gets_its_own_camera() -> None:
    """Workers that sleep are woken by put and by done, and none takes the same item."""
    cameras = [f"c{number}" for number in range(4)]
    boxes = MailboxSet[int](cameras)
    seen: list[tuple[str, int]] = []
    all_seen = threading.Event()

    def work() -> None:
        while (taken := boxes.take(10)) is not None:
            seen.append(taken)
            boxes.done(taken[0])
            if len(seen) == len(cameras):
                all_seen.set()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for number, camera in enumerate(cameras):
        boxes.put(camera, number)
    assert all_seen.wait(10)
    boxes.close()
    for worker in workers:
        worker.join(10)
        assert not worker.is_alive()
    assert sorted(seen) == [(camera, number) for number, camera in enumerate(cameras)]


def test_after_closing_nothing_is_kept() -> None:
    """Workers get None, and a late picture is let go."""
    boxes = MailboxSet[int](["c1"])
    boxes.put("c1", 1)
    boxes.close()
    boxes.put("c1", 2)
    assert boxes.take(10) is None
    assert boxes.is_empty()


def test_a_camera_without_a_mailbox() -> None:
    """A name that is not known is a mistake."""
    with pytest.raises(KeyError, match="c9"):
        MailboxSet[int](["c1"]).put("c9", 1)
