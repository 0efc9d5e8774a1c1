"""What docs/privacy.md says, sentence by sentence, where no other test proves it."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import insert

from central import tables
from central.database import Database
from central.metric_settings import Keep
from central.retention import prune
from edge_agent.bookkeeper import Bookkeeper
from edge_agent.config import HealthSettings, Mask, Site, load_site
from edge_agent.frames import Frame
from edge_agent.gate import Gate
from edge_agent.keeping import FOLDER, FrameKeeper
from edge_agent.outbox import NewEvent, Outbox
from edge_agent.settled import STEADY_LOOKS, Settled
from edge_agent.station import Looked, Station
from shelf import CameraState, PlanogramInForce, PlanogramVersions, load_planogram
from shelf.commands import MESSAGES as COMMAND_MESSAGES
from shelf.wire import EVENT_DATA, MESSAGES, SlotEvidence

DOCUMENT = Path(__file__).parents[1] / "docs" / "privacy.md"
TESTS = Path(__file__).parent
START = datetime(2026, 1, 1, tzinfo=UTC)
SHIRT = (20, 20, 250)
SITE = """
tenant: acme
site: s1
node: n1
broker: {url: "mqtt://127.0.0.1:1"}
planograms: [{file: p.csv, aisle: a1}]
cameras:
  - id: c1
    aisle: a1
    bays: [1]
    source: {type: folder, path: looks}
    masks: [{x1: 0.0, y1: 0.0, x2: 0.25, y2: 0.5}]
"""
PICTURES = {b"\xff\xd8\xff", b"\x89PNG\r\n", b"/9j/"}
"""How JPEG and PNG begin, and JPEG as base64."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "site.yaml").write_text(SITE)
    (tmp_path / "p.csv").write_text("bay,shelf,slot,sku,name,facings_wide\n1,1,1,A,Apples,2\n")
    (tmp_path / "state").mkdir()
    yield load_site(tmp_path / "site.yaml")


def wall() -> NDArray[np.uint8]:
    tiles = np.random.default_rng(5).integers(40, 220, (12, 16, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(tiles, (320, 240), interpolation=cv2.INTER_NEAREST), np.uint8)


def with_person() -> NDArray[np.uint8]:
    image = wall()
    image[30:, 100:200] = SHIRT
    return image


def shows_a_shirt(image: NDArray[np.uint8]) -> bool:
    return bool((np.abs(image.astype(int) - SHIRT).max(axis=2) < 40).sum() > 20)


class Camera:
    """The station of camera c1, without anything planned: what passes it is what others see."""

    def __init__(self, site: Site) -> None:
        self.station = Station(site.cameras[0], lambda *_: None, Gate())
        self.station.use(_AnyDetector(), PlanogramInForce(None, reset=False))  # type: ignore[arg-type]
        self.settled = Settled()
        self.number = 0

    def look(self, image: NDArray[np.uint8]) -> Looked:
        self.number += 1
        at = START + timedelta(seconds=10 * self.number)
        looked = self.station.work(Frame("c1", self.number, at, 10.0 * self.number, image))
        self.settled.take(looked, {})
        return looked


class _AnyDetector:
    identity = "sha256:x"


def test_every_sentence_names_a_test_that_exists() -> None:
    """A row of the tables without one, or with one that is gone, fails."""
    text = DOCUMENT.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and "---" not in line]
    sentences = [row for row in rows if not row.startswith("| what ")]
    assert len(sentences) >= 15
    here = Path(__file__).read_text(encoding="utf-8")
    for row in sentences:
        assert re.search(r"`test_\w+(\.py)?`", row.split("|")[-2]), row
    for name in re.findall(r"`(test_\w+(?:\.py)?)`", text):
        found = list(TESTS.rglob(name)) if name.endswith(".py") else [f"def {name}(" in here]
        assert found and found[0], name


def test_frames_are_never_written(site: Site) -> None:
    """Looks with somebody in them pass; nothing in the folder is or holds a picture."""
    camera = Camera(site)
    versions = {"a1": PlanogramVersions([load_planogram(site.planograms[0].file)], UTC)}
    keeper = FrameKeeper(site.outbox.path.parent / FOLDER, ["c1"], camera.settled, site.keep.frames)
    with Outbox.open(site.outbox.path, site.address, site.outbox.max_bytes) as outbox:
        books = Bookkeeper(site, versions, outbox, _Nobody(), {"c1": "x"}, 0.0, START)
        for number in range(3 * STEADY_LOOKS):
            books.looked(camera.look(with_person() if number % 4 == 3 else wall()))
            keeper.tick(START + timedelta(hours=number))
        books.save()
    files = [path for path in site.outbox.path.parent.parent.rglob("*") if path.is_file()]
    assert {path.name.partition("-")[0] for path in files} >= {"outbox.sqlite"}
    for path in files:
        content = path.read_bytes()
        assert not any(head in content for head in PICTURES), path
        assert bytes(SHIRT) * 50 not in content, path


class _Nobody:
    def publish_retained(self, topic: str, payload: bytes) -> None:
        assert not any(head in payload for head in PICTURES)

    def notify(self) -> None:
        return


def test_masks_are_black_everywhere(site: Site) -> None:
    """In what others get of a look, and in the settled picture."""
    camera = Camera(site)
    for _ in range(STEADY_LOOKS):
        looked = camera.look(wall())
    last = camera.settled.of_camera("c1")
    assert last is not None
    for image in (looked.image_bgr, last.picture.image_bgr):
        assert not image[:120, :80].any()
        assert image[120:].all(axis=2).any()
    assert site.cameras[0].masks == (Mask(x1=0.0, y1=0.0, x2=0.25, y2=0.5),)


def test_a_statue_is_part_of_the_scene(site: Site) -> None:
    """This is the limit of what pixels tell: still for six looks, then gone from the picture."""
    camera = Camera(site)
    for _ in range(STEADY_LOOKS):
        camera.look(wall())
    shown = []
    for image in [with_person()] * (STEADY_LOOKS + 1) + [wall()] * (STEADY_LOOKS + 2):
        camera.look(image)
        last = camera.settled.of_camera("c1")
        assert last is not None
        shown.append(shows_a_shirt(last.picture.image_bgr))
    assert not any(shown[: STEADY_LOOKS - 1])
    assert not shown[-1]


def test_evidence_leaves_the_outbox(site: Site) -> None:
    """What the center has committed is there no more."""
    picture = SlotEvidence(changed="e", now=base64.b64encode(b"\xff\xd8\xff" + b"x" * 999).decode())
    with Outbox.open(site.outbox.path, site.address, site.outbox.max_bytes) as outbox:
        (number,) = outbox.append([NewEvent("e1", START, "a1", "a1/b01/s1/p01", picture)])
        assert len(outbox.read(0, 10)) == 1
        outbox.acknowledge(outbox.epoch, number)
        assert list(outbox.read(0, 10)) == []


def test_a_searched_photograph_is_not_written() -> None:
    """What answers a search opens no file for writing: there is no such call in it."""
    for name in ("answers", "commands", "catalog_search", "bay_view"):
        source = (TESTS.parent / "edge_agent" / f"{name}.py").read_text(encoding="utf-8")
        assert not re.search(r"write_bytes|write_text|imwrite|open\(|tempfile", source), name


def test_the_operators_page_is_local() -> None:
    """Unless the site file names another host."""
    assert HealthSettings(port=9090).host == "127.0.0.1"
    assert load_site(TESTS.parent / "configs" / "site.example.yaml").health is None


def test_only_evidence_carries_pictures() -> None:
    """Of all that travels; the others are the two commands that somebody asks."""
    carrying = set()
    for name, model in {**EVENT_DATA, **MESSAGES, **COMMAND_MESSAGES}.items():
        for field, info in model.model_fields.items():
            words = f"{field} {info.description or ''} {model.__doc__ or ''}".lower()
            if field in ("picture", "now", "before") or "jpeg" in words:
                carrying.add(name)
    assert carrying == {
        "io.shelfwatch.slot.evidence.v1",
        "command.search",
        "reply.bay-view",
    }


def test_evidence_is_deleted_in_the_center(tmp_path: Path) -> None:
    """By the days that are configured, and not before; so are messages that were not understood."""
    now = datetime.now(UTC)
    keep = Keep(evidence_days=3, events_days=5)
    database = Database.open(f"sqlite:///{tmp_path / 'central.sqlite'}")
    ages = {"new": timedelta(days=2), "old": timedelta(days=4)}
    with database.write() as connection:
        for name, age in ages.items():
            row = {"event_id": name, "now": b"\xff\xd8", "time_utc": now - age}
            connection.execute(insert(tables.evidence).values(row))
            letter = {"topic": name, "payload": b"", "reason": "", "received_utc": now - 2 * age}
            connection.execute(insert(tables.dead_letters).values(letter))
    prune(database, keep, now)
    with database.read() as connection:
        kept = connection.execute(tables.evidence.select()).mappings().all()
        letters = connection.execute(tables.dead_letters.select()).mappings().all()
    database.close()
    assert [row["event_id"] for row in kept] == ["new"]
    assert [row["topic"] for row in letters] == ["new"]
    assert (Keep().evidence_days, Keep().events_days, Keep().alerts_days) == (30, 60, 400)


def test_what_moved_is_not_in_a_dark_look_either() -> None:
    """A look that cannot be seen adds nothing."""
    settled = Settled()
    dark = np.zeros((240, 320, 3), np.uint8)
    look = Looked(
        "c1",
        START,
        0.0,
        dark,
        CameraState.DARK,
        "",
        (),
        inferred=False,
        unsettled=lambda box: 1.0,
        model="m",
        in_force=PlanogramInForce(None, reset=False),
        unsettled_cells=Gate().decide(dark).unsettled,
    )
    for _ in range(2 * STEADY_LOOKS):
        picture = settled.take(look, {})
    assert np.isnan(picture.seen_at).all()
