"""How states, places and durations are said to a person."""

from __future__ import annotations

from datetime import timedelta

from shelf import CameraState, SlotId, State
from shelf.wire import AlertPhase

STATE_WORDS = {
    State.STOCKED: "Stocked",
    State.LOW: "Running low",
    State.OUT_OF_STOCK: "Out of stock",
    State.MISPLACED: "Wrong product",
    State.UNKNOWN: "Cannot see",
}

CAMERA_WORDS = {
    CameraState.STALE: "has sent no new picture",
    CameraState.DARK: "has seen too little light",
    CameraState.MOVED: "has not stood as it was calibrated",
    CameraState.OFFLINE: "has been out of reach",
}
"""What keeps a camera from seeing; each reads on to "for 5 min"."""


CLOSED_WORDS = {
    "stocked": "",
    "wrong_alarm": ", a wrong alarm",
    "replanned": ", until another product was planned",
}
"""What ended an alert, after "open 5 min"."""


PHASE_WORDS = {
    AlertPhase.ACKNOWLEDGED: "Seen by {by}",
    AlertPhase.CLAIMED: "Claimed by {by}",
    AlertPhase.DONE: "Done, says {by}; waiting for the camera",
    AlertPhase.NO_STOCK: "None in the back, says {by}",
}

HELD_WORDS = {
    "closed": "Not told: the store is closed",
    "reset": "Not told: the aisle is being rebuilt",
    "camera": "Not told: the camera cannot see it at present",
}


def phase(phase: AlertPhase, by: str | None, held_by: str | None) -> str:
    """What stands between an alert and its end: ``Claimed by anna``; empty while it is open."""
    words = [PHASE_WORDS[phase].format(by=by or "somebody")] if phase in PHASE_WORDS else []
    return ". ".join([*words, HELD_WORDS[held_by]] if held_by in HELD_WORDS else words)


def place(aisle: str, slot: SlotId) -> str:
    """``aisle a12, bay 1, shelf 3 from the bottom, 2nd from the left``."""
    return f"aisle {aisle}, {slot.in_words}"


def counted(number: int, noun: str) -> str:
    """``1 slot``, ``2 slots``; ``noun`` is one whose plural ends in s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(names: list[str]) -> str:
    """``c1``, ``c1 and c2``, ``c1, c2 and c3``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def duration(span: timedelta) -> str:
    """A span as a person says it: ``40 s``, ``12 min``, ``3 h 05 min``, ``2 days``."""
    secs = max(0, round(span.total_seconds()))
    if secs < 60:
        return f"{secs} s"
    minutes = secs // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02d} min"
    return counted(hours // 24, "day")


def shortened(text: str, characters: int) -> str:
    """Return ``text`` in at most ``characters``, cut with an ellipsis; empty below 3."""
    if len(text) <= characters:
        return text
    return f"{text[: characters - 1].rstrip()}…" if characters >= 3 else ""
