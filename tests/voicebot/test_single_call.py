"""Which numbers a SIP address may mean: an opt-out must be found however the address is written."""

import pytest

from voicebot.single_call import numbers_of

NUMBER = "+12025550100"


@pytest.mark.parametrize(
    "to",
    [
        "sip:+12025550100@192.0.2.7",
        "sip:12025550100@192.0.2.7",
        "sip:2025550100@192.0.2.7",
        "sip:0012025550100@192.0.2.7:5080",
        "sip:01112025550100@192.0.2.7",
        "sip:%2B12025550100@192.0.2.7",
        "sip:+1-202-555-0100;phone-context=x@192.0.2.7",
        "+12025550100",
        "+1 (202) 555-0100",
        "2025550100",
    ],
)
def test_a_number_is_found_in_every_form(to: str) -> None:
    assert NUMBER in numbers_of(to)


@pytest.mark.parametrize("to", ["sip:anna@192.0.2.7", "sip:192.0.2.7", "", "sip:1234@192.0.2.7"])
def test_a_name_is_no_number(to: str) -> None:
    assert numbers_of(to) == ()
