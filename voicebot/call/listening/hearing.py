"""Hearing: turns an utterance into words and an intent, ahead of the end of the turn if it can.

Only pure work is done ahead. What the speaker made void by going on is cancelled, and a
result carries the number of its guess, so that a late one is recognised and dropped.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from dialogs.flow import OPT_OUT
from dialogs.turn import Expectation, Heard
from models.asr import Recogniser, Transcript, Utterance
from models.batching import Priority
from models.end_of_turn import EndOfTurnDetector
from models.engine import EngineError, given_up_after
from models.intent import IntentClassifier, IntentResult
from models.intent.text import normalise
from telephony.line import SAMPLE_RATE_HZ
from voicebot.call.listening.heard_audio import BEFORE_MS, HeardAudio
from voicebot.call.listening.listening_along import ListeningAlong
from voicebot.call.turn_taking.endpointing import Endpointer

_AFTER_MS = 160
"""Audio from after the end of an utterance: as much as has been heard when words are first guessed at."""
_RECOGNITION_S = 4.0
_CLASSIFICATION_S = 1.0
_JUDGEMENT_S = 0.5


@dataclass(frozen=True, slots=True)
class Understood:
    """What an utterance said. `transcript` is None when recognition failed (`fault` says how)."""

    guess: int
    """Number of the guess, from 1 in each call."""
    utterance: int
    start_ms: int
    end_ms: int
    asked_ms: float
    transcribed_ms: float
    transcript: Transcript | None
    intent: IntentResult
    fault: str = ""
    completeness: float | None = None
    """Probability (0..1) that the speaker sounded finished; None if it was not judged in time."""

    @property
    def text(self) -> str:
        """The words, or nothing."""
        return self.transcript.text if self.transcript else ""

    @property
    def spoken_ms(self) -> int:
        """How long the utterance was."""
        return self.end_ms - self.start_ms

    @property
    def mode(self) -> str:
        """Which decoding gave the words; empty when recognition failed."""
        return self.transcript.mode if self.transcript else ""

    @property
    def heard(self) -> Heard:
        """What the dialogue is told of it."""
        return Heard(text=self.text, intent=self.intent.intent, confidence=self.intent.confidence)


@dataclass(frozen=True, slots=True)
class PartlyHeard:
    """The words so far of an utterance that goes on, with no intent and the guess 0: they answer nothing."""

    words: Understood


HearingEvent = Understood | PartlyHeard

_SENTENCE_END = re.compile(r"(?<=[.?!])\s+|(?<=[。？！])")
_UNSURE = IntentResult(intent=None, confidence=0.0)


class Hearing:
    """Understands one call's utterances, one at a time; a new request replaces the old one."""

    def __init__(
        self,
        group: asyncio.TaskGroup,
        recogniser: Recogniser,
        classifier: IntentClassifier,
        language: str,
        opt_outs: Iterable[str],
        now_ms: Callable[[], float],
        emit: Callable[[HearingEvent], None],
        end_of_turn: EndOfTurnDetector | None = None,
        on_void: Callable[[], None] = lambda: None,
        follow_until_ms: float = 0.0,
    ) -> None:
        """`opt_outs`: ways to ask not to be called, understood even when the classifier fails.
        `on_void` is told whenever the words so far are void, for what was begun with them. Utterances
        that begin before `follow_until_ms` are decoded while they go on; see `PartlyHeard`."""
        self._group = group
        self._recogniser = recogniser
        self._classifier = classifier
        self._language = language
        self._opt_outs = tuple(filter(None, map(normalise, opt_outs)))
        self._now_ms = now_ms
        self._emit = emit
        self._on_void = on_void
        self._end_of_turn = end_of_turn
        self._follow_until_ms = follow_until_ms
        self.along = ListeningAlong(group, recogniser, language, now_ms, self._on_words_so_far)
        self._task: asyncio.Task[None] | None = None
        self._last: tuple[int, float] | None = None
        """(start in ms, seconds of audio) of the newest guess, as long as it is not void."""
        self._awaited = 0
        """Number of the guess whose result is to come; 0 when none is."""
        self.guesses = 0
        self.guesses_void = 0
        self.decoded_s = 0.0
        self.decoded_void_s = 0.0

    @property
    def busy(self) -> bool:
        """True until the result of what is under way was accepted."""
        return self._awaited != 0

    def understand(
        self,
        utterance: int,
        start_ms: int,
        end_ms: int,
        audio: HeardAudio,
        expectation: Expectation,
        *,
        judge_end: bool = False,
    ) -> None:
        """Begin to understand; `Understood` follows as an event unless it is made void. `judge_end`: the
        turn may not be over, so ask the end-of-turn detector beside."""
        self.make_void()
        if self._last and start_ms <= self._last[0]:
            self._count_void()  # Its audio is decoded again, with more behind it.
        samples = audio.between(start_ms - BEFORE_MS, end_ms + _AFTER_MS)
        seconds = len(samples) / SAMPLE_RATE_HZ
        self._last = (start_ms, seconds)
        self.guesses += 1
        self._awaited = self.guesses
        self.decoded_s += seconds
        heard = Utterance(samples, self._language, expectation.hints)
        self._task = self._group.create_task(
            self._understand(
                self.guesses, utterance, start_ms, end_ms, heard, expectation, judge_end=judge_end
            ),
            name="understand",
        )

    def listen_along(self, endpointer: Endpointer, audio: HeardAudio, expectation: Expectation) -> None:
        """An utterance has begun; `PartlyHeard` follows as an event when it is long and there is time."""
        if endpointer.start_ms < self._follow_until_ms:
            self.along.begin(endpointer, audio, expectation.hints)

    def close(self) -> None:
        """The call is over."""
        self.along.stop()
        self.make_void()

    def make_void(self) -> None:
        """The speaker went on, or the call is over: stop what is under way."""
        if self.busy:
            self._count_void()
        if self._task:
            self._task.cancel()
        self._task = None
        self._awaited = 0
        self._on_void()

    def accept(self, words: Understood) -> bool:
        """A result has come. False if it is of an older guess, or of one that is void."""
        if words.guess != self._awaited:
            return False
        self._awaited = 0
        return True

    def _count_void(self) -> None:
        if self._last:
            self.guesses_void += 1
            self.decoded_void_s += self._last[1]
        self._last = None

    def _on_words_so_far(self, utterance: int, start_ms: int, until_ms: int, words: Transcript) -> None:
        now_ms = self._now_ms()
        self._emit(
            PartlyHeard(Understood(0, utterance, start_ms, until_ms, until_ms, now_ms, words, _UNSURE))
        )

    async def _understand(
        self,
        guess: int,
        utterance: int,
        start_ms: int,
        end_ms: int,
        heard: Utterance,
        expectation: Expectation,
        *,
        judge_end: bool,
    ) -> None:
        asked_ms = self._now_ms()
        transcript: Transcript | None = None
        intent, fault = _UNSURE, ""
        transcribed_ms = asked_ms
        judging = self._group.create_task(self._judge_end(heard), name="judge-end") if judge_end else None
        try:
            async with given_up_after(_RECOGNITION_S):
                transcript = await self._recogniser.transcribe(
                    heard,
                    deadline_s=_RECOGNITION_S,
                    priority=Priority.SPECULATIVE if judge_end else Priority.FINAL,
                )
            transcribed_ms = self._now_ms()
            if transcript.text and expectation.intents:
                async with given_up_after(_CLASSIFICATION_S):
                    intent = await self._classify(transcript.text, expectation.intents)
        except EngineError as error:
            # Without words the session asks again; without an intent the script or model answers.
            fault = f"{type(error).__name__}: {error}"
            if transcript is None:
                transcribed_ms = self._now_ms()
            elif self._says_opt_out(transcript.text):
                intent = IntentResult(OPT_OUT, 1.0)
        finally:
            completeness = _result_so_far(judging)
        self._emit(
            Understood(
                guess,
                utterance,
                start_ms,
                end_ms,
                asked_ms,
                transcribed_ms,
                transcript,
                intent,
                fault,
                completeness,
            )
        )

    async def _judge_end(self, heard: Utterance) -> float | None:
        if self._end_of_turn is None:
            return None
        try:
            return await self._end_of_turn.completeness(heard.samples, deadline_s=_JUDGEMENT_S)
        except EngineError:
            return None  # Silence and words decide, as without a detector.

    def _says_opt_out(self, text: str) -> bool:
        said = f" {normalise(text)} "
        return any(f" {phrase} " in said for phrase in self._opt_outs)

    async def _classify(self, text: str, allowed: frozenset[str]) -> IntentResult:
        """The intent of the whole, and of each sentence when there are several."""
        sentences = _SENTENCE_END.split(text)
        texts = [text, *sentences] if len(sentences) > 1 else [text]
        asked = (self._classifier.classify(each, allowed, deadline_s=_CLASSIFICATION_S) for each in texts)
        whole, *parts = await asyncio.gather(*asked)
        return choose_intent(whole, parts)


def _result_so_far(judging: asyncio.Task[float | None] | None) -> float | None:
    """The judgement if it is there: the words are not held up for it."""
    if judging is None:
        return None
    if judging.done():
        return judging.result()
    judging.cancel()
    return None


def choose_intent(whole: IntentResult, sentences: Sequence[IntentResult]) -> IntentResult:
    """One intent for an utterance of several sentences. A wish not to be called counts wherever it is
    said; otherwise the whole counts, then the last sentence that is clear."""
    urgent = next((part for part in sentences if part.intent == OPT_OUT), None)
    if urgent:
        return urgent
    if whole.intent is not None:
        return whole
    return next((part for part in reversed(sentences) if part.intent is not None), whole)
