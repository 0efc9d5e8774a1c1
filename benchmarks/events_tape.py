"""Camera-days on tape: what gate and detector saw at each look, to be judged without pixels.

A tape is made by the agent's own parts on rendered pictures: gates and lookers that write down
what they say stand where a station has its own. `events_play` plays it to the agent again.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from calibration import Calibration
from calibration.registration_view import TurnedBack
from edge_agent import agent, references
from edge_agent.backdrop import Cells, LightLimits
from edge_agent.drift import Aim, Drift, DriftStatus
from edge_agent.frames import ImageBgr
from edge_agent.gate import Gate, GateLimits, GateResult
from edge_agent.look import Looker, Seen
from edge_agent.match.observed import ByPrint

#: Limits of the gates that look beside the usual one, for what they would have said.
USUAL = "usual"
GATES = {
    USUAL: GateLimits(),
    "impatient": GateLimits(settle_looks=1, large_settle_looks=2),
    "light moves": GateLimits(light=LightLimits(lit_between=(0.0, 0.0))),
}


UNREGISTERED = "unregistered"
#: The stations that look at the same time.
TRACKS = (USUAL, UNREGISTERED)


@dataclass(frozen=True, slots=True, order=True)
class CameraDay:
    """One camera of a store drawn from a number, on the days drawn from a seed."""

    store: int
    seed: int
    camera: str

    def __str__(self) -> str:
        return f"{self.store}/{self.seed}/{self.camera}"


@dataclass(slots=True, eq=False)
class Track:
    """What one station made of a look before it was judged.

    ``gates`` has what each gate of `GATES` said, in terms of the picture; ``aim`` and what follows
    is what was known of where the camera looks: ``calibration`` is None for the filed one.
    ``seen`` is there where the picture was read.
    """

    gates: dict[str, GateResult] = field(default_factory=dict)
    aim: Aim = Aim.TRUSTED
    calibration: Calibration | None = None
    drift: DriftStatus | None = None
    moved: str = ""
    seen: Seen | None = None


@dataclass(slots=True, eq=False)
class TapedLook:
    """One look, by a station as it is, and by one that does not notice when its camera turns."""

    secs: float
    tracks: dict[str, Track] = field(default_factory=lambda: {name: Track() for name in TRACKS})


@dataclass(slots=True, eq=False)
class Tape:
    """The looks of one camera-day in their order; ``size_px`` is the camera's picture.

    ``made_by`` identifies the model and the code that saw; ``made_secs`` is what it took.
    """

    day: CameraDay
    every_secs: float
    compress: float
    days: float
    made_by: str
    size_px: tuple[int, int] = (0, 0)
    looks: list[TapedLook] = field(default_factory=list)
    made_secs: float = 0.0

    def save(self, path: Path) -> None:
        """Write the whole tape or nothing."""
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            _Pickler(file, protocol=pickle.HIGHEST_PROTOCOL).dump(self)
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> Tape | None:
        """Return what `save` wrote; None for no file, or one of another version of the code."""
        try:
            tape = pickle.loads(path.read_bytes())
        except (OSError, pickle.PickleError, AttributeError, ImportError, EOFError, TypeError):
            return None
        return tape if isinstance(tape, cls) else None


class _Pickler(pickle.Pickler):
    """Writes data classes field by field, so that a field more or less makes no new tape."""

    def reducer_override(self, obj: object) -> Any:
        if is_dataclass(obj) and not isinstance(obj, type):
            return _rebuilt, (type(obj), {f.name: getattr(obj, f.name) for f in fields(obj)})
        return NotImplemented


def _rebuilt(kind: type, values: dict[str, object]) -> object:
    known = {f.name for f in fields(kind)}
    return kind(**{name: value for name, value in values.items() if name in known})


class PrintAnswers:
    """What the facings' prints proved; on a tape, only what was asked when it was made."""

    def __init__(self, ask: ByPrint | None) -> None:
        self._ask = ask
        self._answers: dict[tuple[int, tuple[str, ...]], str | None] = {}

    def __call__(self, facing: int, skus: tuple[str, ...]) -> str | None:
        """Return the one of ``skus`` that is proven, None for none and for a new question."""
        key = (facing, skus)
        if key not in self._answers and self._ask is not None:
            self._answers[key] = self._ask(facing, skus)
        return self._answers.get(key)

    def close(self) -> None:
        """Answer no new questions, and let go of the pixels."""
        self._ask = None


class _TapingGate(Gate):
    def __init__(self, tape: Tape, track: str) -> None:
        super().__init__()
        self._tape, self._track = tape, track
        others = [name for name in GATES if name != USUAL] if track == USUAL else []
        self._others = {name: Gate(GATES[name]) for name in others}

    def decide(self, image_bgr: ImageBgr) -> GateResult:
        result = super().decide(image_bgr)
        self._tape.looks[-1].tracks[self._track].gates = {
            USUAL: result,
            **{name: gate.decide(image_bgr) for name, gate in self._others.items()},
        }
        self._tape.size_px = result.size_px
        return result


class _TapingDrift:
    """Stands before a `Drift` and tapes what it says."""

    def __init__(self, drift: Drift, tape: Tape) -> None:
        self._drift, self._tape = drift, tape

    def __getattr__(self, name: str) -> Any:
        return getattr(self._drift, name)

    def follow(self, *args: Any) -> Aim:
        aim = self._drift.follow(*args)
        self._track.aim = aim
        self.note()
        return aim

    def view(self, size_px: tuple[int, int]) -> _TapingView | None:
        view = self._drift.view(size_px)
        return None if view is None else _TapingView(view, self._track)

    def note(self) -> None:
        """Tape what is in force."""
        drift = self._drift
        self._track.calibration = None if drift.calibration is drift.filed else drift.calibration
        self._track.drift, self._track.moved = drift.status, drift.moved

    @property
    def _track(self) -> Track:
        return self._tape.looks[-1].tracks[USUAL]


@dataclass(frozen=True, slots=True)
class _TapingView:
    """Tapes what gates say of a picture that is turned back, in terms of the picture."""

    view: TurnedBack
    track: Track

    def picture(self, image_bgr: ImageBgr) -> ImageBgr:
        return self.view.picture(image_bgr)

    def cells(self, before: Cells) -> Cells:
        self.track.gates = {
            name: replace(result, unsettled=self.view.cells(result.unsettled))
            for name, result in self.track.gates.items()
        }
        return self.view.cells(before)


class _TapingLooker(Looker):
    def __init__(self, tape: Tape, track: str, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._tape, self._track = tape, track

    def see(self, image_bgr: ImageBgr) -> Seen:
        tracks = self._tape.looks[-1].tracks
        usual = tracks[USUAL]
        if self._track != USUAL and usual.seen is not None and usual.calibration is None:
            # Both look through the same calibration at the same picture.
            tracks[self._track].seen = usual.seen
            return usual.seen
        seen = super().see(image_bgr)
        asked = tuple(replace(part, by_print=PrintAnswers(part.by_print)) for part in seen.observed)
        tracks[self._track].seen = replace(seen, observed=asked)
        return replace(seen, observed=asked)


@contextmanager
def taping(tape: Tape, track: str) -> Iterator[None]:
    """Have the station that is built and used meanwhile write to a track of the last look."""

    def taped(*args: Any) -> _TapingDrift | Drift:
        drift = references.drift_of(*args)
        return _TapingDrift(drift, tape) if track == USUAL else Drift(drift.filed, None)

    with (
        mock.patch.object(agent, "Gate", partial(_TapingGate, tape, track)),
        mock.patch.object(agent, "Looker", partial(_TapingLooker, tape, track)),
        mock.patch.object(agent, "drift_of", taped),
    ):
        yield
