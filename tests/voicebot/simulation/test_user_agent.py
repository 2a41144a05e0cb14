"""Which attempt a call is, told by a header that anybody may forge."""

import pytest

from voicebot.simulation.user_agent import ATTEMPT_HEADER, Attempts

NUMBER = "+12125550101"


def test_header_counts() -> None:
    assert Attempts().next(NUMBER, {ATTEMPT_HEADER: "2"}) == 2


@pytest.mark.parametrize("told", ["", "0", "-1", "two", "1e3", "999", "٢", "2\n"])
def test_without_a_usable_header_calls_to_the_number_are_counted(told: str) -> None:
    attempts = Attempts()
    assert [attempts.next(NUMBER, {ATTEMPT_HEADER: told}) for _ in range(3)] == [1, 2, 3]
    assert attempts.next("+12125550102", {}) == 1
