"""How far the far end has played what it was sent. Pure: times come in, sample counts go out.

The clock says: audio that meets an empty buffer plays at once, the rest follows without a gap. The
delay of the network cancels out, for a `clear` travels as long as the audio did. Marks, where the
provider has them, correct the clock: one that comes later than the quickest ever seen means that the
provider has halted meanwhile, and one that does not come at all means that it still does.
"""

from collections import deque
from dataclasses import dataclass

from telephony.line import SAMPLE_RATE_HZ

_MARK_EVERY = SAMPLE_RATE_HZ // 10
_MOST_PENDING = 20
"""mod_audio_fork refuses more than 30 marks."""
_GRACE_S = 0.3
"""A mark later than this is not late for the network's sake."""


@dataclass(slots=True)
class _Mark:
    name: str
    position: int
    due: float


class PlayedPosition:
    """Account of one call's outgoing audio, in samples at 8 kHz since its start."""

    def __init__(self, *, marks: bool) -> None:
        self.written = 0
        """What was sent, less what was cleared."""
        self._marks = marks
        self._pending: deque[_Mark] = deque()
        self._named = 0
        self._last_mark = 0
        self._confirmed = 0
        self._start, self._start_at = 0, 0.0
        self._halted_s = 0.0
        self._quickest_s: float | None = None

    def write(self, at: float, samples: int) -> str | None:
        """Samples leave now. Gives the name of a mark to send after them, if one is due."""
        if self.played(at) >= self.written:
            self._restart(at)
        self.written += samples
        if not self._marks or self.written - self._last_mark < _MARK_EVERY:
            return None
        if len(self._pending) >= _MOST_PENDING:
            return None
        self._last_mark = self.written
        self._named += 1
        due = self._start_at + (self.written - self._start) / SAMPLE_RATE_HZ
        self._pending.append(_Mark(f"p{self._named}", self.written, due))
        return self._pending[-1].name

    def mark_played(self, at: float, name: str) -> None:
        """The far end reports a mark. Unknown names, and those of cleared audio, mean nothing."""
        mark = next((mark for mark in self._pending if mark.name == name), None)
        if mark is None:
            return
        while self._pending.popleft() is not mark:
            pass
        self._confirmed = mark.position
        late_s = at - mark.due
        if self._quickest_s is None or late_s < self._quickest_s:
            self._quickest_s = late_s
        if mark.position > self._start:
            self._halted_s = late_s - self._quickest_s

    def clear(self, at: float) -> None:
        """What is not played yet is dropped."""
        self.written = self.played(at)
        self._pending.clear()
        self._last_mark = self.written
        self._restart(at)

    def played(self, at: float) -> int:
        """Samples that the far end has played when a message sent now arrives."""
        elapsed = max(0.0, at - self._start_at - self._halted_s)
        played = self._start + round(elapsed * SAMPLE_RATE_HZ)
        if self._pending and self._quickest_s is not None:
            oldest = self._pending[0]
            if at > oldest.due + self._halted_s + self._quickest_s + _GRACE_S:
                played = min(played, oldest.position)
        return min(max(played, self._confirmed), self.written)

    def queued(self, at: float) -> int:
        """Samples sent and not played."""
        return self.written - self.played(at)

    def _restart(self, at: float) -> None:
        self._start, self._start_at = self.written, at
        self._confirmed = min(self._confirmed, self.written)
        self._halted_s = 0.0
