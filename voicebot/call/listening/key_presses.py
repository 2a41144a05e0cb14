"""A key that is told twice, by the wire (RFC 4733, a provider) and by its sound, was pressed once. Pure."""

from dataclasses import dataclass, field
from typing import TypeVar

from telephony.line import DigitPressed
from telephony.tones import ToneKind
from voicebot.call.media.channel import ToneHeard

Event = TypeVar("Event")

SAME_PRESS_MS = 400
"""So far apart may be a key's sound and the wire's word of it: their ways through the network differ."""
_KEPT_MS = 10_000


@dataclass(frozen=True, slots=True)
class _Press:
    digit: str
    start_ms: float
    end_ms: float


@dataclass(slots=True)
class KeyPresses:
    """The keys of one call. Two presses told by the same source are two; each can be told again once."""

    _wired: list[_Press] = field(default_factory=list)
    """Told by the wire, and not yet by the sound."""
    _sounded: list[_Press] = field(default_factory=list)

    def once(self, event: Event, now_ms: float) -> Event | DigitPressed | None:
        """The event, a key's tone as the key; None for a key that is known already."""
        if isinstance(event, DigitPressed):
            return event if self.wired(event.digit, now_ms) else None
        if isinstance(event, ToneHeard) and event.kind is ToneKind.DTMF:
            news = self.sounded(event.detail, now_ms, event.lasted_ms)
            return DigitPressed(now_ms / 1000, event.detail) if news else None
        return event

    def wired(self, digit: str, now_ms: float) -> bool:
        """The wire tells of a key. True if it is news."""
        return self._told(_Press(digit, now_ms, now_ms), self._wired, self._sounded)

    def sounded(self, digit: str, now_ms: float, lasted_ms: float) -> bool:
        """A key's tone has ended. True if it is news."""
        return self._told(_Press(digit, now_ms - lasted_ms, now_ms), self._sounded, self._wired)

    def _told(self, press: _Press, by_this: list[_Press], by_other: list[_Press]) -> bool:
        for known in (by_this, by_other):
            known[:] = [old for old in known if press.end_ms - old.end_ms < _KEPT_MS]
        for old in by_other:
            apart_ms = max(press.start_ms - old.end_ms, old.start_ms - press.end_ms)
            if old.digit == press.digit and apart_ms <= SAME_PRESS_MS:
                by_other.remove(old)
                return False
        by_this.append(press)
        return True
