"""Calling as the nearest of our numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.line import LineError
from telephony.routing.caller_id import CallerIds, common_prefix, digits

NUMBERS = st.from_regex(r"\+[1-9][0-9]{5,13}", fullmatch=True)


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("+14155550100", "14155550100"),
        ("14155550100", "14155550100"),
        ("sip:+14155550100@trunk.example.com;user=phone", "14155550100"),
        ("tel:+14155550100", "14155550100"),
        ("sip:anna@host", ""),
        ("+1 415", ""),
        ("", ""),
        ("+" + "1" * 5000, ""),
    ],
)
def test_the_number_in_an_address(address: str, found: str) -> None:
    assert digits(address) == found


@given(st.lists(NUMBERS, min_size=1, max_size=8, unique=True), NUMBERS)
def test_no_number_is_nearer_than_the_chosen_one(own: list[str], called: str) -> None:
    chosen = CallerIds(own).choose(called)
    assert chosen in own
    assert all(
        common_prefix(digits(each), digits(called)) <= common_prefix(digits(chosen), digits(called))
        for each in own
    )


def test_equally_near_numbers_take_turns() -> None:
    own = CallerIds(["+14155550001", "+14155550002", "+12125550003"])
    assert [own.choose("+14155559999") for _ in range(4)] == ["+14155550001", "+14155550002"] * 2
    assert own.choose("+12129999999") == "+12125550003"
    assert {own.choose("+442079460000") for _ in range(3)} == {
        "+14155550001",
        "+14155550002",
        "+12125550003",
    }


def test_the_number_wanted_wins_if_it_is_ours_in_either_spelling() -> None:
    own = CallerIds(["+14155550001", "+12125550003"])
    assert own.choose("+12125559999", "14155550001") == "+14155550001"
    with pytest.raises(LineError, match="none of the trunk's numbers"):
        own.choose("+12125559999", "+19005550000")


def test_without_numbers_the_line_chooses() -> None:
    assert CallerIds(()).choose("+14155550100") == ""
    with pytest.raises(LineError, match="caller_ids"):
        CallerIds(()).choose("+14155550100", "+14155550001")
