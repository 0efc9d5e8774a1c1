"""Uplinks with short waits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from edge_agent.broker_settings import BrokerSettings
from edge_agent.outbox import Outbox
from edge_agent.uplink import Uplink


@contextmanager
def running_uplink(outbox: Outbox, settings: BrokerSettings) -> Iterator[Uplink]:
    """An uplink with short waits, stopped without draining."""
    uplink = Uplink(
        outbox.node,
        outbox,
        settings,
        resend_after_secs=2.0,
        resend_cap_secs=4.0,
        retry_secs=0.1,
        retry_cap_secs=0.5,
    )
    uplink.start()
    try:
        yield uplink
    finally:
        uplink.stop(drain_secs=0)


def is_empty(outbox: Outbox) -> bool:
    return outbox.first_sequence == outbox.last_sequence + 1
