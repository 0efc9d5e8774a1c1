"""Camera-days on tape: what gate and detector saw at each look, to be judged without pixels.

A tape is made by the agent's own parts on rendered pictures, and played to the agent's own parts
again: `Taping` and `Playing` stand where the gate and the looker of a station do.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from calibration import BayView, Calibration, Rectifier
from calibration.registration_view import TurnedBack
from edge_agent import agent, references
from edge_agent.backdrop import Cells, LightLimits
from edge_agent.drift import Aim, Drift, DriftStatus
from edge_agent.frames import ImageBgr
from edge_agent.gate import Gate, GateKind, GateLimits, GateResult
from edge_agent.look import Looker, Seen
from edge_agent.match.observed import ByPrint
from shelf import Bay

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


Distort = Callable[["PlayingLooker", TapedLook, Seen], Seen]
"""Makes what was seen worse before it is judged."""


@dataclass(slots=True, eq=False)
class Player:
    """Plays a track of a tape to a station; ``now`` is the look that it is at.

    ``gate`` is one of `GATES`; where ``settled``, nothing is held to move. ``distort`` changes
    what was seen. ``looker`` is the one that reads at last.
    """

    tape: Tape
    track: str = USUAL
    gate: str = USUAL
    settled: bool = False
    distort: Distort | None = None
    now: int = 0
    last_seen: Seen | None = None
    looker: PlayingLooker | None = None

    @property
    def look(self) -> TapedLook:
        """The look that it is at."""
        return self.tape.looks[self.now]

    @property
    def taped(self) -> Track:
        """What is on the track of this look."""
        return self.look.tracks[self.track]


class _PlayingGate(Gate):
    def __init__(self, player: Player) -> None:
        super().__init__()
        self._player = player
        self._again = False

    def decide(self, image_bgr: ImageBgr) -> GateResult:
        player = self._player
        result = player.taped.gates[player.gate]
        if player.settled and result.kind.is_fresh:
            result = replace(result, unsettled=np.zeros_like(result.unsettled))
        if self._again and result.kind is GateKind.UNCHANGED:
            result = replace(result, kind=GateKind.LOOK)
        if result.kind is GateKind.LOOK:
            self._again = False
        return result

    def read_again(self) -> None:
        self._again = True


class _PlayingDrift:
    """Says of where the camera looks what is on the tape."""

    def __init__(self, player: Player, filed: Calibration) -> None:
        self._player = player
        self.filed = self.calibration = filed
        self.status: DriftStatus | None = None
        self.moved = ""

    def view(self, size_px: tuple[int, int]) -> None:
        """The gates' words are on the tape in terms of the picture."""

    def ask(self) -> None:
        """Nothing can be asked of a tape."""

    def follow(self, *_: Any) -> Aim:
        taped = self._player.taped
        self.calibration = taped.calibration or self.filed
        self.status, self.moved = taped.drift, taped.moved
        return taped.aim


class PlayingLooker(Looker):
    """Reads what is on the tape; a look that was not read there is as the one before."""

    def __init__(self, player: Player, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._player = player
        player.looker = self

    def see(self, image_bgr: ImageBgr) -> Seen:
        """Return what is on the tape."""
        player = self._player
        player.last_seen = player.taped.seen or player.last_seen
        if player.last_seen is None:
            raise ValueError(f"look {player.now}: expected something seen on the tape until here")
        if player.distort is None:
            return player.last_seen
        return player.distort(self, player.look, player.last_seen)

    @property
    def frontal(self) -> list[tuple[Bay, BayView, Rectifier]]:
        """Bay, view and warp to the frontal picture of each bay, as of the last look."""
        return self._views_at(self._player.tape.size_px)


@contextmanager
def playing(player: Player) -> Iterator[None]:
    """Have stations that are built and used meanwhile judge what ``player`` plays."""
    with (
        mock.patch.object(agent, "Gate", partial(_PlayingGate, player)),
        mock.patch.object(agent, "Looker", partial(PlayingLooker, player)),
        mock.patch.object(
            agent, "drift_of", lambda _, calibration, *__: _PlayingDrift(player, calibration)
        ),
    ):
        yield
