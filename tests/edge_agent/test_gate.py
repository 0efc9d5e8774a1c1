"""The gate: what is worth reading, what moves and what has settled."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_agent.gate import Gate, GateKind, GateLimits, GateResult

Picture = NDArray[np.uint8]

SLOT = (600, 200, 680, 320)
ELSEWHERE = (100, 500, 180, 620)
PERSON = (500, 100, 760, 719)
DATA = Path(__file__).parents[3] / "shared" / "data"


def shelf(seed: int = 1) -> Picture:
    """Return a 1280x720 picture of four shelves of products with printed fronts."""
    rng = np.random.default_rng(seed)
    image = np.full((720, 1280, 3), 90, np.uint8)
    for top in range(20, 700, 180):
        for left in range(0, 1280, 80):
            image[top : top + 150, left + 3 : left + 77] = rng.integers(40, 230, 3)
            for _ in range(6):
                x, y = left + rng.integers(5, 50), top + rng.integers(5, 120)
                image[y : y + 18, x : x + 24] = rng.integers(20, 255, 3)
        image[top + 150 : top + 160] = 210
    return image


def with_box(image: Picture, box: tuple[int, int, int, int], colour: int = 25) -> Picture:
    """Return the picture with a plain box in it: a gap, or somebody's coat."""
    x1, y1, x2, y2 = box
    changed = image.copy()
    changed[y1:y2, x1:x2] = colour
    return changed


def noisy(image: Picture, seed: int, gain: float = 1.0) -> Picture:
    """Return the picture as a sensor with noise and a changed exposure gives it."""
    noise = np.random.default_rng(seed).normal(0, 4, image.shape)
    return np.clip(image * gain + noise, 0, 255).astype(np.uint8)


def kinds(gate: Gate, *pictures: Picture) -> list[GateKind]:
    return [gate.decide(picture).kind for picture in pictures]


def test_an_unchanged_shelf_is_read_once() -> None:
    """Noise and flicker are no news; after enough looks it is read again all the same."""
    gate = Gate(GateLimits(unchanged_looks=8))
    gains = (1.0, 0.95, 1.05, 1.0, 0.93, 1.07, 1.0, 1.02, 0.98)
    looks = [noisy(shelf(), seed, gain) for seed, gain in enumerate(gains)]
    results = [gate.decide(look) for look in looks]
    assert [result.kind for result in results] == [
        GateKind.LOOK,
        *[GateKind.UNCHANGED] * 7,
        GateKind.LOOK,
    ]
    assert not any(result.unsettled.any() for result in results)


def test_an_item_taken_off_the_shelf_is_settled_after_two_looks() -> None:
    """First the slot is left unread, then it is read, then nothing is new."""
    gate = Gate()
    gate.decide(noisy(shelf(), 0))
    gap = with_box(shelf(), SLOT)
    first, second, third = (gate.decide(noisy(gap, seed)) for seed in (1, 2, 3))
    assert first.kind is GateKind.LOOK
    assert first.unsettled_share(SLOT) > 0.9
    assert first.unsettled_share(ELSEWHERE) == 0
    assert second.kind is GateKind.LOOK
    assert second.unsettled_share(SLOT) == 0
    assert third.kind is GateKind.UNCHANGED


def test_a_product_of_the_same_grey_is_a_change() -> None:
    """Green for red at the same brightness: colours are compared, not grey."""
    red, green = shelf(), shelf()
    x1, y1, x2, y2 = SLOT
    red[y1:y2, x1:x2] = (40, 40, 190)
    green[y1:y2, x1:x2] = (40, 116, 40)
    assert abs(int(cv2.cvtColor(red, cv2.COLOR_BGR2GRAY)[y1, x1]) - 85) < 3
    gate = Gate()
    gate.decide(red)
    assert gate.decide(green).unsettled_share(SLOT) > 0.9


def test_a_passer_by_hides_only_where_he_is() -> None:
    """Where he was is settled at once, for it looks as before."""
    gate = Gate()
    gate.decide(shelf())
    places = [(left, 100, left + 200, 719) for left in (0, 300, 600, 900)]
    before = None
    for place in places:
        result = gate.decide(with_box(shelf(), place))
        assert result.kind is GateKind.LOOK
        assert result.unsettled_share(place) > 0.9
        if before is not None:
            x1, y1, x2, y2 = before
            assert result.unsettled_share((x1, y1, x2 - 20, y2)) == 0
        before = place
    assert not gate.decide(shelf()).unsettled.any()


def test_a_shopper_who_stands_and_sways_stays_unsettled() -> None:
    """His coat is the same colour from look to look, but his outline is not."""
    gate = Gate()
    gate.decide(shelf())
    for look in range(20):
        sway = 24 * (look % 2)
        x1, y1, x2, y2 = PERSON
        result = gate.decide(with_box(shelf(), (x1 + sway, y1, x2 + sway, y2)))
        assert result.unsettled_share((x1 + 24, y1, x2, y2)) > 0.9


def test_a_large_change_that_stays_is_settled_later() -> None:
    """A refilled shelf is read after six looks that agree, not after two."""
    gate = Gate()
    gate.decide(shelf())
    refilled = shelf()
    refilled[20:400] = shelf(seed=2)[20:400]
    shares = [gate.decide(noisy(refilled, seed)).unsettled_share(SLOT) for seed in range(6)]
    assert all(share > 0.5 for share in shares[:5])
    assert shares[5] == 0


def test_the_shelf_behind_a_parked_cart_is_settled_when_the_cart_leaves() -> None:
    """At once, although whoever pushes it away still moves at its edge."""
    gate, cart = Gate(), (300, 100, 700, 719)
    gate.decide(shelf())
    for seed in range(9):
        parked = gate.decide(noisy(with_box(shelf(), cart, colour=140), seed))
    assert parked.unsettled_share(cart) == 0
    left = gate.decide(noisy(with_box(shelf(), (640, 100, 800, 719)), 20))
    assert left.unsettled_share((320, 100, 560, 719)) < 0.1
    assert left.unsettled_share((660, 100, 780, 719)) > 0.9


def test_an_item_taken_while_a_shopper_stands_elsewhere() -> None:
    """The shopper's place is unsettled, the gap beside him settles."""
    gate = Gate()
    gate.decide(shelf())
    for look, sway in enumerate((0, 24, 0)):
        x1, y1, x2, y2 = PERSON
        scene = with_box(with_box(shelf(), ELSEWHERE), (x1 + sway, y1, x2 + sway, y2))
        result = gate.decide(scene)
        assert result.unsettled_share(PERSON) > 0.8
        assert (result.unsettled_share(ELSEWHERE) == 0) == (look > 0)


def test_what_settled_while_unread_is_read() -> None:
    """A look that equals the last read one is no news, unless it now shows what was hidden."""
    gate = Gate()
    gap = with_box(shelf(), SLOT)
    assert kinds(gate, shelf(), gap, gap, gap) == [
        GateKind.LOOK,
        GateKind.LOOK,
        GateKind.LOOK,
        GateKind.UNCHANGED,
    ]


def test_read_again() -> None:
    """A look whose reading failed is asked for again."""
    gate = Gate()
    assert kinds(gate, shelf(), shelf()) == [GateKind.LOOK, GateKind.UNCHANGED]
    gate.read_again()
    assert kinds(gate, shelf(), shelf()) == [GateKind.LOOK, GateKind.UNCHANGED]


@pytest.mark.parametrize(
    ("picture", "kind"),
    [
        (noisy(np.zeros((720, 1280, 3), np.uint8), 1), GateKind.DARK),
        (noisy(shelf(), 1, gain=0.08), GateKind.DARK),
        (np.full((720, 1280, 3), 128, np.uint8), GateKind.COVERED),
        (cv2.GaussianBlur(shelf(), (0, 0), 8), GateKind.BLURRED),
        (np.zeros((0, 0, 3), np.uint8), GateKind.COVERED),
    ],
)
def test_looks_in_which_nothing_can_be_seen(picture: Picture, kind: GateKind) -> None:
    """They are named, wholly unsettled, and forgotten: the next good look is compared as before."""
    gate = Gate()
    gate.decide(shelf())
    blind = gate.decide(picture)
    assert blind.kind is kind and not blind.kind.is_fresh
    assert blind.unsettled.all() and blind.unsettled_share(SLOT) == 1
    if picture.size:
        assert gate.decide(shelf()).kind is GateKind.UNCHANGED


def test_a_shopper_before_the_lens_is_no_blur() -> None:
    """Half the picture without any detail does not make the camera blurred."""
    gate = Gate()
    gate.decide(shelf())
    result = gate.decide(with_box(shelf(), (0, 0, 600, 720), colour=60))
    assert result.kind is GateKind.LOOK
    assert result.sharpness == pytest.approx(1, abs=0.2)


def test_light_that_changes_is_no_motion() -> None:
    """Half the light, or warmer light, moves nothing."""
    gate = Gate()
    gate.decide(shelf())
    warmer = np.clip(shelf() * np.array([0.7, 0.9, 1.0]), 0, 255).astype(np.uint8)
    for picture in (noisy(shelf(), 1, gain=0.6), warmer):
        assert gate.decide(picture).unsettled.mean() < 0.02


def test_a_lamp_that_flickers_over_a_part_of_the_shelf_is_no_motion() -> None:
    """The goods in its light stay readable; a coat of any grey in it is still somebody."""
    gate = Gate()
    gate.decide(shelf())
    across = np.arange(1280)[None, :, None]
    dim = 1 - 0.6 * np.exp(-(((across - 500) / 250.0) ** 2))
    for number in range(4):
        lit = shelf() * (dim if number % 2 == 0 else 1.0)
        seen = gate.decide(noisy(np.clip(lit, 0, 255).astype(np.uint8), number))
        assert seen.unsettled.mean() < 0.2
    coat = with_box(shelf(), PERSON, colour=60) * dim
    hidden = gate.decide(noisy(np.clip(coat, 0, 255).astype(np.uint8), 9))
    assert hidden.unsettled_share(PERSON) > 0.9


def test_another_size_starts_anew() -> None:
    """A camera that changes its resolution is read at once, at the new size."""
    gate = Gate()
    gate.decide(shelf())
    result = gate.decide(cv2.resize(shelf(), (640, 360)))
    assert result.kind is GateKind.LOOK
    assert result.size_px == (640, 360) and not result.unsettled.any()


@pytest.mark.parametrize("size_px", [(1, 1), (3, 700), (700, 3), (8, 8), (333, 217)])
def test_odd_sizes(size_px: tuple[int, int]) -> None:
    """No size of picture is a reason to fall over."""
    gate = Gate()
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 255, (size_px[1], size_px[0], 3)).astype(np.uint8)
    for _ in range(3):
        assert gate.decide(picture).unsettled.ndim == 2


def result_of(unsettled: NDArray[np.bool_]) -> GateResult:
    return GateResult(GateKind.LOOK, unsettled, 100.0, 1.0, (400, 200))


sides = st.floats(-100, 500)


@given(sides, sides, sides, sides)
def test_a_share_is_a_share(x1: float, y1: float, x2: float, y2: float) -> None:
    """Whatever the box, the share is 0..1, and settled and unsettled add up."""
    cells = np.random.default_rng(5).random((5, 10)) < 0.5
    box = (x1, y1, x2, y2)
    share, rest = result_of(cells).unsettled_share(box), result_of(~cells).unsettled_share(box)
    assert 0 <= share <= 1 and 0 <= rest <= 1
    assert share + rest == pytest.approx(1) or share == rest == 1


@pytest.mark.parametrize(
    ("box", "share"),
    [
        ((0, 0, 400, 200), 0.02),
        ((0, 0, 40, 40), 1.0),
        ((20, 0, 60, 40), 0.5),
        ((-100, -100, 40, 40), 1.0),
        ((500, 0, 600, 40), 1.0),
        ((40, 0, 40, 40), 1.0),
        ((float("nan"), 0, 40, 40), 1.0),
    ],
)
def test_unsettled_share(box: tuple[float, float, float, float], share: float) -> None:
    """By area inside the picture; what is not in the picture cannot be read."""
    cells = np.zeros((5, 10), np.bool_)
    cells[0, 0] = True
    assert result_of(cells).unsettled_share(box) == pytest.approx(share)


needs_photos = pytest.mark.skipif(not DATA.exists(), reason="needs the photographs beside the tree")


@needs_photos
def test_a_real_shelf() -> None:
    """A real bay: noise is no news, a hidden product is, and settles after two looks."""
    photo = cv2.imread(str(DATA / "crackers_bay" / "shelf.jpg"))
    photo = cv2.resize(photo, (photo.shape[1] // 2, photo.shape[0] // 2))
    height_px, width_px = photo.shape[:2]
    x, y = width_px // 2, height_px // 2
    box = (x, y, x + width_px // 12, y + height_px // 14)
    gate = Gate()
    assert kinds(gate, noisy(photo, 1), noisy(photo, 2, 1.05)) == [
        GateKind.LOOK,
        GateKind.UNCHANGED,
    ]
    gap = with_box(photo, box, colour=30)
    assert gate.decide(noisy(gap, 3)).unsettled_share(box) > 0.8
    assert gate.decide(noisy(gap, 4)).unsettled_share(box) == 0
    assert gate.decide(cv2.GaussianBlur(photo, (0, 0), 6)).kind is GateKind.BLURRED


@needs_photos
def test_real_shelves_are_neither_dark_nor_covered() -> None:
    """Photographs of shelves pass the gate."""
    paths = sorted((DATA / "photos" / "voids_a").rglob("*.jpg"))[::20]
    assert paths
    seen = {path.name: Gate().decide(cv2.imread(str(path))).kind for path in paths}
    assert set(seen.values()) == {GateKind.LOOK}, seen
