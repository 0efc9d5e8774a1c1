"""Settings of sources: what is accepted, what is refused, what is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from edge_agent.sources import HttpSettings, RtspSettings, SourceSettings

adapter: TypeAdapter[SourceSettings] = TypeAdapter(SourceSettings)


@pytest.mark.parametrize(
    "settings",
    [
        {"type": "folder", "path": "looks"},
        {"type": "video", "path": "v.mp4", "every_secs": 2},
        {"type": "http", "url": "http://cam/snap.jpg"},
        {"type": "rtsp", "url": "rtsp://cam:8554/main", "transport": "udp"},
        {"type": "usb", "device": 0},
        {"type": "usb", "device": "/dev/video0"},
        {"type": "simulator", "seed": 3, "camera": "c1", "speed": 60},
    ],
)
def test_each_kind(settings: dict[str, Any]) -> None:
    """The type key chooses the settings."""
    assert adapter.validate_python(settings).type == settings["type"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"type": "ftp"}, "'folder', 'video'"),
        ({"type": "folder"}, "path"),
        ({"type": "http", "url": "rtsp://cam/x"}, "starts with http://"),
        ({"type": "http", "url": "http://"}, "names a host"),
        ({"type": "http", "url": "http://cam:70000/"}, "names a host"),
        ({"type": "rtsp", "url": "rtsp://me:a/b@cam/x"}, "percent-encoded"),
        ({"type": "rtsp", "url": "rtsp://cam/x", "password_file": "p"}, "username beside"),
        ({"type": "http", "url": "http://a:b@cam/", "username": "a"}, "either in url"),
        ({"type": "http", "url": "http://cam/", "timeout_secs": 0}, "greater than 0"),
        ({"type": "usb", "device": -1}, "device"),
        ({"type": "folder", "path": "x", "every_secs": 2}, "every_secs"),
    ],
)
def test_one_wrong_thing(settings: dict[str, Any], words: str) -> None:
    """Settings that cannot work are refused with the reason."""
    with pytest.raises(ValidationError, match=words):
        adapter.validate_python(settings)


def test_credentials_are_kept_apart(tmp_path: Path) -> None:
    """What is shown has neither credentials nor a token; special characters are decoded."""
    settings = RtspSettings(type="rtsp", url="rtsp://me:p%40ss@cam:554/main?token=abc")
    assert settings.shown == "rtsp://cam:554/main"
    assert settings.credentials() == ("me", "p@ss")
    (tmp_path / "password").write_text("se:cret\n")
    from_file = HttpSettings(
        type="http", url="http://cam/", username="me", password_file=tmp_path / "password"
    )
    assert from_file.credentials() == ("me", "se:cret")
    assert HttpSettings(type="http", url="http://cam/").credentials() is None
