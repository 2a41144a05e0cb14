"""What a telephone behind a media stream plays when. Pure: times come in, levels go out.

Audio that meets an empty buffer plays at once, the rest follows without a gap, as at a provider's.
"""

from collections import deque
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from telephony.audio import decode_mulaw
from telephony.line import FRAME_SAMPLES, SAMPLE_RATE_HZ
from voicebot.bench.talk.caller import FRAME_S

_POWER: NDArray[np.float64] = (decode_mulaw(np.arange(256, dtype=np.uint8)) / 32768.0) ** 2
_FAINTEST = 1e-12


class Playback:
    """The far end's buffer of one call."""

    def __init__(self) -> None:
        self._until_s = 0.0
        self._waiting: deque[tuple[float, float | str]] = deque()
        """When, and the level of a frame or the name of a mark."""

    def add(self, now_s: float, audio: bytes) -> None:
        """Mu-law audio came in."""
        powers = _POWER[np.frombuffer(audio, np.uint8)]
        at_s = max(now_s, self._until_s)
        for start in range(0, len(powers), FRAME_SAMPLES):
            piece = powers[start : start + FRAME_SAMPLES]
            self._waiting.append((at_s, _dbfs(float(piece.mean()))))
            at_s += len(piece) / SAMPLE_RATE_HZ
        self._until_s = at_s

    def mark(self, now_s: float, name: str) -> None:
        """Tell when all that came before is played."""
        self._waiting.append((max(now_s, self._until_s), name))

    def clear(self, now_s: float) -> Iterator[str]:
        """Drop what is not played; gives the marks in it, which a provider sends back at once."""
        dropped = [what for _, what in self._waiting]
        self._waiting.clear()
        self._until_s = now_s
        return (what for what in dropped if isinstance(what, str))

    def played(self, now_s: float) -> Iterator[tuple[float, float | str]]:
        """What has begun to play since the last time: (when, level in dBFS or name of a mark)."""
        while self._waiting and self._waiting[0][0] <= now_s:
            yield self._waiting.popleft()


def _dbfs(power: float) -> float:
    return 10 * float(np.log10(max(power, _FAINTEST)))


assert FRAME_S * SAMPLE_RATE_HZ == FRAME_SAMPLES
