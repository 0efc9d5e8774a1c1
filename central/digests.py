"""Sends digests until it is stopped: each period of each to each address, once.

A digest is written to the database when it is due, and sent from there: a restart neither loses
nor doubles it. Whoever sends one has taken it first, so that several processes on one database
send it once. One that was being sent when the process was killed is sent again when its taking
has lapsed: the mail server may have taken it or not, and lost is worse than twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from central import tables
from central.channels import SendError
from central.database import Database, insert_new
from central.delivery import MAX_ATTEMPTS, RETRY_SECS, Sender, retry_pause
from central.delivery_text import Message
from central.digest_reading import period_of, read_digest
from central.digest_settings import DigestSettings, Every, parse_time
from central.metrics.day_reading import is_summing
from central.metrics.grouping import Grouping
from central.metrics.rolling_rows import SiteKey, read_rolled
from central.web.digest_text import render_digest

LOOK_SECS = 20.0
SUMMING_WAIT = timedelta(hours=1)
"""So long a digest waits for late messages to be summed."""

TAKEN_FOR = timedelta(minutes=15)
"""Longer than any channel takes to send."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Subscription:
    """A digest and where it goes."""

    settings: DigestSettings
    channels: Sequence[Sender]


class Digests:
    """One per process, with a thread of its own."""

    def __init__(
        self,
        database: Database,
        subscriptions: Sequence[Subscription],
        grouping: Grouping,
        url: str = "",
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        retry_secs: float = RETRY_SECS,
    ) -> None:
        """Nothing is sent before `start`; ``url`` is that of the pages."""
        self._database = database
        self._subscriptions = subscriptions
        self._grouping = grouping
        self._url = url
        self._clock = clock
        self._retry_secs = retry_secs
        self._channels: Mapping[str, Sender] = {
            channel.key: channel for each in subscriptions for channel in each.channels
        }
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="digests")

    def start(self) -> None:
        """Begin, if there is a digest."""
        if self._subscriptions:
            self._thread.start()

    def stop(self) -> None:
        """Finish what is being sent."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.look()
            except SQLAlchemyError as error:
                _log.warning("digests cannot be read", reason=str(error))
            except Exception:  # noqa: BLE001 - a fault of ours must not end the rest
                _log.exception("digest failed; going on")
            self._stopping.wait(LOOK_SECS)

    def look(self) -> None:
        """Write what is due, and send what is written. Raises what SQLAlchemy raises."""
        for subscription in self._subscriptions:
            self._write_if_due(subscription)
        while not self._stopping.is_set() and self._send_one():
            pass

    def _write_if_due(self, subscription: Subscription) -> None:
        settings, now = subscription.settings, self._clock()
        with self._database.read() as connection:
            sites = self._sites(connection, settings)
            zone = self._zone(settings, sites)
            local = now.astimezone(zone)
            period, days = period_of(local.date(), settings.every is Every.WEEK)
            day_after = days.last + timedelta(days=1)
            due = datetime.combine(day_after, parse_time(settings.at), zone)
            if local < due or self._is_written(connection, settings.name, period):
                return
            if is_summing(connection, sites) and local < due + SUMMING_WAIT:
                return
            digest = read_digest(connection, sites, days, self._grouping, now)
        title, html = render_digest(
            digest, settings.language.value, self._title(settings), self._name_of, self._url
        )
        rows = [
            {
                "digest": settings.name,
                "period": period,
                "channel": channel.key,
                "state": "queued",
                "title": title,
                "html": html,
                "created_utc": now,
                "next_utc": now,
                "attempts": 0,
                "error": None,
                "ended_utc": None,
            }
            for channel in subscription.channels
        ]
        with self._database.write() as connection:
            insert_new(connection, tables.digests, rows)

    def _is_written(self, connection: Connection, name: str, period: str) -> bool:
        digests = tables.digests.c
        query = select(digests.state).where(digests.digest == name, digests.period == period)
        return connection.execute(query.limit(1)).first() is not None

    def _send_one(self) -> bool:
        """Take one digest that is due and send it; False when there is none."""
        digests, now = tables.digests, self._clock()
        is_due = (
            or_(digests.c.state == "queued", digests.c.state == "taken"),
            digests.c.next_utc <= now,
        )
        with self._database.read() as connection:
            row = connection.execute(select(digests).where(*is_due).limit(1)).one_or_none()
        if row is None:
            return False
        own = (
            digests.c.digest == row.digest,
            digests.c.period == row.period,
            digests.c.channel == row.channel,
        )
        with self._database.write() as connection:
            taking = update(digests).where(*own, *is_due)
            taken = connection.execute(taking.values(state="taken", next_utc=now + TAKEN_FOR))
        if not taken.rowcount:
            return True  # another process was faster
        values = self._send(row.channel, Message(row.title, row.html, is_html=True), row.attempts)
        if values["state"] == "dead":
            _log.error("digest given up", digest=row.digest, reason=values["error"])
        with self._database.write() as connection:
            connection.execute(update(digests).where(*own).values(**values))
        return True

    def _send(self, key: str, message: Message, attempts: int) -> dict[str, object]:
        """Send, and return what to note of it."""
        channel, now = self._channels.get(key), self._clock()
        if channel is None:
            return {"state": "dead", "error": "nobody of this address is configured any more"}
        try:
            channel.send(message)
        except SendError as error:
            is_over = attempts + 1 >= MAX_ATTEMPTS
            _log.warning("digest not taken; retrying", reason=str(error))
            return {
                "state": "dead" if is_over else "queued",
                "error": str(error),
                "attempts": attempts + 1,
                "next_utc": self._clock() + retry_pause(self._retry_secs, attempts),
            }
        return {"state": "sent", "attempts": attempts + 1, "error": None, "ended_utc": now}

    def _sites(self, connection: Connection, settings: DigestSettings) -> list[SiteKey]:
        known = sorted(site for site in read_rolled(connection) if site[0] == settings.tenant)
        if settings.site is not None:
            return [site for site in known if site[1] == settings.site]
        if settings.region is None:
            return known
        regions = self._grouping.regions
        return [site for site in known if site in regions and regions[site].id == settings.region]

    def _zone(self, settings: DigestSettings, sites: Sequence[SiteKey]) -> tzinfo:
        if settings.timezone is not None:
            return ZoneInfo(settings.timezone)
        return self._grouping.zone_of(*sites[0]) if sites else UTC

    def _title(self, settings: DigestSettings) -> str:
        if settings.site is not None:
            return self._name_of((settings.tenant, settings.site))
        if settings.region is None:
            return settings.tenant
        names = {region.id: region.name for region in self._grouping.regions.values()}
        return names.get(settings.region) or settings.region

    def _name_of(self, site: SiteKey) -> str:
        return self._grouping.names.get(site, site[1])
