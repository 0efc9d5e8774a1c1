"""Who may log in."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Index, LargeBinary, Table

from central.tables.columns import key, metadata, text, time

users = Table(
    "users",
    metadata,
    key("name"),
    text("role"),
    Column("stores", JSON(none_as_null=True)),
    text("password", nullable=True),
    time("created_utc"),
    Column("is_disabled", Boolean, nullable=False),
)
"""Who may log in. ``stores`` is a list of ``tenant/site`` or ``tenant/*``, null for all;
``password`` an argon2 hash, null until the person has chosen one."""

sessions = Table(
    "sessions",
    metadata,
    key("token_hash"),
    text("name"),
    time("created_utc"),
    time("seen_utc"),
    time("expires_utc"),
    Index("sessions_by_name", "name"),
)
"""Who is logged in: the SHA-256 of the cookie, never the cookie."""

login_links = Table(
    "login_links",
    metadata,
    key("token_hash"),
    text("name"),
    time("expires_utc"),
)
"""One-time links with which a person chooses a password: the SHA-256 of the secret part."""

secrets = Table("secrets", metadata, key("name"), Column("value", LargeBinary, nullable=False))
"""Keys that were made at the first start."""
