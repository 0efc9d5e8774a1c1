"""The figures of several camera-days, as one flat table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from events_score import Met, Outcome, Score

from shelf import State


def figures(scores: Sequence[Score]) -> Mapping[str, float]:
    """Return the figures of several camera-days as one flat table."""
    alerts = [alert for one in scores for alert in one.alerts]
    problems = [met for one in scores for met in one.problems if not met.is_brief]
    clears = [met for one in scores for met in one.clears if not met.is_brief]
    days = max(len(scores), 1)

    def count(*outcomes: Outcome) -> int:
        return sum(alert.outcome in outcomes for alert in alerts)

    wrong = count(Outcome.FALSE, Outcome.REPEATED)
    right = count(Outcome.TRUE, Outcome.AGAIN)
    out: dict[str, float] = {
        "camera_days": len(scores),
        "expected": len(problems),
        "alerts": len(alerts),
        "precision": _share(right, right + wrong),
        "recall": _share(sum(not met.is_missed for met in problems), len(problems)),
    }
    for state in State:
        if not state.is_problem:
            continue
        of_state = [met for met in problems if met.event.state is state]
        told = [alert for alert in alerts if alert.told.state is state]
        good = sum(a.outcome in (Outcome.TRUE, Outcome.AGAIN) for a in told)
        bad = sum(a.outcome in (Outcome.FALSE, Outcome.REPEATED) for a in told)
        out[f"precision.{state}"] = _share(good, good + bad)
        out[f"recall.{state}"] = _share(sum(not m.is_missed for m in of_state), len(of_state))
        out[f"expected.{state}"] = len(of_state)
    named = [alert.is_named for alert in alerts if alert.is_named is not None]
    out |= {
        "false_alerts_per_day": count(Outcome.FALSE) / days,
        "repeated_alerts_per_day": count(Outcome.REPEATED) / days,
        "false_ends_per_day": sum(len(one.false_ends) for one in scores) / days,
        "not_plain_alerts_per_day": count(Outcome.NOT_PLAIN) / days,
        "alerts_while_covered": sum(alert.is_covered for alert in alerts),
        "alerts_while_moved": sum(alert.is_moved for alert in alerts),
        "misplaced_named": _share(sum(named), len(named)),
        "delay_p50_looks": _quantile(problems, 0.5),
        "delay_p95_looks": _quantile(problems, 0.95),
        "recall_of_ends": _share(sum(not met.is_missed for met in clears), len(clears)),
        "end_delay_p50_looks": _quantile(clears, 0.5),
        "end_delay_p95_looks": _quantile(clears, 0.95),
    }
    return {name: round(value, 4) for name, value in out.items()}


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def _quantile(met: Sequence[Met], share: float) -> float:
    delays = sorted(one.delay_looks for one in met if one.delay_looks is not None)
    return delays[min(len(delays) - 1, int(share * len(delays)))] if delays else float("nan")
