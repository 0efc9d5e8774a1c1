"""A PostgreSQL server of our own, for as long as tests run. It refuses to run as root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from importlib.util import find_spec
from pathlib import Path

OPTIONS = "-c listen_addresses='' -c max_connections=60 -c shared_buffers=64MB"
USERS = ("postgres", "nobody")


class PostgresMissingError(Exception):
    """There is no PostgreSQL that can be started here; the text says why."""


def find_program(name: str) -> str | None:
    """Return where a program of PostgreSQL is; Debian keeps most of them beside the path."""
    found = shutil.which(name)
    if found:
        return found
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(versions[-1]) if versions else None


class PostgresServer:
    """Listens on a socket in a temporary folder; its data does not outlive a crash."""

    def __init__(self, *, is_durable: bool = False) -> None:
        """Without ``is_durable`` nothing waits for the disk. Raises `PostgresMissingError`."""
        programs = {name: find_program(name) for name in ("initdb", "pg_ctl", "postgres")}
        missing = [name for name, path in programs.items() if path is None]
        if missing:
            words = f"needs PostgreSQL: no {', '.join(missing)} (Debian: postgresql)"
            raise PostgresMissingError(words)
        if find_spec("psycopg") is None:
            raise PostgresMissingError("needs psycopg: pip install 'shelfwatch[postgres]'")
        self._initdb, self._pg_ctl = programs["initdb"], programs["pg_ctl"]
        self.folder = Path(tempfile.mkdtemp(prefix="shelfwatch-pg-"))
        self._as_user: list[str] = []
        if os.geteuid() == 0:
            self._give_away()
        self._data = self.folder / "data"
        # C: texts sort by their bytes, as they do in SQLite.
        self._run(
            self._initdb, "-D", self._data, "-U", "shelf", "-A", "trust", "--locale=C", "-EUTF8"
        )
        self._fsync = "on" if is_durable else "off"
        self.start()

    def _give_away(self) -> None:
        for name in USERS:
            try:
                user = pwd.getpwnam(name)
            except KeyError:
                continue
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            ids = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}"]
            self._as_user = ["setpriv", *ids, "--clear-groups"]
            return
        users = " or ".join(USERS)
        raise PostgresMissingError(f"PostgreSQL refuses to run as root, and there is no {users}")

    def _run(self, *command: object) -> None:
        words = [*self._as_user, *(str(word) for word in command)]
        # Not into pipes: the server would keep them open.
        with (self.folder / "out").open("a") as out:
            subprocess.run(words, check=True, cwd="/", stdout=out, stderr=out, timeout=120)

    def url(self, database: str) -> str:
        return f"postgresql://shelf@/{database}?host={self.folder}"

    def make(self, template: str = "template0") -> str:
        """Make a database, and return its URL."""
        name = f"t{uuid.uuid4().hex[:12]}"
        self.execute(f'CREATE DATABASE {name} TEMPLATE "{template}"')
        return self.url(name)

    def drop(self, url: str) -> None:
        name = url.partition("@/")[2].partition("?")[0]
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def execute(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]

    def crash(self) -> None:
        """Stop without a word to anybody; `start` lets it recover."""
        self._run(self._pg_ctl, "-D", self._data, "-m", "immediate", "-w", "stop")

    def start(self) -> None:
        """Begin, and wait until it answers."""
        options = f"{OPTIONS} -c fsync={self._fsync} -k {self.folder}"
        log = self.folder / "log"
        try:
            self._run(self._pg_ctl, "-D", self._data, "-l", log, "-o", options, "-w", "start")
        except subprocess.CalledProcessError as error:
            raise RuntimeError(log.read_text()) from error

    def stop(self) -> None:
        self.crash()
        shutil.rmtree(self.folder, ignore_errors=True)
