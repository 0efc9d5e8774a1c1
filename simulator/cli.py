"""``shelfwatch simulate``: a demo store in files or live, and the truth about it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import cv2
import typer
from rich.console import Console
from rich.progress import Progress, track

from shelf import ShelfwatchError
from simulator.days import DaysShop, Life, design_of, record
from simulator.days.files import starts_at, write_frames, write_store, write_truth
from simulator.serve import JPEG_QUALITY, CameraServer, Shop
from simulator.site import demo_cameras, demo_store, demo_view, write_site
from simulator.store import Store
from simulator.truth import store_truth
from simulator.view import View

app = typer.Typer(help="Writes a simulated store with pictures and truth, or serves it live.")

MARK = ".simulated"
"""A file that tells a folder of this command from a real store's."""

USUAL_HOURS = 0.1

USUAL_STORE = 1


@app.command()
def simulate(
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; it is made when missing.")
    ] = None,
    serve: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            metavar="PORT",
            help="Serve the cameras as HTTP snapshot cameras on 127.0.0.1; 0: any port.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another day in the store.")] = 7,
    speed: Annotated[
        float, typer.Option(min=0.01, max=10000, help="Simulated seconds a second, in live use.")
    ] = 1.0,
    hours: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=24 * 31,
            help="Simulated hours of pictures; 0 writes only the site.",
            show_default=f"{USUAL_HOURS}, or 0 with --serve",
        ),
    ] = None,
    every_secs: Annotated[
        float, typer.Option(min=0.1, help="Simulated seconds between two pictures of a camera.")
    ] = 10.0,
    days: Annotated[
        float | None,
        typer.Option(min=0.001, max=31, help="Days of life in a drawn store, not the demo store."),
    ] = None,
    store: Annotated[
        int | None,
        typer.Option(
            min=0, help="With --days: another number, another store.", show_default=str(USUAL_STORE)
        ),
    ] = None,
    compress: Annotated[
        float | None,
        typer.Option(
            min=1,
            max=100,
            help="With --days: how much faster hours pass than people move.",
            show_default=f"{Life().compress:g}",
        ),
    ] = None,
) -> None:
    """Write a demo store: site, planogram, calibration, catalogue, pictures and truth.

    Or serve its cameras, live; with --out, the site written is one that watches them. Or, with
    --days, write days of life in a drawn store: shoppers, staff, bumps, light and dark.

    Example: shelfwatch simulate --out store --seed 7 --hours 0.1

    Example: shelfwatch simulate --serve 8089 --out store

    Example: shelfwatch simulate --out days --days 1 --store 3 --seed 5 --every-secs 5
    """
    if days is not None:
        if out is None or serve is not None or hours is not None:
            raise ShelfwatchError(
                "simulate: expected --days with --out and without --serve and --hours, found "
                + ("no --out" if out is None else "--serve" if serve is not None else "--hours")
            )
        design = design_of(USUAL_STORE if store is None else store)
        life = Life() if compress is None else Life(compress=compress)
        _write_days(out, DaysShop(design, seed, days, life), every_secs)
        return
    for option, value in (("--store", store), ("--compress", compress)):
        if value is not None:
            raise ShelfwatchError(f"simulate: expected {option} with --days, found it without")
    if out is None and serve is None:
        raise ShelfwatchError("simulate: expected --out, --serve or both, found neither")
    with ExitStack() as held:
        server = None
        if serve is not None:
            server = held.enter_context(CameraServer(serve, Shop(seed, speed)))
        if out is not None:
            _claim(out)
            _clear(out)
            write_site(out, seed, speed=speed, url=server.url if server else None)
            if hours is None:
                hours = USUAL_HOURS if server is None else 0.0
            moments = list(_moments(hours, every_secs))
            if moments:
                _write_frames(out, demo_store(seed), moments)
            typer.echo(f"{out}: site.yaml, {len(moments)} moments of {len(demo_cameras())} cameras")
        if server is not None:
            server.run_until_stopped(typer.echo)


def _write_days(out: Path, shop: DaysShop, every_secs: float) -> None:
    _claim(out)
    _clear(out)
    write_store(out, shop, every_secs)
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("Truth", total=1.0)
        truth = record(shop, lambda share: progress.update(task, completed=share))
        write_truth(out, truth, every_secs)
        task = progress.add_task("Pictures", total=1.0)
        count = write_frames(
            out, shop, every_secs, lambda share: progress.update(task, completed=share)
        )
    typer.echo(
        f"{out}: store {shop.design.number} ({shop.design.department}), "
        f"{len(shop.design.planogram)} slots, {count} moments of {len(shop.design.cameras)} cameras"
    )
    if shop.plan.resets:
        start = starts_at(shop).replace(tzinfo=None).isoformat()
        typer.echo(f"A promotion changes the planogram: replay with --start {start}")


def _moments(hours: float, every_secs: float) -> Iterator[float]:
    count = int(hours * 3600 / every_secs + 1e-9)
    for number in range(count):
        yield round(number * every_secs, 1)


def _claim(out: Path) -> None:
    """Make ``out``; raises `ShelfwatchError` when it holds what this command did not write."""
    if out.exists() and not out.is_dir():
        raise ShelfwatchError(f"--out {out}: expected a folder, found a file")
    if out.is_dir() and any(out.iterdir()) and not (out / MARK).is_file():
        found = min(path.name for path in out.iterdir())
        raise ShelfwatchError(
            f"--out {out}: expected an empty folder or one written by this command, "
            f"found {found!r} in it; choose another folder"
        )
    out.mkdir(parents=True, exist_ok=True)
    (out / MARK).write_text("Written by shelfwatch simulate, which may overwrite it.\n")


def _clear(out: Path) -> None:
    """Remove what an earlier run has written of pictures and truth."""
    for name in ("truth.jsonl", "expected.jsonl"):
        (out / name).unlink(missing_ok=True)
    for pattern in ("frames/c*/*.jpg", "catalog/*.png", "planograms/*.csv", "site*.yaml"):
        for old in out.glob(pattern):
            old.unlink()


def _write_frames(out: Path, store: Store, moments: list[float]) -> None:
    cameras = demo_cameras()
    views: dict[str, View] = {name: demo_view(store, name) for name in cameras}
    for name in cameras:
        folder = out / "frames" / name
        folder.mkdir(parents=True, exist_ok=True)
    with (out / "truth.jsonl").open("w", encoding="utf-8") as lines:
        console = Console(stderr=True)
        for secs in track(moments, "Rendering", console=console, disable=not console.is_terminal):
            state = store.at(secs)
            for name, view in views.items():
                path = out / "frames" / name / f"{secs:08.1f}.jpg"
                quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
                _, code = cv2.imencode(".jpg", view.picture(state), quality)
                path.write_bytes(code.tobytes())
            for slot, truth in store_truth(store, state, cameras).items():
                for name, visibility in truth.visibility.items():
                    line = {
                        "secs": secs,
                        "camera": name,
                        "slot": str(slot),
                        "state": truth.state.value,
                        "facings_seen": truth.facings_seen,
                        "visibility": round(visibility, 3),
                    }
                    lines.write(json.dumps(line) + "\n")
