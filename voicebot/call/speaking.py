"""Speaking: gives a reply its voice, saying by saying, the cached ones at once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from dialogs.turn import Saying
from models.engine import EngineError, given_up_after
from models.tts import Speaker
from voicebot.call.playout import Playout

_SYNTHESIS_S = 5.0


@dataclass(frozen=True, slots=True)
class SpeechFailed:
    """A saying could not be rendered: the rest of the reply is not said."""

    reply: int
    fault: str


class Speaking:
    """One call's voice. A new reply ends the one before."""

    def __init__(
        self,
        group: asyncio.TaskGroup,
        speaker: Speaker,
        playout: Playout,
        emit: Callable[[SpeechFailed], None],
    ) -> None:
        self._group = group
        self._speaker = speaker
        self._playout = playout
        self._emit = emit
        self._task: asyncio.Task[None] | None = None

    def say(self, sayings: Sequence[Saying]) -> int:
        """Begin a reply and give its number. What is cached can be heard in the next tick."""
        self.stop()
        reply = self._playout.begin()
        for ready, saying in enumerate(sayings):
            speech = self._speaker.cached(saying.text)
            if speech is None:
                self._playout.locked_ahead = not saying.barge_in
                self._task = self._group.create_task(self._render(reply, sayings[ready:]), name="speak")
                return reply
            self._playout.add(saying, speech)
        self._playout.end()
        return reply

    def say_stream(self, sayings: AsyncIterator[Saying]) -> int:
        """The same for sayings that are still being thought of."""
        self.stop()
        reply = self._playout.begin()
        self._playout.locked_ahead = False
        self._task = self._group.create_task(self._render_stream(reply, sayings), name="speak")
        return reply

    def stop(self) -> None:
        """Fall silent: drop what is playing and what is being rendered."""
        if self._task and not self._task.done():
            self._task.cancel()
        self._task = None
        self._playout.drop()

    async def _render(self, reply: int, sayings: Sequence[Saying]) -> None:
        async def each() -> AsyncIterator[Saying]:
            for saying in sayings:
                yield saying

        await self._render_stream(reply, each())

    async def _render_stream(self, reply: int, sayings: AsyncIterator[Saying]) -> None:
        try:
            async for saying in sayings:
                self._playout.locked_ahead = not saying.barge_in
                speech = self._speaker.cached(saying.text)
                if speech is None:
                    async with given_up_after(_SYNTHESIS_S):
                        speech = await self._speaker.speak(saying.text, deadline_s=_SYNTHESIS_S)
                self._playout.add(saying, speech)
        except EngineError as error:
            self._emit(SpeechFailed(reply, f"{type(error).__name__}: {error}"))
        self._playout.end()
