"""Stops giving calls to a trunk that keeps failing them, so that calls go out another way at once.

The pattern is Nygard's ("Release It!", 2007): closed, open after too many faults, half-open for one call.
A pure state machine: time is an input, in seconds on any steady clock.
"""

from collections import deque
from enum import StrEnum


class CircuitState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class CircuitBreaker:
    """Opens after `in_a_row` faults, or when `share` of at least `least_calls` in `window_s` were faults.

    It stays open for `open_s`, twice as long each time up to `longest_open_s`, and then lets one call
    through. `admit` gives a ticket, with which the outcome is reported. Reports on tickets from before
    the last change of state are ignored: what was sent before the trunk broke says nothing about it now.
    """

    def __init__(
        self,
        *,
        in_a_row: int = 5,
        share: float = 0.5,
        least_calls: int = 10,
        window_s: float = 120.0,
        open_s: float = 30.0,
        longest_open_s: float = 300.0,
    ) -> None:
        self._in_a_row, self._share, self._least_calls = in_a_row, share, least_calls
        self._window_s, self._open_s, self._longest_open_s = window_s, open_s, longest_open_s
        self._outcomes: deque[tuple[float, bool]] = deque()
        """When a call's outcome was known, and whether it was a fault."""
        self._faults = self._faults_in_a_row = 0
        self._open_until: float | None = None
        self._next_open_s = open_s
        self._probing = False
        self._ticket = 0

    def state(self, now: float) -> CircuitState:
        if self._open_until is None:
            return CircuitState.CLOSED
        return CircuitState.OPEN if now < self._open_until else CircuitState.HALF_OPEN

    def admits(self, now: float) -> bool:
        """Whether `admit` would give a ticket."""
        state = self.state(now)
        return state is CircuitState.CLOSED or (state is CircuitState.HALF_OPEN and not self._probing)

    def half_open_in_s(self, now: float) -> float:
        """Seconds that it stays open; 0 if it is not open."""
        return 0.0 if self._open_until is None else max(0.0, self._open_until - now)

    def admit(self, now: float) -> int | None:
        """A ticket, or None: do not call. In half-open only one is given until its outcome is known."""
        if not self.admits(now):
            return None
        if self._open_until is not None:
            self._ticket += 1
            self._probing = True
        return self._ticket

    def admit_anyway(self) -> int:
        """A ticket for a call that goes out as the last resort. If it succeeds, the circuit closes."""
        return self._ticket

    def succeeded(self, ticket: int, now: float) -> None:
        """The trunk did its part in the call."""
        if ticket != self._ticket:
            return
        self._next_open_s = self._open_s
        if self._open_until is None:
            self._count(now, fault=False)
        else:
            self._close()

    def failed(self, ticket: int, now: float) -> None:
        """The trunk failed the call."""
        if ticket != self._ticket:
            return
        if self._open_until is None:
            self._count(now, fault=True)
        elif self._probing or now >= self._open_until:
            self._open(now)
        # Else a last resort failed while open: that was expected, and prolongs nothing.

    def abandoned(self, ticket: int) -> None:
        """The call ended before it showed anything of the trunk; in half-open the next may go through."""
        if ticket == self._ticket and self._probing:
            self._ticket += 1
            self._probing = False

    def ping_answered(self, now: float) -> None:
        """The trunk answered an OPTIONS request. In half-open that closes the circuit.

        Some trunks answer OPTIONS and fail every call, so only a call makes the next opening short again.
        """
        if self.state(now) is CircuitState.HALF_OPEN and not self._probing:
            self._close()

    def _count(self, now: float, *, fault: bool) -> None:
        self._outcomes.append((now, fault))
        self._faults += fault
        self._faults_in_a_row = self._faults_in_a_row + 1 if fault else 0
        while self._outcomes[0][0] <= now - self._window_s:
            self._faults -= self._outcomes.popleft()[1]
        calls = len(self._outcomes)
        if fault and (
            self._faults_in_a_row >= self._in_a_row
            or (calls >= self._least_calls and self._faults >= self._share * calls)
        ):
            self._open(now)

    def _open(self, now: float) -> None:
        self._open_until = now + self._next_open_s
        self._next_open_s = min(2 * self._next_open_s, self._longest_open_s)
        self._forget()

    def _close(self) -> None:
        self._open_until = None
        self._forget()

    def _forget(self) -> None:
        self._ticket += 1
        self._probing = False
        self._outcomes.clear()
        self._faults = self._faults_in_a_row = 0
