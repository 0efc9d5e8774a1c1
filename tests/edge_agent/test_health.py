"""The page for operators, asked over HTTP."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Counter

from edge_agent.health import CameraHealth, Health, HealthError, HealthServer, Uplink
from shelf.states import CameraState

OK = CameraHealth(CameraState.OK)
OFFLINE = CameraHealth(CameraState.OFFLINE, "no fresh picture for 70 s")
DARK = CameraHealth(CameraState.DARK)


class Agent:
    """What the page asks."""

    def __init__(self) -> None:
        self.health = Health({"c1": OK, "c2": OFFLINE}, Uplink.DISCONNECTED, more={"outbox": 3})
        self.registry = CollectorRegistry()


@pytest.fixture
def agent() -> Agent:
    return Agent()


@pytest.fixture
def server(agent: Agent) -> Iterator[HealthServer]:
    with HealthServer(
        "127.0.0.1", 0, health=lambda: agent.health, registry=agent.registry
    ) as server:
        yield server


def ask(
    server: HealthServer, path: str, method: str = "GET", **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    """Return the response and its body."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def test_healthz(server: HealthServer) -> None:
    """Every camera with its reason, the uplink, and what the agent adds."""
    response, body = ask(server, "/healthz")
    assert response.status == 200
    assert response.getheader("Content-Type") == "application/json"
    assert response.getheader("Cache-Control") == "no-store"
    assert json.loads(body) == {
        "ok": True,
        "uplink": "disconnected",
        "cameras": {
            "c1": {"state": "ok", "detail": ""},
            "c2": {"state": "offline", "detail": "no fresh picture for 70 s"},
        },
        "outbox": 3,
    }


@pytest.mark.parametrize(
    ("cameras", "fault", "status"),
    [
        ({"c1": OK}, "", 200),
        ({"c1": DARK, "c2": DARK}, "", 200),
        ({}, "", 200),
        ({"c1": OFFLINE, "c2": OFFLINE}, "", 503),
        ({"c1": OK}, "the outbox cannot be written: disk full", 503),
    ],
)
def test_when_the_agent_is_unwell(
    agent: Agent,
    server: HealthServer,
    cameras: dict[str, CameraHealth],
    fault: str,
    status: int,
) -> None:
    """503 for a fault of the agent or when no camera answers; a shop at night is well."""
    agent.health = Health(cameras, Uplink.CONNECTED, fault)
    response, body = ask(server, "/healthz")
    assert response.status == status
    assert json.loads(body)["ok"] is (status == 200)
    assert json.loads(body).get("fault", "") == fault


def test_metrics(agent: Agent, server: HealthServer) -> None:
    """What the agent counts, in the form that Prometheus reads."""
    Counter("looks", "Looks taken.", ["camera"], registry=agent.registry).labels("c1").inc(4)
    response, body = ask(server, "/metrics")
    assert response.status == 200
    assert b'looks_total{camera="c1"} 4.0' in body


def test_a_look(server: HealthServer) -> None:
    """The latest picture, or in words why there is none."""
    server.set_look("c1", b"old")
    server.set_look("c1", b"\xff\xd8jpeg")
    response, body = ask(server, "/cameras/c1/look.jpg?t=1")
    assert (response.status, body) == (200, b"\xff\xd8jpeg")
    assert response.getheader("Content-Type") == "image/jpeg"
    response, body = ask(server, "/cameras/c2/look.jpg")
    assert (response.status, body) == (404, b"camera c2 has not given a look yet\n")
    response, body = ask(server, "/cameras/c9/look.jpg")
    assert (response.status, body) == (404, b"no such camera; the cameras are: c1, c2\n")


@pytest.mark.parametrize("path", ["/", "/cameras", "/cameras/c1/../../etc/passwd", "/healthz/x"])
def test_other_paths(server: HealthServer, path: str) -> None:
    """There is nothing else."""
    response, body = ask(server, path)
    assert response.status == 404
    assert b"/healthz" in body


def test_head_has_no_body(server: HealthServer) -> None:
    """Monitors may ask for the status alone."""
    response, body = ask(server, "/healthz", "HEAD")
    assert (response.status, body) == (200, b"")


def test_posting_is_refused(server: HealthServer) -> None:
    """The page changes nothing."""
    assert ask(server, "/healthz", "POST")[0].status == 501


def test_a_foreign_name_for_this_machine_is_refused(server: HealthServer) -> None:
    """A web page that points its name here gets no pictures."""
    server.set_look("c1", b"jpeg")
    response, body = ask(server, "/cameras/c1/look.jpg", Host=f"evil.example:{server.port}")
    assert (response.status, body) == (403, b"ask for 127.0.0.1 or localhost\n")
    for name in (f"localhost:{server.port}", "localhost", "127.0.0.1"):
        assert ask(server, "/healthz", Host=name)[0].status == 200


def test_a_port_that_is_taken(server: HealthServer) -> None:
    """The error names the address and what to do."""
    with pytest.raises(HealthError, match=f"127.0.0.1:{server.port}: Address already in use"):
        HealthServer("127.0.0.1", server.port, health=lambda: Health({}, Uplink.CONNECTED))


@pytest.mark.parametrize("host", ["192.0.2.1", "not a name"])
def test_an_address_that_is_not_ours(host: str) -> None:
    """It cannot be listened on."""
    with pytest.raises(HealthError, match="expected a free address"):
        HealthServer(host, 0, health=lambda: Health({}, Uplink.CONNECTED))


def test_closing_gives_the_port_back(agent: Agent) -> None:
    """The next start can listen at once."""
    first = HealthServer("127.0.0.1", 0, health=lambda: agent.health)
    first.close()
    first.close()
    HealthServer("127.0.0.1", first.port, health=lambda: agent.health).close()
