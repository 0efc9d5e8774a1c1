"""The configuration of the central part, as ``shelfwatch central --config FILE`` reads it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, IPvAnyNetwork, field_validator, model_validator

from central.admission import AdmissionSettings
from central.alert_settings import AlertSettings, HomeAssistant, Recipient, Store
from central.broker_settings import BrokerSettings
from central.digest_settings import DigestSettings
from central.metric_settings import Keep, MetricSettings, Prometheus, Regions
from shelf.planogram import Planogram
from shelf.planogram_file import load_planogram
from shelf.settings import Settings, load_settings, with_paths_from
from shelf.topics import name_fault

SQLITE = "sqlite:///"


def _check_name(text: str) -> str:
    if fault := name_fault(text):
        raise ValueError(f"expected {fault}")
    return text


class Tls(Settings):
    """What proves to browsers that they speak with this center; PEM files."""

    certificate: Path = Field(
        description="The certificate, and those that lead from it to one that phones trust."
    )
    key: Path = Field(description="Its private key, without a password.")


class Http(Settings):
    """Where the web pages are served."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(
        8080, description="Port to listen on; 0 takes a free one."
    )
    public_url: str | None = Field(
        None, description="Where phones reach the pages; for links in messages."
    )
    tls: Tls | None = Field(
        None, description="Serve https. Phones install the page from an https address only."
    )

    @property
    def is_https(self) -> bool:
        """True when browsers reach the pages over https, here or at a proxy."""
        return self.tls is not None or (self.public_url or "").startswith("https://")

    @property
    def scheme(self) -> str:
        """What the pages are served over here: ``http`` or ``https``."""
        return "https" if self.tls else "http"

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("http://", "https://")):
            raise ValueError("expected an http:// or https:// URL")
        return url


class ProxyLogin(Settings):
    """A proxy that has asked people who they are, and says so in a header."""

    header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] = Field(
        "X-Forwarded-User", description="The header that names the person."
    )
    trusted: tuple[IPvAnyNetwork, ...] = Field(
        min_length=1, description="Addresses from which the header is believed, like 10.0.0.5/32."
    )


class Login(Settings):
    """Who may see the pages."""

    required: bool = Field(True, description="False lets in whoever can reach the pages.")
    session_days: Annotated[float, Field(gt=0, le=365)] = Field(
        14, description="A login that is not used for as long has to be made again."
    )
    proxy: ProxyLogin | None = Field(None, description="A proxy in front that logs people in.")


class AislePlanogram(Settings):
    """The planogram of one aisle, for the names and places that the pages show."""

    tenant: str = Field(description="The tenant, as in the topics.")
    site: str = Field(description="The site, as in the topics.")
    aisle: str = Field(description="The aisle, as in the topics.")
    file: Path = Field(description="Planogram file, relative to this configuration.")

    @field_validator("tenant", "site", "aisle")
    @classmethod
    def _check_names(cls, text: str) -> str:
        return _check_name(text)


class Look(Settings):
    """Where the present picture of a camera can be seen."""

    camera: str = Field(description="The camera's id.")
    url: str = Field(description="URL of a JPEG picture.")


class Central(Regions):
    """Broker, database and web pages of the central part."""

    database_url: str = Field(
        "sqlite:///central.sqlite",
        description="sqlite:///FILE, relative to this configuration, or postgresql://HOST/NAME.",
    )
    broker: BrokerSettings = Field(description="The broker to listen to.")
    collect_only: bool = Field(
        False,
        description="Listen, write and serve the pages; pushes, figures and digests are another "
        "process's on the same database.",
    )
    admission: AdmissionSettings = Field(
        default_factory=AdmissionSettings, description="Whose messages are used."
    )
    http: Http = Field(default_factory=Http, description="The web pages.")
    login: Login = Field(default_factory=Login, description="Who may see the pages.")
    planograms: tuple[AislePlanogram, ...] = Field((), description="Planograms by aisle.")
    looks: tuple[Look, ...] = Field((), description="Pictures of cameras, where they exist.")
    alerts: AlertSettings = Field(default_factory=AlertSettings, description="Times of alerts.")
    stores: tuple[Store, ...] = Field((), description="Opening hours of stores.")
    people: tuple[Recipient, ...] = Field((), description="Who is pushed to.")
    digests: tuple[DigestSettings, ...] = Field((), description="Summaries by mail.")
    home_assistant: HomeAssistant | None = Field(None, description="MQTT discovery, if wanted.")
    metrics: MetricSettings = Field(default_factory=MetricSettings, description="Figures.")
    keep: Keep = Field(default_factory=Keep, description="After how long what is deleted.")
    prometheus: Prometheus | None = Field(None, description="Central's own health, if wanted.")

    @field_validator("planograms")
    @classmethod
    def _check_aisles(cls, planograms: tuple[AislePlanogram, ...]) -> tuple[AislePlanogram, ...]:
        seen = set()
        for planogram in planograms:
            key = (planogram.tenant, planogram.site, planogram.aisle)
            if key in seen:
                raise ValueError(f"expected each aisle once, got {'/'.join(key)} twice")
            seen.add(key)
        return planograms

    @field_validator("stores")
    @classmethod
    def _check_stores(cls, stores: tuple[Store, ...]) -> tuple[Store, ...]:
        names = [f"{store.tenant}/{store.site}" for store in stores]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"expected each store once, got {twice} twice")
        return stores

    @field_validator("people")
    @classmethod
    def _check_people(cls, people: tuple[Recipient, ...]) -> tuple[Recipient, ...]:
        _check_once([person.name for person in people])
        return people

    @field_validator("digests")
    @classmethod
    def _check_digests(cls, digests: tuple[DigestSettings, ...]) -> tuple[DigestSettings, ...]:
        _check_once([digest.name for digest in digests])
        return digests

    @model_validator(mode="after")
    def _check_sharing(self) -> Self:
        is_shared = self.broker.share_group is not None
        if is_shared and self.database_url.startswith("sqlite"):
            raise ValueError("expected a postgresql:// database_url with broker.share_group")
        if self.collect_only and not is_shared:
            raise ValueError("expected broker.share_group with collect_only")
        return self

    @model_validator(mode="after")
    def _check_regions_of_digests(self) -> Self:
        known = {(region.tenant, region.id) for region in self.regions}
        for digest in self.digests:
            if digest.region is not None and (digest.tenant, digest.region) not in known:
                wanted = f"{digest.tenant}/{digest.region}"
                raise ValueError(f"expected digests of regions that are there, got {wanted}")
        return self


def _check_once(names: Sequence[str]) -> None:
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"expected each name once, got {twice} twice")


def load_central(path: Path) -> Central:
    """Read ``path``; relative paths in it become absolute. Raises `shelf.errors.ConfigError`."""
    folder = path.resolve().parent
    central = with_paths_from(folder, load_settings(path, Central))
    url = central.database_url
    if url.startswith(SQLITE):
        url = f"{SQLITE}{folder / url.removeprefix(SQLITE)}"
    return central.model_copy(update={"database_url": url})


def load_planograms(central: Central) -> dict[tuple[str, str], dict[str, Planogram]]:
    """Return the configured planograms by site and aisle; raises `shelf.errors.PlanogramError`."""
    planograms: dict[tuple[str, str], dict[str, Planogram]] = {}
    for item in central.planograms:
        planograms.setdefault((item.tenant, item.site), {})[item.aisle] = load_planogram(item.file)
    return planograms
