"""Run recorded pictures of one camera through the pipeline and write the events to a file.

Time is the recording's, so the same pictures give the same events.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from rich.progress import Progress

from detector import Detector
from edge_agent.agent import build_station
from edge_agent.bookkeeper import LOOKS_APART, watch_of
from edge_agent.config import Site
from edge_agent.frames import Frame
from edge_agent.ledger import Change, Ledger
from edge_agent.recognise import Recogniser
from edge_agent.sources import EndOfSource, open_source
from edge_agent.sources.settings import FolderSettings, VideoSettings
from shelf import ShelfwatchError, load_planogram
from shelf.wire import Event, type_of

START_UTC = datetime(2000, 1, 1, tzinfo=UTC)
"""The time of the first picture, where the recording does not tell it."""


class ReplayError(ShelfwatchError):
    """A recording that cannot be replayed."""


def replay(site: Site, camera_id: str, frames: Path, events: Path) -> tuple[int, int]:
    """Write the events that ``frames`` lead to; returns how many looks and events there were.

    ``frames`` is a folder of pictures or a video. Pictures whose names are numbers of seconds
    (``000010.0.jpg``) carry their time; others are ``look_every_secs`` apart.
    Raises `ReplayError` for an unknown camera or a recording without a picture.
    """
    camera = next((camera for camera in site.cameras if camera.id == camera_id), None)
    if camera is None:
        known = ", ".join(camera.id for camera in site.cameras)
        raise ReplayError(f"--camera: expected one of {known}, found {camera_id!r}")
    entry = next(p for p in site.planograms if p.aisle == camera.aisle)
    planogram = load_planogram(entry.file)
    detector = Detector.load(site.model)
    recogniser = Recogniser.load(site.catalog, planogram) if site.catalog else None
    station = build_station(camera, planogram, detector, recogniser)
    watch = watch_of(camera, detector.identity, site.decide)
    ids = (str(UUID(int=number)) for number in range(1, 2**62))
    ledger = Ledger(
        {camera.aisle: planogram}, [watch], site.decide, 0.0, START_UTC, new_id=lambda: next(ids)
    )
    looks = written = 0
    started_secs = 0.0
    with events.open("w", encoding="utf-8") as out, Progress(transient=True) as progress:
        total = len(list(frames.iterdir())) if frames.is_dir() else None
        task = progress.add_task("replay", total=total)
        for frame in _frames(frames, camera_id, camera.look_every_secs):
            looked = station.work(frame)
            looks += 1
            if looks == 2:
                # A recording has its own pace, which may be slower than the camera's.
                pace_secs = frame.monotonic_secs - started_secs
                watch = replace(
                    watch, max_gap_secs=max(watch.max_gap_secs, LOOKS_APART * pace_secs)
                )
            started_secs = frame.monotonic_secs
            progress.advance(task)
            now_utc = frame.captured_at_utc
            changes = ledger.take(
                watch,
                looked.readings,
                frame.monotonic_secs,
                now_utc,
                lost_bays=looked.lost_bays,
                why_lost=looked.detail,
            )
            changes += ledger.tick(frame.monotonic_secs, now_utc)
            for change in changes:
                written += 1
                out.write(_line(site, change, written) + "\n")
    if looks == 0:
        raise ReplayError(f"{frames}: expected pictures or a video, found none")
    return looks, written


def _line(site: Site, change: Change, sequence: int) -> str:
    event = change.event
    return (
        Event(
            id=event.id,
            source=site.address.source,
            type=type_of(event.data),
            subject=event.subject,
            time=event.time,
            epoch=1,
            sequence=sequence,
            data=event.data.model_dump(mode="json", exclude_none=True),
        )
        .to_json()
        .decode()
    )


def _frames(frames: Path, camera: str, every_secs: float) -> Iterator[Frame]:
    if not frames.exists():
        raise ReplayError(f"{frames}: expected a folder of pictures or a video, found nothing")
    if frames.is_dir():
        times = _times_in_names(frames)
        source = open_source(FolderSettings(type="folder", path=frames))
    else:
        times = None
        source = open_source(VideoSettings(type="video", path=frames, every_secs=every_secs))
    number = 0
    try:
        while True:
            try:
                grab = source.grab()
            except EndOfSource:
                return
            known = times is not None and number < len(times)
            secs = times[number] if times and known else number * every_secs
            yield Frame(
                camera, number + 1, START_UTC + timedelta(seconds=secs), secs, grab.image_bgr
            )
            number += 1
    finally:
        source.close()


def _times_in_names(folder: Path) -> list[float] | None:
    """The seconds that all picture names spell, or None when one does not."""
    times = []
    for path in sorted(folder.iterdir()):
        try:
            times.append(float(path.stem))
        except ValueError:
            return None
    return times
