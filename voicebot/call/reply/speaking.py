"""Speaking: gives a reply its voice, what is cached at once, the rest clause by clause."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass

from dialogs.turn import Saying
from models.engine import EngineError, given_up_after
from models.tts import Speaker
from models.tts.clauses import clauses, with_pause
from telephony.line import SAMPLE_RATE_HZ
from voicebot.call.reply.playout import Playout

logger = logging.getLogger(__name__)

_LONGEST_SILENCE_S = 5.0
"""A clause that would keep the callee waiting longer is given up."""
_SHORTEST_WAIT_S = 0.02
AHEAD_S = 1.0
"""The next clause is asked for when at most this much is left to play: what a barge-in wastes stays small."""
AHEAD_PER_RENDER = 2.0
"""Earlier than that if the slowest clause of the call took long: this many times as long before the end."""


@dataclass(frozen=True, slots=True)
class SpeechFailed:
    """A saying could not be rendered: the rest of the reply is not said."""

    reply: int
    fault: str


@dataclass(slots=True)
class ClauseMetrics:
    """What rendering clause by clause did in one call."""

    rendered: int = 0
    """Clauses that were not in the cache."""
    late: int = 0
    """Of those, clauses of which the callee could have been kept waiting: the one before had been played."""
    slowest_s: float = 0.0
    wasted_s: float = 0.0
    """Audio that was rendered and not heard because the reply was given up."""


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
        self._tasks: list[asyncio.Task[None]] = []
        self._live_samples = 0
        """Rendered for the reply under way, not found in the cache."""
        self.metrics = ClauseMetrics()

    def say(self, sayings: Sequence[Saying]) -> int:
        """Begin a reply and give its number. What is cached can be heard in the next tick."""
        self.stop()
        reply = self._playout.begin()
        for ready, saying in enumerate(sayings):
            speech = self._speaker.cached(saying.text)
            if speech is None:
                self._playout.locked_ahead = not saying.barge_in
                waiting: asyncio.Queue[Saying | None] = asyncio.Queue()
                for each in (*sayings[ready:], None):
                    waiting.put_nowait(each)
                self._start(self._speak_all(reply, waiting), "speak")
                return reply
            self._playout.add(saying, speech)
        self._playout.end()
        return reply

    def say_stream(self, sayings: AsyncIterator[Saying]) -> int:
        """The same for sayings that are still being thought of."""
        self.stop()
        reply = self._playout.begin()
        self._playout.locked_ahead = False
        waiting: asyncio.Queue[Saying | None] = asyncio.Queue()
        self._start(self._listen(reply, sayings, waiting), "think")
        self._start(self._speak_all(reply, waiting), "speak")
        return reply

    def stop(self) -> None:
        """Fall silent: drop what is playing and what is being rendered."""
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()
        if self._playout.active:
            self.metrics.wasted_s += min(self._live_samples, self._playout.ready_samples) / SAMPLE_RATE_HZ
        self._live_samples = 0
        self._playout.drop()

    def figures(self) -> dict[str, float]:
        """For the record of the call, what there was of it: `clauses_rendered`, `clauses_late`,
        `speech_wasted_s` (rendered in vain) and `speech_starved_s` (silence in the middle of sayings)."""
        metrics = self.metrics
        figures = {
            "clauses_rendered": metrics.rendered,
            "clauses_late": metrics.late,
            "speech_wasted_s": round(metrics.wasted_s, 2),
            "speech_starved_s": round(self._playout.starved_samples / SAMPLE_RATE_HZ, 2),
        }
        return {name: value for name, value in figures.items() if value}

    def _start(self, work: Coroutine[None, None, None], name: str) -> None:
        self._tasks.append(self._group.create_task(work, name=name))

    async def _listen(
        self, reply: int, sayings: AsyncIterator[Saying], waiting: asyncio.Queue[Saying | None]
    ) -> None:
        """Thinking is not held up by speaking: it decides what the dialogue becomes."""
        try:
            async for saying in sayings:
                waiting.put_nowait(saying)
        except EngineError as error:
            self._emit(SpeechFailed(reply, f"{type(error).__name__}: {error}"))
        waiting.put_nowait(None)

    async def _speak_all(self, reply: int, waiting: asyncio.Queue[Saying | None]) -> None:
        try:
            while (saying := await waiting.get()) is not None:
                self._playout.locked_ahead = not saying.barge_in
                speech = self._speaker.cached(saying.text)
                if speech is None:
                    await self._speak_clauses(saying)
                else:
                    self._playout.add(saying, speech)
        except EngineError as error:
            self._emit(SpeechFailed(reply, f"{type(error).__name__}: {error}"))
        self._playout.end()

    async def _speak_clauses(self, saying: Saying) -> None:
        loop = asyncio.get_running_loop()
        pieces = clauses(saying.text)
        for number, clause in enumerate(pieces, start=1):
            speech = self._speaker.cached(clause.text)
            if speech is None:
                await self._until_needed()
                asked_s = loop.time()
                deadline_s = _LONGEST_SILENCE_S + self._playout.ready_samples / SAMPLE_RATE_HZ
                async with given_up_after(deadline_s):
                    speech = await self._speaker.speak(clause.text, deadline_s=deadline_s)
                took_s = loop.time() - asked_s
                self.metrics.rendered += 1
                self.metrics.slowest_s = max(self.metrics.slowest_s, took_s)
                if number > 1 and not self._playout.ready_samples:
                    self.metrics.late += 1
                    logger.info("a clause came too late: the voice took %.2f s for it", took_s)
            speech = with_pause(speech, clause.pause)
            self._live_samples += len(speech.samples)
            self._playout.add(saying, speech, whole=number == len(pieces))

    async def _until_needed(self) -> None:
        """Until so little is left to play that the next clause must be asked for."""
        ahead_s = max(AHEAD_S, AHEAD_PER_RENDER * self.metrics.slowest_s)
        while True:
            spare_s = self._playout.ready_samples / SAMPLE_RATE_HZ - ahead_s
            if spare_s <= 0:
                return
            # While the prompt is halted nothing gets less; look again all the same.
            await asyncio.sleep(max(spare_s, _SHORTEST_WAIT_S))
