"""What keeps the page from being the whole truth: broker, nodes and cameras that do not work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from central.web import words
from central.web.language import Texts
from central.web.rows import NodeRow, SiteRows
from shelf import CameraState


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that limits what can be seen: ``text`` reads on to "for 5 min"."""

    key: str
    text: str
    since_utc: datetime | None
    detail: str = ""


def watched_by(t: Texts, rows: SiteRows) -> str:
    """Name the cameras that can be trusted: ``Watched by cameras c1 and c2.``"""
    offline = {node.node for node in rows.nodes if not node.is_online}
    good = [
        camera.camera
        for camera in rows.cameras
        if camera.state is CameraState.OK and camera.node not in offline
    ]
    if not good:
        return t("watched.by.none" if rows.cameras else "watched.by.never")
    return t("watched.by", count=len(good), cameras=words.listed(t, good))


def notices_of(t: Texts, rows: SiteRows, broker_fault: str | None = None) -> Iterator[Notice]:
    """Yield what is wrong with broker, nodes and cameras.

    What the cameras of an offline node last said is of no more use and is left out.
    """
    if broker_fault is not None:
        yield Notice("broker", t("notice.broker"), None, broker_fault)
    offline = {node.node: node for node in rows.nodes if not node.is_online}
    for node in offline.values():
        yield _node_notice(t, node)
    for camera in rows.cameras:
        if camera.state is CameraState.OK or camera.node in offline:
            continue
        yield Notice(
            f"camera-{camera.node}-{camera.camera}",
            t(f"notice.camera.{camera.state.value}", camera=camera.camera),
            camera.since_utc,
            camera.detail,
        )


def _node_notice(t: Texts, node: NodeRow) -> Notice:
    return Notice(
        f"node-{node.node}",
        t("notice.node", node=node.node),
        node.time_utc,
        t("notice.node.more"),
    )
