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

from edge_agent import agent
from edge_agent.frames import ImageBgr
from edge_agent.gate import Gate, GateKind, GateLimits, GateResult
from edge_agent.look import Looker, Seen
from edge_agent.match.observed import ByPrint

#: Limits of the gates that look beside the usual one, for what they would have said.
GATES = {"": GateLimits(), "impatient": GateLimits(settle_looks=1, large_settle_looks=2)}


@dataclass(frozen=True, slots=True, order=True)
class CameraDay:
    """One camera of a store drawn from a number, on the days drawn from a seed."""

    store: int
    seed: int
    camera: str

    def __str__(self) -> str:
        return f"{self.store}/{self.seed}/{self.camera}"


@dataclass(slots=True, eq=False)
class TapedLook:
    """One look: what each gate of `GATES` said, and what was seen where the picture was read."""

    secs: float
    gates: dict[str, GateResult] = field(default_factory=dict)
    seen: Seen | None = None


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

    def reducer_override(self, obj: object) -> object:
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
    def __init__(self, tape: Tape) -> None:
        super().__init__()
        self._tape = tape
        self._others = {name: Gate(limits) for name, limits in GATES.items() if name}

    def decide(self, image_bgr: ImageBgr) -> GateResult:
        result = super().decide(image_bgr)
        self._tape.looks[-1].gates = {
            "": result,
            **{name: gate.decide(image_bgr) for name, gate in self._others.items()},
        }
        self._tape.size_px = result.size_px
        return result


class _TapingLooker(Looker):
    def __init__(self, tape: Tape, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._tape = tape

    def see(self, image_bgr: ImageBgr) -> Seen:
        seen = super().see(image_bgr)
        asked = tuple(replace(part, by_print=PrintAnswers(part.by_print)) for part in seen.observed)
        seen = replace(seen, observed=asked)
        self._tape.looks[-1].seen = seen
        return seen


@contextmanager
def taping(tape: Tape) -> Iterator[None]:
    """Have stations that are built and used meanwhile write to ``tape``, to its last look."""
    with (
        mock.patch.object(agent, "Gate", lambda *_: _TapingGate(tape)),
        mock.patch.object(agent, "Looker", partial(_TapingLooker, tape)),
    ):
        yield


Distort = Callable[["PlayingLooker", TapedLook, Seen], Seen]
"""Makes what was seen worse before it is judged."""


@dataclass(slots=True, eq=False)
class Player:
    """Plays a tape to a station; ``now`` is the look that it is at.

    ``gate`` is one of `GATES`; where ``settled``, nothing is held to move. ``distort`` changes
    what was seen. ``looker`` is the one that reads at last.
    """

    tape: Tape
    gate: str = ""
    settled: bool = False
    distort: Distort | None = None
    now: int = 0
    last_seen: Seen | None = None
    looker: PlayingLooker | None = None


class _PlayingGate(Gate):
    def __init__(self, player: Player) -> None:
        super().__init__()
        self._player = player
        self._again = False

    def decide(self, image_bgr: ImageBgr) -> GateResult:
        player = self._player
        result = player.tape.looks[player.now].gates[player.gate]
        if player.settled and result.kind.is_fresh:
            result = replace(result, unsettled=np.zeros_like(result.unsettled))
        if self._again and result.kind is GateKind.UNCHANGED:
            result = replace(result, kind=GateKind.LOOK)
        if result.kind is GateKind.LOOK:
            self._again = False
        return result

    def read_again(self) -> None:
        self._again = True


class PlayingLooker(Looker):
    """Reads what is on the tape; a look that was not read there is as the one before."""

    def __init__(self, player: Player, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._player = player
        player.looker = self

    def see(self, image_bgr: ImageBgr) -> Seen:
        """Return what is on the tape."""
        player = self._player
        look = player.tape.looks[player.now]
        player.last_seen = look.seen or player.last_seen
        if player.last_seen is None:
            bays = len(self._views_at(player.tape.size_px))
            raise ValueError(f"look {player.now}: nothing of {bays} bays is on the tape yet")
        if player.distort is None:
            return player.last_seen
        return player.distort(self, look, player.last_seen)

    @property
    def views(self) -> list:
        """Bay, view and rectifier of each bay."""
        return self._views_at(self._player.tape.size_px)


@contextmanager
def playing(player: Player) -> Iterator[None]:
    """Have stations that are built and used meanwhile judge what ``player`` plays."""
    with (
        mock.patch.object(agent, "Gate", lambda *_: _PlayingGate(player)),
        mock.patch.object(agent, "Looker", partial(PlayingLooker, player)),
    ):
        yield
