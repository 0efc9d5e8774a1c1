"""A day of three simulated stores: the figures are those of the truth, to the second.

What happens on the shelves is the simulator's; when who or what hides a slot, and when a camera is
bumped, is drawn here, because working that out for a day takes minutes. The truth is summed up
from its spans, without any code of central.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, timedelta, tzinfo
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest
from metric_messages import at, changed, derived

from central.database import Database
from central.ingest import Ingest
from central.intake import Received
from central.metrics.figures import Cell
from central.metrics.grouping import Dimension, Grouping
from central.metrics.reading import Question, read_cells
from central.metrics.roller import Roller
from shelf import SlotId, State
from shelf.topics import Node
from simulator.days import CameraSpan, DaysShop, Observer, Truth, can_see, design_of
from simulator.days import expected_events as events_that_can_be_known
from simulator.days.record import slot_spans
from simulator.days.truth import About

STORES = (3, 5, 8)
COMPRESS = 12
"""A simulated second stands for so many: the 7200 s of a simulated day become 24 hours."""

DAY_SECS = 24 * 3600
OBSERVER = Observer(confirm_secs=30, clear_secs=15)


def utc(_tenant: str, _site: str) -> tzinfo:
    return UTC


def live(number: int) -> Truth:
    """Return a day of a store in which slots are hidden, and a camera bumped, now and then."""
    rng = random.Random(number)
    shop = DaysShop(design_of(number), seed=5, days=1)
    slots = slot_spans(shop)
    end = shop.duration_secs
    visible = {}
    for slot in slots:
        cuts = sorted(rng.sample(range(1, int(end)), 10))
        changes = [(float(secs), (0.3, 1.0)[turn % 2]) for turn, secs in enumerate(cuts)]
        visible[slot] = ((0.0, 1.0), *changes)
    bumped = [CameraSpan(0, 2000), CameraSpan(2000, 2500, moved_px=40.0), CameraSpan(2500, end)]
    cameras = dict.fromkeys(shop.design.cameras, (CameraSpan(0, end),)) | {"c1": tuple(bumped)}
    versions = tuple((since, planogram.version) for since, planogram in shop.plan.versions)
    bays = shop.design.bays_of
    about = About(number, 5, end, COMPRESS, 6.5, bays, versions)
    return Truth(about, slots, visible, cameras, shop.plan.resets)


@pytest.fixture(scope="module")
def stores() -> dict[str, Truth]:
    return {f"s{number}": live(number) for number in STORES}


Stretch = tuple[float, float, State, str]
"""From, until (simulated seconds), state or unknown, SKU."""


def stretches(truth: Truth, slot: SlotId) -> list[Stretch]:
    """Return what an observer who never errs and never waits holds to be true of a slot."""
    cuts = {span.since_secs for span in truth.slots[slot]}
    cuts |= {secs for secs, _ in truth.visible[slot]}
    cuts |= {span.since_secs for spans in truth.cameras.values() for span in spans}
    cuts |= {secs for reset in truth.resets for secs in (reset.since_secs, reset.until_secs)}
    end = truth.about.duration_secs
    merged: list[Stretch] = []
    for since, until in pairwise(sorted({secs for secs in cuts if secs < end} | {0.0, end})):
        facts = truth.state_at(slot, since)
        state = facts.state if can_see(truth, slot, since, OBSERVER) else State.UNKNOWN
        if merged and merged[-1][2:] == (state, facts.sku):
            merged[-1] = (merged[-1][0], until, state, facts.sku)
        else:
            merged.append((since, until, state, facts.sku))
    return merged


@dataclass
class Tape:
    """Messages of one store, in order."""

    site: str
    messages: list[tuple[float, SlotId, Received]] = field(default_factory=list)

    def tell(self, slot: SlotId, state: State, since: float, time: float, sku: str) -> None:
        node = Node("acme", self.site, "e1")
        message = changed(
            len(self.messages) + 1,
            state,
            since * COMPRESS,
            time * COMPRESS,
            slot=str(slot),
            sku=sku,
            node=node,
            received=at(DAY_SECS),
        )
        self.messages.append((time, slot, message))


def tell_all(stores: dict[str, Truth]) -> list[Received]:
    """Return what nodes say that tell every change at once, also that they cannot see."""
    received = []
    for site, truth in stores.items():
        tape = Tape(site)
        spans = [(*stretch, slot) for slot in truth.slots for stretch in stretches(truth, slot)]
        for since, _, state, sku, slot in sorted(spans, key=lambda span: (span[0], span[4])):
            tape.tell(slot, state, since, since, sku)
        received += [message for _, _, message in tape.messages]
    return received


def tell_what_is_known(stores: dict[str, Truth]) -> list[Received]:
    """Return what nodes say that wait for their evidence, and never say unknown."""
    received = []
    for site, truth in stores.items():
        tape = Tape(site)
        for event in events_that_can_be_known(truth, OBSERVER):
            tape.tell(event.slot, event.state, event.seen_secs, event.known_secs, event.sku)
        received += [message for _, _, message in tape.messages]
    return received


def play(database: Database, messages: list[Received], rng: random.Random | None) -> None:
    """Send a day's messages in order, or shuffled and doubled."""
    if rng is not None:
        messages = messages * 2
        rng.shuffle(messages)
    ingest, roller = Ingest(database), Roller(database, utc)
    for start in range(0, len(messages), 200):
        ingest.apply(messages[start : start + 200])
        if start % 1000 == 0:
            roller.step(at(DAY_SECS / 2))
    roller.run(at(DAY_SECS))


def ask(
    database: Database, stores: dict[str, Truth], *by: Dimension
) -> dict[tuple[str | None, ...], Cell]:
    sites = [("acme", site) for site in stores]
    question = Question(sites, at(0), at(DAY_SECS), by)
    with database.read() as connection:
        return read_cells(connection, question, Grouping(), at(DAY_SECS))


def truth_by_hour(stores: dict[str, Truth]) -> Iterator[tuple[str, str, str, State, float]]:
    """Yield site, hour, slot, state and seconds of all true stretches, cut at full hours."""
    for site, truth in stores.items():
        for slot in truth.slots:
            for since, until, state, _ in stretches(truth, slot):
                start, end = since * COMPRESS, until * COMPRESS
                while start < end:
                    moment = at(start)
                    hour = moment.replace(minute=0, second=0, microsecond=0)
                    last = min(end, start + (hour + timedelta(hours=1) - moment).total_seconds())
                    yield (
                        site,
                        hour.isoformat(timespec="minutes"),
                        f"a12/{slot}",
                        state,
                        last - start,
                    )
                    start = last


@pytest.mark.parametrize("is_shuffled", [False, True], ids=["in order", "shuffled and doubled"])
def test_availability_is_that_of_the_truth(
    tmp_path: Path, stores: dict[str, Truth], is_shuffled: bool
) -> None:
    """In every store and hour, and of every slot; so is how much could be seen."""
    database = Database.open(f"sqlite:///{tmp_path / 'central.sqlite'}")
    play(database, tell_all(stores), random.Random(1) if is_shuffled else None)
    for by, pick in (
        ((Dimension.SITE,), lambda fact: (fact[0],)),
        ((Dimension.SITE, Dimension.HOUR), lambda fact: (fact[0], fact[1])),
        ((Dimension.SITE, Dimension.SLOT), lambda fact: (fact[0], fact[2])),
    ):
        secs: dict[tuple[str, ...], Counter[State]] = defaultdict(Counter)
        for fact in truth_by_hour(stores):
            secs[pick(fact)][fact[3]] += fact[4]  # type: ignore[assignment]
        cells = ask(database, stores, *by)
        assert cells.keys() == secs.keys()
        for group, cell in cells.items():
            true = secs[group]
            for state in State:
                counted = getattr(cell.times, f"{state.value}_ms") / 1000
                assert counted == pytest.approx(true[state], abs=0.5), (group, state)
            figures = cell.figures()
            seen = sum(true.values()) - true[State.UNKNOWN]
            on_shelf = true[State.STOCKED] + true[State.LOW]
            if seen:
                assert figures.availability == pytest.approx(on_shelf / seen, abs=1e-4)
            assert figures.coverage == pytest.approx(seen / sum(true.values()), abs=1e-4)
    database.close()


@pytest.mark.parametrize("is_shuffled", [False, True], ids=["in order", "shuffled and doubled"])
def test_times_are_those_of_the_truth(
    tmp_path: Path, stores: dict[str, Truth], is_shuffled: bool
) -> None:
    """From first seen to told, and to filled, of every stock-out that could be known."""
    database = Database.open(f"sqlite:///{tmp_path / 'central.sqlite'}")
    play(database, tell_what_is_known(stores), random.Random(2) if is_shuffled else None)
    cells = ask(database, stores, Dimension.SITE)
    for site, truth in stores.items():
        detect, restock = [], []
        known = events_that_can_be_known(truth, OBSERVER)
        for slot in truth.slots:
            events = [event for event in known if event.slot == slot]
            gone_since, sku = None, ""
            for event in events:
                if gone_since is not None and event.sku != sku:
                    gone_since = None
                if event.state is State.OUT_OF_STOCK and gone_since is None:
                    gone_since, sku = event.seen_secs, event.sku
                    detect.append((event.known_secs - event.seen_secs) * COMPRESS)
                elif event.state.is_available and gone_since is not None:
                    restock.append((event.seen_secs - gone_since) * COMPRESS)
                    gone_since = None
        assert len(detect) >= 3
        assert len(restock) >= 3
        cell = cells[(site,)]
        assert sorted(cell.detect_secs) == pytest.approx(sorted(detect), abs=0.5)
        assert sorted(cell.restock_secs) == pytest.approx(sorted(restock), abs=0.5)
        figures = cell.figures()
        assert figures.time_to_restock_secs is not None
        assert figures.time_to_restock_secs.median == pytest.approx(median(restock), abs=0.5)
    database.close()


def test_rows_do_not_depend_on_the_order(tmp_path: Path, stores: dict[str, Truth]) -> None:
    """Not one interval, stock-out or hour differs."""
    messages = tell_what_is_known(stores)
    found = []
    for name, rng in (("sorted", None), ("shuffled", random.Random(3))):
        database = Database.open(f"sqlite:///{tmp_path / name}")
        play(database, messages, rng)
        found.append(derived(database))
        database.close()
    assert found[0] == found[1]
