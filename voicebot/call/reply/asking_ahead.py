"""Asking the language model before it is certain that the turn is over.

Only the request is made ahead. What comes back is kept unread: nothing is spoken, written or told to
anyone until the turn ends with the very same question; otherwise it is dropped. Caps after LiveKit's
preemptive generation: few tries a turn, no long utterances, and a bound over all calls.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from dialogs.turn import AskModel
from models.engine import EngineDown, EngineError
from models.llm import ChatMessage, ChatModel, ChatRequest

WHOLE_ANSWER_S = 12.0
MOST_TRIES = 2
"""In one turn: who pauses more often than that is thinking, and each try is a request in vain."""
LONGEST_SPEECH_MS = 10_000
"""Whoever talks longer is likely to go on."""


@dataclass(frozen=True, slots=True)
class Question:
    """What an answer must be to for it to be used. `ask` holds the words, the state and the prompt."""

    utterance: int
    ask: AskModel


def request_for(ask: AskModel) -> ChatRequest:
    """The question as the model server takes it."""
    return ChatRequest([ChatMessage(role, content) for role, content in ask.messages], ask.json_schema)


class AheadLimit:
    """How many requests all calls of a process may have made ahead at once."""

    def __init__(self, most: int, healthy: Callable[[], bool] = lambda: True) -> None:
        """`healthy`: false while the model server is left alone."""
        self._most = most
        self._healthy = healthy
        self.under_way = 0

    def enter(self) -> bool:
        """Take a place; false when there is none."""
        if self.under_way >= self._most or not self._healthy():
            return False
        self.under_way += 1
        return True

    def leave(self) -> None:
        """Give the place back."""
        self.under_way -= 1


class AnswerAhead:
    """An answer that streams in before anyone reads it."""

    def __init__(
        self,
        group: asyncio.TaskGroup,
        question: Question,
        pieces: AsyncGenerator[str, None],
        leave: Callable[[], None],
    ) -> None:
        """`leave` is called once, when the answer is whole, taken or dropped."""
        self.question = question
        self.fault: EngineError | None = None
        self._kept: list[str] = []
        self._whole = False
        self._news = asyncio.Event()
        self._leave: Callable[[], None] | None = leave
        self._task = group.create_task(self._receive(pieces), name="ask-ahead")
        # A task that is cancelled before its first step never runs its `finally`.
        self._task.add_done_callback(lambda _: self._over())

    @property
    def received(self) -> int:
        """Pieces so far; a served model sends about one a token."""
        return len(self._kept)

    def taken(self) -> None:
        """The turn ended with this question: from now on it is a request like any other."""
        if self._leave:
            self._leave()
        self._leave = None

    def abort(self) -> None:
        """Stop the generation; what comes of it all the same is not kept."""
        self._task.cancel()
        self.taken()

    async def pieces(self) -> AsyncGenerator[str, None]:
        """All pieces from the first one, then as they come. Raises EngineError. Closing it aborts."""
        read = 0
        try:
            while True:
                while read < len(self._kept):
                    read += 1
                    yield self._kept[read - 1]
                if self.fault:
                    raise self.fault
                if self._whole:
                    return
                self._news.clear()
                await self._news.wait()
        finally:
            self.abort()

    async def _receive(self, pieces: AsyncGenerator[str, None]) -> None:
        try:
            async with aclosing(pieces):
                async for piece in pieces:
                    self._kept.append(piece)
                    self._news.set()
            self._whole = True
        except EngineError as fault:
            self.fault = fault

    def _over(self) -> None:
        if not self._whole and self.fault is None:
            self.fault = EngineDown("the request was given up")
        self._news.set()
        self.taken()


class AskingAhead:
    """One call's question that is asked ahead: one at a time, a new one replaces the old one."""

    def __init__(self, group: asyncio.TaskGroup, chat: ChatModel, limit: AheadLimit) -> None:
        self._group = group
        self._chat = chat
        self._limit = limit
        self._answer: AnswerAhead | None = None
        self._tries = 0
        self.asked = 0
        self.used = 0
        self.dropped = 0
        self.pieces_dropped = 0

    def ask(self, question: Question, speech_ms: float) -> None:
        """Begin, if it may be done. `speech_ms`: how long the customer has been talking."""
        if self._answer and self._answer.question == question:
            return
        self.drop()
        if self._tries >= MOST_TRIES or speech_ms > LONGEST_SPEECH_MS or not self._limit.enter():
            return
        self._tries += 1
        self.asked += 1
        pieces = self._chat.stream(request_for(question.ask), deadline_s=WHOLE_ANSWER_S)
        self._answer = AnswerAhead(self._group, question, pieces, self._limit.leave)

    def take(self, question: Question) -> AnswerAhead | None:
        """The turn is over: the answer to just this question, if it was asked ahead and has not failed."""
        answer = self._answer
        if answer is None or answer.question != question or answer.fault:
            # One that failed already counts for nothing: without it the model would be asked now.
            self.end_turn()
            return None
        self._answer = None
        self._tries = 0
        self.used += 1
        answer.taken()
        return answer

    def end_turn(self) -> None:
        """The turn is answered otherwise; the next one has its tries again."""
        self.drop()
        self._tries = 0

    def drop(self) -> None:
        """The customer went on, or something else made the question void."""
        answer, self._answer = self._answer, None
        if answer:
            self.dropped += 1
            self.pieces_dropped += answer.received
            answer.abort()
