"""Brings a database's tables to what this program needs, with Alembic, or says why not."""

from __future__ import annotations

from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from shelf.errors import ShelfwatchError

FIRST = "0001"
"""The step that also fits tables of version 2 of the days before migrations."""

_LAST_VERSION = 2

_log = structlog.get_logger(__name__)


class DatabaseError(ShelfwatchError):
    """A database that cannot be used; the text names it without credentials."""

    exit_code = 1


def newest() -> str:
    """Return the revision of the tables that this program works with."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def found_revision(connection: Connection, shown: str) -> str | None:
    """Return the revision of the tables in a database, None where there are none yet.

    ``shown`` names the database in what is raised: `DatabaseError` for tables that are too old,
    or made by a newer program.
    """
    inspector = inspect(connection)
    if inspector.has_table("schema"):
        version = connection.execute(text("SELECT version FROM schema")).scalar()
        if version == _LAST_VERSION:
            return "version 2"
        what = "are too old to be brought forward" if version == 1 else "are not of this program"
        raise DatabaseError(
            f"{shown}: expected tables of version {_LAST_VERSION} or later, found version "
            f"{version}, which {what}; keep it as it is and begin with an empty database: the "
            "nodes send the present state of all slots"
        )
    revision = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if revision is not None and revision not in known:
        raise DatabaseError(
            f"{shown}: expected tables of revision {newest()} or older, found {revision}, made by "
            "a newer program; use that one, or the copy that it made before"
        )
    if revision is None and inspector.has_table("events"):
        raise DatabaseError(
            f"{shown}: expected an empty database or one of shelfwatch central, found other "
            "tables named as ours; give central a database of its own"
        )
    return revision


def upgrade(connection: Connection) -> None:
    """Run the steps that are missing, in the connection's transaction."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def copy_sqlite(connection: Connection, path: Path, revision: str) -> Path:
    """Write a copy of an open SQLite database beside it, and return where it is.

    Raises `DatabaseError` when there is no room for it.
    """
    target = path.with_name(f"{path.name}.before-{newest()}")
    number = 1
    while target.exists():
        number += 1
        target = path.with_name(f"{path.name}.before-{newest()}.{number}")
    try:
        connection.exec_driver_sql("VACUUM INTO ?", (str(target),))
    except Exception as error:
        target.unlink(missing_ok=True)
        raise DatabaseError(
            f"{path}: expected room for a copy before its tables are changed, found: {error}"
        ) from error
    _log.info("tables will be changed", database=str(path), found=revision, copy=str(target))
    return target


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config
