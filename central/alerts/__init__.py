"""From "the camera sees a gap" to "the camera saw that somebody filled it".

The engine (`advance`) is pure; `central.desk` keeps its state in the database.
"""

from central.alerts.alert import Alert, HeldBy, Place, Sighting, Step, StepKind
from central.alerts.calendar import Calendar, ResetWindow
from central.alerts.engine import advance
from central.alerts.inputs import (
    Acted,
    Advance,
    CameraChanged,
    Input,
    NodeChanged,
    Push,
    PushKind,
    ResetAnnounced,
)
from central.alerts.ranking import Weights
from central.alerts.rules import Person, Rules, Times
from central.alerts.state import Memory, SiteState

__all__ = [
    "Acted",
    "Advance",
    "Alert",
    "Calendar",
    "CameraChanged",
    "HeldBy",
    "Input",
    "Memory",
    "NodeChanged",
    "Person",
    "Place",
    "Push",
    "PushKind",
    "ResetAnnounced",
    "ResetWindow",
    "Rules",
    "Sighting",
    "SiteState",
    "Step",
    "StepKind",
    "Times",
    "Weights",
    "advance",
]
