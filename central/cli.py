"""``shelfwatch central``: broker, collector and web pages in one process."""

from __future__ import annotations

import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import structlog
import typer
import uvicorn

from central.accounts import Accounts
from central.admission import Admission
from central.alert_rules import make_rules
from central.broker import BrokerError, EmbeddedBroker
from central.collector import Collector
from central.config import Central, Http, Tls, load_central, load_planograms
from central.database import Database
from central.desk import Desk, RulesOf
from central.metrics.grouping import Grouping
from central.metrics.service import MetricsService
from central.products import Products, load_products
from central.prometheus import serve
from central.velocity import load_velocities
from shelf.errors import ConfigError, Problem
from shelf.planogram import Planogram

if TYPE_CHECKING:
    from central.delivery import Delivery
    from central.digests import Digests

GRACE_SECS = 3
"""How long open pages may take to end; they come back by themselves."""

app = typer.Typer(help="Collector, staff alerts and dashboard.")

_log = structlog.get_logger(__name__)


@app.command()
def central(
    config: Annotated[Path, typer.Option(metavar="FILE", help="The central configuration: YAML.")],
    admin_link: Annotated[
        bool, typer.Option("--admin-link", help="Print a new one-time link for admin, and end.")
    ] = False,
) -> None:
    """Run collector, staff alerts and dashboard until SIGINT or SIGTERM.

    Example: shelfwatch central --config central.yaml
    """
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    settings = load_central(config)
    if admin_link:
        print_admin_link(settings)
    else:
        run_central(settings)


def print_admin_link(settings: Central) -> None:
    """Print a link with which admin chooses a new password; the old one holds until then.

    The service may be running. Raises `shelf.errors.ShelfwatchError`.
    """
    database = Database.open(settings.database_url)
    try:
        token = Accounts(database).admin_link()
    finally:
        database.close()
    http = settings.http
    url = http.public_url or f"{http.scheme}://{_shown_host(http.host)}:{http.port}"
    typer.echo(f"{url.rstrip('/')}/link/{token}")


def run_central(settings: Central, ready: Callable[[str], None] | None = None) -> None:
    """Serve until SIGINT or SIGTERM; call this from the main thread.

    ``ready`` gets the URL of the pages once they answer. Raises `shelf.errors.ShelfwatchError`
    for what cannot be opened or started, or when the embedded broker ends.
    """
    from central.web.app import create_app

    tls = settings.http.tls
    if tls is not None:
        check_certificate(tls)
    with ExitStack() as stack:
        listening = stack.enter_context(_listen(settings.http))
        database = Database.open(settings.database_url)
        stack.callback(database.close)
        broker = EmbeddedBroker(settings.broker) if settings.broker.embedded else None
        access = broker.client_settings() if broker else settings.broker
        planograms = load_planograms(settings)
        rules_of = rules_from(settings, planograms)
        grouping = grouping_from(settings, planograms, rules_of)
        delivery = delivery_from(settings, database, rules_of)
        digests = digests_from(settings, database, grouping)
        assistant = settings.home_assistant.prefix if settings.home_assistant else None
        collector = Collector(
            database,
            access,
            Desk(rules_of),
            admission=Admission.of(settings.admission),
            home_assistant=assistant,
        )
        collector.on_commit(delivery.wake)
        accounts = Accounts(database, timedelta(days=settings.login.session_days))
        application = create_app(
            settings, database, collector, planograms, rules_of, accounts, grouping
        )
        if broker:
            broker.start()
            stack.callback(broker.stop)
        collector.start()
        stack.callback(collector.stop)
        metrics = MetricsService(
            database,
            grouping,
            settings.keep,
            collector.publish_retained,
            publish_every_secs=settings.metrics.publish_every_secs,
        )
        if not settings.collect_only:
            for service in (delivery, metrics, digests):
                service.start()
                stack.callback(service.stop)
        if settings.prometheus is not None:
            stack.callback(serve(settings.prometheus, database, collector).shutdown)
        server = _Server(
            uvicorn.Config(
                application,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=GRACE_SECS,
                proxy_headers=False,  # whom to believe is configured, not assumed
                ssl_certfile=tls.certificate if tls else None,
                ssl_keyfile=tls.key if tls else None,
            ),
            partial(_greet, settings, accounts, ready or _say_where),
            settings.http.scheme,
            application.state.changes.close,
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, server.handle_exit)
        if broker:
            threading.Thread(target=_end_with, args=(broker, server), daemon=True).start()
        server.run(sockets=[listening])
        if broker and not broker.is_running:
            raise BrokerError(f"the broker has ended; see {settings.broker.folder / 'broker.log'}")


def rules_from(
    settings: Central, planograms: Mapping[tuple[str, str], Mapping[str, Planogram]]
) -> RulesOf:
    """Return the rules of alerts that are configured; raises `shelf.errors.ConfigError`."""
    file = settings.alerts.velocity_file
    velocities = load_velocities(file) if file else None
    return make_rules(settings.alerts, settings.stores, settings.people, planograms, velocities)


def grouping_from(
    settings: Central,
    planograms: Mapping[tuple[str, str], Mapping[str, Planogram]],
    rules_of: RulesOf,
) -> Grouping:
    """Return by what figures are grouped; raises `shelf.errors.ConfigError`.

    A GTIN is that of the products file, else of a planogram.
    """
    file = settings.metrics.products_file
    products = load_products(file) if file else Products()
    planned = {
        slot.sku: slot.gtin
        for by_aisle in planograms.values()
        for planogram in by_aisle.values()
        for slot in planogram.slots
        if slot.gtin
    }
    return Grouping.of(
        settings.regions,
        Products(planned | dict(products.gtins), products.categories),
        {(store.tenant, store.site): store.name for store in settings.stores if store.name},
        lambda tenant, site: rules_of(tenant, site).calendar.zone,
    )


def delivery_from(settings: Central, database: Database, rules_of: RulesOf) -> Delivery:
    """Return what sends to the configured people; raises `shelf.errors.ConfigError`."""
    from central.channels import open_channels
    from central.delivery import Delivery, Mailbox, Names

    mailboxes: dict[str, Mailbox] = {}
    problems: list[Problem] = []
    for index, person in enumerate(settings.people):
        try:
            channels = open_channels(person, f"people[{index}]")
            mailboxes[person.name] = Mailbox(channels, person.title, person.body)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    stores = {(store.tenant, store.site): store.name for store in settings.stores if store.name}
    return Delivery(database, mailboxes, rules_of, Names(stores, settings.http.public_url or ""))


def digests_from(settings: Central, database: Database, grouping: Grouping) -> Digests:
    """Return what sends the configured digests; raises `shelf.errors.ConfigError`."""
    from central.channels import open_urls
    from central.digests import Digests, Subscription

    problems: list[Problem] = []
    subscriptions = [
        Subscription(each, open_urls(each.urls, each.urls_file, f"digests[{index}]", problems))
        for index, each in enumerate(settings.digests)
    ]
    if problems:
        raise ConfigError(problems)
    return Digests(database, subscriptions, grouping, settings.http.public_url or "")


class _Server(uvicorn.Server):
    """Says when it answers, and where; ends the pages' open streams before it waits for them."""

    def __init__(
        self,
        config: uvicorn.Config,
        ready: Callable[[str], None],
        scheme: str,
        end_streams: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._ready = ready
        self._scheme = scheme
        self._end_streams = end_streams

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say where."""
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            self._ready(f"{self._scheme}://{_shown_host(host)}:{port}/")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then everything else."""
        self._end_streams()
        await super().shutdown(sockets)


def check_certificate(tls: Tls) -> None:
    """Raise `shelf.errors.ConfigError` where the two files do not belong together."""
    where, files = "http.tls", f"{tls.certificate} and {tls.key}"
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.certificate, tls.key, password="")
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        found = f"{getattr(error, 'strerror', None) or error} ({files})"
        expected = "a certificate and its private key without a password, as PEM files"
        raise ConfigError([Problem(where, expected, found)]) from error


def _listen(http: Http) -> socket.socket:
    try:
        return socket.create_server((http.host, http.port))
    except OSError as error:
        where = f"http: {http.host}:{http.port}"
        raise ConfigError([Problem(where, "an address to listen on", str(error))]) from error


def _shown_host(host: str) -> str:
    """Return a host that a browser on this machine reaches."""
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    return f"[{shown}]" if ":" in shown else shown


def _greet(settings: Central, accounts: Accounts, ready: Callable[[str], None], url: str) -> None:
    """Say where the pages are, and how the first person comes in."""
    ready(url)
    if not settings.login.required:
        _log.warning("login is switched off: whoever reaches the pages may use them")
        return
    token = accounts.first_link()
    if token is not None:
        link = f"{(settings.http.public_url or url).rstrip('/')}/link/{token}"
        _log.warning("nobody can log in yet: open this link once, within 24 h", link=link)


def _say_where(url: str) -> None:
    _log.info("pages are served", url=url)


def _end_with(broker: EmbeddedBroker, server: uvicorn.Server) -> None:
    if broker.process is not None:
        broker.process.wait()
        server.should_exit = True
