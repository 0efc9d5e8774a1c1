"""From a picture of a stocked bay to a calibration proposal, with how sure it is and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from calibration import BayView, Calibration, CalibrationError, Lens
from calibration.calibration_file import BayCalibration
from calibration.edit import rows_of
from calibration.fit import joint_distortion
from calibration.median import median_picture
from calibration.proposal import BayProposal, Proposal
from calibration.quality import picture_findings, view_findings
from calibration.verdict import Verdict
from detector import Detector
from edge_agent.frames import ImageBgr
from edge_agent.match import Observed
from edge_agent.observing import observe_picture
from edge_agent.propose_evidence import Evidence, evidence_for, evidence_of_layout
from edge_agent.propose_fit import Fitted, fit_bay, fitted_at, with_free_boards
from edge_agent.propose_layout import is_bare, lay_out, nominal, on_products
from edge_agent.propose_score import bay_findings, score
from edge_agent.propose_search import rough_views
from edge_agent.propose_told import shown, sure_share, told_slots
from edge_agent.recognise import Recogniser
from shelf import Bay, Planogram, Units

Floats = NDArray[np.float64]

WANTED_FACING_PX = 40.0
"""Narrower facings are found less surely, and their print says nothing."""

CERTAIN = {Verdict.GREEN: 1.0, Verdict.AMBER: 0.85, Verdict.RED: 0.4}


class PlanogramProposer:
    """Proposes where the bays of a planogram lie in pictures of one camera.

    ``bays`` are those that the camera sees (None: all); ``lens`` is a measured one, which is then
    kept. It is a `calibration.proposal.Proposer`. Raises ``KeyError`` for a bay that is not
    planned.
    """

    def __init__(
        self,
        planogram: Planogram,
        detector: Detector,
        recogniser: Recogniser | None = None,
        *,
        bays: Sequence[int] | None = None,
        lens: Lens | None = None,
    ) -> None:
        numbers = [bay.number for bay in planogram.bays] if bays is None else list(bays)
        self._bays = tuple(planogram.bay(number) for number in numbers)
        self._planogram = planogram
        self._detector = detector
        self._recogniser = recogniser
        self._lens = lens
        self._seen: tuple[ImageBgr, Observed] | None = None

    def propose(
        self, pictures_bgr: Sequence[ImageBgr], start: Calibration | None = None
    ) -> Proposal:
        """See `calibration.proposal.Proposer.propose`."""
        picture = median_picture(pictures_bgr)
        return self.propose_from(self._observe(picture), start, picture)

    def propose_from(
        self,
        observed: Observed,
        start: Calibration | None = None,
        picture: ImageBgr | None = None,
    ) -> Proposal:
        """Return the proposal for what was seen already; ``picture`` is for its quality."""
        lens = self._lens if start is None else start.lens or self._lens
        entries = {bay.number: self._entry_before(bay, start) for bay in self._bays}
        bays = [_as_planned(bay, entries[bay.number]) for bay in self._bays]
        fitted = self._fit_all(observed, bays, lens)
        shared = next((found.fit.fitted_lens for found in fitted.values()), lens)
        proposals = []
        for planned in self._bays:
            number = planned.number
            if number in fitted:
                found = fitted[number]
                entry = _entry(found, planned, entries[number])
                if start is None and self._planogram.units is Units.RELATIVE:
                    entry = entry.model_copy(update={"places": on_products(observed, found)})
                    found = replace(found, bay=entry.adjusted(planned))
                evidence = evidence_for(observed, fitted[number], shared)
                proposals.append(self._propose(observed, entry, found, evidence))
            elif is_bare(planned) and start is None:
                proposals.append(self._propose_bare(observed, planned, shared))
            else:
                proposals.append(_not_found(planned, observed))
        return self._proposal(observed, proposals, shared, picture)

    def judge(self, picture_bgr: ImageBgr, calibration: Calibration) -> Proposal:
        """See `calibration.proposal.Proposer.judge`."""
        observed = self._observe(picture_bgr)
        size_px = observed.size_px
        proposals = []
        for planned in self._bays:
            entry = _entry_of(calibration, planned.number)
            if entry is None:
                continue
            bay = entry.adjusted(planned)
            view = calibration.view(planned.number, size_px)
            try:
                fitted = fitted_at(observed, bay, view)
            except CalibrationError:
                proposals.append(
                    replace(
                        shown(planned, entry, bay, view, ()),
                        verdict=Verdict.RED,
                        reason="nothing that stands there is what is planned",
                    )
                )
                continue
            evidence = evidence_for(observed, fitted, calibration.lens)
            proposals.append(self._propose(observed, entry, fitted, evidence))
        return self._proposal(observed, proposals, calibration.lens, picture_bgr)

    def _entry_before(self, bay: Bay, start: Calibration | None) -> BayCalibration | None:
        """What is known of a bay before it is searched for: its adjustments, or a nominal size."""
        if start is not None:
            return _entry_of(start, bay.number)
        if self._planogram.units is Units.RELATIVE and not is_bare(bay):
            return nominal(bay)[1]
        return None

    def _observe(self, picture_bgr: ImageBgr) -> Observed:
        if self._seen is None or self._seen[0] is not picture_bgr:
            found = self._detector.detect_at_best_scale(picture_bgr)
            observed = observe_picture(picture_bgr, found, self._detector, self._recogniser)
            self._seen = (picture_bgr, observed)
        return self._seen[1]

    def _fit_all(
        self, observed: Observed, bays: Sequence[Bay], lens: Lens | None
    ) -> dict[int, Fitted]:
        """Fit each bay that is found, then again with the distortion that they agree on."""
        sized = [bay for bay in bays if not is_bare(bay)]
        if not sized:
            return {}
        starts = rough_views(observed, sized, lens)
        by_number = {bay.number: bay for bay in sized}
        fitted: dict[int, Fitted] = {}
        for number, start in starts.items():
            try:
                fitted[number] = with_free_boards(observed, by_number[number], start, lens=lens)
            except CalibrationError:
                continue
        if lens is not None or len(fitted) < 2:
            return fitted
        usual = joint_distortion([found.fit for found in fitted.values()])
        best = min(fitted.values(), key=lambda found: found.fit.covariance[6, 6])
        focal = replace(best.fit, params=_with_distortion(best.fit.params, usual[0])).fitted_lens
        again = {}
        for number, found in fitted.items():
            try:
                again[number] = fit_bay(observed, found.bay, found.fit.view(), lens=focal)
            except CalibrationError:
                continue
        return again

    def _propose(
        self, observed: Observed, entry: BayCalibration, fitted: Fitted, evidence: Evidence
    ) -> BayProposal:
        bay, view = (
            fitted.bay,
            BayView(np.array(entry.bay_from_image), fitted.fit.fitted_lens, observed.size_px),
        )
        boxes = observed.facings_xyxy_px[fitted.seen]
        facing_px = float(np.median(boxes[:, 2] - boxes[:, 0])) if len(boxes) else 1.0
        slots = told_slots(bay, view, fitted, 1.0)
        measured = bay_findings(evidence, fitted.fit.error_px, facing_px, sure_share(slots))
        of_view = view_findings(bay, view, WANTED_FACING_PX)
        findings = (*measured, *of_view)
        verdict, reason = score(findings)
        certain = CERTAIN[score(measured)[0]]
        slots = told_slots(bay, view, fitted, certain)
        entry = entry.model_copy(
            update={
                "error_px": _error(fitted.fit.error_px),
                "error_mm": _error(fitted.fit.error_mm),
                "score": verdict,
                "reason": reason,
            }
        )
        return replace(
            shown(bay, entry, bay, view, slots),
            verdict=verdict,
            reason=reason,
            findings=findings,
        )

    def _propose_bare(self, observed: Observed, planned: Bay, lens: Lens | None) -> BayProposal:
        laid = lay_out(observed, planned, lens)
        if laid is None:
            return _not_found(planned, observed)
        try:
            fitted = fitted_at(observed, laid.bay, laid.view)
        except CalibrationError:
            return _not_found(planned, observed)
        return self._propose(observed, laid.entry, fitted, evidence_of_layout(observed, fitted))

    def _proposal(
        self,
        observed: Observed,
        bays: Sequence[BayProposal],
        lens: Lens | None,
        picture: ImageBgr | None,
    ) -> Proposal:
        findings = () if picture is None else picture_findings(picture)
        bad = [finding for finding in findings if finding.verdict is Verdict.RED]
        if bad:
            words = "; ".join(finding.words for finding in bad)
            bays = [replace(bay, verdict=Verdict.RED, reason=words) for bay in bays]
        return Proposal(
            size_px=observed.size_px,
            planogram=self._planogram.name,
            bays=tuple(bays),
            lens=lens,
            findings=findings,
            facings_xyxy_px=observed.facings_xyxy_px,
        )


def _entry(fitted: Fitted, planned: Bay, before: BayCalibration | None) -> BayCalibration:
    """The file's entry; what was adjusted by hand before stays."""
    matrix = rows_of(fitted.fit.bay_from_image)
    if before is None:
        return BayCalibration(bay=planned.number, bay_from_image=matrix, boards=fitted.boards)
    boards = {board.shelf: board for board in (*fitted.boards, *before.boards)}
    ordered = tuple(boards[shelf] for shelf in sorted(boards))
    return before.model_copy(update={"bay_from_image": matrix, "boards": ordered})


def _entry_of(calibration: Calibration, bay: int) -> BayCalibration | None:
    return next((entry for entry in calibration.bays if entry.bay == bay), None)


def _as_planned(bay: Bay, entry: BayCalibration | None) -> Bay:
    return bay if entry is None else entry.adjusted(bay)


def _with_distortion(params: Floats, distortion: float) -> Floats:
    out = params.copy()
    out[7] = distortion
    return out


def _error(value: float) -> float:
    return round(value, 3) if np.isfinite(value) else 0.0


def _not_found(bay: Bay, observed: Observed) -> BayProposal:
    count = len(observed.facing_scores)
    if count == 0:
        reason = f"bay {bay.number} was not found: no product was seen in the picture"
    else:
        reason = (
            f"bay {bay.number} was not found: what the {count} facings in the picture show is not "
            "its planogram, or too little of the bay can be seen"
        )
    return BayProposal(bay.number, Verdict.RED, reason)
