"""Stops asking a server that keeps failing, so that a call takes its fallback at once.

The pattern is Nygard's ("Release It!", 2007): closed, open after too many failures, half-open for one probe.
A pure state machine: time is an input, in seconds on any steady clock.
"""

from collections import deque


class CircuitBreaker:
    """Opens when `failures` requests fail within `window_s`; after `open_s` lets one probe through.

    `admit` gives a ticket, with which the outcome is reported. Reports on tickets from before the last
    change of state are ignored: what was sent before the server broke says nothing about it now.
    """

    def __init__(self, *, failures: int = 5, window_s: float = 30.0, open_s: float = 10.0) -> None:
        self._limit = failures
        self._window_s = window_s
        self._open_s = open_s
        self._failed_at: deque[float] = deque()
        self._opened_at: float | None = None
        self._probing = False
        self._ticket = 0

    @property
    def closed(self) -> bool:
        return self._opened_at is None

    def admit(self, now: float) -> int | None:
        """A ticket, or None: do not ask."""
        if self._opened_at is not None:
            if self._probing or now - self._opened_at < self._open_s:
                return None
            self._ticket += 1
            self._probing = True
        return self._ticket

    def succeeded(self, ticket: int) -> None:
        if ticket == self._ticket and self._probing:
            self._ticket += 1
            self._probing = False
            self._opened_at = None

    def failed(self, ticket: int, now: float) -> None:
        if ticket != self._ticket:
            return
        self._failed_at.append(now)
        while self._failed_at[0] <= now - self._window_s:
            self._failed_at.popleft()
        if self._probing or len(self._failed_at) >= self._limit:
            self._ticket += 1
            self._probing = False
            self._opened_at = now
            self._failed_at.clear()

    def abandoned(self, ticket: int) -> None:
        """The caller gave up before there was an outcome; the next one may probe."""
        if ticket == self._ticket and self._probing:
            self._ticket += 1
            self._probing = False
