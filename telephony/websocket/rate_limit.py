"""How many messages a peer may send, or calls we place. Pure: a token bucket with the time as input."""

_BURST_S = 5.0
"""A second lost to the network comes back as a burst."""


class RateLimit:
    """Lets `per_s` through on average, `burst_s` worth of it at once."""

    def __init__(self, per_s: float, at: float, burst_s: float = _BURST_S) -> None:
        self._per_s = per_s
        self._left = self._most = per_s * burst_s
        self._at = at

    def take(self, at: float) -> bool:
        """Whether one more message is allowed now."""
        self._left = min(self._most, self._left + max(0.0, at - self._at) * self._per_s)
        self._at = at
        if self._left < 1:
            return False
        self._left -= 1
        return True
