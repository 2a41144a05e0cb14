"""Asking the language model: its answer is spoken sentence by sentence while it streams.

Every sentence passes the guard before it is spoken. No sentence within the turn budget, an
answer that is not usable, or a server that fails: the script's own answer is spoken.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from dialogs import guard
from dialogs.model_answer import answer_from_model, known_text
from dialogs.prompts import sentences
from dialogs.script.format import Script
from dialogs.turn import AnsweredBy, AskModel, DialogueState, Reply, Saying
from models.engine import EngineError, EngineLate
from models.llm import ChatModel
from models.llm.json_stream import JsonTextStream
from voicebot.call.reply.asking_ahead import WHOLE_ANSWER_S, AnswerAhead, AskingAhead, Question, request_for
from voicebot.settings import ModelServerSettings

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ModelSaid:
    """A sentence of the answer to `ask` is about to be spoken."""

    ask: AskModel
    text: str
    answered_by: AnsweredBy


@dataclass(frozen=True, slots=True)
class ModelDecided:
    """What the answer to `ask` makes of the dialogue; comes before its last sentence is spoken."""

    ask: AskModel
    state: DialogueState
    reply: Reply


class _UnusableError(Exception):
    """The answer cannot be spoken."""


class _Answer:
    """The model's JSON answer while it grows. Raises _UnusableError when it is no such answer."""

    def __init__(self) -> None:
        self._act = JsonTextStream("act")
        self._text = JsonTextStream("text")
        self._act_so_far = ""
        self._text_so_far = ""

    @property
    def text(self) -> str:
        return " ".join(self._text_so_far.split())

    def feed(self, piece: str) -> None:
        try:
            self._act_so_far += self._act.feed(piece)
            self._text_so_far += self._text.feed(piece)
        except ValueError as error:
            raise _UnusableError(str(error)) from None

    def complete_sentences(self) -> tuple[str, ...]:
        """All sentences but the last, which may still grow; none for an act whose text is not spoken."""
        spoken_act = self._act.text_complete and self._act_so_far in ("answer", "end")
        return sentences(self.text)[:-1] if spoken_act else ()

    def whole(self) -> dict[str, Any]:
        try:
            return self._text.finish()
        except ValueError as error:
            raise _UnusableError(str(error)) from None


class Asking:
    """One call's questions to the model."""

    def __init__(
        self,
        chat: ChatModel,
        script: Script,
        settings: ModelServerSettings,
        emit: Callable[[ModelSaid | ModelDecided], None],
        ahead: AskingAhead | None = None,
    ) -> None:
        """`ahead`: where a question may be asked before the turn is over; None asks none."""
        self._chat = chat
        self._script = script
        self._budget_s = settings.first_clause_s
        self._emit = emit
        self._ahead = ahead
        self._spoken_ahead: AnswerAhead | None = None
        """The answer being spoken, if it was asked for ahead."""

    def ask_ahead(self, question: Question, speech_ms: float) -> None:
        """Ask what will be asked if the turn ends now; nothing comes of it until `sayings` is called."""
        if self._ahead:
            self._ahead.ask(question, speech_ms)

    def end_turn(self) -> None:
        """The turn is answered without the model."""
        if self._ahead:
            self._ahead.end_turn()

    def drop_ahead(self) -> None:
        """What was asked ahead is void."""
        if self._ahead:
            self._ahead.drop()

    def abort(self) -> None:
        """The answer is not wanted any more. Closing the iterator does the same once it was begun."""
        if self._spoken_ahead:
            self._spoken_ahead.abort()
        self._spoken_ahead = None

    def sayings(self, question: Question) -> AsyncIterator[Saying]:
        """The sentences to speak: of the answer asked for ahead, or the model is asked now.
        Closing the iterator aborts the generation."""
        ask = question.ask
        self.abort()
        self._spoken_ahead = self._ahead.take(question) if self._ahead else None
        if self._spoken_ahead:
            return self._sayings(ask, self._spoken_ahead.pieces())
        return self._sayings(ask, self._chat.stream(request_for(ask), deadline_s=WHOLE_ANSWER_S))

    async def _sayings(self, ask: AskModel, pieces: AsyncGenerator[str, None]) -> AsyncIterator[Saying]:
        answer = _Answer()
        spoken: list[str] = []
        reply: Reply | None = None
        try:
            async for sentence in self._sentences(ask, answer, pieces):
                spoken.append(sentence)
                self._emit(ModelSaid(ask, sentence, AnsweredBy.LLM))
                yield Saying(sentence, ask.state.node)
            reply, rest = self._take(ask, answer, spoken)
        except (EngineError, _UnusableError) as fault:
            logger.info("the model's answer is not used: %s: %s", type(fault).__name__, fault)
            self._emit(ModelDecided(ask, ask.otherwise_state, ask.otherwise))
            rest = ask.otherwise.sayings
        by = reply.answered_by if reply else ask.otherwise.answered_by
        for saying in rest:
            self._emit(ModelSaid(ask, saying.text, by))
            yield saying

    async def _sentences(
        self, ask: AskModel, answer: _Answer, pieces: AsyncGenerator[str, None]
    ) -> AsyncIterator[str]:
        """Sentences as they are completed, guarded. The last one is left to `_take`. The budget of the
        first one counts from the end of the turn, however long before that the model was asked."""
        known = known_text(self._script, ask.state)
        loop = asyncio.get_running_loop()
        first_by_s = loop.time() + self._budget_s
        whole_by_s = loop.time() + WHOLE_ANSWER_S
        spoken = 0
        async with aclosing(pieces):
            while True:
                left_s = max(0.0, (whole_by_s if spoken else first_by_s) - loop.time())
                try:
                    answer.feed(await asyncio.wait_for(anext(pieces), left_s))
                except StopAsyncIteration:
                    return
                except TimeoutError:
                    late_s = WHOLE_ANSWER_S if spoken else self._budget_s
                    raise EngineLate(f"no sentence within {late_s:g} s") from None
                for sentence in answer.complete_sentences()[spoken:]:
                    self._guard(sentence, known)
                    spoken += 1
                    yield sentence

    def _guard(self, sentence: str, known: str) -> None:
        verdict = guard.check(sentence, known, self._script.language)
        if not verdict.allowed:
            raise _UnusableError(verdict.reason)

    def _take(self, ask: AskModel, answer: _Answer, spoken: list[str]) -> tuple[Reply, tuple[Saying, ...]]:
        """The whole answer's reply, and what of it is still to be spoken."""
        turn = answer_from_model(self._script, ask.state, answer.whole())
        if turn is None:
            raise _UnusableError("not a usable answer")
        state, reply = turn
        self._emit(ModelDecided(ask, state, reply))
        if not spoken:
            return reply, reply.sayings
        text = answer.text
        left = text.removeprefix(" ".join(spoken)).strip()
        after = reply.sayings[len(sentences(text)) :]
        return reply, ((Saying(left, ask.state.node),) if left else ()) + after
