"""Tapes: what was seen is judged by the agent's own station and ledger, without pixels."""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from events_cause import mistakes
from events_days import Course, World, seeing_code, shipped, world_of
from events_judge import AS_IS, RULES, WORSE, Variant, judge, pace_of
from events_noise import NoiseRates, count_noise, overlaps, true_fronts
from events_play import Player, PlayingLooker
from events_score import Outcome, score
from events_tape import (
    GATES,
    TRACKS,
    USUAL,
    CameraDay,
    PrintAnswers,
    Tape,
    TapedLook,
    Track,
)

from calibration import Calibration
from edge_agent.gate import GateKind, GateResult
from edge_agent.look import Seen
from edge_agent.match import Observed
from edge_agent.occupancy import Rules
from shelf import SlotId, State

DAY = CameraDay(0, 3, "c1")
COURSE = Course(days=0.035)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The first minutes of a day: the store opens, hardly anything has happened."""
    return world_of(tmp_path_factory.mktemp("cache"), DAY.store, DAY.seed, COURSE)


@pytest.fixture(scope="module")
def tape(world: World) -> Tape:
    """What a perfect detector would see at every look: a box for each front unit."""
    camera = world.shop.design.cameras[DAY.camera]
    tape = Tape(DAY, 10.0, 24.0, COURSE.days, seeing_code(), camera.size_px)
    calibration = Calibration.load(world.folder / "calibration" / f"{DAY.camera}.yaml")
    bays = [
        b for b in world.shop.design.planogram.bays if b.number in world.shop.design.bays_of["c1"]
    ]
    looker = PlayingLooker(Player(tape), shipped(), bays, None, calibration)
    still = np.zeros((18, 40), np.bool_)
    for number in range(int(world.shop.duration_secs / 10)):
        secs = 10.0 * number
        gate = GateResult(GateKind.LOOK, still, 100.0, 1.0, camera.size_px)
        observed = tuple(
            _observed(fronts, (600, 800)) for fronts in true_fronts(world, looker, DAY.camera, secs)
        )
        gates = dict.fromkeys(GATES, gate)
        track = Track(gates=gates, seen=Seen(camera.size_px, observed))
        tape.looks.append(TapedLook(secs, dict.fromkeys(TRACKS, track)))
    return tape


def _observed(fronts: list, size_px: tuple[int, int]) -> Observed:
    boxes = np.array([front.box_xyxy_px for front in fronts])
    none = np.zeros((0, 4))
    scores = np.full(len(boxes), 0.9)
    return Observed(size_px, boxes, scores, none, np.zeros(0), by_print=PrintAnswers(None))


def changed(tape: Tape, change: Callable[[Observed], Observed]) -> Tape:
    """Return the tape with ``change`` made to all that was seen."""
    looks = []
    for look in tape.looks:
        track = look.tracks[USUAL]
        assert track.seen is not None
        seen = replace(track.seen, observed=tuple(change(part) for part in track.seen.observed))
        looks.append(TapedLook(look.secs, {USUAL: replace(track, seen=seen)}))
    return replace(tape, looks=looks)


def test_a_perfect_detector_leads_to_no_false_alert(world: World, tape: Tape) -> None:
    """All slots are told as they are, and the score says so."""
    judged, player = judge(world, tape, AS_IS)
    scored = score(world.truth(), DAY.camera, judged.told, pace_of(world))
    assert {told.state for told in judged.told} == {State.STOCKED}
    assert scored.alerts == ()
    assert not mistakes(world, player, judged, scored)


def test_a_slot_that_is_not_detected_is_a_false_alert(world: World, tape: Tape) -> None:
    """It is called empty though it is full; the error names the detector."""
    looker = judge(world, tape, AS_IS)[1].looker
    assert looker is not None
    slot = SlotId(1, 2, 1)
    (fronts,) = true_fronts(world, looker, DAY.camera, 0.0)
    gone = np.array([front.box_xyxy_px for front in fronts if front.slot == slot])

    def without(part: Observed) -> Observed:
        return part.only(np.flatnonzero(overlaps(part.facings_xyxy_px, gone).max(axis=1) < 0.5))

    judged, player = judge(world, changed(tape, without), AS_IS)
    scored = score(world.truth(), DAY.camera, judged.told, pace_of(world))
    assert [(a.told.slot, a.outcome) for a in scored.alerts] == [(slot, Outcome.FALSE)]
    (mistake,) = mistakes(world, player, judged, scored)
    assert mistake.cause == "facing not detected"


def test_noise_is_measured_and_doubled(world: World, tape: Tape) -> None:
    """A perfect detector has none; what is added is found again, and the same each time."""
    _, player = judge(world, tape, AS_IS)
    assert player.looker is not None
    clean = count_noise(world, tape, player.looker).rates
    assert (clean.missed, clean.invented, clean.jitter) == (0, 0, 0)
    worse = Variant("worse", noise=True)
    rates = NoiseRates(missed=0.3, invented=0.1, jitter=0.01)
    told = [judge(world, tape, worse, rates)[0].told for _ in range(2)]
    assert told[0] == told[1] != judge(world, tape, AS_IS)[0].told


@pytest.mark.parametrize("variant", WORSE, ids=lambda variant: variant.name)
def test_what_is_worse_is_judged_all_the_same(world: World, tape: Tape, variant: Variant) -> None:
    """Noise, no identity and a calibration that is off are no reason to fail."""
    short = replace(tape, looks=tape.looks[:6])
    judged = judge(world, short, variant, NoiseRates(0.1, 0.1, 0.01))[0]
    assert len(judged.looked) == 6
    assert {told.state for told in judged.told} >= {State.STOCKED}


@pytest.mark.parametrize("variant", RULES, ids=lambda variant: variant.name)
def test_a_rule_that_is_left_out_is_a_rule(variant: Variant) -> None:
    """What a variant replaces is there to be replaced, by another value."""
    for name, value in variant.constants:
        module, constant = f"edge_agent.{name}".rsplit(".", 1)
        assert getattr(import_module(module), constant) != value
    assert set(variant.rules) <= set(Rules.model_fields)
    assert variant.gate in GATES


def test_a_tape_outlives_its_process(tmp_path: Path, tape: Tape) -> None:
    """It is read as it was written; a broken file, or none, is no tape."""
    path = tmp_path / "c1.tape"
    assert Tape.load(path) is None
    tape.save(path)
    again = Tape.load(path)
    assert again is not None
    before, after = (one.looks[3].tracks[USUAL].seen for one in (tape, again))
    assert before is not None
    assert after is not None
    boxes = [seen.observed[0].facings_xyxy_px for seen in (before, after)]
    assert np.array_equal(*boxes)
    path.write_bytes(path.read_bytes()[:1000])
    assert Tape.load(path) is None


def test_answers_of_prints_are_kept_without_pixels() -> None:
    """What was asked while the picture was there is answered later; what was not, is not."""
    answers = PrintAnswers(lambda facing, skus: skus[facing])
    assert answers(1, ("a", "b")) == "b"
    answers.close()
    assert answers(1, ("a", "b")) == "b"
    assert answers(0, ("a", "b")) is None
