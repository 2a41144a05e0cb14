"""What a call tells whoever watches it live."""

import time

from voicebot.console.events import CallAnswered, CallRinging, TurnSaid, Watcher


class CallWatcher:
    """Names the call in the events it passes on."""

    def __init__(self, watcher: Watcher, call_id: int) -> None:
        self._watcher = watcher
        self._call_id = call_id

    def ringing(self) -> None:
        """The far end alerts."""
        self._watcher(CallRinging(self._call_id, time.monotonic()))

    def answered(self) -> None:
        """The far end took the call."""
        self._watcher(CallAnswered(self._call_id, time.monotonic()))

    def said(self, speaker: str, text: str, reply_latency_ms: float | None = None) -> None:
        """One side said something."""
        if text:
            self._watcher(TurnSaid(self._call_id, speaker, text, time.monotonic(), reply_latency_ms))
