"""How noisy the detector is on a tape, against the true boxes, and the same noise once more.

True boxes are the visible part of what the simulator knows: front units that boards and
neighbours do not hide, as the camera sees them, in the frontal picture of their bay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from hashlib import sha256

import numpy as np
from events_days import World
from events_play import PlayingLooker
from events_tape import USUAL, Tape, TapedLook
from numpy.typing import NDArray

from detector.boxes import iou_matrix
from edge_agent.look import Seen
from edge_agent.match import Observed
from shelf import SlotId
from simulator.days.facts import Front, shelf_fronts
from simulator.seeing import turned

Floats = NDArray[np.float64]

#: A detection is of a front unit when they overlap so much (intersection over union).
SAME_IOU = 0.5
#: A detection that overlaps none so much is invented.
NEAR_IOU = 0.25
#: Only slots of which so much is seen are counted.
MIN_VISIBLE = 0.95
#: A miss, and an invented facing, lasts so many looks on a doubled tape.
LASTS_LOOKS = 6


@dataclass(frozen=True, slots=True)
class TrueFront:
    """A front unit that can be seen: its slot, SKU, and box in the bay's frontal picture."""

    slot: SlotId
    sku: str
    box_xyxy_px: Floats


@dataclass(frozen=True, slots=True)
class NoiseRates:
    """The detector's own noise.

    ``missed`` is the share of front units that it does not find, ``invented`` how many facings it
    finds for each true one where there is none, ``jitter`` the standard deviation of a box's
    edges from look to look in shares of its sides.
    """

    missed: float
    invented: float
    jitter: float


@dataclass(slots=True)
class NoiseCounts:
    """What `NoiseRates` are worked out from; counts of several tapes add up."""

    true: int = 0
    missed: int = 0
    invented: int = 0
    edges: int = 0
    squares: float = 0.0

    def __add__(self, other: NoiseCounts) -> NoiseCounts:
        return NoiseCounts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def rates(self) -> NoiseRates:
        """The noise in shares."""
        return NoiseRates(
            missed=self.missed / max(self.true, 1),
            invented=self.invented / max(self.true, 1),
            jitter=float(np.sqrt(self.squares / max(self.edges, 1) / 2)),
        )


def true_fronts(
    world: World, looker: PlayingLooker, camera: str, secs: float
) -> list[list[TrueFront]]:
    """Return, bay by bay as the looker has them, the front units that could be seen."""
    shop, design = world.shop, world.shop.design
    eye, board_mm = design.cameras[camera], design.furniture.board_mm
    state = shop.at(secs)
    seeing = state.seeing.get(camera)
    looks = turned(eye, seeing.turn if seeing else None)
    places = {place.bay.number: place for place in shop.places}
    out: list[list[TrueFront]] = []
    for bay, _, rectifier in looker.frontal:
        place = places[bay.number]
        fronts = [
            front
            for shelf in place.bay.shelves
            for front in shelf_fronts(place, shelf.number, state.contents, eye, board_mm)
            if front.is_seen
        ]
        if not fronts:
            out.append([])
            continue
        corners = np.concatenate([_corners(front) for front in fronts])
        points = rectifier.rectified_from_image(looks.picture_px(corners)).reshape(-1, 4, 2)
        boxes = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)
        out.append(
            [
                TrueFront(front.facing.id.slot, front.item.sku, box)
                for front, box in zip(fronts, boxes, strict=True)
            ]
        )
    return out


def _corners(front: Front) -> Floats:
    return np.array(
        [
            (x, y, front.z)
            for x, y in (
                (front.x1, front.y1),
                (front.x2, front.y1),
                (front.x2, front.y2),
                (front.x1, front.y2),
            )
        ]
    )


def overlaps(boxes: Floats, others: Floats) -> Floats:
    """Return (n,m): how much boxes overlap, as intersection over union."""
    return np.asarray(
        iou_matrix(boxes.astype(np.float32), others.astype(np.float32)), dtype=np.float64
    )


def count_noise(world: World, tape: Tape, looker: PlayingLooker) -> NoiseCounts:
    """Count the detector's noise on a tape, where slots are in plain view."""
    counts = NoiseCounts()
    truth, camera = world.truth(), tape.day.camera
    before: dict[tuple[SlotId, int], Floats] = {}
    for look in tape.looks:
        seen = look.tracks[USUAL].seen
        if seen is None or truth.camera_at(camera, look.secs).moved_px > 1:
            continue
        clear = {s for s in truth.slots if truth.visible_at(s, look.secs) >= MIN_VISIBLE}
        now: dict[tuple[SlotId, int], Floats] = {}
        fronts = true_fronts(world, looker, camera, look.secs)
        for part, there in zip(seen.observed, fronts, strict=True):
            _count(part, there, clear, before, now, counts)
        before = now
    return counts


def _count(
    part: Observed,
    fronts: Sequence[TrueFront],
    clear: set[SlotId],
    before: dict[tuple[SlotId, int], Floats],
    now: dict[tuple[SlotId, int], Floats],
    counts: NoiseCounts,
) -> None:
    if not fronts:
        return
    boxes = np.array([front.box_xyxy_px for front in fronts])
    same = overlaps(boxes, part.facings_xyxy_px)
    for number, front in enumerate(fronts):
        if front.slot not in clear:
            continue
        counts.true += 1
        best = int(np.argmax(same[number])) if same.shape[1] else -1
        if best < 0 or same[number, best] < SAME_IOU:
            counts.missed += 1
            continue
        box = part.facings_xyxy_px[best]
        now[front.slot, number] = box
        then = before.get((front.slot, number))
        if then is not None and overlaps(box[None], then[None])[0, 0] > SAME_IOU:
            sides = np.tile(box[2:] - box[:2], 2)
            counts.squares += float((((box - then) / sides) ** 2).sum())
            counts.edges += 4
    if same.shape[1]:
        middles = (part.facings_xyxy_px[:, :2] + part.facings_xyxy_px[:, 2:]) / 2
        inside = np.zeros(len(middles), np.bool_)
        for box in _slot_areas(fronts, clear):
            inside |= ((middles > box[:2]) & (middles < box[2:])).all(axis=1)
        counts.invented += int((inside & (same.max(axis=0) < NEAR_IOU)).sum())


def _slot_areas(fronts: Sequence[TrueFront], clear: set[SlotId]) -> list[Floats]:
    boxes: dict[SlotId, list[Floats]] = {}
    for front in fronts:
        if front.slot in clear:
            boxes.setdefault(front.slot, []).append(front.box_xyxy_px)
    return [np.concatenate([np.min(b, axis=0)[:2], np.max(b, axis=0)[2:]]) for b in boxes.values()]


def noisy(
    rates: NoiseRates, seed: str, _looker: PlayingLooker, look: TapedLook, seen: Seen
) -> Seen:
    """Return what a detector of twice the noise might have seen: seeded, the same every time.

    What it misses and invents stays so for `LASTS_LOOKS` looks at a time.
    """
    parts = [
        _noisy_part(rates, f"{seed}/{number}", look.secs, part)
        for number, part in enumerate(seen.observed)
    ]
    return replace(seen, observed=tuple(parts))


def _noisy_part(rates: NoiseRates, seed: str, secs: float, part: Observed) -> Observed:
    count = len(part.facing_scores)
    if not count:
        return part
    boxes = part.facings_xyxy_px
    sides = boxes[:, 2:] - boxes[:, :2]
    unit = float(np.median(sides[:, 0]))
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    kept = []
    for number, middle in enumerate(np.floor(middles / unit).astype(int).tolist()):
        # Each place has its own beat, so that not all of them change at once.
        beat = _random(seed, *middle).uniform(0, LASTS_LOOKS)
        turn = int(secs / 10.0 + beat) // LASTS_LOOKS
        if _random(seed, *middle, turn).random() >= rates.missed:
            kept.append(number)
    worse = part.only(np.array(kept, dtype=np.int64))
    look = _random(seed, round(secs * 10))
    sides = np.tile(worse.facings_xyxy_px[:, 2:] - worse.facings_xyxy_px[:, :2], 2)
    shaken = worse.facings_xyxy_px + look.normal(0, rates.jitter, sides.shape) * sides
    worse = replace(worse, facings_xyxy_px=shaken)
    turn = int(secs / 10.0) // LASTS_LOOKS
    random = _random(seed, "invented", turn)
    more = int(random.poisson(rates.invented * count))
    return _with_invented(worse, random, more) if more else worse


def _with_invented(part: Observed, random: np.random.Generator, count: int) -> Observed:
    """Add facings of usual size and looks at any place of the picture."""
    if not len(part.facing_scores):
        return part
    likes = random.integers(0, len(part.facing_scores), count)
    sides = part.facings_xyxy_px[likes, 2:] - part.facings_xyxy_px[likes, :2]
    at = random.uniform(0, 1, (count, 2)) * (np.array(part.size_px) - sides)
    known = len(part.facing_scores)
    asked = part.by_print
    return replace(
        part,
        facings_xyxy_px=np.concatenate([part.facings_xyxy_px, np.hstack([at, at + sides])]),
        facing_scores=np.concatenate([part.facing_scores, part.facing_scores[likes]]),
        similarity=None
        if part.similarity is None
        else np.concatenate([part.similarity, part.similarity[likes]]),
        by_print=None
        if asked is None
        else lambda facing, skus: asked(facing, skus) if facing < known else None,
    )


def _random(*parts: object) -> np.random.Generator:
    digest = sha256("/".join(str(part) for part in parts).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))
