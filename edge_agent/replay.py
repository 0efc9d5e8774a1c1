"""Run recorded pictures of one camera through the pipeline and write the events to a file.

Time is the recording's, so the same pictures give the same events.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO
from uuid import UUID
from zoneinfo import ZoneInfo

from rich.progress import Progress

from detector import Detector
from edge_agent.agent import build_station
from edge_agent.bookkeeper import LOOKS_APART, watch_of
from edge_agent.config import CameraSettings, Site
from edge_agent.frames import Frame, ImageBgr
from edge_agent.ledger import Change, Ledger, Watch
from edge_agent.site_planograms import load_aisle, load_recognisers
from edge_agent.sources import EndOfSource, SourceError, open_source
from edge_agent.sources.decode import decoded
from edge_agent.sources.folder import SUFFIXES
from edge_agent.sources.settings import VideoSettings
from edge_agent.station import Looked, Station
from shelf import PlanogramVersions, ShelfwatchError
from shelf.wire import Event, type_of

START_UTC = datetime(2000, 1, 1, tzinfo=UTC)
"""The time at which a recording begins, where nobody tells it."""

LATEST_SECS = 1e10
"""No recording lasts longer; a greater number in a name is a date or a serial number."""

_SECONDS = re.compile(r"\d+(\.\d+)?")


class ReplayError(ShelfwatchError):
    """A recording that cannot be replayed."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a recording, ``secs`` after its start."""

    path: Path
    secs: float


def replay(
    site: Site,
    camera_id: str,
    frames: Path,
    events: Path,
    tell: Callable[[str], None] = lambda _words: None,
    start: datetime | None = None,
) -> tuple[int, int]:
    """Write the events that ``frames`` lead to; returns how many looks and events there were.

    ``frames`` is a folder of pictures, taken in the order and at the times of
    `pictures_in`, or a video. It begins at ``start``, in the store's time if that has no zone,
    and is judged by the versions of the planogram from then on. Without a start the planogram
    holds all the time, and resets do not count. ``tell`` is given what the user should know:
    unused names, pictures that cannot be read.
    Raises `ReplayError` for an unknown camera, a recording without a picture, ``events`` that
    cannot be written, and several versions without a start.
    """
    camera = next((camera for camera in site.cameras if camera.id == camera_id), None)
    if camera is None:
        known = ", ".join(camera.id for camera in site.cameras)
        raise ReplayError(f"--camera: expected one of {known}, found {camera_id!r}")
    every_secs = camera.look_every_secs
    if not frames.exists():
        raise ReplayError(f"{frames}: expected a folder of pictures or a video, found nothing")
    versions = _versions(site, camera, start)
    zone = ZoneInfo(site.time_zone)
    start_utc = START_UTC
    if start is not None:
        start_utc = (start if start.tzinfo else start.replace(tzinfo=zone)).astimezone(UTC)
    total = None
    if frames.is_dir():
        pictures = pictures_in(frames, every_secs, tell)
        recording = frames_of(pictures, camera_id, tell, start_utc)
        total = len(pictures)
    else:
        recording = _frames_of_video(frames, camera_id, every_secs, start_utc)
    planograms = {camera.aisle: versions}
    detector = Detector.load(site.model_of(camera))
    station = build_station(camera, versions, load_recognisers(site, planograms))
    watch = watch_of(camera, detector.identity, site.decide)
    ids = (str(UUID(int=number)) for number in range(1, 2**62))
    ledger = Ledger(planograms, [watch], site.decide, 0.0, start_utc, new_id=lambda: next(ids))
    looks = written = 0
    with _opened(events) as out, Progress(transient=True) as progress:
        task = progress.add_task("replay", total=total)
        for _, changes in judged(recording, station, detector, ledger, watch):
            looks += 1
            progress.advance(task)
            for change in changes:
                written += 1
                out.write(_line(site, change, written) + "\n")
    if looks == 0:
        raise ReplayError(f"{frames}: expected a picture that can be read, found none")
    return looks, written


def judged(
    frames: Iterable[Frame], station: Station, detector: Detector, ledger: Ledger, watch: Watch
) -> Iterator[tuple[Looked, list[Change]]]:
    """Yield what each frame shows and the changes that it leads to, by the frames' own times.

    ``ledger`` begins with the first frame. A recording has its own pace, which may be slower
    than that of ``watch``.
    """
    started_secs = 0.0
    for looks, frame in enumerate(frames, start=1):
        now_secs, now_utc = frame.monotonic_secs, frame.captured_at_utc
        changes = ledger.follow(now_secs, now_utc)
        station.use(detector, ledger.in_force(watch.aisle))
        looked = station.work(frame)
        if looks == 2:
            apart_secs = LOOKS_APART * (now_secs - started_secs)
            watch = replace(watch, max_gap_secs=max(watch.max_gap_secs, apart_secs))
        started_secs = now_secs
        changes += ledger.take(
            watch,
            looked.readings,
            now_secs,
            now_utc,
            lost_bays=looked.lost_bays,
            why_lost=looked.detail,
        )
        changes += ledger.tick(now_secs, now_utc)
        yield looked, changes


def pictures_in(
    folder: Path, every_secs: float, tell: Callable[[str], None] = lambda _words: None
) -> list[Picture]:
    """Return the pictures of ``folder`` in the order of time; other files do not matter.

    When all their names are numbers of seconds (``000010.0.jpg``) those are the times. Else they
    are taken in the order of their names, ``every_secs`` apart, and ``tell`` is given the reason.
    Raises `ReplayError` when there is none.
    """
    try:
        paths = sorted(
            path
            for path in folder.iterdir()
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
        )
    except OSError as error:
        raise ReplayError(f"{folder}: cannot be read: {error.strerror}") from error
    if not paths:
        kinds = " ".join(sorted(SUFFIXES))
        raise ReplayError(f"{folder}: expected pictures ({kinds}), found none")
    other = next((path for path in paths if not _is_time(path.stem)), None)
    if other is None:
        timed = [Picture(path, float(path.stem)) for path in paths]
        return sorted(timed, key=lambda picture: picture.secs)
    tell(
        f"{folder}: {other.name} does not name a number of seconds, so the pictures are taken in "
        f"the order of their names, {every_secs:g} s apart"
    )
    return [Picture(path, number * every_secs) for number, path in enumerate(paths)]


def frames_of(
    pictures: list[Picture],
    camera: str,
    tell: Callable[[str], None],
    start_utc: datetime = START_UTC,
) -> Iterator[Frame]:
    """Read the pictures one by one; ``tell`` is given those that cannot be read."""
    for number, picture in enumerate(pictures, start=1):
        try:
            image_bgr = decoded(picture.path.read_bytes(), picture.path.name)
        except (OSError, SourceError) as error:
            tell(f"{picture.path}: left out: {error}")
            continue
        yield _frame(camera, number, start_utc, picture.secs, image_bgr)


def _is_time(stem: str) -> bool:
    return _SECONDS.fullmatch(stem) is not None and float(stem) <= LATEST_SECS


def _opened(events: Path) -> TextIO:
    try:
        return events.open("w", encoding="utf-8")
    except OSError as error:
        raise ReplayError(
            f"--events: {events}: expected a file that can be written, found {error.strerror}"
        ) from error


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


def _frames_of_video(
    video: Path, camera: str, every_secs: float, start_utc: datetime
) -> Iterator[Frame]:
    source = open_source(VideoSettings(type="video", path=video, every_secs=every_secs))
    number = 0
    try:
        while True:
            try:
                grab = source.grab()
            except EndOfSource:
                return
            yield _frame(camera, number + 1, start_utc, number * every_secs, grab.image_bgr)
            number += 1
    finally:
        source.close()


def _frame(
    camera: str, sequence: int, start_utc: datetime, secs: float, image_bgr: ImageBgr
) -> Frame:
    return Frame(camera, sequence, start_utc + timedelta(seconds=secs), secs, image_bgr)


def _versions(site: Site, camera: CameraSettings, start: datetime | None) -> PlanogramVersions:
    """The planogram of the camera's aisle; without a date the only version holds always."""
    entry = next(p for p in site.planograms if p.aisle == camera.aisle)
    versions = load_aisle(site, entry).versions
    if start is not None:
        return versions
    if len(versions.planograms) > 1:
        names = ", ".join(planogram.name for planogram in versions.planograms)
        raise ReplayError(
            "--start: expected the time at which the recording begins (2026-11-23T05:00), found "
            f"none; which planogram counts depends on it: {names}"
        )
    undated = replace(versions.planograms[0], valid_from=None, valid_until=None)
    return PlanogramVersions([undated], ZoneInfo(site.time_zone))
