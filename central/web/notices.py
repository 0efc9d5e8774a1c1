"""What keeps the page from being the whole truth: broker, nodes and cameras that do not work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from central.web import words
from central.web.rows import NodeRow, SiteRows
from shelf import CameraState


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that limits what can be seen: ``text`` reads on to "for 5 min"."""

    key: str
    text: str
    since_utc: datetime | None
    detail: str = ""


def watched_by(rows: SiteRows) -> str:
    """Name the cameras that can be trusted: ``Watched by cameras c1 and c2.``"""
    offline = {node.node for node in rows.nodes if not node.is_online}
    good = [
        camera.camera
        for camera in rows.cameras
        if camera.state is CameraState.OK and camera.node not in offline
    ]
    if not good:
        return "No camera can see at present." if rows.cameras else "No camera has reported yet."
    return f"Watched by {'camera' if len(good) == 1 else 'cameras'} {words.listed(good)}."


def notices_of(rows: SiteRows, broker_fault: str | None = None) -> Iterator[Notice]:
    """Yield what is wrong with broker, nodes and cameras.

    What the cameras of an offline node last said is of no more use and is left out.
    """
    if broker_fault is not None:
        yield Notice(
            "broker", "The broker is out of reach, so nothing new arrives", None, broker_fault
        )
    offline = {node.node: node for node in rows.nodes if not node.is_online}
    for node in offline.values():
        yield _node_notice(node)
    for camera in rows.cameras:
        if camera.state is CameraState.OK or camera.node in offline:
            continue
        yield Notice(
            f"camera-{camera.node}-{camera.camera}",
            f"Camera {camera.camera} {words.CAMERA_WORDS[camera.state]}",
            camera.since_utc,
            camera.detail,
        )


def _node_notice(node: NodeRow) -> Notice:
    return Notice(
        f"node-{node.node}",
        f"Agent {node.node} has been offline",
        node.time_utc,
        "what it watches is shown as last seen",
    )
