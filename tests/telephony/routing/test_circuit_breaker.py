"""When a failing trunk is left alone, and when it is tried again."""

from hypothesis import given
from hypothesis import strategies as st

from telephony.routing.circuit_breaker import CircuitBreaker, CircuitState


def call(breaker: CircuitBreaker, now: float, *, works: bool) -> None:
    ticket = breaker.admit(now)
    assert ticket is not None
    (breaker.succeeded if works else breaker.failed)(ticket, now)


def opened(at: float = 0.0) -> CircuitBreaker:
    breaker = CircuitBreaker()
    for _ in range(5):
        call(breaker, at, works=False)
    return breaker


def test_five_faults_in_a_row_open_it_for_30_s() -> None:
    breaker = CircuitBreaker()
    for at in range(4):
        call(breaker, at, works=False)
    call(breaker, 4, works=True)
    for at in range(5, 9):
        call(breaker, at, works=False)
    assert breaker.state(9) is CircuitState.CLOSED
    call(breaker, 9, works=False)
    assert breaker.state(9) is CircuitState.OPEN
    assert breaker.admit(38.9) is None
    assert breaker.half_open_in_s(19) == 20
    assert breaker.state(39) is CircuitState.HALF_OPEN


def test_half_of_ten_calls_open_it() -> None:
    breaker = CircuitBreaker()
    for at in range(9):
        call(breaker, at, works=at % 2 == 1)
    assert breaker.state(9) is CircuitState.CLOSED
    call(breaker, 9, works=True)
    assert breaker.state(9) is CircuitState.CLOSED
    call(breaker, 10, works=False)
    assert breaker.state(10) is CircuitState.OPEN


def test_faults_leave_the_window_after_120_s() -> None:
    breaker = CircuitBreaker()
    for at in range(4):
        call(breaker, at, works=False)
    for at in range(130, 137):
        call(breaker, at, works=True)
    for at in range(137, 141):
        call(breaker, at, works=False)
    assert breaker.state(141) is CircuitState.CLOSED


def test_half_open_lets_one_call_through_and_closes_on_success() -> None:
    breaker = opened()
    ticket = breaker.admit(30)
    assert ticket is not None
    assert breaker.admit(30) is None
    breaker.succeeded(ticket, 31)
    assert breaker.state(31) is CircuitState.CLOSED
    assert breaker.admit(31) is not None


def test_an_abandoned_try_lets_the_next_one_through() -> None:
    breaker = opened()
    ticket = breaker.admit(30)
    assert ticket is not None
    breaker.abandoned(ticket)
    assert breaker.admit(30) is not None


def test_each_failed_try_doubles_the_pause_up_to_300_s() -> None:
    breaker, now, pauses = opened(), 0.0, []
    for _ in range(6):
        pauses.append(breaker.half_open_in_s(now))
        now += pauses[-1]
        call(breaker, now, works=False)
    assert pauses == [30, 60, 120, 240, 300, 300]


def test_a_ping_closes_half_open_and_only_a_call_resets_the_pause() -> None:
    breaker = opened()
    breaker.ping_answered(29)
    assert breaker.state(29) is CircuitState.OPEN
    breaker.ping_answered(30)
    assert breaker.state(30) is CircuitState.CLOSED
    for _ in range(5):
        call(breaker, 31, works=False)
    assert breaker.half_open_in_s(31) == 60
    breaker.ping_answered(91)
    call(breaker, 92, works=True)
    for _ in range(5):
        call(breaker, 93, works=False)
    assert breaker.half_open_in_s(93) == 30


def test_a_call_from_before_the_opening_says_nothing() -> None:
    breaker = CircuitBreaker()
    old = breaker.admit(0)
    assert old is not None
    for at in range(5):
        call(breaker, at, works=False)
    breaker.succeeded(old, 6)
    assert breaker.state(6) is CircuitState.OPEN


def test_a_last_resort_that_succeeds_closes_it_and_one_that_fails_prolongs_nothing() -> None:
    breaker = opened()
    breaker.failed(breaker.admit_anyway(), 10)
    assert breaker.half_open_in_s(10) == 20
    breaker.succeeded(breaker.admit_anyway(), 11)
    assert breaker.state(11) is CircuitState.CLOSED


@given(
    st.lists(
        st.tuples(st.sampled_from(["works", "fault", "abandoned", "ping", "anyway"]), st.floats(0, 100)),
        max_size=80,
    )
)
def test_it_never_locks_and_never_admits_while_open(happenings: list[tuple[str, float]]) -> None:
    breaker, now = CircuitBreaker(), 0.0
    for what, pause in happenings:
        now += pause
        assert 0 <= breaker.half_open_in_s(now) <= 300
        assert (breaker.state(now) is CircuitState.OPEN) == (breaker.half_open_in_s(now) > 0)
        if what == "ping":
            breaker.ping_answered(now)
            continue
        ticket = breaker.admit_anyway() if what == "anyway" else breaker.admit(now)
        if ticket is None:
            assert breaker.state(now) is CircuitState.OPEN
        elif what == "fault" or what == "anyway":
            breaker.failed(ticket, now)
        elif what == "works":
            breaker.succeeded(ticket, now)
            assert breaker.state(now) is CircuitState.CLOSED
        else:
            breaker.abandoned(ticket)
    assert breaker.admit(now + 301) is not None
