"""Listening along: the words of an utterance that goes on without a pause, as far as they have come.

They answer nothing and fill nothing: what is said is decoded once more at the pause. They tell sooner
that a machine has answered.
"""

import asyncio
from collections.abc import Callable

from models.asr import Recogniser, Transcript, Utterance
from models.batching import Priority
from models.engine import EngineError, given_up_after
from telephony.line import SAMPLE_RATE_HZ
from voicebot.call.listening.heard_audio import BEFORE_MS, HeardAudio
from voicebot.call.listening.partial_schedule import PartialSchedule
from voicebot.call.turn_taking.endpointing import Endpointer

_LOOK_EVERY_S = 0.2
_DEADLINE_S = 1.0

OnWords = Callable[[int, int, int, Transcript], None]
"""Is told the number of the utterance, its start, until when it was decoded (ms), and the words."""


class ListeningAlong:
    """Follows one utterance of a call at a time."""

    def __init__(
        self,
        group: asyncio.TaskGroup,
        recogniser: Recogniser,
        language: str,
        now_ms: Callable[[], float],
        on_words: OnWords,
    ) -> None:
        self._group = group
        self._recogniser = recogniser
        self._language = language
        self._now_ms = now_ms
        self._on_words = on_words
        self._task: asyncio.Task[None] | None = None
        self.decoded = 0
        self.decoded_s = 0.0

    def begin(self, endpointer: Endpointer, audio: HeardAudio, hints: tuple[str, ...]) -> None:
        """An utterance has begun: follow it to its end."""
        self.stop()
        self._task = self._group.create_task(self._follow(endpointer, audio, hints), name="listen-along")

    def stop(self) -> None:
        """What is being said is of no interest any more."""
        if self._task:
            self._task.cancel()
        self._task = None

    async def _follow(self, endpointer: Endpointer, audio: HeardAudio, hints: tuple[str, ...]) -> None:
        utterance, start_ms, schedule = endpointer.utterance, endpointer.start_ms, PartialSchedule()

        def goes_on() -> bool:
            return endpointer.speaking and endpointer.utterance == utterance

        while goes_on():
            now_ms = self._now_ms()
            speech_ms = now_ms - start_ms
            if endpointer.talking and schedule.due(speech_ms, self._recogniser.expected_wait_s):
                samples = audio.between(start_ms - BEFORE_MS, int(now_ms))
                heard = await self._decode(Utterance(samples, self._language, hints))
                schedule.decoded(speech_ms, self._now_ms() - now_ms)
                if heard and heard.text and goes_on():
                    self._on_words(utterance, start_ms, int(now_ms), heard)
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _decode(self, utterance: Utterance) -> Transcript | None:
        self.decoded += 1
        self.decoded_s += len(utterance.samples) / SAMPLE_RATE_HZ
        try:
            async with given_up_after(_DEADLINE_S):
                return await self._recogniser.transcribe(
                    utterance, deadline_s=_DEADLINE_S, priority=Priority.PARTIAL
                )
        except EngineError:
            return None  # Nobody waits for it: the pause brings the words, or the fault.
