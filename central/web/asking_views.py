"""What the pages about a node's answers say, in the reader's language: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from central.web import words
from central.web.drawing import DrawnBay
from central.web.language import Texts
from central.web.layouts import Layouts, Strip
from central.web.rows import SiteRows, SlotRow
from shelf import SlotId, State
from shelf.commands import BayViewReply, Candidate, SearchReply, Sureness

OLD = timedelta(minutes=2)
"""A part of a bay that was not seen for longer than the rest by so much is told as hidden."""


@dataclass(frozen=True, slots=True)
class Home:
    """A slot where a product belongs; ``strip`` is its shelf in the drawing of ``bay``."""

    aisle: str
    slot: SlotId
    place: str
    state: State
    state_words: str
    between: str
    strip: Strip | None
    bay: DrawnBay | None

    @property
    def plan(self) -> str:
        """The id of the bay's drawing."""
        return f"home-{self.aisle}-{self.slot.bay}"


@dataclass(frozen=True, slots=True)
class Product:
    """A product that a photograph may show, with the slots planned for it, those to fill first."""

    sku: str
    name: str
    homes: tuple[Home, ...]


@dataclass(frozen=True, slots=True)
class FoundView:
    """What a photograph shows: ``headline`` and ``how`` say how sure that is."""

    headline: str
    how: str
    sureness: Sureness | None
    products: tuple[Product, ...]
    others: tuple[Product, ...]

    @property
    def drawings(self) -> dict[str, DrawnBay]:
        """The bays that the strips are cut from, by id."""
        homes = [home for product in self.products for home in product.homes]
        return {home.plan: home.bay for home in homes if home.bay is not None}


def view_found(t: Texts, reply: SearchReply, rows: SiteRows, layouts: Layouts) -> FoundView:
    """Return what the page says of a search."""
    slots = layouts.slots_by_aisle(rows)
    names = layouts.names(rows)

    def product(candidate: Candidate) -> Product:
        homes = [_home(t, path, slots, layouts) for path in candidate.slots]
        known = sorted((home for home in homes if home), key=_to_fill_first)
        name = candidate.name or names.get(candidate.sku, candidate.sku)
        return Product(candidate.sku, name, tuple(known))

    products = tuple(product(candidate) for candidate in reply.found)
    others = tuple(product(candidate) for candidate in reply.others)
    if not products:
        headline, sureness = t("where.unknown"), None
        how = t("where.unknown.flat") if reply.detail else t("where.unknown.how")
    elif len(products) > 1:
        headline, how, sureness = t("where.several"), t("where.several.how"), None
    else:
        sureness = reply.found[0].sureness
        headline, how = products[0].name, t(f"where.sure.{sureness.value}")
    return FoundView(headline, how, sureness, products, others)


def _home(
    t: Texts, path: str, slots: Mapping[str, Mapping[SlotId, SlotRow]], layouts: Layouts
) -> Home | None:
    aisle, _, text = path.partition("/")
    try:
        slot = SlotId.parse(text)
    except ValueError:
        return None
    of_aisle = slots.get(aisle, {})
    layout = layouts.of(aisle, of_aisle)
    row = of_aisle.get(slot)
    state = row.state if row else State.UNKNOWN
    left, right = layout.neighbours(slot)
    between = ""
    if left and right:
        between = t("place.between", left=left.name, right=right.name)
    elif left:
        between = t("place.right_of", left=left.name)
    elif right:
        between = t("place.left_of", right=right.name)
    return Home(
        aisle,
        slot,
        words.capital(words.slot_place(t, slot)),
        state,
        t(f"where.now.{state.value}"),
        between,
        layout.strip(slot),
        next((bay for bay in layout.bays if bay.number == slot.bay), None),
    )


def _to_fill_first(home: Home) -> tuple[bool, SlotId]:
    return home.state not in (State.OUT_OF_STOCK, State.LOW), home.slot


@dataclass(frozen=True, slots=True)
class BaySlot:
    """A slot in the picture of a bay, px of the picture; ``hidden_for`` is how much longer ago it
    was seen than the camera last looked, empty when it is as new."""

    key: str
    slot: SlotId
    state: State
    name: str
    place: str
    says: str
    x: float
    y: float
    width: float
    height: float
    hidden_for: str
    drawn: int
    is_asked: bool


@dataclass(frozen=True, slots=True)
class BayPicture:
    """What the page says of a bay's picture; ``seen_utc`` is when the camera last looked."""

    width_px: int
    height_px: int
    seen_utc: datetime
    slots: tuple[BaySlot, ...]
    is_frontal: bool
    unseen_percent: int

    @property
    def told(self) -> list[BaySlot]:
        """The slots that there is something to say of."""
        return [slot for slot in self.slots if slot.state.is_problem or slot.hidden_for]

    @property
    def drawn(self) -> int:
        """How many planned facings are drawn in."""
        return sum(slot.drawn for slot in self.slots)


def view_bay(
    t: Texts, reply: BayViewReply, names: Mapping[str, str], asked: SlotId | None
) -> BayPicture:
    """Return what the page says of a bay; ``names`` are products by aisle and slot."""
    assert reply.seen is not None
    slots = []
    for one in reply.slots:
        slot = SlotId.parse(one.slot.partition("/")[2])
        x1, y1, x2, y2 = one.box
        hidden = ""
        if one.seen is None:
            hidden = t("bay.never")
        elif reply.seen - one.seen > OLD:
            hidden = words.duration(t, reply.seen - one.seen)
            hidden = t("bay.hidden", span=hidden)
        slots.append(
            BaySlot(
                one.slot,
                slot,
                one.state,
                names.get(one.slot, ""),
                words.capital(words.slot_place(t, slot)),
                t(f"state.{one.state.value}"),
                round(x1 * reply.width_px, 1),
                round(y1 * reply.height_px, 1),
                round((x2 - x1) * reply.width_px, 1),
                round((y2 - y1) * reply.height_px, 1),
                hidden,
                one.drawn,
                slot == asked,
            )
        )
    return BayPicture(
        reply.width_px,
        reply.height_px,
        reply.seen,
        tuple(slots),
        reply.frontal,
        round(100 * reply.unseen),
    )


def bays_of(rows: SiteRows, layouts: Layouts) -> list[tuple[str, int]]:
    """Return every bay of a site, by aisle and number."""
    slots = layouts.slots_by_aisle(rows)
    return sorted({(aisle, slot.bay) for aisle, known in slots.items() for slot in known})


def names_of(rows: SiteRows, layouts: Layouts, slots: Sequence[str]) -> dict[str, str]:
    """Return product names by aisle and slot."""
    by_aisle = layouts.slots_by_aisle(rows)
    names = layouts.names(rows)
    found = {}
    for path in slots:
        aisle, _, text = path.partition("/")
        row = by_aisle.get(aisle, {}).get(SlotId.parse(text))
        if row is not None:
            found[path] = row.name or names.get(row.sku, row.sku)
    return found
