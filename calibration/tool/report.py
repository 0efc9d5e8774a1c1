"""The report of a calibration: one folder with a page to print and its pictures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import AwareDatetime

from calibration.calibration_file import CalibrationError
from calibration.rectify import ImageBgr
from calibration.tool.bench import Saved
from calibration.tool.drawing import LOW_CONFIDENCE, BayPicture
from calibration.verdict import Verdict
from shelf.settings import Settings

STATIC = Path(__file__).parent / "static"
PICTURES = ("picture.png", "alert.jpg", "cleared.jpg")
WIDEST_PX = 1280
COLOURS_BGR = {"green": (90, 160, 40), "amber": (20, 150, 235), "red": (50, 50, 215)}


class ReportedFinding(Settings):
    """One measure, in words."""

    verdict: Verdict
    words: str


class ReportedBay(Settings):
    """One bay's score."""

    bay: int
    slots: int
    verdict: Verdict
    reason: str
    error_px: float
    error_mm: float
    findings: tuple[ReportedFinding, ...] = ()
    sure: int
    doubtful: tuple[str, ...] = ()


class ReportedTest(Settings):
    """The sign-off test."""

    slot: str
    place: str
    product: str
    by: str
    begun_at_utc: AwareDatetime
    alert_at_utc: AwareDatetime
    alert_words: str
    cleared_at_utc: AwareDatetime
    cleared_words: str
    calibration: str


class Report(Settings):
    """What the page says; kept beside it as report.json, so that a test can be added later."""

    site: str
    camera: str
    aisle: str
    version: str
    by: str
    at_utc: AwareDatetime
    note: str = ""
    planogram: str
    findings: tuple[ReportedFinding, ...] = ()
    bays: tuple[ReportedBay, ...]
    test: ReportedTest | None = None


@dataclass(frozen=True, slots=True)
class ReportFolder:
    """The reports of one calibration file: ``c1.reports/<version>`` beside ``c1.yaml``."""

    file: Path

    def of(self, version: str) -> Path:
        """Return the folder of one version's report."""
        return self.file.with_suffix(".reports") / quote(version, safe="").replace("..", "%2E.")

    def exists(self, version: str) -> bool:
        """True when there is a report of this version."""
        return (self.of(version) / "report.json").is_file()

    def read(self, version: str) -> Report:
        """Return what a report says; raises `CalibrationError` when there is none."""
        path = self.of(version) / "report.json"
        try:
            return Report.model_validate_json(path.read_bytes())
        except (OSError, ValueError) as error:
            raise CalibrationError(
                f"{path}: expected the report of {version}, found none"
            ) from error

    def write(self, report: Report, pictures: dict[str, bytes]) -> Path:
        """Write the page, its style and ``pictures`` by file name; raises `CalibrationError`."""
        folder = self.of(report.version)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, content in pictures.items():
                (folder / name).write_bytes(content)
            (folder / "report.json").write_text(report.model_dump_json(indent=1), "utf-8")
            (folder / "report.css").write_bytes((STATIC / "report.css").read_bytes())
            shown = [name for name in PICTURES if (folder / name).is_file()]
            fronts = sorted(path.name for path in folder.glob("bay-*.jpg"))
            page = _page(report, shown, fronts)
            (folder / "index.html").write_text(page, "utf-8")
        except OSError as error:
            raise CalibrationError(f"{folder}: cannot be written: {error.strerror}") from error
        return folder / "index.html"


def report_of(site: str, aisle: str, saved: Saved) -> Report:
    """Return the report of what was saved."""
    calibration, proposal = saved.calibration, saved.proposal
    assert calibration.approved is not None
    scored = {bay.bay: bay for bay in proposal.bays} if proposal else {}
    bays = []
    for entry in calibration.bays:
        bay = scored.get(entry.bay)
        slots = [slot for slot in bay.slots if slot.visible > 0] if bay else []
        doubtful = (
            [slot for slot in bay.doubtful if slot.confidence < LOW_CONFIDENCE] if bay else []
        )
        bays.append(
            ReportedBay(
                bay=entry.bay,
                slots=len(slots),
                verdict=entry.score or Verdict.RED,
                reason=entry.reason,
                error_px=entry.error_px,
                error_mm=entry.error_mm,
                findings=tuple(
                    ReportedFinding(verdict=f.verdict, words=f.words)
                    for f in (bay.findings if bay else ())
                ),
                sure=len(slots) - len(doubtful),
                doubtful=tuple(f"{s.slot} {s.name}: {s.reason}" for s in doubtful),
            )
        )
    return Report(
        site=site,
        camera=calibration.camera,
        aisle=aisle,
        version=calibration.version,
        by=calibration.approved.by or "",
        at_utc=calibration.approved.at_utc,
        note=calibration.approved.note,
        planogram=calibration.planogram or "",
        findings=tuple(
            ReportedFinding(verdict=f.verdict, words=f.words)
            for f in (proposal.findings if proposal else ())
        ),
        bays=tuple(bays),
    )


def report_pictures(saved: Saved) -> dict[str, bytes]:
    """Return the pictures of what was saved, by file name."""
    pictures = {"picture.png": encoded(_overlaid(saved), ".png")}
    for bay in saved.bays:
        frontal = bay.rectifier().apply(saved.picture_bgr)
        pictures[f"bay-{bay.bay.number}.jpg"] = encoded(_framed(frontal, bay), ".jpg")
    return pictures


def encoded(image_bgr: ImageBgr, kind: str) -> bytes:
    """Return a picture as a file of ``kind`` (".jpg", ".png"), at most `WIDEST_PX` wide."""
    shrunk = shrink(image_bgr, WIDEST_PX)
    _, code = cv2.imencode(kind, shrunk, [cv2.IMWRITE_JPEG_QUALITY, 85] if kind == ".jpg" else [])
    return code.tobytes()


def shrink(image_bgr: ImageBgr, widest_px: int) -> ImageBgr:
    """Return the picture at most ``widest_px`` wide."""
    height, width = image_bgr.shape[:2]
    if width <= widest_px:
        return image_bgr
    size = (widest_px, max(1, round(height * widest_px / width)))
    return np.asarray(cv2.resize(image_bgr, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _overlaid(saved: Saved) -> ImageBgr:
    """The picture with each slot's outline, and the bays' in the colour of their score."""
    image = saved.picture_bgr.copy()
    thick = max(1, image.shape[1] // 700)
    for picture in saved.bays:
        drawn = picture.drawn(saved.proposal, ())
        for slot in drawn["slots"]:
            _polyline(image, slot["corners"], (255, 255, 255), thick, is_closed=True)
        colour = COLOURS_BGR[(picture.entry.score or Verdict.RED).value]
        _polyline(image, drawn["outline"], colour, 2 * thick, is_closed=False)
    return image


def _framed(frontal: ImageBgr, picture: BayPicture) -> ImageBgr:
    image = frontal.copy()
    for slot in picture.drawn(None, ())["slots"]:
        _polyline(image, slot["frontal"], (255, 255, 255), 1, is_closed=True)
    return image


def _polyline(
    image: ImageBgr,
    points: list[list[float]],
    colour: tuple[int, int, int],
    thick: int,
    *,
    is_closed: bool,
) -> None:
    if len(points) > 1:
        line = np.round(np.array(points) * 8).astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(image, [line], is_closed, colour, thick, cv2.LINE_AA, shift=3)


def _page(report: Report, pictures: list[str], fronts: list[str]) -> str:
    environment = Environment(
        loader=PackageLoader("calibration.tool"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["moment"] = _moment
    template = environment.get_template("report.html")
    return template.render(report=report, pictures=pictures, fronts=fronts)


def _moment(at_utc: datetime) -> str:
    return f"{at_utc:%Y-%m-%d %H:%M:%S} UTC"
