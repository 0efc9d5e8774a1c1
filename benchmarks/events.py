"""How well the agent decides, on simulated days of store life: events, false alerts, delays.

    python benchmarks/events.py --camera-days 40 --cache tapes --json events.json

Stores are drawn from their numbers, one day each. A day of 24 hours passes in an hour, so that
people and hands keep their pace, and each camera is looked at every 10 s. The agent's gate,
detector and recogniser see rendered pictures once, and what they see is put on tape; the agent's
own station and ledger judge the tapes: as they are; with more noise, without identity and with a
calibration that is off; and with --rules once more for each rule that is left out.

What counts as true, false, missed and late is written in events_score.py. Stores from number 100
and seeds from 1000 on judge the agent; --development takes others, for work on the agent. Tapes
in --cache are taken up again, made anew where the code that sees has changed.

--picture 0/0/c1@1795 OUT.png draws one look: what was found, what was read, and what is true.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import cv2
from events_cause import Mistake, by_cause, mistakes
from events_days import DEVELOPMENT, JUDGING, Course, days_of, tape_of, world_of
from events_figures import figures
from events_judge import AS_IS, RULES, WORSE, Variant, judge, pace_of
from events_noise import NoiseCounts, NoiseRates, count_noise
from events_picture import draw_look
from events_score import Score, score
from events_tape import CameraDay
from measuring import write_record
from rich.console import Console
from rich.progress import track
from rich.table import Table

from simulator.days import design_of

#: The part of a day that a quick run takes: the first hours that the store is open.
QUICK_DAYS = 0.1
SHOWN = (
    "precision",
    "recall",
    "false_alerts_per_day",
    "repeated_alerts_per_day",
    "false_ends_per_day",
    "misplaced_named",
    "delay_p50_looks",
    "delay_p95_looks",
)
T = TypeVar("T")
_console = Console(width=150)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does for each camera-day, in processes of its own."""

    cache: Path
    course: Course
    keep: bool


@dataclass(frozen=True, slots=True, eq=False)
class Plain:
    """A camera-day judged as it is."""

    day: CameraDay
    score: Score
    mistakes: tuple[Mistake, ...]
    noise: NoiseCounts
    made_secs: float


def judge_plain(plan: Plan, day: CameraDay) -> Plain:
    """Put a camera-day on tape, unless it is, and judge it as it is."""
    cv2.setNumThreads(1)
    tape = tape_of(plan.cache, day, plan.course, keep=plan.keep)
    world = world_of(plan.cache, day.store, day.seed, plan.course)
    judged, player = judge(world, tape, AS_IS)
    scored = score(world.truth(), day.camera, judged.told, pace_of(world))
    assert player.looker is not None
    noise = count_noise(world, tape, player.looker)
    return Plain(day, scored, tuple(mistakes(world, player, judged, scored)), noise, tape.made_secs)


def judge_otherwise(
    plan: Plan, variants: Sequence[Variant], rates: NoiseRates, day: CameraDay
) -> list[Score]:
    """Judge the tape of a camera-day once for each variant."""
    cv2.setNumThreads(1)
    tape = tape_of(plan.cache, day, plan.course, keep=True)
    world = world_of(plan.cache, day.store, day.seed, plan.course)
    out = []
    for variant in variants:
        judged, _ = judge(world, tape, variant, rates)
        out.append(score(world.truth(), day.camera, judged.told, pace_of(world)))
    return out


def main() -> None:
    parser = _parser()
    arguments = parser.parse_args()
    for name in ("camera_days", "processes"):
        if getattr(arguments, name) < 1:
            parser.error(f"--{name.replace('_', '-')}: expected 1 or more")
    if arguments.cache is not None:
        arguments.cache.mkdir(parents=True, exist_ok=True)
        _run(arguments, arguments.cache)
        return
    with TemporaryDirectory() as place:
        _run(arguments, Path(place))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--camera-days", type=int, default=40, metavar="N")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="where tapes are kept")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--development", action="store_true", help="stores for work on the agent")
    parser.add_argument("--rules", action="store_true", help="leave out each rule in turn")
    parser.add_argument("--keep", action="store_true", help="take tapes that older code made")
    parser.add_argument("--errors", type=Path, metavar="OUT", help="where errors are listed")
    parser.add_argument("--picture", nargs=2, metavar=("DAY@SECS", "OUT"), help="draw one look")
    parser.add_argument("--quick", action="store_true", help="a part of one day, in a minute")
    parser.add_argument("--json", type=Path, metavar="OUT")
    return parser


def _run(arguments: argparse.Namespace, cache: Path) -> None:
    course = Course(days=QUICK_DAYS) if arguments.quick else Course()
    plan = Plan(cache, course, arguments.keep)
    if arguments.picture is not None:
        _draw(plan, *arguments.picture)
        return
    first = DEVELOPMENT if arguments.development else JUDGING
    days = days_of(1 if arguments.quick else arguments.camera_days, first)
    variants = [*WORSE, *(RULES if arguments.rules else ())]
    # Days of one store follow each other, so that one process draws it for all its cameras.
    with multiprocessing.get_context("spawn").Pool(arguments.processes) as pool:
        plain = list(_shown(pool.imap(partial(judge_plain, plan), days), len(days), "tapes"))
        rates = sum((one.noise for one in plain), NoiseCounts()).rates
        work = partial(judge_otherwise, plan, variants, rates)
        others = list(_shown(pool.imap(work, days), len(days), "variants"))
    by_variant: dict[str, Mapping[str, float]] = {AS_IS.name: figures([one.score for one in plain])}
    for number, variant in enumerate(variants):
        by_variant[variant.name] = figures([scores[number] for scores in others])
    found = [mistake for one in plain for mistake in one.mistakes]
    _print(by_variant, found, rates)
    if arguments.errors:
        lines = [mistake.line() + "\n" for mistake in found]
        arguments.errors.write_text("".join(lines), encoding="utf-8")
    if arguments.json:
        _write(arguments.json, plain, by_variant, found, rates)


def _shown(results: Iterable[T], count: int, words: str) -> Iterator[T]:
    console = Console(stderr=True)
    return iter(track(results, words, count, console=console, disable=not console.is_terminal))


def _print(
    by_variant: Mapping[str, Mapping[str, float]], found: Sequence[Mistake], rates: NoiseRates
) -> None:
    for name, value in by_variant[AS_IS.name].items():
        _console.print(f"{name:28} {value:g}", highlight=False)
    for name, value in asdict(rates).items():
        _console.print(f"{'detector.' + name:28} {value:.4f}", highlight=False)
    kinds = sorted({mistake.kind for mistake in found})
    table = Table("cause", *kinds)
    for cause, counts in by_cause(found).items():
        table.add_row(cause, *(str(counts.get(kind, "")) for kind in kinds))
    _console.print(table)
    table = Table("judged", *(name.replace("_", " ") for name in SHOWN))
    for name, row in by_variant.items():
        table.add_row(name, *(f"{row[figure]:.3g}" for figure in SHOWN))
    _console.print(table)


def _write(
    path: Path,
    plain: Sequence[Plain],
    by_variant: Mapping[str, Mapping[str, float]],
    found: Sequence[Mistake],
    rates: NoiseRates,
) -> None:
    flat = dict(by_variant[AS_IS.name])
    flat |= {f"detector.{name}": round(value, 4) for name, value in asdict(rates).items()}
    flat["tape_secs_per_camera_day"] = round(sum(one.made_secs for one in plain) / len(plain), 1)
    for cause, counts in by_cause(found).items():
        flat |= {f"cause.{cause}.{kind}": count for kind, count in counts.items()}
    for name, row in by_variant.items():
        if name != AS_IS.name:
            flat |= {f"{name}.{figure}": row[figure] for figure in SHOWN}
    known = {name: value for name, value in flat.items() if not math.isnan(value)}
    command = " ".join(["python", "benchmarks/events.py", *sys.argv[1:]])
    write_record(path, known, opencv=cv2.__version__, command=command)


def _draw(plan: Plan, which: str, out: str) -> None:
    try:
        name, secs = which.split("@")
        store, seed, camera = name.split("/")
        day, at = CameraDay(int(store), int(seed), camera), float(secs)
        cameras = design_of(day.store).cameras
    except ValueError:
        sys.exit(f"--picture: expected STORE/SEED/CAMERA@SECS like 0/0/c1@1795, found {which!r}")
    if camera not in cameras or at < 0:
        known = ", ".join(cameras)
        sys.exit(f"--picture: expected one of {known} and a second from 0 on, found {which!r}")
    picture, lines = draw_look(plan.cache, day, plan.course, at, keep=plan.keep)
    cv2.imwrite(out, picture)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
