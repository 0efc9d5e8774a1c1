"""One MQTT connection of the collector, from CONNECT to its end: central's only use of paho.

The session outlives connections: while the collector is away the broker keeps what it should
get, unless several collectors share a feed; then the others get it. Messages are acknowledged by
hand, after their commit. A connection is never reused, so that an acknowledgement cannot reach a
message of a later connection under the same number.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from central.broker_settings import BrokerSettings
from central.intake import Received
from central.sharing import subscriptions
from shelf.broker import FIVE_REFUSED, Version, tls_refusal
from shelf.topics import ALL_STAFF_ACTIONS, ALL_UP

CONNECT_TIMEOUT_SECS = 10.0
SESSION_EXPIRY_SECS = 14 * 24 * 3600

RECEIVE_MAXIMUM = 1000
"""Messages that the broker may send ahead of commits (MQTT 5; else the broker's own limit)."""

VERSION_REFUSED = "Unsupported protocol version"
"""Also what paho makes of the answer in the older form that a broker without MQTT 5 gives."""

OnMessage = Callable[["Connection", int, Received], None]


class NotConnectedError(Exception):
    """There is no connection, or no more; the text says why, and who has to act."""


class VersionRefusedError(NotConnectedError):
    """The broker does not speak MQTT 5."""


class Connection:
    """A connection of the collector.

    ``on_message`` is called in paho's thread with the connection, the number to acknowledge
    (0 where none is due) and the message.
    """

    def __init__(self, settings: BrokerSettings, version: Version, on_message: OnMessage) -> None:
        self._settings = settings
        self._deliver = on_message
        self._answered = threading.Event()
        self._answer: ReasonCode | None = None
        self._tls_refusal: str | None = None
        self.ended = threading.Event()
        self.end = ""
        self._is_five = version == "5"
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id,
            clean_session=None if self._is_five else False,
            protocol=MQTTProtocolVersion.MQTTv5 if self._is_five else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        self._client.connect_timeout = CONNECT_TIMEOUT_SECS
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_log = self._on_log
        self._client.on_message = self._on_message

    def open(self) -> None:
        """Connect, wait for the answer and subscribe; raises `NotConnectedError`."""
        self._set_credentials()
        host, port = self._settings.address
        keepalive = self._settings.keepalive_secs
        try:
            if self._is_five:
                properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
                is_shared = self._settings.share_group is not None
                # A session that is kept would go on getting its share while nobody reads it.
                properties.SessionExpiryInterval = 0 if is_shared else SESSION_EXPIRY_SECS
                properties.ReceiveMaximum = RECEIVE_MAXIMUM
                self._client.connect(
                    host, port, keepalive, clean_start=is_shared, properties=properties
                )
            else:
                self._client.connect(host, port, keepalive)
        except OSError as error:
            raise NotConnectedError(str(error)) from error
        self._client.loop_start()
        if not self._answered.wait(CONNECT_TIMEOUT_SECS):
            raise NotConnectedError(f"no answer within {CONNECT_TIMEOUT_SECS:.0f} s")
        if self._answer is None:
            raise NotConnectedError(self.end or "closed before it answered")
        if str(self._answer) == VERSION_REFUSED:
            raise VersionRefusedError(FIVE_REFUSED)
        if self._answer.is_failure:
            raise NotConnectedError(f"refused: {self._answer}")
        group = self._settings.share_group
        topics = (ALL_UP, ALL_STAFF_ACTIONS) if group is None else subscriptions(group)
        self._client.subscribe([(topic, 1) for topic in topics])

    def acknowledge(self, number: int) -> None:
        """Tell the broker that a message need not come again. Does nothing after the end."""
        if number and not self.ended.is_set():
            self._client.ack(number, 1)

    def publish_retained(self, topic: str, payload: bytes) -> None:
        """Publish for whoever subscribes now or later. Does nothing after the end."""
        if not self.ended.is_set():
            self._client.publish(topic, payload, qos=1, retain=True)

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish for whoever listens now. Does nothing after the end."""
        if not self.ended.is_set():
            self._client.publish(topic, payload, qos=1)

    def close(self) -> None:
        """Disconnect; the broker keeps the session."""
        self._client.disconnect()
        self._client.loop_stop()
        self.ended.set()

    def _set_credentials(self) -> None:
        settings = self._settings
        try:
            if settings.username is not None:
                self._client.username_pw_set(settings.username, settings.read_password())
            if settings.uses_tls:
                self._client.tls_set_context(settings.tls_context())
        except (OSError, UnicodeDecodeError) as error:
            name = getattr(error, "filename", None) or "password_file, ca_file, cert_file, key_file"
            raise NotConnectedError(f"{name}: {error}") from error

    def _on_connect(
        self,
        _client: Client,
        _userdata: Any,
        _flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._client.on_log = None
        self._answer = reason
        self._answered.set()

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
        self.end = self._tls_refusal or f"connection ended: {reason}"
        self.ended.set()
        self._answered.set()

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        received = Received(
            message.topic, bytes(message.payload), datetime.now(UTC), bool(message.retain)
        )
        self._deliver(self, message.mid if message.qos else 0, received)
