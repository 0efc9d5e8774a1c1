"""By what figures are grouped: places, products, plans, time. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import NamedTuple

from central.metric_settings import Region
from central.metrics.rolling_rows import SiteKey
from central.products import Products


class Dimension(StrEnum):
    """One way to group."""

    REGION = "region"
    SITE = "site"
    AISLE = "aisle"
    BAY = "bay"
    SLOT = "slot"
    CATEGORY = "category"
    SKU = "sku"
    PLANOGRAM = "planogram"
    DAY = "day"
    HOUR = "hour"


COLUMNS = {
    Dimension.REGION: (),
    Dimension.SITE: (),
    Dimension.AISLE: ("aisle",),
    Dimension.BAY: ("aisle", "slot"),
    Dimension.SLOT: ("aisle", "slot"),
    Dimension.CATEGORY: ("sku",),
    Dimension.SKU: ("sku",),
    Dimension.PLANOGRAM: ("planogram",),
    Dimension.DAY: ("hour_utc",),
    Dimension.HOUR: ("hour_utc",),
}
"""What each needs to be known of a time, beside tenant and site."""


class Fact(NamedTuple):
    """Where and when something was counted; None where nobody asked."""

    tenant: str
    site: str
    aisle: str | None = None
    slot: str | None = None
    sku: str | None = None
    planogram: str | None = None
    hour_utc: datetime | None = None


Group = tuple[str | None, ...]
"""The values of the dimensions asked for; None: in no region, or in no category."""


def _utc(_tenant: str, _site: str) -> tzinfo:
    return UTC


@dataclass(frozen=True, slots=True)
class Grouping:
    """What is configured of stores and products."""

    regions: Mapping[SiteKey, Region] = field(default_factory=dict)
    products: Products = field(default_factory=Products)
    names: Mapping[SiteKey, str] = field(default_factory=dict)
    zone_of: Callable[[str, str], tzinfo] = _utc

    @classmethod
    def of(
        cls,
        regions: Iterable[Region],
        products: Products,
        names: Mapping[SiteKey, str],
        zone_of: Callable[[str, str], tzinfo],
    ) -> Grouping:
        """Return the grouping that is configured."""
        by_site = {(region.tenant, site): region for region in regions for site in region.sites}
        return cls(by_site, products, names, zone_of)

    def group(self, fact: Fact, by: Iterable[Dimension]) -> Group:
        """Return which group a fact belongs to."""
        return tuple(self.value(fact, dimension) for dimension in by)

    def value(self, fact: Fact, dimension: Dimension) -> str | None:
        """Return a fact's value; times are local, as ISO 8601."""
        match dimension:
            case Dimension.REGION:
                region = self.regions.get((fact.tenant, fact.site))
                return region.id if region else None
            case Dimension.SITE:
                return fact.site
            case Dimension.AISLE:
                return fact.aisle
            case Dimension.BAY:
                return f"{fact.aisle}/{(fact.slot or '').partition('/')[0]}"
            case Dimension.SLOT:
                return f"{fact.aisle}/{fact.slot}"
            case Dimension.CATEGORY:
                return self.products.categories.get(fact.sku or "")
            case Dimension.SKU:
                return fact.sku
            case Dimension.PLANOGRAM:
                return fact.planogram
        assert fact.hour_utc is not None
        local = fact.hour_utc.astimezone(self.zone_of(fact.tenant, fact.site))
        if dimension is Dimension.DAY:
            return local.date().isoformat()
        return local.isoformat(timespec="minutes")
