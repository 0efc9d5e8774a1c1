"""The site file: one node, its broker, its planograms and its cameras."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from edge_agent.broker_settings import BrokerSettings
from edge_agent.occupancy import Rules
from edge_agent.sources.settings import SourceSettings
from shelf.commands import CommandName
from shelf.planogram_versions import MAX_HOURS
from shelf.settings import Settings, load_settings, with_paths_from
from shelf.topics import Node, name_fault

STALE_LOOKS = 3
"""A slot may miss two looks before it counts as unseen."""


def _topic_name(text: str) -> str:
    if fault := name_fault(text):
        raise ValueError(fault)
    return text


def _zone_name(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("a time zone like Europe/Berlin") from error
    return text


def _no_number(value: object) -> object:
    """Refuse 20261123, which would be read as seconds since 1970."""
    if isinstance(value, int | float) or (isinstance(value, str) and value.strip().isdigit()):
        raise ValueError("a time like 2026-11-23T05:00")
    return value


Moment = Annotated[datetime, BeforeValidator(_no_number)]
"""A time, in the store's time zone if it names none."""

Name = Annotated[str, AfterValidator(_topic_name)]
"""One level of a topic."""


class OutboxSettings(Settings):
    """Where events wait until the center has them."""

    path: Path = Field(Path("state/outbox.sqlite"), description="The SQLite file.")
    max_bytes: int = Field(
        256 * 1024 * 1024, ge=65_536, description="Beyond this the oldest events are given up."
    )


class PlanogramSettings(Settings):
    """A planogram and the aisle whose bays it plans."""

    file: Path = Field(
        description="The planogram file, or a folder with a file for each of its versions."
    )
    aisle: Name


class ResetSettings(Settings):
    """A time in which shelves are rebuilt: what is seen then is no fault."""

    start: Moment = Field(description="In the store's time, like 2026-11-23T05:00.")
    end: Moment = Field(description="In the store's time.")
    aisle: Name | None = Field(None, description="The aisle; all of the store if absent.")

    @field_validator("end")
    @classmethod
    def _after_start(cls, end: datetime, info: ValidationInfo) -> datetime:
        start: datetime | None = info.data.get("start")
        if start is None:
            return end
        if (start.tzinfo is None) != (end.tzinfo is None):
            raise ValueError(f"a time with{'out' * (start.tzinfo is None)} a time zone, as start")
        if end <= start:
            raise ValueError(f"a time after the start, {start}")
        return end


class ResetHoursSettings(Settings):
    """A reset around each change of a planogram's version, at midnight in the store."""

    before: float = Field(0.0, ge=0, le=MAX_HOURS, description="Hours before midnight.")
    after: float = Field(0.0, ge=0, le=MAX_HOURS, description="Hours after midnight.")


class Mask(Settings):
    """A rectangle of the picture that is blacked out before anything else sees it.

    In shares of the picture's width and height, so that a change of resolution does no harm.
    """

    x1: float = Field(ge=0, le=1)
    y1: float = Field(ge=0, le=1)
    x2: float = Field(ge=0, le=1)
    y2: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.x2 <= self.x1 or self.y2 <= self.y1:
            raise ValueError("x1 < x2 and y1 < y2")
        return self


class CameraSettings(Settings):
    """One camera and what it looks at."""

    id: Name
    aisle: Name
    bays: tuple[Annotated[int, Field(ge=1, le=999)], ...] = Field(
        min_length=1, description="The bays of the aisle that it sees, from the left."
    )
    source: SourceSettings
    look_every_secs: float = Field(
        10.0, ge=0.5, le=3600, description="Time between two looks; 10 suits most bays."
    )
    calibration: Path | None = Field(
        None, description="Without one the bay is searched for in every look."
    )
    masks: tuple[Mask, ...] = ()
    model: Path | None = Field(None, description="A model for this camera alone.")


class KeepFrames(Settings):
    """Pictures for training, of settled parts only, in the folder ``frames`` beside the outbox."""

    days: float = Field(gt=0, le=366, description="Older ones are deleted.")
    every_secs: float = Field(3600, ge=60, description="Time between two pictures of a camera.")
    max_bytes: int = Field(
        1024 * 1024 * 1024, ge=1_000_000, description="Beyond this the oldest are deleted."
    )


class KeepSettings(Settings):
    """What this computer keeps of its pictures; nothing unless it is named here."""

    frames: KeepFrames | None = Field(None, description="Pictures for training.")


class HealthSettings(Settings):
    """The agent's own page for operators; bound to this machine unless told otherwise."""

    port: int = Field(ge=1, le=65535)
    host: str = "127.0.0.1"


class Site(Settings):
    """The site file."""

    tenant: Name
    site: Name
    node: Name
    broker: BrokerSettings
    outbox: OutboxSettings = OutboxSettings()
    planograms: tuple[PlanogramSettings, ...] = Field(min_length=1)
    time_zone: Annotated[str, AfterValidator(_zone_name)] = Field(
        "UTC", description="The store's, like Europe/Berlin; versions change at its midnight."
    )
    resets: tuple[ResetSettings, ...] = Field((), description="Announced rebuilds of shelves.")
    reset_hours: ResetHoursSettings | None = Field(
        None, description="A reset around each change of version."
    )
    cameras: tuple[CameraSettings, ...] = Field(min_length=1)
    model: Path | None = Field(
        None, description="A model's folder or ONNX file; the shipped one if absent."
    )
    catalog: Path | None = Field(None, description="Folder with pictures of the products.")
    workers: int = Field(2, ge=1, le=64, description="Threads that share one model.")
    decide: Rules = Rules()
    health: HealthSettings | None = None
    answers: tuple[CommandName, ...] = Field(
        tuple(CommandName), description="What the center may ask for; [] is nothing."
    )
    keep: KeepSettings = KeepSettings()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for camera in self.cameras:
            for bay in camera.bays:
                if camera.bays.count(bay) > 1:
                    raise ValueError(f"each bay of camera {camera.id!r} once, got bay {bay} twice")
            if self.decide.stale_secs < STALE_LOOKS * camera.look_every_secs:
                raise ValueError(
                    f"decide.stale_secs of at least {STALE_LOOKS} looks, got "
                    f"{self.decide.stale_secs:g} with cameras.{camera.id}.look_every_secs "
                    f"{camera.look_every_secs:g}"
                )
        ids = [camera.id for camera in self.cameras]
        for camera_id in ids:
            if ids.count(camera_id) > 1:
                raise ValueError(f"each camera id once, got {camera_id!r} {ids.count(camera_id)}x")
        aisles = [planogram.aisle for planogram in self.planograms]
        for aisle in aisles:
            if aisles.count(aisle) > 1:
                raise ValueError(f"one planogram for each aisle, got two for {aisle!r}")
        for camera in self.cameras:
            if camera.aisle not in aisles:
                raise ValueError(
                    f"a planogram for the aisle {camera.aisle!r} of camera {camera.id!r}"
                )
        for number, reset in enumerate(self.resets):
            if reset.aisle is not None and reset.aisle not in aisles:
                known = ", ".join(aisles)
                raise ValueError(f"resets[{number}].aisle of {known}, got {reset.aisle!r}")
        return self

    @property
    def address(self) -> Node:
        """The node's address on the broker."""
        return Node(self.tenant, self.site, self.node)

    def model_of(self, camera: CameraSettings) -> Path | None:
        """Return the path of the model that a camera looks with; None is the shipped one."""
        return self.model if camera.model is None else camera.model

    @property
    def models(self) -> set[Path | None]:
        """The paths of all models that are looked with."""
        return {self.model_of(camera) for camera in self.cameras}

    @property
    def digest(self) -> str:
        """Identifies this configuration: the first 12 hex digits of a sha256."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]


def load_site(path: Path) -> Site:
    """Read the site file; relative paths in it are taken from its folder.

    Raises `shelf.ConfigError` with every problem found.
    """
    return with_paths_from(path.resolve().parent, load_settings(path, Site))
