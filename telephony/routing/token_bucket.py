"""How often a trunk may be asked for a new call. Pure: a token bucket with the time as input."""

_ROUNDING = 1e-6
"""Of a token: who waited as long as told must not find it missing by a rounding error."""


class TokenBucket:
    """Lets `rate` starts a second through on average, and one second's worth (at least one) at once.

    In any window of t seconds there are at most `rate * t + burst` starts.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.burst = max(1.0, rate)
        self._left = self.burst
        self._at: float | None = None

    def wait_s(self, now: float) -> float:
        """Seconds until a start is allowed; 0 if one is allowed now. Takes nothing."""
        left = self._left_at(now)
        return 0.0 if left >= 1 - _ROUNDING else (1 - left) / self.rate

    def take(self, now: float) -> float:
        """Take a start and return 0, or take none and return the seconds to wait."""
        if wait_s := self.wait_s(now):
            return wait_s
        self._left = max(0.0, self._left_at(now) - 1)
        self._at = now if self._at is None else max(now, self._at)
        return 0.0

    def _left_at(self, now: float) -> float:
        # A clock that steps back gives nothing.
        elapsed = 0.0 if self._at is None else max(0.0, now - self._at)
        return min(self.burst, self._left + elapsed * self.rate)
