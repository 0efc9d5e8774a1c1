"""When files count as changed."""

from __future__ import annotations

from edge_agent.watched_files import WatchedFiles


def test_files_count_once_they_are_at_rest() -> None:
    """Not while they are written, and once for each new state."""
    state = 1
    files = WatchedFiles(lambda: state)
    assert not files.have_changed()
    seen = []
    for state in (2, 3, 3, 3, 1):  # noqa: B007 - the watch looks at it
        seen.append(files.have_changed())
    assert seen == [False, False, True, False, False]
    assert files.taken == 3


def test_who_is_sure_need_not_wait() -> None:
    """A signal says that the files are whole; what is known stays known."""
    state = 1
    files = WatchedFiles(lambda: state)
    assert not files.have_changed(at_once=True)
    state = 2
    assert files.have_changed(at_once=True)
    assert not files.have_changed()
