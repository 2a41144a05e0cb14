"""How long the caller's end waits for the bot, measured by ear: network, jitter buffer and all."""

TALKED_OVER_AFTER_MS = 400.0
"""The bot that is audible again after this much silence has begun a new utterance."""
STILL_SPEAKING_MS = 200.0
"""Pauses inside a word or between two words are shorter."""


class ReplyTimes:
    """Collects the waits of one call. Times are milliseconds since the answer."""

    def __init__(self) -> None:
        self.greeting_ms: float | None = None
        """From the answer to the first audible sound of the bot."""
        self.replies_ms: list[float] = []
        """From the last sample of each line of this person to the next audible sound of the bot."""
        self.talked_over = 0
        """How often the bot began to speak in the middle of a line."""
        self._last_audible_ms = -1e9
        self._waiting_since: float | None = None
        self._in_line = False

    def line_started(self) -> None:
        """This person begins a line (not a backchannel)."""
        self._waiting_since = None
        self._in_line = True

    def line_left(self, at_ms: float) -> None:
        """The last sample of the line is on the wire. A bot that is still speaking owes no reply."""
        self._in_line = False
        if self.greeting_ms is not None and at_ms - self._last_audible_ms > STILL_SPEAKING_MS:
            self._waiting_since = at_ms

    def audible(self, at_ms: float) -> None:
        """The bot is audible in the frame that begins at `at_ms`."""
        if self.greeting_ms is None:
            self.greeting_ms = self._last_audible_ms = at_ms
        if self._waiting_since is not None:
            self.replies_ms.append(at_ms - self._waiting_since)
            self._waiting_since = None
        if self._in_line and at_ms - self._last_audible_ms > TALKED_OVER_AFTER_MS:
            self.talked_over += 1
        self._last_audible_ms = at_ms
