"""What the center asks of a node and what the node answers, version 1.

A command goes to ``dn/cmd/{name}`` and its reply to ``up/rsp/{id}``, both QoS 1 and never
retained: a node that is away is not asked later. A command that comes twice is answered once.
"""

from __future__ import annotations

import base64
import binascii
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field

from shelf.picture_head import PictureHeadError, PictureKind, read_head
from shelf.states import State
from shelf.wire import InvalidMessageError, Message, Share, SlotPath

MAX_PICTURE_BYTES = 500_000
"""Of a JPEG in a command or a reply; as base64 it stays below the brokers' 1 MiB a message."""

MAX_PHOTO_SIDE_PX = 1024
"""The longer side of a photograph that is searched for."""

MAX_WITHIN_SECS = 120.0

CommandId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
"""Made by who asks; it ends the reply's topic."""

Picture = Annotated[str, Field(max_length=(MAX_PICTURE_BYTES + 2) // 3 * 4)]
"""JPEG, base64."""


class CommandName(StrEnum):
    """What can be asked."""

    SEARCH = "search"
    BAY_VIEW = "bay_view"


class Command(Message):
    """Base of all commands."""

    id: CommandId
    within_secs: Annotated[float, Field(gt=0, le=MAX_WITHIN_SECS)] = Field(
        10.0, description="How long the asker waits; what comes later is not read."
    )


class Search(Command):
    """Which product does this photograph show, and where does it belong?"""

    picture: Picture = Field(
        description=f"JPEG, base64, its longer side at most {MAX_PHOTO_SIDE_PX} px."
    )


class BayView(Command):
    """What does this bay look like, without whoever stands before it?"""

    aisle: str
    bay: Annotated[int, Field(ge=1, le=999)]
    planned: bool = Field(True, description="Draw the planned products into the gaps.")


class Outcome(StrEnum):
    """How a command ended."""

    OK = "ok"
    NOT_HERE = "not_here"
    REFUSED = "refused"
    INVALID = "invalid"
    BUSY = "busy"
    FAILED = "failed"


class Reply(Message):
    """The answer to one command; ``detail`` says why it is not ``ok``, for a person."""

    id: str
    outcome: Outcome
    detail: str = ""


class Sureness(StrEnum):
    """What a candidate rests on: its print was read, it looks alike, or it is only the nearest."""

    PRINT = "print"
    LIKENESS = "likeness"
    NEAREST = "nearest"


class Candidate(Message):
    """A product that a photograph may show, and the slots that are planned for it now."""

    sku: str
    name: str | None = None
    sureness: Sureness
    similarity: Annotated[float, Field(ge=-1, le=1)] = Field(
        description="Cosine of the best view; no probability."
    )
    print_points: Annotated[int, Field(ge=0)] = Field(
        description="Points of its print that the photograph shows."
    )
    slots: tuple[SlotPath, ...] = Field((), description="Empty: planned nowhere on this node.")


class SearchReply(Reply):
    """``found`` is the product; several are near-twins, none means not known."""

    found: tuple[Candidate, ...] = ()
    others: tuple[Candidate, ...] = Field((), description="What it may be else, the nearest first.")


class SlotInView(Message):
    """A slot in the picture of a bay; ``box`` is x1, y1, x2, y2 in shares of the picture."""

    slot: SlotPath
    state: State
    box: tuple[float, float, float, float]
    seen: AwareDatetime | None = Field(
        None, description="When the part seen longest ago was seen; absent: a part never was."
    )
    drawn: Annotated[int, Field(ge=0)] = Field(0, description="Planned facings drawn in.")


class BayViewReply(Reply):
    """A bay, frontal, from settled parts only; ``picture`` is present when the outcome is ok."""

    picture: Picture | None = None
    width_px: Annotated[int, Field(ge=0)] = 0
    height_px: Annotated[int, Field(ge=0)] = 0
    seen: AwareDatetime | None = Field(None, description="When the camera last looked.")
    unseen: Share = Field(0.0, description="Share of the picture never seen without movement.")
    frontal: bool = Field(True, description="False without a calibration: as the camera sees it.")
    planogram: str = Field("", description="Id and version of the planogram drawn by.")
    slots: tuple[SlotInView, ...] = ()


COMMANDS: dict[CommandName, tuple[type[Command], type[Reply]]] = {
    CommandName.SEARCH: (Search, SearchReply),
    CommandName.BAY_VIEW: (BayView, BayViewReply),
}
"""The command and the reply by name."""

MESSAGES: dict[str, type[Message]] = {
    "command.search": Search,
    "command.bay-view": BayView,
    "reply": Reply,
    "reply.search": SearchReply,
    "reply.bay-view": BayViewReply,
}
"""By the names of their schemas. A command that is not understood gets a bare `Reply`."""


def to_base64(picture: bytes) -> str:
    """Return a JPEG as messages carry it."""
    return base64.b64encode(picture).decode()


def jpeg_of(field: str, text: str, max_side_px: int) -> bytes:
    """Return the JPEG in ``field``; its size is known before anything is decoded.

    Raises `InvalidMessageError` unless it is one of 1 to ``max_side_px`` pixels a side.
    """
    try:
        picture = base64.b64decode(text, validate=True)
        head = read_head(picture)
    except (binascii.Error, PictureHeadError) as error:
        raise InvalidMessageError(f"{field}: {error}") from error
    if head.kind is not PictureKind.JPEG:
        raise InvalidMessageError(f"{field}: expected JPEG, found {head.kind.value}")
    if max(head.width_px, head.height_px) > max_side_px:
        raise InvalidMessageError(
            f"{field}: expected at most {max_side_px} px a side, "
            f"found {head.width_px}x{head.height_px}"
        )
    return picture
