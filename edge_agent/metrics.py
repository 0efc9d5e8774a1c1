"""Figures for Prometheus; the health server publishes them."""

from prometheus_client import Counter, Histogram

LOOKS = Counter(
    "shelfwatch_looks", "Looks that were worked on, read or not worth reading", ["camera", "kind"]
)
FAILED_LOOKS = Counter("shelfwatch_failed_looks", "Looks that ended in a fault", ["camera"])
LOOK_SECS = Histogram(
    "shelfwatch_look_secs",
    "From a frame to its readings",
    buckets=(0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
)
MODEL_CHANGES = Counter(
    "shelfwatch_model_changes", "New model files that were put to use, or refused", ["result"]
)
DROPPED_PICTURES = Counter(
    "shelfwatch_dropped_pictures", "Evidence pictures given up while nothing could be written"
)
CALIBRATION_CHANGES = Counter(
    "shelfwatch_calibration_changes", "New calibration files, by result", ["camera", "result"]
)
CATALOG_CHANGES = Counter(
    "shelfwatch_catalog_changes",
    "New catalogue pictures that were put to use, or refused",
    ["result"],
)
EVENTS = Counter("shelfwatch_events", "Changes of state that were written", ["state"])
COMMANDS = Counter(
    "shelfwatch_commands", "Commands of the center, by how they ended", ["command", "outcome"]
)
