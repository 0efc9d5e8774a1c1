"""Plays a tape to the agent's own station, which judges it without pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from unittest import mock

import numpy as np
from events_tape import USUAL, Tape, TapedLook, Track

from calibration import BayView, Calibration, Rectifier
from edge_agent import agent
from edge_agent.drift import Aim, DriftStatus
from edge_agent.frames import ImageBgr
from edge_agent.gate import Gate, GateKind, GateResult
from edge_agent.look import Looker, Seen
from shelf import Bay

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
