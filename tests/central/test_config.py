"""The configuration of the central part."""

from __future__ import annotations

from pathlib import Path

from central.config import load_central

CENTRAL = """\
database_url: {url}
broker: {{embedded: true, folder: state/broker}}
planograms: [{{tenant: acme, site: s1, aisle: a12, file: a12.csv}}]
"""


def write(folder: Path, url: str) -> Path:
    path = folder / "central.yaml"
    path.write_text(CENTRAL.format(url=url))
    return path


def test_paths_are_beside_the_configuration(tmp_path: Path) -> None:
    """The SQLite file too, although it is written as a URL."""
    central = load_central(write(tmp_path, "sqlite:///central.sqlite"))
    assert central.database_url == f"sqlite:///{tmp_path}/central.sqlite"
    assert central.broker.folder == tmp_path / "state" / "broker"
    assert [planogram.file for planogram in central.planograms] == [tmp_path / "a12.csv"]


def test_what_is_absolute_stays(tmp_path: Path) -> None:
    """An absolute SQLite file, and another database's URL."""
    for url in ("sqlite:////var/lib/central.sqlite", "postgresql://db.example.com/shelf"):
        assert load_central(write(tmp_path, url)).database_url == url
