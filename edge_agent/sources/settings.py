"""The settings of every kind of source; the ``type`` key says which."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import Field, field_validator, model_validator

from shelf.settings import Settings

_Timeout = Annotated[float, Field(gt=0, le=120)]


class FolderSettings(Settings):
    """Pictures in a folder, in the order of their names."""

    is_live: ClassVar[bool] = False
    type: Literal["folder"]
    path: Path = Field(description="A folder of JPEG or PNG pictures, or a single picture.")
    repeat: bool = Field(
        False,
        description="Stay on the last picture, as a camera would, and take new ones as they come; "
        "without it the source ends.",
    )


class VideoSettings(Settings):
    """A video file."""

    is_live: ClassVar[bool] = False
    type: Literal["video"]
    path: Path = Field(description="A video file.")
    every_secs: float = Field(5.0, gt=0, le=86400, description="Video time between two looks.")


class _NetworkSettings(Settings):
    """An address with credentials, which are kept out of every text."""

    schemes: ClassVar[tuple[str, ...]] = ()
    username: str | None = Field(None, description="User name, if it is not in the URL.")
    password_file: Path | None = Field(
        None, description="A file that holds the password and nothing else."
    )
    url: str

    @field_validator("url")
    @classmethod
    def _must_be_an_address(cls, url: str) -> str:
        wanted = " or ".join(f"{scheme}://" for scheme in cls.schemes)
        try:
            parts = urlsplit(url)
            usable = parts.scheme in cls.schemes and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable or "@" in parts.path:
            raise ValueError(
                f"a URL that starts with {wanted} and names a host (special characters in a "
                "user name or password percent-encoded, or use password_file)"
            )
        return url

    @model_validator(mode="after")
    def _must_name_one_user(self) -> Self:
        if self.password_file is not None and self.username is None:
            raise ValueError("username beside password_file")
        if self.username is not None and "@" in urlsplit(self.url).netloc:
            raise ValueError("credentials either in url or in username and password_file")
        return self

    @property
    def address(self) -> str:
        """The URL without credentials; what may be shown."""
        parts = urlsplit(self.url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    @property
    def shown(self) -> str:
        """The address without its query, which may carry a token."""
        return urlsplit(self.address)._replace(query="", fragment="").geturl()

    def credentials(self) -> tuple[str, str] | None:
        """Return user name and password, or None; raises ``OSError`` for an unreadable file."""
        parts: SplitResult = urlsplit(self.url)
        if parts.username is not None:
            return unquote(parts.username), unquote(parts.password or "")
        if self.username is None:
            return None
        if self.password_file is None:
            return self.username, ""
        return self.username, self.password_file.read_text(encoding="utf-8").strip("\r\n")


class HttpSettings(_NetworkSettings):
    """A camera's snapshot address."""

    is_live: ClassVar[bool] = True
    schemes: ClassVar[tuple[str, ...]] = ("http", "https")
    type: Literal["http"]
    url: str = Field(description="Address of a JPEG or PNG snapshot.")
    timeout_secs: _Timeout = Field(10.0, description="For one snapshot, from asking to the end.")
    tls: Literal["verify", "unverified"] = Field(
        "verify", description="'unverified' accepts a camera's self-signed certificate."
    )


class RtspSettings(_NetworkSettings):
    """A camera's RTSP stream, of which only keyframes are decoded."""

    is_live: ClassVar[bool] = True
    schemes: ClassVar[tuple[str, ...]] = ("rtsp", "rtsps")
    type: Literal["rtsp"]
    url: str = Field(description="Address of the stream.")
    transport: Literal["tcp", "udp"] = Field("tcp", description="How the stream is carried.")
    timeout_secs: _Timeout = Field(
        15.0,
        description="Without a keyframe for so long the stream is dead; more than the camera's "
        "keyframe interval.",
    )


class UsbSettings(Settings):
    """A camera at this computer."""

    is_live: ClassVar[bool] = True
    type: Literal["usb"]
    device: Annotated[int, Field(ge=0, le=255)] | str = Field(
        0, description="Number of the device, or its path (/dev/v4l/by-id/... does not change)."
    )
    width_px: int | None = Field(None, ge=16, le=65536, description="Asked of the camera.")
    height_px: int | None = Field(None, ge=16, le=65536, description="Asked of the camera.")


class SimulatorSettings(Settings):
    """A simulated store; needs the package that brings the ``simulator`` source."""

    is_live: ClassVar[bool] = False
    type: Literal["simulator"]
    seed: int = Field(1, ge=0, description="The same seed gives the same day.")
    camera: str | None = Field(None, description="Id of the simulated camera; the first if absent.")
    speed: float = Field(1.0, gt=0, le=10000, description="Simulated seconds a second.")


SourceSettings = Annotated[
    FolderSettings | VideoSettings | HttpSettings | RtspSettings | UsbSettings | SimulatorSettings,
    Field(discriminator="type"),
]
"""Any source's settings. ``is_live`` is true where two looks are never the same bytes."""
