"""One look of a camera-day as a picture, with what was found, read and held, and what is true."""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path

import cv2
import numpy as np
from events_days import Course, tape_of, world_of
from events_judge import AS_IS, judge
from events_tape import USUAL, CameraDay

from edge_agent.frames import ImageBgr
from edge_agent.picture import draw_slots
from shelf import SlotId, State

FACING_BGR, GAP_BGR, MOVING_BGR = (255, 255, 255), (0, 0, 255), (0, 200, 255)


def draw_look(
    cache: Path, day: CameraDay, course: Course, secs: float, *, keep: bool = False
) -> tuple[ImageBgr, list[str]]:
    """Return the last look until ``secs``, drawn upon, and a line for each slot.

    Slots are framed in the colours of their readings, facings in white, gaps in red, as they were
    last seen; what the gate holds to be moving is shaded yellow. Lines say what was read, what
    was told last, and what is true.
    """
    world = world_of(cache, day.store, day.seed, course)
    tape, truth = tape_of(cache, day, course, keep=keep), world.truth()
    judged, player = judge(world, tape, AS_IS)
    number = bisect_right([look.secs for look in tape.looks], secs) - 1
    look, looked = tape.looks[number], judged.looked[number]
    image = world.shop.view(day.camera).picture(world.shop.at(look.secs))
    tracks = [past.tracks[USUAL] for past in tape.looks[: number + 1]]
    gate = tracks[-1].gates.get(USUAL)
    if gate is not None and gate.kind.is_fresh:
        moving = gate.unsettled.astype(np.uint8)
        size = (image.shape[1], image.shape[0])
        mask = cv2.resize(moving, size, interpolation=cv2.INTER_NEAREST) > 0
        image[mask] = (0.6 * image[mask] + 0.4 * np.array(MOVING_BGR)).astype(np.uint8)
    out = draw_slots(image, looked.readings)
    seen = next((t.seen for t in reversed(tracks) if t.seen), None)
    frontal = player.looker.frontal if player.looker else []
    for part, (_, _, rectifier) in zip(seen.observed if seen else (), frontal, strict=False):
        for boxes, colour in (
            (part.facings_xyxy_px, FACING_BGR),
            (part.gaps_xyxy_px, GAP_BGR),
        ):
            for x1, y1, x2, y2 in boxes.tolist():
                corners = [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]
                points = rectifier.image_from_rectified(corners)
                cv2.polylines(out, [np.round(points).astype(np.int32)], True, colour, 1)
    held: dict[SlotId, State] = {}
    for told in judged.told:
        if told.secs <= look.secs:
            held[told.slot] = told.state
    camera = truth.camera_at(day.camera, look.secs)
    gate_word = gate.kind if gate else "not asked"
    lines = [
        f"{day} at {look.secs:g} s: gate {gate_word}, aim {tracks[-1].aim}, "
        f"{looked.state} {looked.detail}; in truth moved {camera.moved_px:g} px, "
        f"light {camera.light:g}, {camera.glares} glares"
    ]
    for reading in looked.readings:
        facts = truth.state_at(reading.slot, look.secs)
        found = ", ".join(f"{count}x{sku}" for sku, count in facts.found) or "nothing"
        state = held.get(reading.slot, State.UNKNOWN)
        lines.append(
            f"{'  ' if facts.state is reading.state else '* '}{reading.slot} planned {facts.sku}: "
            f"true {facts.state} ({found}), {truth.visible_at(reading.slot, look.secs):.0%} seen; "
            f"read {reading.state} {reading.confidence:.2f} ({reading.reason}); held {state}"
        )
    return out, lines
