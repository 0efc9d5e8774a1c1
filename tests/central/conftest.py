"""One suite for every database: a test that takes ``database`` runs once on each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres_server import PostgresMissingError, PostgresServer

from central.database import Database


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running server; skipped, with the reason, where there is none."""
    try:
        server = PostgresServer()
    except PostgresMissingError as error:
        pytest.skip(str(error))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer) -> str:
    """The name of a database with all tables, to be copied."""
    url = postgres.make()
    Database.open(url).close()
    return url.partition("@/")[2].partition("?")[0]


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'central.sqlite'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.make()
    yield url
    server.drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An open database without rows."""
    if request.param == "sqlite":
        opened = Database.open(f"sqlite:///{tmp_path / 'central.sqlite'}")
        yield opened
        opened.close()
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.make(request.getfixturevalue("postgres_template"))
    opened = Database.open(url)
    yield opened
    opened.close()
    server.drop(url)
