"""Days of store life in stores drawn from a number, with the truth for every slot and second."""

from simulator.days.expected import ExpectedEvent, Observer, can_see, expected_events, foreign_of
from simulator.days.facts import SlotFacts
from simulator.days.life import Life
from simulator.days.promotion import Reset
from simulator.days.record import record
from simulator.days.shop import DaysShop
from simulator.days.stores import StoreDesign, design_of
from simulator.days.truth import CameraSpan, SlotSpan, Truth, TruthError, load_truth

__all__ = [
    "CameraSpan",
    "DaysShop",
    "ExpectedEvent",
    "Life",
    "Observer",
    "Reset",
    "SlotFacts",
    "SlotSpan",
    "StoreDesign",
    "Truth",
    "TruthError",
    "can_see",
    "design_of",
    "expected_events",
    "foreign_of",
    "load_truth",
    "record",
]
