"""``shelfwatch run``, ``check`` and ``replay``."""

from __future__ import annotations

import json
import logging
import signal
from datetime import datetime
from pathlib import Path
from typing import Annotated

import structlog
import typer

from edge_agent.audit_cli import app as audit
from edge_agent.config import load_site

__all__ = ["audit", "check", "replay", "run"]

run = typer.Typer()
check = typer.Typer()
replay = typer.Typer()


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"expected a time like 2026-11-23T05:00, got {text!r}") from error


SiteFile = Annotated[Path, typer.Option("--site", metavar="FILE", help="The site file.")]


@run.command()
def run_agent(
    site: SiteFile,
    log: Annotated[str, typer.Option(help="Least level that is logged.")] = "info",
) -> None:
    """Watch the cameras of a site until stopped (Ctrl-C).

    A new model in the place of the old one is noticed, checked and used within seconds, at once
    on SIGHUP; one that fails a check is refused, and the old one keeps running.

    Example: shelfwatch run --site configs/site.example.yaml
    """
    from edge_agent.agent import Agent
    from edge_agent.heap import share_heaps

    level = logging.getLevelName(log.upper())
    if not isinstance(level, int):
        raise typer.BadParameter(f"expected debug, info, warning or error, got {log!r}")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(level))
    share_heaps()
    agent = Agent(load_site(site))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: agent.stop())
    signal.signal(signal.SIGHUP, lambda _number, _frame: agent.check_models())
    agent.run()


@check.command()
def check_files(
    site: SiteFile,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Load everything that a site file names and say all that is wrong; uses no network.

    Example: shelfwatch check --site configs/site.example.yaml
    """
    from edge_agent.check import check_site

    checked = check_site(load_site(site))
    if as_json:
        typer.echo(json.dumps({"problems": checked.problems, "remarks": checked.remarks}))
    else:
        for remark in checked.remarks:
            typer.echo(remark)
        for problem in checked.problems:
            typer.echo(f"problem: {problem}", err=True)
        if not checked.problems:
            typer.echo("no problems found")
    if checked.problems:
        raise typer.Exit(2)


@replay.command()
def replay_frames(
    site: SiteFile,
    camera: Annotated[str, typer.Option(metavar="ID", help="The camera that took the frames.")],
    frames: Annotated[Path, typer.Option(metavar="DIR|VIDEO", help="The recording.")],
    events: Annotated[Path, typer.Option(metavar="OUT.jsonl", help="Where the events go.")],
    start: Annotated[
        datetime | None,
        typer.Option(
            parser=_moment,
            metavar="TIME",
            help="When the recording began, in the store's time: 2026-11-23T05:00.",
        ),
    ] = None,
) -> None:
    """Run recorded frames through the pipeline, in the recording's own time.

    A recording does not tell its date. Where the planogram has several versions, or resets are
    to count, --start says when it began.

    Example: shelfwatch replay --site site.yaml --camera c1 --frames looks --events out.jsonl
    """
    from edge_agent.replay import replay as replay_recording

    looks, written = replay_recording(
        load_site(site), camera, frames, events, lambda words: typer.echo(words, err=True), start
    )
    typer.echo(f"{events}: {written} events from {looks} looks")
