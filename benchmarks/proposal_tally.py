"""What was judged of one view, and the figures of all views together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from pydantic import BaseModel

from calibration import Verdict

ANGLES_DEG = (0, 12, 24, 36)
COVERED = (("none", 0.0, 0.02), ("some", 0.02, 0.25), ("much", 0.25, 1.01))
WRONG_SLOTS = 0.1


class JudgedBay(BaseModel):
    """One proposed bay against the truth.

    ``corners_off_px`` is empty for a bay that was not found. Of its ``visible`` slots ``placed``
    are in their places, and of those that the proposal is sure of, ``sure_wrong`` are not.
    """

    verdict: Verdict
    visible: int
    placed: int
    sure: int
    sure_wrong: int
    corners_off_px: tuple[float, ...] = ()

    @property
    def is_wrong(self) -> bool:
        """True when more than a tenth of the visible slots are off."""
        return self.visible - self.placed > WRONG_SLOTS * self.visible


class JudgedView(BaseModel):
    """One view: its bays with and without a catalogue, and those of another store's planogram."""

    number: int
    angle_deg: float
    covered: float
    named: tuple[JudgedBay, ...]
    bare: tuple[JudgedBay, ...]
    other: tuple[Verdict, ...]
    proposal_secs: float

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that the view's slots are counted in."""
        angles = [f"{a}_to_{b}_deg" for a, b in pairwise(ANGLES_DEG) if a <= self.angle_deg < b]
        covers = [f"covered_{name}" for name, low, high in COVERED if low <= self.covered < high]
        return ("all", *angles, *covers)


def figures_of(views: Iterable[JudgedView]) -> dict[str, float]:
    """Return all figures by name."""
    views = list(views)
    visible: Counter[str] = Counter()
    placed: Counter[str] = Counter()
    for view in views:
        for group in view.groups:
            visible[group] += sum(bay.visible for bay in view.named)
            placed[group] += sum(bay.placed for bay in view.named)
    named = [bay for view in views for bay in view.named]
    bare = [bay for view in views for bay in view.bare]
    other = [verdict for view in views for verdict in view.other]
    verdicts = Counter(bay.verdict for bay in named)
    corners = _corners_px(named)
    return {
        "views": len(views),
        "slots_visible": visible["all"],
        **{
            f"slots_placed_{group}": round(placed[group] / count, 4)
            for group, count in sorted(visible.items())
            if count
        },
        "corner_median_px": round(float(np.median(corners)), 2),
        "corner_p90_px": round(float(np.percentile(corners, 90)), 2),
        "corner_median_px_not_red": round(
            float(np.median(_corners_px([b for b in named if b.verdict is not Verdict.RED]))), 2
        ),
        "bays": len(named),
        "bays_green": verdicts[Verdict.GREEN],
        "bays_amber": verdicts[Verdict.AMBER],
        "bays_red": verdicts[Verdict.RED],
        "green_but_wrong": _green_but_wrong(named),
        "other_planogram_bays": len(other),
        "other_planogram_green": other.count(Verdict.GREEN),
        "sure_slots": sum(bay.sure for bay in named),
        "sure_slots_wrong": sum(bay.sure_wrong for bay in named),
        "proposal_secs_median": round(float(np.median([v.proposal_secs for v in views])), 2),
        "no_catalogue_slots_placed": round(
            sum(bay.placed for bay in bare) / max(1, sum(bay.visible for bay in bare)), 4
        ),
        "no_catalogue_bays_green": sum(bay.verdict is Verdict.GREEN for bay in bare),
        "no_catalogue_bays_red": sum(bay.verdict is Verdict.RED for bay in bare),
        "no_catalogue_green_but_wrong": _green_but_wrong(bare),
    }


def _green_but_wrong(bays: Sequence[JudgedBay]) -> int:
    return sum(bay.is_wrong and bay.verdict is Verdict.GREEN for bay in bays)


def _corners_px(bays: Sequence[JudgedBay]) -> list[float]:
    return [off for bay in bays for off in bay.corners_off_px] or [np.inf]
