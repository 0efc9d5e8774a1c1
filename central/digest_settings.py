"""What of the configuration concerns digests: what is told to whom, and when."""

from __future__ import annotations

import re
from datetime import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from central.alert_settings import Name, check_zone
from shelf.settings import Settings

_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


class Every(StrEnum):
    """How often."""

    DAY = "day"
    WEEK = "week"


class Language(StrEnum):
    """In which language."""

    DE = "de"
    EN = "en"
    ES = "es"


def parse_time(text: str) -> time:
    """Return ``07:00`` as a time; raises ``ValueError``."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError("expected a time of the day like 07:00")
    return time(int(match[1]), int(match[2]))


def _check_time(text: str) -> str:
    parse_time(text)
    return text


class DigestSettings(Settings):
    """A summary by mail: of yesterday every morning, or of last week on one of them."""

    name: Name = Field(description="Unique; names it in the log.")
    tenant: Name = Field(description="Whose stores.")
    region: Name | None = Field(None, description="Which region's stores; all if absent.")
    site: Name | None = Field(None, description="Which store, instead of a region.")
    every: Every = Field(Every.DAY, description="day: of yesterday; week: of Monday to Sunday.")
    at: Annotated[str, AfterValidator(_check_time)] = Field(
        "07:00", description="When: after a day has ended, or on Monday after a week has."
    )
    timezone: Annotated[str, AfterValidator(check_zone)] | None = Field(
        None, description="By which clock; that of the first of its stores if absent."
    )
    language: Language = Field(Language.EN, description="In which language.")
    urls: tuple[str, ...] = Field((), description="Apprise URLs, like mailto://host?to=a@b.com.")
    urls_file: Path | None = Field(
        None, description="File with one Apprise URL a line: for those that hold secrets."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if bool(self.urls) == (self.urls_file is not None):
            raise ValueError("expected either urls or a urls_file")
        if self.region is not None and self.site is not None:
            raise ValueError("expected a region or a site, not both")
        return self
