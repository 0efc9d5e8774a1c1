"""From what speaks for a bay's place to green, amber or red, and the reason in words.

Thresholds were set on simulated stores 0-49, with planograms of other stores as what is wrong,
and are not tuned on what `benchmarks/proposal.py` judges with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import erf, sqrt

from calibration.verdict import Finding, Verdict, worst
from edge_agent.propose_evidence import Evidence

GOOD_SLOT = 0.9
"""A slot is in its place with at least this probability, or it is looked at."""

QUARTER = 0.25
"""A slot is in its place when it is off by less than this share of its width."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Amber beyond ``amber``, red beyond ``red``; ``above``: larger is worse."""

    amber: float
    red: float
    above: bool = True

    def verdict(self, value: float) -> Verdict:
        """Return what ``value`` is."""
        sign = 1 if self.above else -1
        if not sign * value <= sign * self.red:
            return Verdict.RED
        return Verdict.GREEN if sign * value <= sign * self.amber else Verdict.AMBER


PAIRED = Limit(14, 6, above=False)
SEEN = Limit(0.40, 0.15, above=False)
EXPLAINED = Limit(0.75, 0.55, above=False)
UNLIKE = Limit(0.17, 0.26)
NAMED = Limit(0.80, 0.55, above=False)
RIVAL = Limit(0.93, 0.985)
HELD_OUT = Limit(0.12, 0.28)
"""Error of facings that the fit has not seen, in usual widths of a facing."""

SURE_SLOTS = Limit(0.95, 0.5, above=False)


def bay_findings(
    evidence: Evidence, error_px: float, facing_px: float, sure_share: float
) -> tuple[Finding, ...]:
    """Return what was measured on a bay's fit, each with a verdict.

    ``error_px`` is of facings that were not used for the fit, ``facing_px`` the usual width of
    one; ``sure_share`` is the share of the visible slots whose confidence is `GOOD_SLOT` or more.
    """
    held = error_px / max(facing_px, 1.0)
    look = "look whether it is the planogram of this bay, and whether the slots sit on the products"
    findings = [
        Finding(
            "facings_matched",
            worst((PAIRED.verdict(evidence.paired), SEEN.verdict(evidence.seen_share))),
            evidence.seen_share,
            "",
            f"{evidence.paired} of {evidence.planned} planned facings were found",
            "take the picture when the bay is fuller and nobody stands before it",
        ),
        Finding(
            "explained",
            EXPLAINED.verdict(evidence.explained_share),
            evidence.explained_share,
            "",
            f"{evidence.explained_share:.0%} of what stands in the bay is planned there",
            look,
        ),
        Finding(
            "likeness",
            UNLIKE.verdict(evidence.unlike),
            evidence.unlike,
            "",
            f"what stands there fits what is planned with a mean cost of {evidence.unlike:.2f}",
            look,
        ),
        Finding(
            "fit",
            HELD_OUT.verdict(held),
            error_px,
            "px",
            f"facings that were not used for the fit lie {error_px:.1f} px off"
            f" ({held:.0%} of a facing's width)",
            "check the corners; a lens calibration helps where the picture is bent",
        ),
        Finding(
            "rival",
            RIVAL.verdict(evidence.rival),
            evidence.rival,
            "",
            f"moved {evidence.rival_words} it would fit {evidence.rival:.0%} as well"
            if evidence.rival > 0
            else "it fits nowhere else",
            "check a slot at each end of a shelf: all may be off by one",
        ),
        Finding(
            "slots_sure",
            SURE_SLOTS.verdict(sure_share),
            sure_share,
            "",
            f"{sure_share:.0%} of the visible slots are surely in their places",
            "look at the slots that are listed first",
        ),
    ]
    if evidence.known:
        findings.append(
            Finding(
                "identity",
                NAMED.verdict(evidence.named_share),
                evidence.named_share,
                "",
                f"{evidence.named} of {evidence.known} facings look like their product",
                look,
            )
        )
    return tuple(
        finding
        if finding.verdict is not Verdict.GREEN
        else Finding(finding.name, finding.verdict, finding.value, finding.unit, finding.words)
        for finding in findings
    )


def score(findings: Sequence[Finding]) -> tuple[Verdict, str]:
    """Return the worst verdict, and the words of all findings that have it."""
    verdict = worst(finding.verdict for finding in findings)
    if verdict is Verdict.GREEN:
        words = next((f.words for f in findings if f.name == "facings_matched"), "")
        fit = next((f.words for f in findings if f.name == "fit"), "")
        return verdict, "; ".join(text for text in (words, fit) if text)
    return verdict, "; ".join(f.words for f in findings if f.verdict is verdict)


def slot_confidence(
    width_mm: float,
    uncertainty_mm: float,
    systematic_mm: float,
    expected: int,
    seen: int,
    visible: float,
    certain_bay: float,
) -> tuple[float, str]:
    """Return how sure (0..1) a slot is in its place within a quarter of its width, and why.

    ``uncertainty_mm`` is one deviation by the fit, ``systematic_mm`` one of what all facings have
    in common; ``certain_bay`` (0..1) that the bay itself is right.
    """
    spread = sqrt(uncertainty_mm**2 + systematic_mm**2)
    within = erf(QUARTER * width_mm / max(spread, 1e-6) / sqrt(2))
    if visible < 0.05:
        return round(within * certain_bay * 0.5, 3), "outside the picture"
    if seen == 0:
        words = "none of its facings was seen; placed by the rest of the bay"
        within *= 0.97
    elif seen < expected:
        words = f"{seen} of {expected} facings seen in their places"
    else:
        words = "all facings seen in their places" if expected > 1 else "its facing was seen"
    if within < GOOD_SLOT:
        words += f"; its place is known to {spread:.0f} mm, a quarter of it is "
        words += f"{QUARTER * width_mm:.0f} mm"
    return round(within * certain_bay, 3), words
