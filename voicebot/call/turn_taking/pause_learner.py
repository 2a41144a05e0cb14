"""How long this caller pauses within a turn, and so how much silence ends one of theirs.

Pure. An exponential moving average between bounds, after LiveKit's `voice/endpointing.py`. It climbs
faster than it falls, which makes it follow a high expectile of the pauses and not their mean (Newey and
Powell, 1987): interrupting a slow speaker costs more than keeping a quick one waiting.
"""

from voicebot.settings import EndpointingSettings

_MARGIN_MS = 200
"""So much more silence than the caller's pauses: no two of them are alike."""
_FALL = 0.15
_CLIMB = 0.35
_ENDED_TOO_SOON = 0.7
"""Weights of a pause below and above what is expected, and of one in which the turn was taken away."""


class PauseLearner:
    """Fed with pauses (ms) after which the caller went on; knows the silence (ms) that ends a turn."""

    def __init__(self, times: EndpointingSettings) -> None:
        self._least_ms, self._most_ms = times.least_end_ms, times.most_end_ms
        self._wanted_ms = float(times.end_ms)

    @property
    def end_ms(self) -> int:
        """Silence that ends a turn of this caller, always within the bounds."""
        return round(self._wanted_ms)

    def went_on(self, pause_ms: float) -> None:
        """The caller paused within a turn."""
        self._learn(pause_ms, _CLIMB)

    def was_cut_off(self, pause_ms: float) -> None:
        """The turn had been answered when the caller went on."""
        self._learn(pause_ms, _ENDED_TOO_SOON)

    def _learn(self, pause_ms: float, climb: float) -> None:
        wanted_ms = min(self._most_ms, max(self._least_ms, pause_ms + _MARGIN_MS))
        weight = climb if wanted_ms > self._wanted_ms else _FALL
        self._wanted_ms += weight * (wanted_ms - self._wanted_ms)
