"""How much speaks for a bay being where a view says, and for its being anywhere else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration import BayView, CalibrationError, Lens
from edge_agent.match import Observed
from edge_agent.match.planned import levels_of
from edge_agent.propose_fit import Fitted, fit_bay
from edge_agent.propose_search import worth
from shelf import Bay

Floats = NDArray[np.float64]

SAME_VIEW_WIDTHS = 0.5
"""Two views whose slots differ by less than this share of a facing's width are one."""

MIN_VISIBLE = 0.5


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for a view of a bay.

    ``planned`` facings lie in the picture, ``paired`` of them are answered, ``unplanned`` facings
    in the bay answer none. ``unlike`` is the mean cost of the pairs; ``known`` of them could be
    compared with a catalogue, ``named`` of these look like their product. ``rival`` is the best
    other place's worth as a share of this one's (0: there is none), ``rival_words`` where it is.
    """

    planned: int
    paired: int
    unplanned: int
    unlike: float
    known: int
    named: int
    rival: float
    rival_words: str

    @property
    def seen_share(self) -> float:
        """The share of the planned facings that are answered."""
        return self.paired / max(1, self.planned)

    @property
    def explained_share(self) -> float:
        """The share of what stands in the bay that is planned."""
        return self.paired / max(1, self.paired + self.unplanned)

    @property
    def named_share(self) -> float:
        """The share of the compared pairs that look like their product; 1 without a catalogue."""
        return self.named / self.known if self.known else 1.0


def evidence_for(observed: Observed, fitted: Fitted, lens: Lens | None) -> Evidence:
    """Return what speaks for ``fitted``, and how much for the places beside it."""
    view = fitted.fit.view()
    bay, reading = fitted.bay, fitted.reading
    known, named = _identities(observed, fitted)
    own = worth(reading)
    rival, where = 0.0, ""
    for words, moved in _beside(bay, view):
        try:
            other = fit_bay(observed, bay, moved, lens=lens, rounds=3, hold_out=False)
        except CalibrationError:
            continue
        if is_same_view(bay, view, other.fit.view()):
            continue
        share = worth(other.reading) / max(own, 1e-9)
        if share > rival:
            rival, where = share, words
    return Evidence(
        planned=facings_in_picture(bay, view),
        paired=len(reading.paired),
        unplanned=len(reading.unplanned),
        unlike=reading.unlike,
        known=known,
        named=named,
        rival=rival,
        rival_words=where,
    )


def evidence_of_layout(observed: Observed, fitted: Fitted) -> Evidence:
    """Return what speaks for a layout that was made from what was seen.

    Its places fit by construction; only order, numbers and identities can speak for it.
    """
    known, named = _identities(observed, fitted)
    return Evidence(
        planned=facings_in_picture(fitted.bay, fitted.fit.view()),
        paired=len(fitted.reading.paired),
        unplanned=len(fitted.reading.unplanned),
        unlike=fitted.reading.unlike,
        known=known,
        named=named,
        rival=0.0,
        rival_words="",
    )


def is_same_view(bay: Bay, one: BayView, two: BayView) -> bool:
    """Return whether two views put the slots of a bay in the same places."""
    facing_mm = float(np.median([slot.facing_width_mm for slot in bay.slots]))
    xs = np.linspace(0.1, 0.9, 5) * bay.width_mm
    ys = np.array([shelf.y_mm for shelf in bay.shelves])
    grid = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    off = two.bay_from_image(one.image_from_bay(grid)) - grid
    far = np.nanmedian(np.linalg.norm(off, axis=1)) if np.isfinite(off).any() else np.inf
    return bool(far < SAME_VIEW_WIDTHS * facing_mm)


def facings_in_picture(bay: Bay, view: BayView) -> int:
    """Return how many planned facings lie in the picture by at least `MIN_VISIBLE`."""
    count = 0
    for level in levels_of(bay):
        for facing in level.facings:
            right, top = facing.left + facing.width, facing.bottom + facing.height
            inside = view.visible_share((facing.left, facing.bottom, right, top))
            count += inside >= MIN_VISIBLE
    return count


def _identities(observed: Observed, fitted: Fitted) -> tuple[int, int]:
    """How many pairs a catalogue can judge, and how many of them it finds right."""
    if observed.similarity is None:
        return 0, 0
    column = {sku: index for index, sku in enumerate(observed.skus)}
    known = named = 0
    for facing, seen in zip(fitted.facings, fitted.seen, strict=True):
        if facing.sku not in column:
            continue
        known += 1
        row = observed.similarity[seen]
        named += bool(row[column[facing.sku]] >= row.max() - observed.rule.min_margin / 2)
    return known, named


def _beside(bay: Bay, view: BayView) -> list[tuple[str, BayView]]:
    """Views in which the bay lies a facing aside, or a shelf up or down."""
    facing_mm = float(np.median([slot.facing_width_mm for slot in bay.slots]))
    ys = [shelf.y_mm for shelf in bay.shelves]
    shelf_mm = float(np.median(np.diff(ys))) if len(ys) > 1 else bay.height_mm / 2
    moves = (
        ("a facing to the left", -facing_mm, 0.0),
        ("a facing to the right", facing_mm, 0.0),
        ("a shelf lower", 0.0, -shelf_mm),
        ("a shelf higher", 0.0, shelf_mm),
    )
    return [(words, moved_view(view, dx, dy)) for words, dx, dy in moves]


def moved_view(view: BayView, dx_mm: float, dy_mm: float) -> BayView:
    """Return the view of a bay that lies so far to the right and up of where it was seen."""
    shift = np.array([[1.0, 0.0, -dx_mm], [0.0, 1.0, -dy_mm], [0.0, 0.0, 1.0]])
    return BayView(shift @ view.homography, view.lens, view.size_px)
