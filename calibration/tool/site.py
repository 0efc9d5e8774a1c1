"""What the tool needs of a site, as protocols: the edge agent's own parts are handed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from calibration.calibration_file import Calibration
from calibration.proposal import Proposer
from calibration.rectify import ImageBgr
from shelf import Planogram, SlotId
from shelf.wire import CameraStatus, SlotChanged


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """A camera's newest picture: ``number`` counts them, ``fault`` says why none newer came."""

    image_bgr: ImageBgr | None
    number: int
    taken_at_utc: datetime | None
    fault: str


class Camera(Protocol):
    """A camera that is being watched. For any thread."""

    def sight(self) -> Sight:
        """Return the newest picture at once; the first call starts the camera."""
        ...

    def recent(self) -> list[ImageBgr]:
        """Return the last few pictures, all of one size, the newest last."""
        ...

    def rest(self) -> None:
        """Let the camera go if nobody has looked for a while."""
        ...


@dataclass(frozen=True, slots=True)
class Heard:
    """The agent has said that a slot is in another state."""

    changed: SlotChanged
    at_utc: datetime


class Agent(Protocol):
    """What the running agent tells the broker. For any thread."""

    def fault(self) -> str:
        """Why the agent cannot be heard now, in words; empty while it can."""
        ...

    def camera(self, camera: str) -> CameraStatus | None:
        """Return what it said last of a camera."""
        ...

    def heard(self, aisle: str, slot: SlotId) -> Sequence[Heard]:
        """Return the latest changes of a slot since the tool was started, oldest first."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class SheetCrop:
    """A facing cut out for the catalogue; ``doubt`` says why it should rather not be taken."""

    slot: SlotId
    sku: str
    name: str
    image_bgr: ImageBgr
    doubt: str = ""


class Enroller(Protocol):
    """Makes catalogue pictures of what stands in the slots. For one thread at a time."""

    def sheet(
        self, camera: str, image_bgr: ImageBgr, calibration: Calibration
    ) -> tuple[SheetCrop, ...]:
        """Return the crops of each slot in a picture of a correctly stocked bay."""
        ...

    def store(self, camera: str, crops: Sequence[SheetCrop]) -> str:
        """Store approved crops in the catalogue; return in words what was done."""
        ...


@dataclass(frozen=True, slots=True)
class CameraPlace:
    """One camera of the site, and where its calibration is kept.

    ``named_in`` is empty when the site file names ``file``; else it is what to write into it.
    """

    id: str
    aisle: str
    bays: tuple[int, ...]
    planogram: Planogram
    file: Path
    named_in: str
    camera: Camera
    proposer: Proposer


@dataclass(frozen=True, slots=True)
class SiteParts:
    """A site as the tool works on it; ``work_folder`` keeps what is not yet saved."""

    name: str
    cameras: dict[str, CameraPlace]
    work_folder: Path
    agent: Agent | None = None
    enroller: Enroller | None = None
