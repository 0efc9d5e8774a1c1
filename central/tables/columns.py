"""Kinds of columns that the tables share. Times are aware UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Integer,
    MetaData,
    String,
    TypeDecorator,
)

metadata = MetaData()


class UtcTime(TypeDecorator[datetime]):
    """An aware time, stored as UTC; a naive one is refused with ``ValueError``."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn an aware time into what the database stores."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"expected an aware time, got {value!r}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn what the database stores into an aware time."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def key(name: str) -> Column[str]:
    """Return a text that is part of the primary key."""
    return Column(name, String, primary_key=True)


def text(name: str, nullable: bool = False) -> Column[str]:
    """Return a text."""
    return Column(name, String, nullable=nullable)


def time(name: str, nullable: bool = False) -> Column[datetime]:
    """Return an aware UTC time."""
    return Column(name, UtcTime, nullable=nullable)


def number(name: str) -> Column[int]:
    """Return a number that the database gives out, as primary key."""
    return Column(name, BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
