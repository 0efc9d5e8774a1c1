"""Where pictures come from. `open_source` gives a `Source` for each kind of settings."""

from edge_agent.sources.settings import (
    FolderSettings,
    HttpSettings,
    RtspSettings,
    SimulatorSettings,
    SourceSettings,
    UsbSettings,
    VideoSettings,
)
from edge_agent.sources.source import EndOfSource, Grab, Source, SourceError, open_source

__all__ = [
    "EndOfSource",
    "FolderSettings",
    "Grab",
    "HttpSettings",
    "RtspSettings",
    "SimulatorSettings",
    "Source",
    "SourceError",
    "SourceSettings",
    "UsbSettings",
    "VideoSettings",
    "open_source",
]
