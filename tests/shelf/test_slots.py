"""Slot ids, places in words, GTINs and topics."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelf import Node, SlotId, ordinal
from shelf.gtin import GTIN_LENGTHS, check_digit, gtin_fault
from shelf.topics import parse_up

numbers = st.integers(1, 999)


@given(numbers, numbers, numbers)
def test_slot_id_survives_its_text(bay: int, shelf: int, position: int) -> None:
    """Parsing what is printed gives the same id."""
    slot = SlotId(bay, shelf, position)
    assert SlotId.parse(str(slot)) == slot


def test_slot_place_in_words() -> None:
    """A person reads where the slot is."""
    assert SlotId.parse("b01/s3/p02").in_words == (
        "bay 1, shelf 3 from the bottom, 2nd from the left"
    )


@pytest.mark.parametrize("text", ["", "b1/s1", "b00/s1/p01", "b01/s1/p01/x", "B01/S1/P01"])
def test_slot_id_refuses_other_texts(text: str) -> None:
    """Anything but bay, shelf and position from 1 is refused."""
    with pytest.raises(ValueError):
        SlotId.parse(text)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1, "1st"),
        (2, "2nd"),
        (3, "3rd"),
        (4, "4th"),
        (11, "11th"),
        (12, "12th"),
        (13, "13th"),
        (21, "21st"),
        (102, "102nd"),
        (111, "111th"),
    ],
)
def test_ordinal(number: int, text: str) -> None:
    """English ordinals, with the teens."""
    assert ordinal(number) == text


@given(
    st.sampled_from(GTIN_LENGTHS).flatmap(
        lambda n: st.text("0123456789", min_size=n - 1, max_size=n - 1)
    )
)
def test_every_wrong_check_digit_is_found(digits: str) -> None:
    """Exactly one last digit makes a valid GTIN."""
    valid = [d for d in "0123456789" if not gtin_fault(digits + d)]
    assert valid == [str(check_digit(digits))]


@pytest.mark.parametrize("text", ["", "4006381333931x", "123", "400638133393"])
def test_gtin_of_another_form_is_refused(text: str) -> None:
    """Letters, odd lengths and a wrong digit are named."""
    assert gtin_fault(text)


def test_known_gtin_is_valid() -> None:
    """A GTIN from a real package."""
    assert gtin_fault("4006381333931") == ""


def test_node_topics_and_back() -> None:
    """A topic under up/ tells which node wrote it and what it is."""
    node = Node("acme", "s0421", "s0421-e1")
    assert node.events("a12") == "shelf/v1/acme/s0421/s0421-e1/up/evt/a12"
    up = parse_up(node.bay_state("a12", "b03"))
    assert (up.node, up.kind, up.rest) == (node, "state", ("a12", "b03"))
    assert Node.from_source(node.source) == node


@pytest.mark.parametrize("topic", ["", "shelf/v1/a/b/c/dn/ack", "other/v1/a/b/c/up/evt/x"])
def test_other_topics_are_refused(topic: str) -> None:
    """What no node writes under up/ is refused."""
    with pytest.raises(ValueError):
        parse_up(topic)


@pytest.mark.parametrize("name", ["", "a/b", "+", "#", "a b", "-a", "x" * 65])
def test_names_unfit_for_a_topic_are_refused(name: str) -> None:
    """Wildcards and separators never reach a topic."""
    with pytest.raises(ValueError):
        Node(name, "s", "n")
