"""Stores that live for days."""

import numpy as np
import pytest

from shelf import State
from simulator.days import DaysShop, Life, design_of
from simulator.days.assortment import departments
from simulator.days.record import slot_spans
from simulator.layout import FacingId
from simulator.package import family_of


@pytest.fixture(scope="module")
def shop() -> DaysShop:
    """A day with a promotion; nothing of it is drawn."""
    return DaysShop(design_of(1), 2, 1.0, Life(promotions=1.0))


def test_a_moment_gives_the_same_bytes_whatever_was_seen_before() -> None:
    """Two stores of one seed show the same picture of a moment, in any order."""
    first, second = (DaysShop(design_of(1), 3, 0.02) for _ in range(2))
    view = first.view("c1")
    view.picture(first.at(100.0))
    assert np.array_equal(view.picture(first.at(40.0)), second.view("c1").picture(second.at(40.0)))


def test_stores_differ() -> None:
    """Neighbouring numbers sell other things, and every number always the same."""
    designs = [design_of(number) for number in range(len(departments()))]
    assert {design.department for design in designs} == set(departments())
    assert len({design.planogram.content_hash for design in designs}) == len(designs)
    assert design_of(3).planogram == designs[3].planogram


def test_cameras_see_all_of_their_bays() -> None:
    """Every corner of a watched bay lies in the picture, its smallest facing 18 px wide or more."""
    for number in range(12):
        design = design_of(number)
        watched = [bay for bays in design.bays_of.values() for bay in bays]
        assert watched == [bay.number for bay in design.planogram.bays]
        for name, camera in design.cameras.items():
            for place in design.places:
                if place.bay.number not in design.bays_of[name]:
                    continue
                x1, x2 = place.x_mm, place.x_mm + place.bay.width_mm
                ends = np.array([(x, y, 0.0) for x in (x1, x2) for y in (20, place.bay.height_mm)])
                px = camera.picture_px(ends)
                assert (px >= 0).all()
                assert (px < camera.size_px).all()
                least = min(slot.facing_width_mm for slot in place.bay.slots)
                assert least * camera.px_per_mm((x1, 900.0, 0.0)) > 18


def test_families_stand_together() -> None:
    """Flavours of a brand are neighbours of one size."""
    for shelf in design_of(2).planogram.bays[0].shelves:
        families = [family_of(slot.sku) for slot in shelf.slots]
        assert families == sorted(families, key=families.index)
        for family in set(families):
            same = [s for s in shelf.slots if family_of(s.sku) == family]
            assert len({round(s.facing_width_mm, 3) for s in same}) == 1


def test_people_are_in_the_store_when_it_is_open(shop: DaysShop) -> None:
    """Shoppers by day, nobody long before it opens; staff fill the shelves after it closes."""
    life = shop.life
    times = np.arange(life.secs_of(0, 9), life.secs_of(0, 20), 5)
    assert np.mean([bool(shop.at(float(t)).people) for t in times]) > 0.15
    early = np.arange(life.secs_of(1, 1), life.secs_of(1, 6), 5)
    assert not any(shop.at(float(t)).people for t in early)


def test_staff_put_all_right_after_closing(shop: DaysShop) -> None:
    """In the night every slot is as planned, whatever the day has brought."""
    spans = slot_spans(shop)
    assert any(s.facts.state.is_problem for slot in spans.values() for s in slot)
    night = shop.life.secs_of(1, 3.0)
    last = [next(s for s in slot if s.until_secs > night) for slot in spans.values()]
    assert {span.facts.state for span in last} == {State.STOCKED}


def test_light_follows_the_hour(shop: DaysShop) -> None:
    """Bright at noon, dark at night."""
    noon, night = (shop.at(shop.life.secs_of(0, hour)).ambience.light for hour in (12.0, 25.5))
    assert noon > 0.9
    assert night < 0.1


def test_a_promotion_brings_other_skus(shop: DaysShop) -> None:
    """After its reset, its slots hold what the new version plans, and only those differ."""
    (reset,) = shop.plan.resets
    before, after = shop.planogram_at(0.0), shop.planogram_at(reset.until_secs)
    changed = {slot.id for slot in after.slots if slot.sku != before.slot(slot.id).sku}
    assert changed == set(reset.slots)
    assert after.version == reset.version == "v2"
    contents = shop.at(reset.until_secs).contents
    for slot in reset.slots:
        assert contents[FacingId(slot, 0)][0].sku == after.slot(slot).sku


@pytest.mark.parametrize("hour", [1.0, 23.0])
def test_an_impossible_day_is_refused(hour: float) -> None:
    """A store opens and closes by day."""
    with pytest.raises(ValueError, match="must be 2-22"):
        Life(opens_hour=hour)


def test_time_outside_the_days_is_refused(shop: DaysShop) -> None:
    """Nothing is known before the start and after the end."""
    for secs in (-1.0, shop.duration_secs + 1):
        with pytest.raises(ValueError, match="seconds must be"):
            shop.at(secs)
