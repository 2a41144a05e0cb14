"""The bot's side of a conversation: what it answers, says, and was heard to say.

Synchronous like `Conversation`; holds the state of the dialogue.
"""

import logging
import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from dialogs.policy import answer, expectation, record_heard
from dialogs.script.format import Script
from dialogs.turn import AnsweredBy, AskModel, DialogueState, Expectation, Heard, Reply, Saying
from voicebot.call.disposition import Over
from voicebot.call.media.channel import CallChannel, ReplyFinished, ReplyStarted
from voicebot.call.reply.asking import Asking, ModelDecided, ModelSaid
from voicebot.call.reply.asking_ahead import Question
from voicebot.call.reply.speaking import Speaking, SpeechFailed
from voicebot.call.turn_log import ReplyStages, TurnLog
from voicebot.call.turn_taking.turn_end import TurnEnd
from voicebot.call.watching import CallWatcher

logger = logging.getLogger(__name__)

_FAULTS_ALLOWED = 2
"""Utterances in a row that may fail to be recognised before the bot says goodbye."""

ReplyEvent = ReplyStarted | ReplyFinished | SpeechFailed | ModelSaid | ModelDecided


class Replying:
    """Decides with the policy (or the model), speaks, and keeps what was heard of it."""

    def __init__(
        self,
        script: Script,
        opening: tuple[DialogueState, Reply],
        channel: CallChannel,
        speaking: Speaking,
        asking: Asking | None,
        log: TurnLog,
        watcher: CallWatcher,
        local_now: Callable[[], datetime],
        turn_end: TurnEnd,
    ) -> None:
        self.script = script
        self.state, self._opening = opening
        self._channel = channel
        self._speaking = speaking
        self._asking = asking
        self._log = log
        self._watcher = watcher
        self._local_now = local_now
        self.turn_end = turn_end
        self._silence_due_ms = math.inf
        self._reply: Reply | None = None
        """What is being said, or was said last."""
        self._reply_number = 0
        self._asked: AskModel | None = None
        """The question to the model whose answer is awaited or spoken."""
        self.faults = 0
        """Utterances in a row that were not recognised."""
        self._in_trouble = False
        """An engine is down and the goodbye is being said."""
        self.last_heard: Heard | None = None
        """What was answered last."""
        self.over: Over | None = None
        """Set when the bot wants to hang up."""
        self.greeted_ms: float | None = None
        self.greeting_ended_ms: float | None = None

    def speech_figures(self) -> dict[str, float]:
        """For the record of the call: what speaking clause by clause did."""
        return self._speaking.figures()

    @property
    def greeted(self) -> bool:
        """True once the greeting was begun."""
        return self._reply is not None

    def expects(self, state: DialogueState) -> Expectation:
        """What can be used at a point of the dialogue."""
        return expectation(self.script, state)

    def listens_for(self, state: DialogueState) -> Expectation:
        """What the words are weighed against. Before the greeting only an opt-out counts: against all."""
        expected = self.expects(state)
        if self.greeted:
            return expected
        return replace(expected, intents=frozenset(self.script.intents), dictation=False)

    def set_turn_end(self, state: DialogueState) -> None:
        """How long the callee may pause at this point of the dialogue."""
        self.turn_end.expect(dictation=self.expects(state).dictation)

    def understands(self, state: DialogueState, heard: Heard) -> bool:
        """A sure intent, or a slot or a rating that is filled without any."""
        if heard.intent is not None:
            return True
        return bool(heard.text) and not self.expects(state).free_text and self._has_answer(state, heard)

    def _has_answer(self, state: DialogueState, heard: Heard) -> bool:
        """Whether the script itself has an answer. Deciding is pure: nothing comes of it."""
        decided = answer(self.script, state, heard, model=True, now=self._local_now())
        return not isinstance(decided, AskModel) and decided[0].no_match <= state.no_match

    def greet(self, now_ms: float) -> None:
        """Say the opening."""
        self._say(self.state, self._opening, now_ms)

    def ask_ahead(self, heard: Heard, state: DialogueState, speech_ms: float) -> None:
        """Ask the model what it will be asked if the turn ends with these words; nothing else comes of it."""
        if self._asking is None:
            return
        for saying, words in self._said_so_far(state):
            state = record_heard(state, saying, words)
        decided = answer(self.script, state, heard, model=True, now=self._local_now())
        if isinstance(decided, AskModel):
            self._asking.ask_ahead(self._question(decided), speech_ms)

    def answer(self, heard: Heard, now_ms: float, stages: ReplyStages | None = None) -> None:
        """Answer what was heard. `stages` are the times of the turn that is answered."""
        self.last_heard = heard
        has_model = self._asking is not None
        decided = answer(self.script, self.state, heard, model=has_model, now=self._local_now())
        if isinstance(decided, AskModel):
            assert self._asking is not None
            self._go_to(decided.state, decided.otherwise)
            self._asked = decided
            self._reply_number = self._speaking.say_stream(self._asking.sayings(self._question(decided)))
            self._log.agent_plans(self._reply_number, decided.state.node, "", "", stages)
        else:
            if self._asking:
                self._asking.end_turn()
            state, reply = decided
            self._say(state, reply, now_ms, stages)

    def ask_again(self, fault: str, now_ms: float) -> None:
        """Recognition failed: ask again as if it had not been understood; then say goodbye."""
        logger.warning("recognition failed: %s", fault)
        self.faults += 1
        self.fall_silent(now_ms)
        if self.faults > _FAULTS_ALLOWED:
            self.apologise(now_ms)
        else:
            self.answer(Heard(), now_ms)

    def apologise(self, now_ms: float) -> None:
        """An engine is down and nobody may be left in silence: a cached goodbye, then hang up."""
        if self._in_trouble:
            self.over = Over.TROUBLE  # Not even the goodbye can be spoken.
            return
        self._in_trouble = True
        goodbye = Saying(self.script.trouble, self.state.node, barge_in=False)
        self.fall_silent(now_ms)
        self._say(self.state, Reply((goodbye,), AnsweredBy.SCRIPT, ends_call=True), now_ms)

    def fall_silent(self, now_ms: float) -> None:
        """Give up what is being said; the log keeps the words that were heard."""
        playout = self._channel.playout
        if playout.audible:
            self._channel.stop_prompt()
        interrupted = playout.active
        self._speaking.stop()
        if self._asking:
            self._asking.abort()
        if self._log.agent_open:
            self._record_said(now_ms, interrupted=interrupted)
        if self.greeted_ms is not None and self.greeting_ended_ms is None:
            self.greeting_ended_ms = now_ms

    def await_speech(self, now_ms: float) -> None:
        """It is the callee's turn; silence is reported when they do not take it."""
        self._silence_due_ms = now_ms + self.expects(self.state).silence_s * 1000
        self._channel.endpointer.await_speech(int(self._silence_due_ms))

    def await_words(self, now_ms: float) -> bool:
        """What was heard held no words: wait on until the same moment. False if it has passed."""
        if self._silence_due_ms <= now_ms:
            return False
        if math.isfinite(self._silence_due_ms):
            self._channel.endpointer.await_speech(int(self._silence_due_ms))
        return True

    def handle(self, event: ReplyEvent, now_ms: float) -> None:
        """React to what becomes of a reply."""
        match event:
            case ReplyStarted(reply, at_ms):
                self._on_started(reply, at_ms)
            case ReplyFinished(reply, at_ms) if reply == self._reply_number:
                self._on_finished(at_ms, now_ms)
            case SpeechFailed(reply, fault) if reply == self._reply_number:
                logger.warning("synthesis failed: %s", fault)
                self.apologise(now_ms)
            case ModelSaid(ask, text, answered_by) if ask is self._asked:
                self._log.agent_adds(text, answered_by, now_ms)
            case ModelDecided(ask, state, reply) if ask is self._asked:
                self._go_to(state, reply)
            case _:
                pass  # Of a reply that was given up.

    def _say(
        self, state: DialogueState, reply: Reply, now_ms: float, stages: ReplyStages | None = None
    ) -> None:
        self._go_to(state, reply)
        self._asked = None
        if not reply.sayings:
            self._on_finished(now_ms, now_ms)
            return
        self._reply_number = self._speaking.say(reply.sayings)
        text = " ".join(saying.text for saying in reply.sayings)
        self._log.agent_plans(self._reply_number, reply.sayings[0].node, text, reply.answered_by, stages)

    def _go_to(self, state: DialogueState, reply: Reply) -> None:
        self.state = state
        self._reply = reply
        self._silence_due_ms = math.inf
        self._channel.endpointer.await_speech(None)
        self.set_turn_end(state)

    def _on_started(self, reply: int, at_ms: float) -> None:
        if self.greeted_ms is None:
            self.greeted_ms = at_ms
        if turn := self._log.agent_starts(reply, at_ms):
            self._watcher.said("agent", turn.planned_text, turn.reply_latency_ms)

    def _on_finished(self, at_ms: float, now_ms: float) -> None:
        if self.greeting_ended_ms is None:
            self.greeting_ended_ms = at_ms
        if self._log.agent_open:
            self._record_said(at_ms, interrupted=False)
        if self._reply and self._reply.ends_call:
            self.over = Over.TROUBLE if self._in_trouble else Over.FINISHED
        else:
            self.await_speech(now_ms)

    def _question(self, ask: AskModel) -> Question:
        return Question(self._channel.endpointer.utterance, ask)

    def _said_so_far(self, state: DialogueState) -> Iterable[tuple[Saying, str]]:
        """What will be remembered of the prompt that the customer talked over, when it is given up."""
        unrecorded = state is self.state and self._log.agent_open
        return self._channel.playout.heard_by_saying() if unrecorded else ()

    def _record_said(self, at_ms: float, *, interrupted: bool) -> None:
        playout = self._channel.playout
        self._log.agent_stops(at_ms, playout.heard_words(), interrupted=interrupted)
        for saying, words in playout.heard_by_saying():
            self.state = record_heard(self.state, saying, words)
