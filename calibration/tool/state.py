"""What the page of one camera shows, as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from calibration.calibration_file import Calibration
from calibration.tool.bench import Bench
from calibration.tool.door import Installer
from calibration.tool.sign_off import SignOff, easiest_slot
from calibration.tool.site import Heard, Sight
from calibration.tool.workshop import Work, Workshop, words_of
from calibration.verdict import Finding, worst
from shelf import Planogram
from shelf.errors import ConfigError


def state_of(workshop: Workshop, work: Work, who: Installer) -> dict[str, Any]:
    """Return everything that the page of one camera shows to ``who``."""
    sight, findings = workshop.look(work, who)
    workshop.follow_test(work)
    now = workshop.now()
    saved, fault = _saved(work.bench)
    return {
        "camera": work.place.id,
        "me": who.name,
        "others": sorted(name for key, (name, _) in work.here.items() if key != who.session),
        "live": _live(sight, findings, now),
        "agent": _agent(workshop, work),
        "draft": _draft(work, who, saved, now),
        "saved": saved and _version(work, saved, is_current=True),
        "saved_fault": fault,
        "named_in": work.place.named_in,
        "history": _history(work, saved),
        "test": _test(workshop, work, saved),
        "planogram": _planogram(work),
        "has_catalog": workshop.parts.enroller is not None,
    }


def draft_of(work: Work, who: Installer, now: datetime) -> dict[str, Any] | None:
    """Return the draft alone: what a drag needs."""
    return _draft(work, who, _saved(work.bench)[0], now)


def _saved(bench: Bench) -> tuple[Calibration | None, str]:
    try:
        return bench.saved(), ""
    except ConfigError as error:
        return None, str(error)


def _live(sight: Sight, findings: tuple[Finding, ...], now: datetime) -> dict[str, Any]:
    taken = sight.taken_at_utc
    return {
        "number": sight.number,
        "age_secs": None if taken is None else round(max(0.0, (now - taken).total_seconds()), 1),
        "fault": sight.fault,
        "size_px": None if sight.image_bgr is None else list(sight.image_bgr.shape[1::-1]),
        "findings": [finding.as_json() for finding in findings],
        "verdict": worst(finding.verdict for finding in findings).value if findings else None,
    }


def _agent(workshop: Workshop, work: Work) -> dict[str, Any]:
    agent = workshop.parts.agent
    if agent is None:
        return {"fault": "no broker is configured", "camera": None, "detail": ""}
    status = agent.camera(work.place.id)
    return {
        "fault": agent.fault(),
        "camera": status.state.value if status else None,
        "detail": status.detail if status else "",
    }


def _draft(
    work: Work, who: Installer, saved: Calibration | None, now: datetime
) -> dict[str, Any] | None:
    seen = work.bench.snapshot()
    if seen is None:
        return None
    draft, owner = seen.draft, seen.owner
    bays = [seen.bay(n).drawn(seen.proposal, draft.checked) for n in draft.calibration.bay_numbers]
    missing = [n for n in work.place.bays if n not in draft.calibration.bay_numbers]
    reasons = {bay.bay: bay.reason for bay in seen.proposal.bays} if seen.proposal else {}
    current = saved.version if saved else None
    return {
        "revision": draft.revision,
        "mine": owner is None or owner == who,
        "by": owner.name if owner else draft.by,
        "changed_secs": round((now - draft.changed_at_utc).total_seconds()),
        "taken": draft.taken_at_utc.isoformat(timespec="seconds"),
        "size_px": list(seen.picture.shape[1::-1]),
        "base": draft.base_version,
        "overtaken": current if current != draft.base_version else None,
        "scored": seen.is_scored,
        "scoring_fault": seen.scoring_fault if seen.is_scored else "",
        "undo": draft.undo[-1].words if draft.undo else None,
        "redo": draft.redo[-1].words if draft.redo else None,
        "bays": bays,
        "missing": [{"bay": number, "reason": reasons.get(number, "")} for number in missing],
    }


def _version(work: Work, saved: Calibration, *, is_current: bool) -> dict[str, Any]:
    scores = [entry.score for entry in saved.bays if entry.score is not None]
    return {
        "version": saved.version,
        "by": saved.approved.by if saved.approved else None,
        "at": saved.approved.at_utc.isoformat(timespec="seconds") if saved.approved else None,
        "note": saved.approved.note if saved.approved else "",
        "score": worst(scores).value if scores else None,
        "planogram": saved.planogram,
        "is_current": is_current,
        "report": work.reports.exists(saved.version),
    }


def _history(work: Work, saved: Calibration | None) -> list[dict[str, Any]]:
    current = saved.version if saved else None
    return [_version(work, one, is_current=one.version == current) for one in work.bench.versions()]


def _test(workshop: Workshop, work: Work, saved: Calibration | None) -> dict[str, Any]:
    suggested = easiest_slot(work.place.planogram, work.place.bays)
    test = work.sign_off
    return {
        "suggested": str(suggested) if suggested else None,
        "now": _running(test, work.place.planogram, saved) if test else None,
    }


def _running(test: SignOff, planogram: Planogram, saved: Calibration | None) -> dict[str, Any]:
    slot = planogram.slot(test.slot)
    used = test.alert.changed.calibration if test.alert else None
    return {
        "slot": str(test.slot),
        "place": test.slot.in_words,
        "name": slot.name,
        "by": test.by,
        "stage": test.stage.value,
        "begun": test.begun_at_utc.isoformat(timespec="seconds"),
        "alert": _heard(test.alert),
        "cleared": _heard(test.cleared),
        "other_calibration": used if saved and used not in (None, saved.version) else None,
    }


def _heard(heard: Heard | None) -> dict[str, Any] | None:
    if heard is None:
        return None
    changed = heard.changed
    return {
        "at": heard.at_utc.isoformat(timespec="seconds"),
        "words": words_of(changed.state.value, changed.reason),
        "calibration": changed.calibration,
    }


def _planogram(work: Work) -> dict[str, Any]:
    planogram = work.place.planogram
    return {
        "name": planogram.name,
        "bays": [
            {
                "bay": bay.number,
                "width": bay.width_mm,
                "height": bay.height_mm,
                "slots": [
                    {
                        "slot": str(slot.id),
                        "place": slot.id.in_words,
                        "name": slot.name,
                        "sku": slot.sku,
                        "facings": slot.facings,
                        "wide": slot.facings_wide,
                        "box": [slot.x_mm, shelf.y_mm + slot.y_mm, slot.width_mm, slot.height_mm],
                    }
                    for shelf in bay.shelves
                    for slot in shelf.slots
                ],
            }
            for bay in (planogram.bay(number) for number in work.place.bays)
        ],
    }
