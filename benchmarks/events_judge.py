"""Tapes judged by the agent's own rules, as they are and with one thing made worse or left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from unittest import mock

import numpy as np
from events_days import World, blank_frames, run
from events_noise import NoiseRates, noisy
from events_play import Distort, Player, PlayingLooker, playing
from events_score import Pace, Told
from events_tape import UNREGISTERED, USUAL, CameraDay, Tape, TapedLook

from edge_agent.ledger import Change
from edge_agent.look import Seen
from edge_agent.occupancy import Rules
from edge_agent.station import Looked
from shelf import Planogram, State
from shelf.wire import SlotChanged

#: How far off the calibration is in one variant, in px of the camera's picture.
OFF_PX = 8.0
NEVER = 1e9


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to judge a tape. All but the first leave something out, or make it worse.

    ``constants`` replaces constants of `edge_agent`, ``rules`` fields of `Rules`; ``gate``,
    ``track`` and ``settled`` are as for `Player`; ``identity`` False forgets what the facings
    show, ``prints`` False only what their print says; ``off_px`` is a calibration's error.
    """

    name: str
    constants: tuple[tuple[str, object], ...] = ()
    rules: Mapping[str, float] = field(default_factory=dict)
    gate: str = USUAL
    track: str = USUAL
    settled: bool = False
    noise: bool = False
    identity: bool = True
    prints: bool = True
    off_px: float = 0.0


AS_IS = Variant("as it is")
WORSE = (
    Variant("detector noise doubled", noise=True),
    Variant("no identity", identity=False),
    Variant(f"calibration {OFF_PX:g} px off", off_px=OFF_PX),
)
RULES = (
    Variant("gate: nothing has to settle", settled=True),
    Variant("gate: no longer wait for large changes", gate="impatient"),
    Variant("gate: another light is a change", gate="light moves"),
    Variant("hidden edges of shelves do not matter", (("shelf_edges.MIN_SEEN", 0.0),)),
    Variant("turned cameras are not noticed", track=UNREGISTERED),
    Variant("states change at the first look", rules={"confirm_secs": 0.0, "clear_secs": 0.0}),
    Variant("changes without motion count in full", rules={"still_weight": 1.0}),
    Variant("a doubt ends a candidate", (("occupancy.RELAX_SPEED", NEVER),)),
    Variant("evidence of any confidence", rules={"min_confidence": 0.0}),
    Variant("no bar for emptiness", (("match.verdict.MIN_EMPTINESS", 0.0),)),
    Variant("no bar for visibility", (("match.verdict.MIN_VISIBLE", 0.0),)),
    Variant("blind rows count in full", (("match.verdict.BLIND_ROW_WEIGHT", 1.0),)),
    Variant("phantoms in gaps stay", (("observing.PHANTOM_SHARE", 2.0),)),
    Variant(
        "strangers of any size",
        (("match.reading.SMALLER_OCTAVES", NEVER), ("match.reading.LARGER_OCTAVES", NEVER)),
    ),
    Variant("no second look at prints", prints=False),
    Variant("boxes around several count", (("match.reading.HELD_SHARE", 2.0),)),
    Variant("boxes around a stack are strangers", (("match.reading.STACK_OCTAVES", 0.0),)),
    Variant("pushed facings are strangers", (("match.reading.AT_HOME_WIDTHS", 0.0),)),
    Variant("misfits are read", (("look.MIN_FIT_SHARE", 0.0),)),
    Variant("rows do not drift", (("match.levels.PASSES", 0),)),
)


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What the agent told of a tape, and what it read on the way (empty where not asked for)."""

    told: tuple[Told, ...]
    looked: tuple[Looked, ...] = ()


def judge(
    world: World, tape: Tape, variant: Variant, rates: NoiseRates | None = None
) -> tuple[Judged, Player]:
    """Play ``tape`` to the agent; ``rates`` are for the variant with noise."""
    player = Player(
        tape,
        variant.track,
        variant.gate,
        variant.settled,
        _distortion(tape.day, variant, rates),
    )
    site = world.site()
    rules = Rules(**{**site.decide.model_dump(), **variant.rules})
    told: list[Told] = []
    looks: list[Looked] = []
    with playing(player), _patched(variant):
        for looked, changes in run(
            world, site, tape.day.camera, blank_frames(world, tape), _no_recogniser, rules
        ):
            secs = tape.looks[player.now].secs
            told += [told_of(change, secs) for change in changes]
            looks.append(replace(looked, image_bgr=np.zeros((1, 1, 3), np.uint8)))
            player.now = min(player.now + 1, len(tape.looks) - 1)
    return Judged(tuple(told), tuple(looks)), player


def pace_of(world: World) -> Pace:
    """Return the pace of a store's agent."""
    rules = world.site().decide
    return Pace(world.course.every_secs, rules.confirm_secs, rules.clear_secs, rules.stale_secs)


def told_of(change: Change, secs: float) -> Told:
    """Return a change as it is scored."""
    assert isinstance(change.event.data, SlotChanged)
    state, planned = change.state, change.event.data.sku
    foreign: tuple[str | None, ...] = ()
    if state.state is State.MISPLACED:
        skus = {item.sku for item in state.found} - {planned}
        foreign = tuple(sorted(skus, key=str))
    return Told(secs, state.slot, state.state, foreign, state.reason)


def _no_recogniser(_planogram: Planogram) -> None:
    """What the facings show is on the tape."""


@contextmanager
def _patched(variant: Variant) -> Iterator[None]:
    with ExitStack() as stack:
        for name, value in variant.constants:
            stack.enter_context(mock.patch(f"edge_agent.{name}", value))
        yield


def _distortion(day: CameraDay, variant: Variant, rates: NoiseRates | None) -> Distort | None:
    if variant.noise:
        assert rates is not None
        return partial(noisy, rates, str(day))
    if not variant.identity:
        return _anonymous
    if not variant.prints:
        return _unread
    if variant.off_px:
        random = np.random.default_rng([day.store, day.seed, ord(day.camera[-1])])
        angle = float(random.uniform(0, 2 * np.pi))
        return partial(_off, (variant.off_px * np.cos(angle), variant.off_px * np.sin(angle)))
    return None


def _anonymous(_looker: PlayingLooker, _look: TapedLook, seen: Seen) -> Seen:
    parts = [replace(part, skus=(), similarity=None, by_print=None) for part in seen.observed]
    return replace(seen, observed=tuple(parts))


def _unread(_looker: PlayingLooker, _look: TapedLook, seen: Seen) -> Seen:
    return replace(seen, observed=tuple(replace(part, by_print=None) for part in seen.observed))


def _off(
    offset_px: tuple[float, float], looker: PlayingLooker, _look: TapedLook, seen: Seen
) -> Seen:
    """Return what would be seen with a calibration that is off by ``offset_px`` of the picture."""
    out = []
    for part, (_, _, rectifier) in zip(seen.observed, looker.frontal, strict=True):
        width, height = part.size_px
        middle = rectifier.image_from_rectified([(width / 2, height / 2)])
        moved = rectifier.rectified_from_image(middle + np.array(offset_px))
        shift = np.tile(moved[0] - np.array([width / 2, height / 2]), 2)
        out.append(
            replace(
                part,
                facings_xyxy_px=part.facings_xyxy_px + shift,
                gaps_xyxy_px=part.gaps_xyxy_px + shift,
            )
        )
    return replace(seen, observed=tuple(out))
