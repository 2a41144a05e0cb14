"""Messages on their way to one connection: sent at once, or kept while the peer does not read."""

import asyncio
from collections import deque
from collections.abc import Callable

from telephony.websocket.codec import Message, Messages

_MOST_WAITING = 500
"""Ten seconds of frames and marks: the peer has stopped reading."""


class OutboxFull(Exception):
    """The peer takes nothing any more."""


class Outbox:
    """What waits can lose its audio, so that control overtakes it."""

    def __init__(self) -> None:
        self._send: Callable[[Message], None] | None = None
        self._paused = False
        self._waiting: deque[tuple[Message, bool]] = deque()
        self._empty = asyncio.Event()
        self._empty.set()

    def connect(self, send: Callable[[Message], None]) -> None:
        """Send what waits, and from now on what is put."""
        self._send = send
        self.resume()

    def disconnect(self) -> None:
        """There is nobody left to send to: what waits is forgotten."""
        self._send = None
        self._waiting.clear()
        self._empty.set()

    def pause(self) -> None:
        """Keep messages from now on."""
        self._paused = True

    def resume(self) -> None:
        """Send what waits, as far as it is taken."""
        self._paused = False
        while self._waiting and self._send and not self._paused:
            self._send(self._waiting.popleft()[0])
        if not self._waiting:
            self._empty.set()

    def put(self, messages: Messages, *, audio: bool = False) -> None:
        """Send messages; `audio` ones that have to wait go when audio is dropped. Raises OutboxFull."""
        if self._send and not self._paused and not self._waiting:
            for message in messages:
                self._send(message)
            return
        if len(self._waiting) + len(messages) > _MOST_WAITING:
            raise OutboxFull
        self._waiting.extend((message, audio) for message in messages)
        if self._waiting:
            self._empty.clear()

    def drop_audio(self) -> None:
        """Forget the audio that has not left yet."""
        self._waiting = deque(entry for entry in self._waiting if not entry[1])
        if not self._waiting:
            self._empty.set()

    async def drained(self) -> None:
        """Wait until all has been taken."""
        await self._empty.wait()
