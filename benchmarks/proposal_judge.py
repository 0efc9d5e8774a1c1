"""Views judged one by one for ``benchmarks/proposal.py``, and the real bay."""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from proposal_tally import JudgedBay, JudgedView
from proposal_views import SimulatedView, simulated_view, watched_planogram
from rich.progress import track

from calibration import Verdict
from calibration.proposal import BayProposal
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
BAY = Path(__file__).resolve().parents[2] / "shared/data/crackers_bay"
IN_FACING = 0.5

Floats = NDArray[np.float64]


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


def judged_views(numbers: Iterable[int], record: Path | None = None) -> Iterator[JudgedView]:
    """Yield the views of these numbers, judged; those in ``record`` are not judged again."""
    known: dict[int, JudgedView] = {}
    if record is not None and record.exists():
        lines = record.read_text(encoding="utf-8").splitlines()
        known = {view.number: view for view in map(JudgedView.model_validate_json, lines)}
    detector, embedder = Detector.load(), load_embedder()
    for number in track(list(numbers), "views"):
        if number not in known:
            view = _judged(number, detector, embedder)
            if record is not None:
                with record.open("a", encoding="utf-8") as file:
                    file.write(view.model_dump_json() + "\n")
            known[number] = view
        yield known[number]


def _judged(number: int, detector: Detector, embedder: Embedder) -> JudgedView:
    view = simulated_view(number)
    observed = observed_in(view, detector, embedder)
    unnamed = replace(observed, similarity=None, skus=(), by_print=None)
    began = time.perf_counter()
    named = PlanogramProposer(view.planogram, detector).propose_from(observed)
    secs = time.perf_counter() - began
    bare = PlanogramProposer(view.planogram, detector).propose_from(unnamed)
    another = PlanogramProposer(watched_planogram(number + 1), detector).propose_from(unnamed)
    return JudgedView(
        number=number,
        angle_deg=view.angle_deg,
        covered=view.covered,
        named=tuple(_bay(bay, view) for bay in named.bays),
        bare=tuple(_bay(bay, view) for bay in bare.bays),
        other=tuple(bay.verdict for bay in another.bays),
        proposal_secs=secs,
    )


def _bay(bay: BayProposal, view: SimulatedView) -> JudgedBay:
    planned = view.planogram.bay(bay.bay).slots
    visible = {slot.id for slot in planned if view.visible[slot.id] >= VISIBLE}
    right = placed_slots(bay, view)
    sure = {slot.slot for slot in bay.slots if slot.confidence >= GOOD_SLOT} & visible
    corners: Floats = np.zeros((0, 2))
    if bay.corners_px is not None:
        corners = np.array(bay.corners_px) - view.corners_px[bay.bay]
    return JudgedBay(
        verdict=bay.verdict,
        visible=len(visible),
        placed=len(visible & right),
        sure=len(sure),
        sure_wrong=len(sure - right),
        corners_off_px=tuple(np.linalg.norm(corners, axis=1).tolist()),
    )


def real_bay() -> dict[str, float]:
    """Return how many slots of the real bay sit on a product or a gap; empty where it is absent.

    Another system's recognition says where the products are. With a catalogue and without.
    """
    if not (BAY / "shelf.jpg").exists():
        return {}
    planogram, detector = load_planogram(BAY / "planogram.json"), Detector.load()
    image = read_picture(BAY / "shelf.jpg")
    known = json.loads((BAY / "recognition.json").read_text(encoding="utf-8"))
    facings = np.array([_box(item["boundingBox"]) for item in known["products"]])
    figures: dict[str, float] = {}
    for name, recogniser in (
        ("real", Recogniser.load(BAY / "catalog", planogram)),
        ("no_catalogue_real", None),
    ):
        (bay,) = PlanogramProposer(planogram, detector, recogniser).propose([image]).bays
        counts = _sits_on(bay, facings) | {"is_green": bay.verdict is Verdict.GREEN}
        figures |= {f"{name}_{what}": float(count) for what, count in counts.items()}
    return figures


def _sits_on(bay: BayProposal, facings: Floats) -> dict[str, int]:
    """Return on what the slots sit: a facing (n,4) of their own, a gap, another slot's facing."""
    count: Counter[str] = Counter()
    groups: dict[int, list[SlotId]] = defaultdict(list)
    for slot in bay.slots:
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
        "slots": len(bay.slots),
        "slots_on_own_facing": count["facing"] - doubled,
        "slots_on_gap": count["gap"],
        "slots_on_anothers_facing": doubled,
    }


def _box(box: dict[str, float]) -> tuple[float, float, float, float]:
    return box["x"], box["y"], box["x"] + box["w"], box["y"] + box["h"]
