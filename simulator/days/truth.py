"""The truth about days of a store's life: a file of JSON lines, and who reads it.

Lines say what changed, never what stayed. The kinds of lines are in docs/simulator.md.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from shelf import ShelfwatchError, SlotId, State
from simulator.days.facts import SlotFacts
from simulator.days.promotion import Reset

FORMAT = 1


class TruthError(ShelfwatchError):
    """A file that does not hold the truth about a simulated store."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class SlotSpan:
    """``facts`` are true of a slot from ``since_secs`` until just before ``until_secs``."""

    since_secs: float
    until_secs: float
    facts: SlotFacts


@dataclass(frozen=True, slots=True)
class CameraSpan:
    """How a camera is from ``since_secs`` until just before ``until_secs``.

    ``moved_px`` is how far the corners of its bays lie from where its calibration says, on
    average; ``light`` is the share of the usual light in its pictures; ``covered`` the share of
    the picture that is behind something on the lens; ``glares`` how many reflections it sees.
    """

    since_secs: float
    until_secs: float
    moved_px: float = 0.0
    light: float = 1.0
    covered: float = 0.0
    glares: int = 0


@dataclass(frozen=True)
class About:
    """Where the truth is from: the arguments that make it again, and what it covers.

    ``bays`` are those that each camera watches, ``versions`` the planograms with their time.
    """

    store: int
    seed: int
    duration_secs: float
    compress: float
    starts_hour: float
    bays: Mapping[str, tuple[int, ...]]
    versions: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Truth:
    """Everything that is true of a store, by slot and second.

    ``slots`` has spans without gaps, ``visible`` for each slot (time, share) where the share of
    it that its camera sees changes, sampled each second.
    """

    about: About
    slots: Mapping[SlotId, tuple[SlotSpan, ...]]
    visible: Mapping[SlotId, tuple[tuple[float, float], ...]]
    cameras: Mapping[str, tuple[CameraSpan, ...]]
    resets: tuple[Reset, ...]

    def state_at(self, slot: SlotId, secs: float) -> SlotFacts:
        """Return what is true of a slot; raises ``KeyError`` for one that is not planned."""
        return self.slots[slot][bisect_right(self._slot_times[slot], secs) - 1].facts

    def visible_at(self, slot: SlotId, secs: float) -> float:
        """Return the share (0..1) of a slot's front that its camera sees."""
        return self.visible[slot][bisect_right(self._visible_times[slot], secs) - 1][1]

    def camera_at(self, camera: str, secs: float) -> CameraSpan:
        """Return how a camera is; raises ``KeyError`` for an unknown one."""
        return self.cameras[camera][bisect_right(self._camera_times[camera], secs) - 1]

    def camera_of(self, slot: SlotId) -> str:
        """Return the camera that watches a slot; raises ``KeyError`` where none does."""
        for camera, bays in self.about.bays.items():
            if slot.bay in bays:
                return camera
        raise KeyError(slot)

    def is_reset_at(self, slot: SlotId, secs: float) -> bool:
        """Return whether staff are changing a slot over to a new planogram."""
        return any(r.since_secs <= secs < r.until_secs and slot in r.slots for r in self.resets)

    def version_at(self, secs: float) -> str:
        """Return the version of the planogram in force."""
        return [version for since, version in self.about.versions if since <= secs][-1]

    def write(self, path: Path) -> None:
        """Write the file; the same truth gives the same bytes."""
        path.write_text("".join(_json(line) + "\n" for line in self._lines()), encoding="utf-8")

    def _lines(self) -> Iterator[dict[str, Any]]:
        yield {"kind": "about", "format": FORMAT, **asdict(self.about)}
        for reset in self.resets:
            yield {
                "kind": "reset",
                **_plain(asdict(replace(reset, slots=()))),
                "slots": [str(slot) for slot in reset.slots],
            }
        for camera, spans in self.cameras.items():
            for span in spans:
                yield {"kind": "camera", "camera": camera, **asdict(span)}
        for slot, slot_spans in self.slots.items():
            for slot_span in slot_spans:
                facts = asdict(slot_span.facts) | {"found": dict(slot_span.facts.found)}
                yield {
                    "kind": "slot",
                    "slot": str(slot),
                    "since_secs": slot_span.since_secs,
                    "until_secs": slot_span.until_secs,
                    **facts,
                }
            yield {"kind": "visible", "slot": str(slot), "changes": self.visible[slot]}

    @cached_property
    def _slot_times(self) -> dict[SlotId, list[float]]:
        return {slot: [span.since_secs for span in spans] for slot, spans in self.slots.items()}

    @cached_property
    def _visible_times(self) -> dict[SlotId, list[float]]:
        return {slot: [secs for secs, _ in changes] for slot, changes in self.visible.items()}

    @cached_property
    def _camera_times(self) -> dict[str, list[float]]:
        return {name: [span.since_secs for span in spans] for name, spans in self.cameras.items()}


def load_truth(path: Path) -> Truth:
    """Read what `Truth.write` wrote; raises `TruthError` naming file and line."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "no text"
        raise TruthError(f"{path}: expected the truth of a simulated store, found {why}") from error
    about: About | None = None
    slots: dict[SlotId, list[SlotSpan]] = {}
    visible: dict[SlotId, tuple[tuple[float, float], ...]] = {}
    cameras: dict[str, list[CameraSpan]] = {}
    resets: list[Reset] = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            raw = json.loads(line)
            kind = raw.pop("kind")
            if kind == "about":
                about = _about(raw)
            elif kind == "reset":
                named = tuple(SlotId.parse(slot) for slot in raw.pop("slots"))
                resets.append(Reset(**raw, slots=named))
            elif kind == "camera":
                cameras.setdefault(raw.pop("camera"), []).append(CameraSpan(**raw))
            elif kind == "slot":
                slot = SlotId.parse(raw.pop("slot"))
                since, until = raw.pop("since_secs"), raw.pop("until_secs")
                raw["found"] = tuple(raw["found"].items())
                facts = SlotFacts(**raw | {"state": State(raw["state"])})
                slots.setdefault(slot, []).append(SlotSpan(since, until, facts))
            elif kind == "visible":
                changes = tuple((float(secs), float(share)) for secs, share in raw["changes"])
                visible[SlotId.parse(raw["slot"])] = changes
            else:
                raise ValueError(f"kind {kind!r}")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise TruthError(
                f"{path}, line {number}: expected a line of a simulated store's truth, "
                f"found {line[:60]!r} ({error})"
            ) from error
    if about is None or slots.keys() != visible.keys():
        raise TruthError(
            f"{path}: expected an 'about' line and for each slot 'slot' and 'visible' lines, "
            "found a part of them; was it cut off?"
        )
    return Truth(
        about,
        {slot: tuple(spans) for slot, spans in slots.items()},
        visible,
        {name: tuple(spans) for name, spans in cameras.items()},
        tuple(resets),
    )


def _about(raw: dict[str, Any]) -> About:
    if raw.pop("format") != FORMAT:
        raise ValueError(f"another format than {FORMAT}")
    raw["bays"] = {name: tuple(bays) for name, bays in raw["bays"].items()}
    raw["versions"] = tuple((float(secs), str(version)) for secs, version in raw["versions"])
    return About(**raw)


def _plain(raw: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in raw.items() if key != "slots"}


def _json(line: Mapping[str, Any] | Iterable[Any]) -> str:
    return json.dumps(line, separators=(",", ":"))
