"""From a message to a person's phone, mailbox or chat: central's only use of apprise."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Sequence
from pathlib import Path

from apprise import Apprise, NotifyBase, NotifyFormat, NotifyType

from central.alert_settings import Recipient
from central.delivery_text import Message, TextError, example_context, render
from shelf.errors import ConfigError, Problem
from shelf.settings import redact

MAX_REASON = 300


class SendError(Exception):
    """A message that was not taken; the text says why, without credentials."""


class Channel:
    """One address of a person. ``key`` identifies it without telling its secrets."""

    def __init__(self, url: str) -> None:
        """Raises ``ValueError`` for a URL that apprise cannot use."""
        plugin = Apprise.instantiate(url, suppress_exceptions=True)
        if not isinstance(plugin, NotifyBase):
            raise ValueError("expected a URL that apprise knows, like ntfy://ntfy.sh/topic")
        self._plugin = plugin
        self.key = hashlib.sha256(url.encode()).hexdigest()[:16]
        self.name = str(plugin.service_name or "channel")

    def send(self, message: Message) -> None:
        """Send; raises `SendError` when the other side does not take it, or not in time."""
        with _Listening() as said:
            try:
                is_sent = self._plugin.notify(
                    title=message.title,
                    body=message.body,
                    notify_type=NotifyType.INFO if message.is_html else NotifyType.WARNING,
                    body_format=NotifyFormat.HTML if message.is_html else NotifyFormat.TEXT,
                )
            except Exception as error:
                raise SendError(_short(f"{self.name}: {error!r}")) from error
        if not is_sent:
            raise SendError(_short(f"{self.name}: {said.last or 'not taken'}"))


def open_channels(recipient: Recipient, place: str) -> list[Channel]:
    """Return a person's channels, and try the templates.

    ``place`` is the field in the configuration. Raises `shelf.errors.ConfigError` with every
    problem; no message repeats a URL, since it may hold a secret.
    """
    problems: list[Problem] = []
    channels = open_urls(recipient.urls, recipient.urls_file, place, problems)
    for field in ("title", "body"):
        text = getattr(recipient, field)
        try:
            render(example_context(), text, text)
        except TextError as error:
            problems.append(Problem(f"{place}.{field}", "a Jinja template", str(error)))
    if problems:
        raise ConfigError(problems)
    return channels


def open_urls(
    urls: Sequence[str], urls_file: Path | None, place: str, problems: list[Problem]
) -> list[Channel]:
    """Return the channels of ``urls``, or of those in a file; adds to ``problems``."""
    where = f"{place}.urls"
    if urls_file is not None:
        where = f"{place}.urls_file: {urls_file}"
        urls = _read_urls(urls_file, where, problems)
    channels: list[Channel] = []
    for number, url in enumerate(urls, 1):
        try:
            channels.append(Channel(url))
        except ValueError as error:
            expected = str(error).removeprefix("expected ")
            problems.append(Problem(f"{where}: number {number}", expected, "another"))
    return channels


def _read_urls(path: Path, where: str, problems: list[Problem]) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no UTF-8"
        problems.append(Problem(where, "a file with one URL a line", reason))
        return []
    urls = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not urls:
        problems.append(Problem(where, "a URL", "nothing"))
    return urls


def _short(text: str) -> str:
    return redact(" ".join(text.split()))[:MAX_REASON]


class _Listening(logging.Handler):
    """Hears what apprise logs in this thread: the only place where it gives a reason."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a warning of this thread."""
        if record.thread == self._thread:
            self.last = record.getMessage()

    def __enter__(self) -> _Listening:
        logging.getLogger("apprise").addHandler(self)
        return self

    def __exit__(self, *_error: object) -> None:
        logging.getLogger("apprise").removeHandler(self)
