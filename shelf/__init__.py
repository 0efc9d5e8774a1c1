"""The vocabulary that all parts of Shelfwatch share. It imports none of them."""

from shelf.errors import ConfigError, PictureError, PlanogramError, Problem, ShelfwatchError
from shelf.planogram import Bay, PlannedSlot, Planogram, Shelf, Units
from shelf.planogram_file import load_planogram
from shelf.planogram_versions import (
    PlanogramInForce,
    PlanogramVersions,
    ResetHours,
    ResetWindow,
    read_versions,
)
from shelf.slots import SlotId, bay_id, ordinal
from shelf.states import BoxPx, CameraState, Found, SlotReading, SlotState, State
from shelf.topics import Node

__all__ = [
    "Bay",
    "BoxPx",
    "CameraState",
    "ConfigError",
    "Found",
    "Node",
    "PictureError",
    "PlannedSlot",
    "Planogram",
    "PlanogramError",
    "PlanogramInForce",
    "PlanogramVersions",
    "Problem",
    "ResetHours",
    "ResetWindow",
    "Shelf",
    "ShelfwatchError",
    "SlotId",
    "SlotReading",
    "SlotState",
    "State",
    "Units",
    "bay_id",
    "load_planogram",
    "ordinal",
    "read_versions",
]
