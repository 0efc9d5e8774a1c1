"""A site for the tests of the calibration tool: simulated pictures, and parts one can steer."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np

from calibration import Calibration, Finding, Verdict
from calibration.edit import outline_mm
from calibration.proposal import BayProposal, Proposal, SlotProposal
from calibration.rectify import ImageBgr
from calibration.tool.drawing import BayPicture
from calibration.tool.site import CameraPlace, Heard, SheetCrop, Sight, SiteParts
from shelf import Planogram, SlotId, State
from shelf.states import CameraState
from shelf.wire import CameraStatus, Facings, SlotChanged
from simulator.site import (
    calibration_of,
    demo_cameras,
    demo_planogram,
    demo_store,
    demo_view,
)

DOUBTFUL = SlotId(1, 3, 2)


@cache
def picture_at(seconds: float) -> ImageBgr:
    """Return what the demo store's first camera sees; pictures are kept."""
    store = demo_store(7)
    return demo_view(store, "c1").picture(store.at(seconds))


@cache
def true_calibration() -> Calibration:
    """Return the exact calibration of that camera."""
    return Calibration.model_validate(calibration_of("c1", demo_cameras()["c1"], [1]))


class SteeredCamera:
    """A camera that shows what a test says, or nothing."""

    def __init__(self) -> None:
        self.image: ImageBgr | None = picture_at(0.0)
        self.fault = ""
        self.number = 1
        self.rested = 0

    def show(self, image: ImageBgr) -> None:
        self.image = image
        self.number += 1

    def sight(self) -> Sight:
        return Sight(
            self.image, self.number if self.image is not None else 0, datetime.now(UTC), self.fault
        )

    def recent(self) -> list[ImageBgr]:
        return [] if self.image is None else [self.image]

    def rest(self) -> None:
        self.rested += 1


class KnowingProposer:
    """Proposes the truth, with one slot that it is not sure of; scores by the distance to it."""

    def __init__(self, planogram: Planogram) -> None:
        self._planogram = planogram
        self.is_blind = False
        self.started_from: list[Calibration | None] = []

    def propose(
        self, pictures_bgr: Sequence[ImageBgr], start: Calibration | None = None
    ) -> Proposal:
        self.started_from.append(start)
        if self.is_blind:
            reason = "2 of 12 products of the planogram seen: is it the planogram of another bay?"
            return Proposal((1600, 1200), "p", (BayProposal(1, Verdict.RED, reason),))
        return self.judge(pictures_bgr[0], true_calibration())

    def judge(self, picture_bgr: ImageBgr, calibration: Calibration) -> Proposal:
        size_px = (picture_bgr.shape[1], picture_bgr.shape[0])
        bay = self._planogram.bay(1)
        entry = calibration.of_bay(1)
        view = BayPicture(bay, entry, calibration, size_px)
        off_px = float(
            np.abs(
                view.view.image_from_bay(outline_mm(bay))
                - true_calibration().view(1, size_px).image_from_bay(outline_mm(bay))
            ).max()
        )
        verdict = Verdict.GREEN if off_px < 12 else Verdict.AMBER if off_px < 60 else Verdict.RED
        slots = tuple(self._slot(view, slot.id) for slot in view.bay.slots)
        truth = true_calibration().view(1, size_px)
        boxes = []
        for shelf in bay.shelves:
            for slot in shelf.slots:
                for n in range(slot.facings_wide):
                    x_mm = slot.x_mm + n * slot.facing_width_mm
                    low, high = shelf.y_mm, shelf.y_mm + slot.height_mm
                    box = truth.image_box((x_mm, low, x_mm + slot.facing_width_mm, high))
                    if box is not None:
                        boxes.append(box)
        focus = Finding("focus", Verdict.GREEN, 0.8, "", "The picture is sharp.")
        return Proposal(
            size_px,
            self._planogram.name,
            (
                BayProposal(
                    1,
                    verdict,
                    f"12 of 12 slots answer; {off_px:.0f} px off",
                    entry.model_copy(update={"error_px": 1.2, "error_mm": 1.9}),
                    slots=slots,
                    findings=(Finding("angle", Verdict.GREEN, 12.0, "°", "Seen from 12° aside."),),
                ),
            ),
            calibration.lens,
            (focus,),
            np.array(boxes),
        )

    def _slot(self, view: BayPicture, slot: SlotId) -> SlotProposal:
        planned = next(one for one in view.bay.slots if one.id == slot)
        is_sure = slot != DOUBTFUL
        return SlotProposal(
            slot,
            planned.sku,
            planned.name,
            ((0, 0), (1, 0), (1, 1), (0, 1)),
            0.97 if is_sure else 0.42,
            "" if is_sure else "2 of 4 facings seen",
            1.0,
            1.5,
            planned.facings,
            planned.facings if is_sure else 2,
        )


class SteeredAgent:
    """Says of slots what a test says."""

    def __init__(self) -> None:
        self.silence = ""
        self.state = CameraState.OK
        self._heard: dict[str, list[Heard]] = {}
        self._lock = threading.Lock()

    def fault(self) -> str:
        return self.silence

    def camera(self, camera: str) -> CameraStatus | None:
        now = datetime.now(UTC)
        return CameraStatus(camera=camera, state=self.state, since=now, time=now)

    def heard(self, aisle: str, slot: SlotId) -> Sequence[Heard]:
        with self._lock:
            return tuple(self._heard.get(f"{aisle}/{slot}", ()))

    def say(self, slot: str, state: State, calibration: str, seen: int = 0) -> None:
        changed = SlotChanged(
            state=state,
            previous=State.STOCKED,
            since=datetime.now(UTC) - timedelta(seconds=10),
            sku="1",
            facings=Facings(expected=3, seen=seen),
            confidence=0.9,
            observed_secs=10,
            reason=f"{seen} of 3 facings seen",
            planogram="p",
            model="m",
            calibration=calibration,
        )
        with self._lock:
            self._heard.setdefault(f"a12/{slot}", []).append(Heard(changed, datetime.now(UTC)))


@dataclass
class KeepingEnroller:
    """Cuts two crops, one of them doubtful, and remembers what is stored."""

    stored: list[SheetCrop] = field(default_factory=list)

    def sheet(
        self, camera: str, image_bgr: ImageBgr, calibration: Calibration
    ) -> tuple[SheetCrop, ...]:
        sure = SheetCrop(
            SlotId(1, 1, 1), "100101", "Rolled Oats 1 kg", image_bgr[900:1000, 500:600]
        )
        other = replace(
            sure, slot=SlotId(1, 1, 2), name="Crunchy Muesli 750 g", doubt="half hidden"
        )
        return (sure, other)

    def store(self, camera: str, crops: Sequence[SheetCrop]) -> str:
        self.stored += crops
        return f"{len(crops)} pictures were stored in catalog."


@dataclass
class ToolSite:
    """The parts of a site with one camera, and handles to steer them."""

    folder: Path
    camera: SteeredCamera
    proposer: KnowingProposer
    agent: SteeredAgent
    enroller: KeepingEnroller
    parts: SiteParts

    @property
    def file(self) -> Path:
        return self.folder / "calibration" / "c1.yaml"


def tool_site(folder: Path) -> ToolSite:
    """Return a site whose files are in ``folder``."""
    planogram = demo_planogram()
    camera, proposer, agent = SteeredCamera(), KnowingProposer(planogram), SteeredAgent()
    enroller = KeepingEnroller()
    file = folder / "calibration" / "c1.yaml"
    place = CameraPlace("c1", "a12", (1,), planogram, file, "", camera, proposer)
    parts = SiteParts("demo s0001", {"c1": place}, folder / "work", agent, enroller)
    return ToolSite(folder, camera, proposer, agent, enroller, parts)
