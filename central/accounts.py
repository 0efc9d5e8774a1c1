"""People who may log in, their passwords, sessions and one-time links, in the database."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, Row, delete, select, update

from central import tables
from central.database import Database, insert_new, upsert
from shelf.errors import ShelfwatchError
from shelf.topics import name_fault

FIRST_ADMIN = "admin"
LINK_LASTS = timedelta(hours=24)
SEEN_EVERY = timedelta(minutes=10)
"""How often a session's last use is written down."""

MIN_PASSWORD, MAX_PASSWORD = 10, 200
AT_ONCE = threading.BoundedSemaphore(2)
"""Passwords checked at the same time: each takes 64 MiB and a core."""


class Role(StrEnum):
    """What a person is for: people of a store, of a region, who set up, who run it all."""

    STAFF = "staff"
    MANAGER = "manager"
    INSTALLER = "installer"
    ADMIN = "admin"


class AccountError(ShelfwatchError):
    """What cannot be done to an account; the text says why, for the person who asked."""


@dataclass(frozen=True, slots=True)
class Account:
    """A person. ``stores`` are ``tenant/site`` or ``tenant/*``; None means all."""

    name: str
    role: Role
    stores: frozenset[str] | None
    has_password: bool
    is_disabled: bool


class Accounts:
    """Everything about logging in. May be used from several threads."""

    def __init__(
        self,
        database: Database,
        session_lasts: timedelta = timedelta(days=14),
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        hasher: PasswordHasher | None = None,
    ) -> None:
        self._database = database
        self._session_lasts = session_lasts
        self._clock = clock
        self._hasher = hasher or PasswordHasher()
        self._decoy = self._hasher.hash(secrets.token_urlsafe())

    def first_link(self) -> str | None:
        """Return the secret part of a link for the first admin, None when there is one already.

        Links from earlier starts end.
        """
        users = tables.users.c
        with self._database.read() as connection:
            query = select(users.name).where(
                users.role == Role.ADMIN.value,
                users.password.is_not(None),
                users.is_disabled.is_(False),
            )
            if connection.execute(query).first() is not None:
                return None
        return self.admin_link()

    def admin_link(self) -> str:
        """Return the secret part of a new link for the first admin, who is made if missing."""
        with self._database.write() as connection:
            self._put(connection, FIRST_ADMIN, Role.ADMIN, None, is_disabled=False)
            return self._make_link(connection, FIRST_ADMIN)

    def put(
        self, name: str, role: Role, stores: Iterable[str] | None, *, is_disabled: bool = False
    ) -> str | None:
        """Make or change a person; raises `AccountError`.

        Returns the secret part of a link for one who has no password yet. Disabling ends their
        sessions.
        """
        if fault := name_fault(name):
            raise AccountError(f"name: expected {fault}, found {name!r}")
        wanted = None if stores is None else sorted(set(stores))
        for store in wanted or ():
            tenant, _, site = store.partition("/")
            if name_fault(tenant) or (site != "*" and name_fault(site)):
                raise AccountError(f"stores: expected tenant/site or tenant/*, found {store!r}")
        if wanted is None and role is Role.STAFF:
            raise AccountError("stores: expected those of the person, found none; staff have one")
        with self._database.write() as connection:
            self._keep_an_admin(connection, name, role, is_disabled)
            has_password = self._put(connection, name, role, wanted, is_disabled)
            if is_disabled:
                _end_sessions(connection, name)
            return None if has_password or is_disabled else self._make_link(connection, name)

    def link_for(self, name: str) -> str:
        """Return the secret part of a link with which a person chooses a new password.

        Raises `AccountError` for a name that is not there. The old password stays until then.
        """
        with self._database.write() as connection:
            if _row(connection, name) is None:
                raise AccountError(f"name: expected somebody who is there, found {name!r}")
            return self._make_link(connection, name)

    def remove(self, name: str) -> None:
        """Remove a person with their sessions; raises `AccountError`."""
        with self._database.write() as connection:
            if _row(connection, name) is None:
                raise AccountError(f"name: expected somebody who is there, found {name!r}")
            self._keep_an_admin(connection, name, Role.STAFF, is_disabled=True)
            _end_sessions(connection, name)
            links = tables.login_links
            connection.execute(delete(links).where(links.c.name == name))
            connection.execute(delete(tables.users).where(tables.users.c.name == name))

    def all(self) -> list[Account]:
        """Return everybody, by name."""
        with self._database.read() as connection:
            rows = connection.execute(select(tables.users).order_by(tables.users.c.name))
            return [_account(row) for row in rows]

    def find(self, name: str) -> Account | None:
        """Return a person who may come in; None for others."""
        with self._database.read() as connection:
            row = _row(connection, name)
        return None if row is None or row.is_disabled else _account(row)

    def link_owner(self, token: str) -> str | None:
        """Return whose link it is; None for one that is used, over, or made up."""
        with self._database.read() as connection:
            return self._link_owner(connection, token)

    def use_link(self, token: str, password: str) -> str:
        """Set the password of a link's owner, end their sessions and the link.

        Returns a new session's token; raises `AccountError`.
        """
        name = self.link_owner(token)
        if name is None:
            raise AccountError("this link has been used or is over; ask for another")
        check_password(name, password)
        with AT_ONCE:
            hashed = self._hasher.hash(password)
        with self._database.write() as connection:
            if self._link_owner(connection, token) is None:
                raise AccountError("this link has been used or is over; ask for another")
            users, links = tables.users, tables.login_links
            connection.execute(update(users).where(users.c.name == name).values(password=hashed))
            connection.execute(delete(links).where(links.c.name == name))
            _end_sessions(connection, name)
            return self._make_session(connection, name)

    def log_in(self, name: str, password: str) -> str | None:
        """Return a new session's token, or None; who is unknown takes as long as who is wrong."""
        with self._database.read() as connection:
            row = _row(connection, name)
        hashed = row.password if row is not None and row.password else self._decoy
        try:
            with AT_ONCE:
                self._hasher.verify(hashed, password[:MAX_PASSWORD])
        except (VerificationError, InvalidHashError):
            return None
        if row is None or row.password is None or row.is_disabled:
            return None
        with self._database.write() as connection:
            if self._hasher.check_needs_rehash(hashed):
                users = tables.users
                newer = self._hasher.hash(password)
                connection.execute(update(users).where(users.c.name == name).values(password=newer))
            return self._make_session(connection, name)

    def session(self, token: str) -> Account | None:
        """Return whose session it is, and note that it is used; None for one that has ended."""
        sessions, now = tables.sessions, self._clock()
        key = _hash(token)
        with self._database.read() as connection:
            session = connection.execute(
                select(sessions).where(sessions.c.token_hash == key, sessions.c.expires_utc > now)
            ).one_or_none()
            row = _row(connection, session.name) if session is not None else None
        if session is None or row is None or row.is_disabled:
            return None
        if now - session.seen_utc > SEEN_EVERY:
            with self._database.write() as connection:
                connection.execute(
                    update(sessions)
                    .where(sessions.c.token_hash == key)
                    .values(seen_utc=now, expires_utc=now + self._session_lasts)
                )
        return _account(row)

    def log_out(self, token: str) -> None:
        """End one session."""
        sessions = tables.sessions
        with self._database.write() as connection:
            connection.execute(delete(sessions).where(sessions.c.token_hash == _hash(token)))

    def _put(
        self,
        connection: Connection,
        name: str,
        role: Role,
        stores: list[str] | None,
        is_disabled: bool,
    ) -> bool:
        """Write a person; return whether they have a password."""
        known = _row(connection, name)
        row = {
            "name": name,
            "role": role.value,
            "stores": stores,
            "password": known.password if known else None,
            "created_utc": known.created_utc if known else self._clock(),
            "is_disabled": is_disabled,
        }
        upsert(connection, tables.users, [row])
        return row["password"] is not None

    def _keep_an_admin(
        self, connection: Connection, name: str, role: Role, is_disabled: bool
    ) -> None:
        """Raise `AccountError` where nobody would be left who can manage people."""
        if role is Role.ADMIN and not is_disabled:
            return
        users = tables.users.c
        query = select(users.name).where(
            users.role == Role.ADMIN.value, users.is_disabled.is_(False)
        )
        admins = set(connection.execute(query).scalars())
        if admins == {name}:
            raise AccountError(f"role: expected to keep an admin, found that {name} is the last")

    def _make_link(self, connection: Connection, name: str) -> str:
        links = tables.login_links
        connection.execute(delete(links).where(links.c.name == name))
        token = secrets.token_urlsafe(32)
        row = {
            "token_hash": _hash(token),
            "name": name,
            "expires_utc": self._clock() + LINK_LASTS,
        }
        connection.execute(links.insert(), [row])
        return token

    def _link_owner(self, connection: Connection, token: str) -> str | None:
        links = tables.login_links.c
        query = select(links.name).where(
            links.token_hash == _hash(token), links.expires_utc > self._clock()
        )
        name: str | None = connection.execute(query).scalar_one_or_none()
        return name

    def _make_session(self, connection: Connection, name: str) -> str:
        sessions, now = tables.sessions, self._clock()
        connection.execute(delete(sessions).where(sessions.c.expires_utc <= now))
        token = secrets.token_urlsafe(32)
        row = {
            "token_hash": _hash(token),
            "name": name,
            "created_utc": now,
            "seen_utc": now,
            "expires_utc": now + self._session_lasts,
        }
        connection.execute(sessions.insert(), [row])
        return token


def secret_of(database: Database, name: str) -> bytes:
    """Return a key of this installation; it is made when it is first asked for."""
    table = tables.secrets
    with database.write() as connection:
        insert_new(connection, table, [{"name": name, "value": secrets.token_bytes(32)}])
        query = select(table.c.value).where(table.c.name == name)
        return bytes(connection.execute(query).scalar_one())


def check_password(name: str, password: str) -> None:
    """Raise `AccountError` for a password that is too short, too long, or the name."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise AccountError(
            f"password: expected {MIN_PASSWORD} to {MAX_PASSWORD} characters, found {len(password)}"
        )
    if name.lower() in password.lower() and len(password) < 2 * MIN_PASSWORD:
        raise AccountError("password: expected one without your name in it, found it")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _row(connection: Connection, name: str) -> Row[Any] | None:
    return connection.execute(select(tables.users).where(tables.users.c.name == name)).one_or_none()


def _account(row: Row[Any]) -> Account:
    stores = None if row.stores is None else frozenset(row.stores)
    return Account(row.name, Role(row.role), stores, row.password is not None, row.is_disabled)


def _end_sessions(connection: Connection, name: str) -> None:
    connection.execute(delete(tables.sessions).where(tables.sessions.c.name == name))
