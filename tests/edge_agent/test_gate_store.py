"""The gate in the simulated store, where it is known who hides what."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from calibration import Calibration
from edge_agent.gate import Gate, GateKind
from simulator.site import calibration_of, demo_cameras, demo_store, demo_view
from simulator.truth import store_truth

LOOKS, EVERY_SECS, SIZE_PX = 40, 5.0, (800, 600)


@pytest.mark.slow
def test_nothing_hidden_is_read_and_little_else_is_left_unread() -> None:
    """Minutes with shoppers: hidden slots are unsettled, nearly all visible ones settled."""
    store, camera = demo_store(7), demo_cameras()["c1"]
    view = demo_view(store, "c1")
    calibration = Calibration.model_validate(calibration_of("c1", camera, [1]))
    bay_view = calibration.view(1, SIZE_PX)
    boxes = {}
    for shelf in store.planogram.bay(1).shelves:
        for slot in shelf.slots:
            x, y = slot.x_mm, shelf.y_mm + slot.y_mm
            box = bay_view.image_box((x, y, x + slot.width_mm, y + slot.height_mm))
            assert box is not None
            boxes[slot.id] = box
    gate, hidden, visible, kinds = Gate(), [], [], set()
    for number in range(LOOKS):
        state = store.at(number * EVERY_SECS)
        picture = cv2.resize(view.picture(state), SIZE_PX, interpolation=cv2.INTER_AREA)
        result = gate.decide(np.asarray(picture, dtype=np.uint8))
        kinds.add(result.kind)
        truth = store_truth(store, state, {"c1": camera})
        for slot_id, box in boxes.items():
            share = result.unsettled_share(box)
            seen = truth[slot_id].visibility["c1"]
            if seen < 0.5:
                hidden.append(share)
            elif seen > 0.95:
                visible.append(share)
    assert kinds == {GateKind.LOOK, GateKind.UNCHANGED}
    assert len(hidden) > 20, "nobody came by; choose another seed"
    assert min(hidden) > 0.5
    assert np.mean(np.array(visible) < 0.3) > 0.95
