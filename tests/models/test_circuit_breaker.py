"""The circuit breaker under an injected clock."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from models.llm.circuit_breaker import CircuitBreaker


def ticket_at(breaker: CircuitBreaker, now: float) -> int:
    ticket = breaker.admit(now)
    assert ticket is not None
    return ticket


def opened(at: float = 0.0) -> CircuitBreaker:
    breaker = CircuitBreaker(failures=3, window_s=30, open_s=10)
    for _ in range(3):
        breaker.failed(ticket_at(breaker, at), at)
    return breaker


def test_opens_only_when_the_failures_fall_into_one_window() -> None:
    breaker = CircuitBreaker(failures=3, window_s=30, open_s=10)
    for now in (0.0, 20.0, 31.0, 55.0):
        breaker.failed(ticket_at(breaker, now), now)
    assert breaker.closed
    breaker.failed(ticket_at(breaker, 60), 60)
    assert not breaker.closed
    assert breaker.admit(60) is None


def test_one_probe_after_a_pause_and_its_success_closes() -> None:
    breaker = opened()
    assert breaker.admit(9.9) is None
    probe = ticket_at(breaker, 10)
    assert breaker.admit(10) is None
    breaker.succeeded(probe)
    assert breaker.closed
    assert breaker.admit(10) is not None


def test_a_failed_probe_opens_for_another_pause() -> None:
    breaker = opened()
    breaker.failed(ticket_at(breaker, 10), 12)
    assert breaker.admit(21.9) is None
    assert breaker.admit(22) is not None


def test_an_abandoned_probe_lets_the_next_one_probe() -> None:
    breaker = opened()
    breaker.abandoned(ticket_at(breaker, 10))
    assert not breaker.closed
    assert breaker.admit(10) is not None


def test_a_closed_breaker_has_forgotten_old_failures() -> None:
    breaker = opened()
    breaker.succeeded(ticket_at(breaker, 10))
    for _ in range(2):
        breaker.failed(ticket_at(breaker, 11), 11)
    assert breaker.closed


class AnyHistory(RuleBasedStateMachine):
    """Requests overlap and report in any order, late ones included."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = CircuitBreaker(failures=2, window_s=5, open_s=3)
        self.now = 0.0
        self.out: list[int] = []
        self.opened_at: float | None = None
        self.probe: int | None = None

    @rule(seconds=st.floats(0, 4))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def ask(self) -> None:
        ticket = self.breaker.admit(self.now)
        if self.opened_at is None:
            assert ticket is not None
        elif self.probe is not None or self.now - self.opened_at < 3:
            assert ticket is None
        else:
            assert ticket is not None
            self.probe = ticket
        if ticket is not None:
            self.out.append(ticket)

    @precondition(lambda self: self.out)
    @rule(data=st.data(), outcome=st.sampled_from(["succeeded", "failed", "abandoned"]))
    def report(self, data: st.DataObject, outcome: str) -> None:
        ticket = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        was_closed = self.breaker.closed
        if outcome == "failed":
            self.breaker.failed(ticket, self.now)
        else:
            getattr(self.breaker, outcome)(ticket)
        if ticket == self.probe:
            self.probe = None
            if outcome != "abandoned":
                self.opened_at = None if outcome == "succeeded" else self.now
        elif was_closed and not self.breaker.closed:
            assert outcome == "failed"
            self.opened_at = self.now

    @invariant()
    def open_as_the_model_says(self) -> None:
        assert self.breaker.closed == (self.opened_at is None)


AnyHistory.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestAnyHistory = AnyHistory.TestCase
