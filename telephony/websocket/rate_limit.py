"""How many messages a peer may send. Pure: a token bucket with the time as input."""

_BURST_S = 5.0
"""A second lost to the network comes back as a burst."""


class RateLimit:
    """Lets `per_s` through on average, five seconds' worth at once."""

    def __init__(self, per_s: float, at: float) -> None:
        self._per_s = per_s
        self._left = self._most = per_s * _BURST_S
        self._at = at

    def take(self, at: float) -> bool:
        """Whether one more message is allowed now."""
        self._left = min(self._most, self._left + max(0.0, at - self._at) * self._per_s)
        self._at = at
        if self._left < 1:
            return False
        self._left -= 1
        return True
