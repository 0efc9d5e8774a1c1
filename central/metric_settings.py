"""What of the configuration concerns figures: regions, products, what is kept, and Prometheus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from central.alert_settings import Name
from shelf.settings import Settings


class Region(Settings):
    """Stores that are looked at together; a store is in one region at most."""

    tenant: Name = Field(description="The tenant, as in the topics.")
    id: Name = Field(description="Part of the topic of its figures.")
    name: str | None = Field(None, description="The name that people use.")
    sites: tuple[Name, ...] = Field(min_length=1, description="Its stores, as in the topics.")


class MetricSettings(Settings):
    """Figures, and where they go."""

    publish_every_secs: Annotated[float, Field(ge=1, le=86_400)] = Field(
        60, description="How often the figures of stores and regions are published over MQTT."
    )
    products_file: Path | None = Field(
        None, description="CSV of sku[,gtin][,category]: groups products, and names their GTIN."
    )


class Keep(Settings):
    """After how many days what is over; the present state of everything stays."""

    events_days: Annotated[int, Field(ge=2, le=3650)] = Field(
        60, description="Events as they came, and messages that could not be used."
    )
    evidence_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        30, description="Pictures that show why an alert was raised."
    )
    alerts_days: Annotated[int, Field(ge=7, le=3650)] = Field(
        400, description="Closed alerts with what people did about them."
    )
    history_days: Annotated[int, Field(ge=35, le=3650)] = Field(
        800, description="Intervals, stock-outs and hours, from which figures are computed."
    )


class Prometheus(Settings):
    """Where central's own health can be scraped; it needs no login there."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(9464, description="Port; 0: a free one.")


class Regions(Settings):
    """Checks what regions share; part of the whole configuration."""

    regions: tuple[Region, ...] = Field((), description="Stores that are looked at together.")

    @model_validator(mode="after")
    def _check_regions(self) -> Self:
        names = [f"{region.tenant}/{region.id}" for region in self.regions]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"expected each region once, got {twice} twice")
        sites = [f"{region.tenant}/{site}" for region in self.regions for site in region.sites]
        if twice := next((site for site in sites if sites.count(site) > 1), None):
            raise ValueError(f"expected each store in one region, got {twice} in two")
        return self
