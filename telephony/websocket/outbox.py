"""Messages waiting for one connection. Control overtakes audio that is being dropped."""

import asyncio
from collections import deque

from telephony.websocket.codec import Message, Messages

_MOST_WAITING = 500
"""Ten seconds of frames and marks: the peer has stopped reading."""


class OutboxFull(Exception):
    """The peer takes nothing any more."""


class Outbox:
    """A queue that can lose its audio."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Message, bool]] = deque()
        self._filled, self._taken = asyncio.Event(), asyncio.Event()

    def put(self, messages: Messages, *, audio: bool = False) -> None:
        """Append messages; `audio` ones go when audio is dropped. Raises OutboxFull."""
        if len(self._waiting) + len(messages) > _MOST_WAITING:
            raise OutboxFull
        self._waiting.extend((message, audio) for message in messages)
        if messages:
            self._filled.set()

    def drop_audio(self) -> None:
        """Forget the audio that has not left yet."""
        self._waiting = deque(entry for entry in self._waiting if not entry[1])

    async def get(self) -> Message:
        """Wait for the next message."""
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        message, _ = self._waiting.popleft()
        self._taken.set()
        return message

    async def drained(self) -> None:
        """Wait until all has been taken."""
        while self._waiting:
            self._taken.clear()
            await self._taken.wait()
