"""Where a camera looks, followed look by look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from turned_shelf import LENS, MARKS_UV, SIZE_PX, Image, shelf, taken, turn_px

from calibration import Calibration
from calibration.registration import Reference, RegistrationKind, register
from edge_agent.drift import Aim, Drift, DriftLimits
from edge_agent.reference_maker import ReferenceMaker

START = datetime(2026, 11, 21, 8, tzinfo=UTC)
CALIBRATION = Calibration.model_validate(
    {
        "camera": "c1",
        "version": "c1-1",
        "picture": {"width_px": SIZE_PX[0], "height_px": SIZE_PX[1]},
        "lens": LENS.model_dump(),
        "bays": [{"bay": 1, "bay_from_image": [[1000, 0, 0], [0, -2000, 2000], [0, 0, 1]]}],
    }
)
QUIET, BUSY = np.zeros((20, 40), np.bool_), np.ones((20, 40), np.bool_)
SMALL, FAR = turn_px(20, 5, roll_deg=0.5), turn_px(150, 0)


class Followed:
    """A drift whose looks are 10 s apart."""

    def __init__(self) -> None:
        self.drift = Drift(CALIBRATION, Reference.of(taken(shelf()), LENS, MARKS_UV))
        self.secs = 0.0

    def look(
        self,
        turn: np.ndarray | None = None,
        unsettled: np.ndarray = BUSY,
        scene: Image | None = None,
    ) -> Aim:
        self.secs += 10
        picture = taken(shelf() if scene is None else scene, turn, seed=int(self.secs))
        now_utc = START + timedelta(seconds=self.secs)
        return self.drift.follow(picture, None, unsettled, self.secs, now_utc)


@pytest.fixture
def followed() -> Followed:
    return Followed()


def nothing_known() -> Image:
    return np.random.default_rng(9).integers(0, 256, shelf().shape, dtype=np.uint8)


def test_a_bump_is_corrected_when_two_looks_agree(followed: Followed) -> None:
    """The look between is doubted; afterwards the calibration fits, until it is put back."""
    assert followed.look() is Aim.TRUSTED
    assert [followed.look(SMALL), followed.look(SMALL)] == [Aim.DOUBTED, Aim.TRUSTED]
    assert followed.drift.status is not None
    assert followed.drift.status.px == pytest.approx(24, abs=6)
    assert followed.drift.status.since_utc == START + timedelta(seconds=30)
    assert followed.drift.calibration != CALIBRATION
    assert followed.drift.calibration.version == "c1-1"
    assert followed.drift.view(SIZE_PX) is not None
    before = followed.drift.calibration
    assert followed.look(SMALL) is Aim.TRUSTED
    assert followed.drift.calibration is before
    assert [followed.look(), followed.look()] == [Aim.DOUBTED, Aim.TRUSTED]
    assert followed.drift.calibration is CALIBRATION
    assert followed.drift.status is None
    assert followed.drift.view(SIZE_PX) is None


def test_a_camera_that_swings_is_doubted_until_it_rests(followed: Followed) -> None:
    """Looks that say different things correct nothing."""
    aims = [followed.look(turn_px(right)) for right in (10, 20, 30, 12)]
    assert aims == [Aim.DOUBTED] * 4
    assert followed.drift.calibration is CALIBRATION
    assert followed.look(turn_px(12)) is Aim.TRUSTED


def test_a_tremble_corrects_nothing(followed: Followed) -> None:
    """Less than 2 px are trusted as they are."""
    assert {followed.look(turn_px(1)), followed.look(turn_px(1))} == {Aim.TRUSTED}
    assert followed.drift.calibration is CALIBRATION


def test_a_camera_that_has_moved_is_told_until_it_is_back(followed: Followed) -> None:
    """Even while nothing can be recognised in between."""
    assert [followed.look(FAR), followed.look(FAR)] == [Aim.DOUBTED, Aim.MOVED]
    assert "moved by" in followed.drift.moved
    assert followed.look(FAR, QUIET) is Aim.MOVED
    assert followed.look(scene=nothing_known()) is Aim.MOVED
    assert [followed.look(), followed.look()] == [Aim.MOVED, Aim.TRUSTED]
    assert followed.drift.moved == ""
    assert followed.drift.calibration is CALIBRATION


def test_what_cannot_be_compared_is_doubted_while_much_changes(followed: Followed) -> None:
    """Afterwards it is what it was before there were reference pictures."""
    assert followed.look(scene=nothing_known()) is Aim.DOUBTED
    assert followed.look(unsettled=QUIET, scene=nothing_known()) is Aim.TRUSTED


def test_a_bump_that_hides_behind_a_crowd_stays_doubted(followed: Followed) -> None:
    """Once it was seen elsewhere, only a certain look is trusted again."""
    assert followed.look(SMALL) is Aim.DOUBTED
    assert followed.look(scene=nothing_known(), unsettled=QUIET) is Aim.DOUBTED
    assert [followed.look(SMALL), followed.look(SMALL)] == [Aim.DOUBTED, Aim.TRUSTED]


def test_a_quiet_look_is_registered_only_when_it_is_due(followed: Followed) -> None:
    """A drift without a jolt is found within the time between two checks."""
    assert followed.look(unsettled=QUIET) is Aim.TRUSTED
    due = int(DriftLimits().check_every_secs // 10)
    aims = [followed.look(SMALL, QUIET) for _ in range(due + 1)]
    assert aims == [Aim.TRUSTED] * (due - 1) + [Aim.DOUBTED, Aim.TRUSTED]
    assert followed.drift.status is not None


def test_a_bay_that_does_not_fit_has_the_next_look_registered(followed: Followed) -> None:
    """Without waiting for its turn."""
    followed.look(unsettled=QUIET)
    followed.drift.ask()
    assert followed.look(SMALL, QUIET) is Aim.DOUBTED


def test_a_reference_is_made_of_settled_parts_only() -> None:
    """Who passes is in none of it, however he stands in single looks; masks stay unknown."""
    made: list[Reference] = []
    maker = ReferenceMaker(LENS, MARKS_UV)
    drift = Drift(CALIBRATION, None, maker, made=made.append)
    mask = np.zeros((SIZE_PX[1], SIZE_PX[0]), np.bool_)
    mask[:90, :160] = True
    secs = 0.0
    while not drift.has_reference:
        secs += 60
        picture, unsettled = taken(shelf(), seed=int(secs)), QUIET.copy()
        left = int(secs) % 900
        picture[100:, left : left + 100] = 0  # the gate does not always see him
        if secs % 180:
            unsettled[3:, left * 40 // 960 - 1 : (left + 100) * 40 // 960 + 2] = True
        assert drift.follow(picture, mask, unsettled, secs, START) is Aim.TRUSTED
        assert secs < 1800
    (reference,) = made
    assert not reference.known[:60, :106].any()
    assert reference.known[70:].all()
    empty = Reference.of(taken(shelf()), LENS, MARKS_UV)
    apart = np.abs(reference.grey.astype(int) - empty.grey)[reference.known]
    assert np.percentile(apart, 99) < 20
    found = register(reference, taken(shelf(), SMALL), mask)
    assert found.kind is RegistrationKind.CORRECTED


def test_a_camera_turned_meanwhile_begins_its_reference_again() -> None:
    """Two places do not make one picture."""
    maker = ReferenceMaker(LENS, MARKS_UV, samples=3)
    looks = [None, None, SMALL, SMALL, SMALL, SMALL]
    made = [
        maker.take(taken(shelf(), turn, seed=number), None, QUIET, 60.0 * number)
        for number, turn in enumerate(looks)
    ]
    assert [reference is not None for reference in made] == [False] * 5 + [True]
    assert made[-1] is not None
    assert register(made[-1], taken(shelf(), SMALL)).kind is RegistrationKind.STILL
