"""One MQTT connection of the node, from CONNECT to its end: the edge's only use of paho.

A connection is never reused. The outbox is the session, so the broker keeps none, and nothing
of an earlier connection can slip in before the birth.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.broker_settings import BrokerSettings
from shelf.broker import FIVE_REFUSED, Version, tls_refusal
from shelf.topics import Node
from shelf.wire import InvalidMessageError, Watermark, parse

CONNECT_TIMEOUT_SECS = 10.0

UNCONFIRMED_LIMIT = 20
"""Messages sent and not acknowledged by the broker; what Mosquitto allows unless told else."""

VERSION_REFUSED = "Unsupported protocol version"
"""Also what paho makes of the answer in the older form that a broker without MQTT 5 gives."""

REFUSALS = {
    "Client identifier not valid",
    "Bad user name or password",
    "Not authorized",
    "Banned",
    "Bad authentication method",
}
"""Reasons in a CONNACK that waiting does not cure: somebody has to change something."""

_log = structlog.get_logger(__name__)

Note = Callable[[Watermark | None], None]
Hear = Callable[[str, bytes], None]
"""Takes a topic and a payload."""

OnCommand = Callable[[str, bytes], None]
"""Takes the name of a command and its payload."""


class RefusedError(Exception):
    """The broker, or a file that the connection needs, says no."""


class VersionRefusedError(RefusedError):
    """The broker does not speak MQTT 5."""


class LostError(Exception):
    """There is no connection, or no more."""


class Connection:
    """A connection, usually with a last will. All calls come from one thread.

    ``note`` is called in paho's thread: with each watermark that arrives, and with None when
    something else has changed (an acknowledgement, the end). ``on_command`` is called there too
    and must return at once; ``hear`` gets the topic and payload of every other message.

    Who only listens leaves the ``will`` out and has a ``client_id`` of its own, because a broker
    lets the node's own in once.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        version: Version,
        node: Node,
        will: bytes | None,
        note: Note,
        on_command: OnCommand,
        *,
        client_id: str | None = None,
        hear: Hear | None = None,
    ) -> None:
        self._settings = settings
        self._node = node
        self._note = note
        self._hear = hear
        self._on_command = on_command
        self._commands = node.command("")
        self._answered = threading.Event()
        self._answer: ReasonCode | None = None
        self._end: str | None = None
        self._tls_refusal: str | None = None
        self._publish_refusal: str | None = None
        self._limit = UNCONFIRMED_LIMIT
        self._unconfirmed: list[MQTTMessageInfo] = []
        is_five = version == "5"
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id or node.node,
            clean_session=None if is_five else True,
            protocol=MQTTProtocolVersion.MQTTv5 if is_five else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        self._client.max_inflight_messages = UNCONFIRMED_LIMIT
        self._client.connect_timeout = CONNECT_TIMEOUT_SECS
        if will is not None:
            self._client.will_set(node.status, will, qos=1, retain=True)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_log = self._on_log
        self._client.on_message = self._on_message
        self._client.on_publish = self._on_publish

    def open(self) -> None:
        """Connect and wait for the broker's answer; raises `RefusedError` or `LostError`."""
        self._set_credentials()
        settings = self._settings
        try:
            self._client.connect(*settings.address, settings.keepalive_secs)
        except ssl.SSLEOFError as error:
            raise LostError(f"TLS: {error.reason or error}") from error
        except ssl.SSLError as error:
            raise RefusedError(f"TLS: {_tls_reason(error)}") from error
        except OSError as error:
            raise LostError(str(error)) from error
        self._client.loop_start()
        if not self._answered.wait(CONNECT_TIMEOUT_SECS):
            raise LostError(f"no answer within {CONNECT_TIMEOUT_SECS:.0f} s")
        if self._answer is None and self._tls_refusal:
            raise RefusedError(self._tls_refusal)
        if self._answer is None:
            raise LostError(self._end or "closed before it answered")
        if self._answer.is_failure:
            reason = str(self._answer)
            if reason == VERSION_REFUSED:
                raise VersionRefusedError(FIVE_REFUSED)
            raise RefusedError(reason) if reason in REFUSALS else LostError(reason)

    def close(self) -> None:
        """Disconnect in good order, so that the last will is not sent."""
        self._client.disconnect()
        self._client.loop_stop()

    def subscribe(self, topics: Sequence[str]) -> None:
        """Subscribe with QoS 1; raises `LostError`."""
        result, _ = self._client.subscribe([(topic, 1) for topic in topics])
        self._must_be_sent(result)

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> None:
        """Hand a message over to be sent; raises `LostError`."""
        info = self._client.publish(topic, payload, qos, retain)
        self._must_be_sent(info.rc)
        if qos:
            self._unconfirmed.append(info)

    @property
    def unconfirmed(self) -> int:
        """How many messages the broker has not acknowledged."""
        return sum(not info.is_published() for info in self._unconfirmed)

    @property
    def room(self) -> int:
        """How many more messages may be sent before the broker acknowledges some."""
        return max(self._limit - self.unconfirmed, 0)

    def take_confirmed(self) -> int:
        """Return how many messages the broker has acknowledged since the last call."""
        before = len(self._unconfirmed)
        self._unconfirmed = [info for info in self._unconfirmed if not info.is_published()]
        return before - len(self._unconfirmed)

    def check(self) -> None:
        """Raise `LostError` after the end, `RefusedError` when the broker refused a message."""
        if self._publish_refusal is not None:
            raise RefusedError(f"publishing: {self._publish_refusal}")
        if self._end is not None:
            raise LostError(self._end)

    def _set_credentials(self) -> None:
        settings = self._settings
        try:
            if settings.username is not None:
                self._client.username_pw_set(settings.username, settings.read_password())
            if settings.uses_tls:
                self._client.tls_set_context(settings.tls_context())
        except ssl.SSLError as error:
            raise RefusedError(f"ca_file, cert_file or key_file: {_tls_reason(error)}") from error
        except OSError as error:
            raise RefusedError(f"{error.filename or 'credentials'}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise RefusedError(f"{settings.password_file}: expected UTF-8 text") from error

    def _must_be_sent(self, result: MQTTErrorCode) -> None:
        if result != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise LostError(self._end or "not connected")

    def _on_connect(
        self,
        _client: Client,
        _userdata: Any,
        _flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        allowed = getattr(properties, "ReceiveMaximum", UNCONFIRMED_LIMIT)
        self._limit = min(UNCONFIRMED_LIMIT, allowed)
        self._client.on_log = None
        self._answer = reason
        self._answered.set()
        self._note(None)

    def _on_log(self, _client: Client, _userdata: Any, _level: int, text: str) -> None:
        self._tls_refusal = self._tls_refusal or tls_refusal(text)

    def _on_disconnect(
        self,
        _client: Client,
        _userdata: Any,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._end = f"connection ended: {reason}"
        self._answered.set()
        self._note(None)

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        if message.topic.startswith(self._commands) and not message.retain:
            self._on_command(message.topic.removeprefix(self._commands), bytes(message.payload))
            return
        if message.topic != self._node.watermark:
            if self._hear is not None:
                self._hear(message.topic, bytes(message.payload))
            return
        try:
            watermark = parse(Watermark, bytes(message.payload))
        except InvalidMessageError as error:
            _log.warning("watermark ignored: not one", error=str(error))
        else:
            self._note(watermark)

    def _on_publish(
        self,
        _client: Client,
        _userdata: Any,
        _mid: int,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._publish_refusal = str(reason)
        self._note(None)


def _tls_reason(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the broker's certificate: {error.verify_message}"
    return (error.reason or str(error)).replace("_", " ").lower()
