"""Files that are replaced in one step."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from shelf.whole_file import write_whole


def test_a_file_is_whole_and_has_its_mode(tmp_path: Path) -> None:
    """Also where its folder is missing, and over one that others may read."""
    path = tmp_path / "new" / "key"
    write_whole(path, b"old")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    write_whole(path, b"secret", mode=0o600)
    assert path.read_bytes() == b"secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_cannot_be_written_leaves_what_was(tmp_path: Path) -> None:
    """And nothing besides."""
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        write_whole(tmp_path / "taken", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
