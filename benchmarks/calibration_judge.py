"""Views judged one by one for ``benchmarks/calibration.py``, and the real bay."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from calibration_views import SimulatedView, simulated_view
from numpy.typing import NDArray

from calibration import Verdict
from calibration.proposal import BayProposal, Proposal
from detector import Detector, Embedder, load_embedder, read_picture
from edge_agent.match import Observed
from edge_agent.observing import observe_picture
from edge_agent.propose import PlanogramProposer
from edge_agent.propose_score import GOOD_SLOT
from edge_agent.recognise import Recogniser
from shelf import Planogram, SlotId, load_planogram
from simulator.package import package_of, packshot

VISIBLE = 0.6
QUARTER = 0.25
WRONG_SLOTS = 0.1
ANGLES_DEG = (0, 12, 24, 36)
COVERED = (("none", 0.0, 0.02), ("some", 0.02, 0.25), ("much", 0.25, 1.01))
BAY = Path(__file__).resolve().parents[2] / "shared/data/crackers_bay"
IN_FACING = 0.5

Floats = NDArray[np.float64]


class Tally:
    """What was counted over all views."""

    def __init__(self) -> None:
        self.slots: Counter[str] = Counter()
        self.placed: Counter[str] = Counter()
        self.corners_px: list[float] = []
        self.usable_corners_px: list[float] = []
        self.verdicts: Counter[str] = Counter()
        self.green_wrong = 0
        self.other_green = 0
        self.other_bays = 0
        self.sure: Counter[bool] = Counter()
        self.secs: list[float] = []
        self.held_out_px: list[float] = []

    def add(self, view: SimulatedView, proposal: Proposal) -> None:
        """Count one view's proposal against its truth."""
        for bay in proposal.bays:
            self.verdicts[bay.verdict.value] += 1
            visible = [
                slot.id
                for slot in view.planogram.bay(bay.bay).slots
                if view.visible[slot.id] >= VISIBLE
            ]
            right = placed_slots(bay, view)
            for group in _groups(view):
                self.slots[group] += len(visible)
                self.placed[group] += sum(slot in right for slot in visible)
            for slot in bay.slots:
                if slot.slot in visible and slot.confidence >= GOOD_SLOT:
                    self.sure[slot.slot in right] += 1
            wrong = sum(slot not in right for slot in visible) > WRONG_SLOTS * len(visible)
            self.green_wrong += wrong and bay.verdict is Verdict.GREEN
            if bay.corners_px is not None:
                off = np.linalg.norm(np.array(bay.corners_px) - view.corners_px[bay.bay], axis=1)
                self.corners_px += off.tolist()
                if bay.verdict is not Verdict.RED:
                    self.usable_corners_px += off.tolist()

    def add_other(self, proposal: Proposal) -> None:
        """Count the proposal for a planogram that is not in the picture."""
        self.other_bays += len(proposal.bays)
        self.other_green += sum(bay.verdict is Verdict.GREEN for bay in proposal.bays)

    def figures(self) -> dict[str, float]:
        """Return all figures by name."""
        shares = {
            f"slots_placed_{group}": round(self.placed[group] / count, 4)
            for group, count in sorted(self.slots.items())
            if count
        }
        bays = sum(self.verdicts.values())
        return {
            **shares,
            "corner_median_px": round(float(np.median(self.corners_px or [np.inf])), 2),
            "corner_p90_px": round(float(np.percentile(self.corners_px or [np.inf], 90)), 2),
            "corner_median_px_not_red": round(float(np.median(self.usable_corners_px or [0])), 2),
            "bays": bays,
            "bays_green": self.verdicts["green"],
            "bays_amber": self.verdicts["amber"],
            "bays_red": self.verdicts["red"],
            "green_but_wrong": self.green_wrong,
            "other_planogram_bays": self.other_bays,
            "other_planogram_green": self.other_green,
            "sure_slots_wrong": self.sure[False],
            "sure_slots": sum(self.sure.values()),
            "proposal_secs_median": round(float(np.median(self.secs or [0])), 2),
        }


def placed_slots(bay: BayProposal, view: SimulatedView) -> set[SlotId]:
    """Return the slots that a proposal puts in their places."""
    out = set()
    for slot in bay.slots:
        true, found = view.slots_px[slot.slot], np.array(slot.corners_px)
        along, across = true[1] - true[0], true[3] - true[0]
        off = found - true
        x = np.abs(off @ along) / (along @ along)
        y = np.abs(off @ across) / (across @ across)
        if x.max() < QUARTER and y.max() < QUARTER:
            out.add(slot.slot)
    return out


def _groups(view: SimulatedView) -> list[str]:
    groups = ["all"]
    for low, high in pairwise(ANGLES_DEG):
        if low <= view.angle_deg < high:
            groups.append(f"{low}_to_{high}_deg")
    groups += [f"covered_{name}" for name, low, high in COVERED if low <= view.covered < high]
    return groups


def observed_in(view: SimulatedView, detector: Detector, embedder: Embedder) -> Observed:
    """Return what the detector sees, recognised by a packshot of each planned product."""
    with tempfile.TemporaryDirectory() as name:
        write_catalogue(Path(name), view.planogram)
        recogniser = Recogniser.load(Path(name), view.planogram, embedder)
        found = detector.detect_at_best_scale(view.image_bgr)
        return observe_picture(view.image_bgr, found, detector, recogniser)


def write_catalogue(folder: Path, planogram: Planogram) -> None:
    """Write a packshot of each product that ``planogram`` plans."""
    for slot in {slot.sku: slot for slot in planogram.slots}.values():
        package = package_of(slot.sku, slot.name, slot.facing_width_mm, slot.facing_height_mm)
        cv2.imwrite(str(folder / f"{slot.sku}.png"), packshot(package))


def measure(numbers: Iterable[int], tell: bool) -> dict[str, float]:
    """Return the figures of the simulated views of these numbers."""
    detector, embedder = Detector.load(), load_embedder()
    named, bare = Tally(), Tally()
    before: Planogram | None = None
    for number in numbers:
        view = simulated_view(number)
        observed = observed_in(view, detector, embedder)
        unnamed = replace(observed, similarity=None, skus=(), by_print=None)
        began = time.perf_counter()
        proposal = PlanogramProposer(view.planogram, detector).propose_from(observed)
        named.secs.append(time.perf_counter() - began)
        named.add(view, proposal)
        bare.add(view, PlanogramProposer(view.planogram, detector).propose_from(unnamed))
        if before is not None:
            named.add_other(PlanogramProposer(before, detector).propose_from(unnamed))
        before = view.planogram
        if tell:
            words = "; ".join(f"bay {bay.bay} {bay.verdict.value}" for bay in proposal.bays)
            print(f"view {number}: {words}", file=sys.stderr, flush=True)
    without = bare.figures()
    kept = ("slots_placed_all", "bays_green", "bays_red", "green_but_wrong")
    return named.figures() | {f"no_catalogue_{name}": without[name] for name in kept}


def real_bay() -> dict[str, float]:
    """Return how many slots of the real bay sit on a product or a gap; empty where it is absent.

    Another system's recognition says where the products are.
    """
    if not (BAY / "shelf.jpg").exists():
        return {}
    planogram = load_planogram(BAY / "planogram.json")
    proposal = PlanogramProposer(planogram, Detector.load()).propose(
        [read_picture(BAY / "shelf.jpg")]
    )
    known = json.loads((BAY / "recognition.json").read_text(encoding="utf-8"))
    facings = np.array([_box(item["boundingBox"]) for item in known["products"]])
    count: Counter[str] = Counter()
    groups: dict[int, list[SlotId]] = defaultdict(list)
    for slot in proposal.bays[0].slots:
        corners = np.array(slot.corners_px)
        low, high = corners.min(axis=0), corners.max(axis=0)
        inside = np.minimum(facings[:, 2:], high) - np.maximum(facings[:, :2], low)
        shared = np.prod(np.maximum(inside, 0.0), axis=1) / np.prod(high - low)
        best = int(np.argmax(shared))
        if shared[best] < 1 - IN_FACING:
            count["gap"] += 1
        else:
            count["facing"] += 1
            groups[best].append(slot.slot)
    doubled = sum(len(slots) - 1 for slots in groups.values())
    return {
        "real_slots": len(proposal.bays[0].slots),
        "real_slots_on_own_facing": count["facing"] - doubled,
        "real_slots_on_gap": count["gap"],
        "real_slots_on_anothers_facing": doubled,
        "real_is_green": float(proposal.bays[0].verdict is Verdict.GREEN),
    }


def _box(box: dict[str, float]) -> tuple[float, float, float, float]:
    return box["x"], box["y"], box["x"] + box["w"], box["y"] + box["h"]
