"""The topics on which people act: who is who, and what is none of them."""

from __future__ import annotations

import pytest

from shelf.topics import StaffMember, open_alerts
from shelf.wire import AlertPhase, InvalidMessageError, OpenAlert, StaffAction, parse


def test_the_topic_says_who_acts() -> None:
    """There and back, beside the alerts of the same store."""
    anna = StaffMember("acme", "s1", "anna")
    assert anna.actions == "shelf/v1/acme/_staff/s1/actions/anna"
    assert anna.answers == "shelf/v1/acme/_staff/s1/answers/anna"
    assert StaffMember.from_actions(anna.actions) == anna
    assert open_alerts("acme", "s1", "a12").startswith("shelf/v1/acme/_staff/s1/")


@pytest.mark.parametrize(
    "topic",
    [
        "shelf/v1/acme/_staff/s1/alerts/a12",
        "shelf/v1/acme/_staff/s1/answers/anna",
        "shelf/v1/acme/_staff/s1/actions",
        "shelf/v1/acme/_staff/s1/actions/a b",
    ],
)
def test_other_topics_are_nobodys_action(topic: str) -> None:
    """The error names what was expected."""
    with pytest.raises(ValueError, match="expected"):
        StaffMember.from_actions(topic)


@pytest.mark.parametrize("action", ["short", "a" * 65, "with space 1"])
def test_an_action_needs_an_id_of_its_own(action: str) -> None:
    """Long enough that two clients do not make the same."""
    with pytest.raises(InvalidMessageError, match="action"):
        parse(StaffAction, {"action": action, "alert": "e1", "kind": "done"})


def test_an_alert_of_an_older_sender_is_open() -> None:
    """What version 1 did not say has a meaning."""
    alert = {
        "alert": "e1",
        "slot": "a12/b03/s2/p07",
        "place": "bay 3",
        "state": "low",
        "sku": "1001",
        "since": "2026-11-21T12:00:00Z",
        "facings": {"expected": 4, "seen": 1},
        "confidence": 0.9,
    }
    assert (parse(OpenAlert, alert).phase, parse(OpenAlert, alert).steps) == (
        AlertPhase.OPEN,
        (),
    )
