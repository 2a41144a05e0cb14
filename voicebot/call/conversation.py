"""One conversation: when the callee's turn begins and ends, and what counts as a turn at all.

Synchronous: an event comes in, state changes, work is started elsewhere (hearing, replying)
whose results come back as events. Nothing here waits.
"""

import logging
from dataclasses import dataclass, replace

from dialogs.flow import OPT_OUT
from dialogs.turn import DialogueState, Heard
from telephony.line import DigitPressed, Held, Unheld
from voicebot.call.answering_machine import AnsweringMachineDetector
from voicebot.call.barge_in import Judgement
from voicebot.call.channel import (
    CallChannel,
    ChannelEvent,
    ChannelFailed,
    PromptStopped,
    PromptUnlocked,
    ToneHeard,
)
from voicebot.call.disposition import Over
from voicebot.call.endpointing import Paused, Resumed, SilenceElapsed, SpeechStarted, TurnEnded
from voicebot.call.hearing import Hearing, Understood
from voicebot.call.replying import ReplyEvent, Replying
from voicebot.call.result import Party
from voicebot.call.turn_log import ReplyStages, TurnLog
from voicebot.call.watching import CallWatcher
from voicebot.settings import EndpointingSettings

logger = logging.getLogger(__name__)

SAMPLES_PER_MS = 8
_FAULTS_ALLOWED = 2
"""Utterances in a row that may fail to be recognised before the bot says goodbye."""
_GOES_ON_MS = 1200
"""Speech that begins so soon after an answered turn belongs to it: "Yes." - "Yes, I have time."."""
_SHORT_ANSWER_WORDS = 2


@dataclass(frozen=True, slots=True)
class GreetingDue:
    """The callee has had the time to say hello; `last` is the latest moment to speak or decide."""

    last: bool = False


@dataclass(frozen=True, slots=True)
class _Taken:
    """A turn that was over, and the dialogue before it, for a speaker who had not finished."""

    state: DialogueState
    start_ms: int
    end_ms: int
    noted: bool
    """Its words stand in the log already."""


ConversationEvent = ChannelEvent | ReplyEvent | Understood | DigitPressed | Held | Unheld | GreetingDue


class Conversation:
    """Turn-taking of one answered call."""

    def __init__(
        self,
        bot: Replying,
        channel: CallChannel,
        hearing: Hearing,
        log: TurnLog,
        watcher: CallWatcher,
        times: EndpointingSettings,
        answered_ms: float,
    ) -> None:
        self.bot = bot
        self._channel = channel
        self._endpointer = channel.endpointer
        self._playout = channel.playout
        self._hearing = hearing
        self._log = log
        self._watcher = watcher
        self._times = times
        self._answered_ms = answered_ms
        self._machine = AnsweringMachineDetector(bot.script.language)
        self._understood: Understood | None = None
        """The newest words of the turn under way; void when the speaker goes on."""
        self._turn_over: tuple[TurnEnded, float] | None = None
        """A turn that ended before its words were known, and when it did (ms)."""
        self._dealt_with = 0
        """Newest utterance that was answered or passed over: what still comes of it is ignored."""
        self._over_prompt = False
        """The utterance under way began while the bot was speaking."""
        self._taken: _Taken | None = None
        self._goes_on: _Taken | None = None
        """Set while the utterance under way is the rest of a turn that was answered too soon."""
        self._held: Heard | None = None
        """An urgent request made while it could not be answered."""
        self.opted_out = False
        """Never to be called again: a fact from the moment it is heard, whatever the dialogue makes of it."""
        self._greeting_overdue = False
        self._digits = ""
        self._faults = 0

    @property
    def party(self) -> Party:
        """Who is on the line, as far as it is known."""
        return self._machine.party

    def handle(self, event: ConversationEvent, now_ms: float) -> None:
        """React to one event. `now_ms` is the media clock's time."""
        match event:
            case SpeechStarted(at_ms=at_ms):
                self._on_speech(at_ms)
            case Paused(utterance, start_ms, end_ms) if utterance > self._dealt_with:
                self._understand(utterance, start_ms, end_ms)
            case Resumed():
                self._on_resumed()
            case Understood():
                self._on_understood(event, now_ms)
            case TurnEnded() if event.utterance > self._dealt_with:
                self._on_turn_ended(event, now_ms)
            case SilenceElapsed() if not self._playout.active:
                self._reply(Heard(silence=True), now_ms)
            case Paused() | TurnEnded() | SilenceElapsed():
                pass  # Overtaken by an answer.
            case PromptUnlocked():
                self._on_unlocked(now_ms)
            case PromptStopped():
                pass  # The channel has done it; the words will tell what to do next.
            case ToneHeard(kind):
                if self._machine.heard_tone(kind, now_ms - self._answered_ms) is Party.MACHINE:
                    self._end(Over.MACHINE, now_ms)
            case ChannelFailed(fault):
                logger.error("the call's media stopped", exc_info=fault)
                self._end(Over.TROUBLE, now_ms)
            case DigitPressed(digit=digit):
                self._on_digit(digit, now_ms)
            case Held():
                self._pass_over(self._endpointer.utterance)
                self._hearing.make_void()
                self._channel.hold()
            case Unheld():
                self._channel.unhold()
                if self.bot.greeted and not self._playout.active:
                    self.bot.await_speech(now_ms)
            case GreetingDue(last):
                self._on_greeting_due(last, now_ms)
            case _:
                self.bot.handle(event, now_ms)

    def begin_last_words(self, now_ms: float) -> bool:
        """The line is dead: understand what was being said when it died. False if nothing was."""
        if self.bot.over is Over.MACHINE:
            return False
        utterance = self._endpointer.utterance
        if self._endpointer.speaking and utterance > self._dealt_with:
            self._understand(utterance, self._endpointer.start_ms, int(now_ms))
        return self._hearing.busy

    def take_last_words(self, words: Understood) -> None:
        """Nothing is answered any more, but a wish not to be called again is kept."""
        self._note_opt_out(words.intent.intent)
        if words.text:
            self._record(words)

    def close(self, now_ms: float) -> None:
        """The call is over: keep what was said of the reply that was cut off."""
        self._hearing.make_void()
        self.bot.fall_silent(now_ms)

    def _on_greeting_due(self, last: bool, now_ms: float) -> None:
        if self.bot.greeted or self._hearing.busy:
            return
        if not self._endpointer.speaking:
            self.bot.greet(now_ms)
        elif last:
            # Someone or something talks without a pause: look at the words so far.
            self._greeting_overdue = True
            self._understand(self._endpointer.utterance, int(self._answered_ms), int(now_ms))

    # -- what was said ------------------------------------------------------------------------

    def _on_speech(self, at_ms: int) -> None:
        self._over_prompt = self._playout.active
        if self._turn_over:
            # The turn before waits for its words: both are one.
            ended, self._turn_over = self._turn_over[0], None
            start_ms = self._goes_on.start_ms if self._goes_on else ended.start_ms
            noted = self._goes_on is not None and self._goes_on.noted
            self._hearing.make_void()
            self._goes_on = _Taken(self._answered_state, start_ms, ended.end_ms, noted)
        else:
            goes_on = self._taken is not None and at_ms - self._taken.end_ms <= _GOES_ON_MS
            self._goes_on = self._taken if goes_on else None

    def _on_resumed(self) -> None:
        if not self._greeting_overdue or self.bot.greeted:
            self._hearing.make_void()
        self._understood = None
        self.bot.set_turn_end(self._answered_state)

    @property
    def _answered_state(self) -> DialogueState:
        """The dialogue that the utterance under way answers."""
        return self._goes_on.state if self._goes_on else self.bot.state

    def _understand(self, utterance: int, start_ms: int, end_ms: int) -> None:
        if self._goes_on:
            start_ms = self._goes_on.start_ms
        expected = self.bot.expects(self._answered_state)
        if not self.bot.greeted:
            # Only an opt-out counts yet; it is weighed against all intents.
            expected = replace(expected, intents=frozenset(self.bot.script.intents), dictation=False)
        self._hearing.understand(utterance, start_ms, end_ms, self._channel.heard_audio, expected)

    def _on_turn_ended(self, event: TurnEnded, now_ms: float) -> None:
        self._turn_over = (event, now_ms)
        if self._understood and self._understood.utterance == event.utterance:
            self._take_turn(self._understood, now_ms, now_ms)
        elif not self._hearing.busy:
            self._understand(event.utterance, event.start_ms, event.end_ms)

    def _on_understood(self, words: Understood, now_ms: float) -> None:
        if not self._hearing.accept(words) or words.utterance <= self._dealt_with:
            return
        over = self._turn_over is not None and self._turn_over[0].utterance == words.utterance
        goes_on = self.bot.greeted and self._endpointer.talking
        if (goes_on or words.utterance != self._endpointer.utterance) and not over:
            return  # `Resumed` or a new utterance is on its way.
        if self._is_machine(words):
            self._record(words)
            self._end(Over.MACHINE, now_ms)
            return
        self._note_opt_out(words.intent.intent)
        if not self.bot.greeted:
            self._hold(words)
            self.bot.greet(now_ms)
        elif self._playout.locked:
            self._hold(words)
        elif self._over_prompt and self._playout.active and not self._wants_the_turn(words):
            if self._goes_on is None:
                self._record(words)
            self._pass_over(words.utterance)
            self._playout.resume()
        else:
            self._understood = words
            if self._turn_over and over:
                self._take_turn(words, self._turn_over[1], now_ms)
            elif self._sure(words):
                self._take_turn(words, words.asked_ms, now_ms)
            elif words.text:
                self.bot.ask_ahead(_heard(words), self._answered_state, words.spoken_ms)

    def _is_machine(self, words: Understood) -> bool:
        spoken_ms, since_answer_ms = words.end_ms - words.start_ms, words.end_ms - self._answered_ms
        return self._machine.heard(words.text, spoken_ms, since_answer_ms) is Party.MACHINE

    def _hold(self, words: Understood) -> None:
        """Said where it cannot be answered yet: only what is urgent is kept, an opt-out before all."""
        self._record(words)
        self._pass_over(words.utterance)
        keeps_opt_out = self._held is not None and self.opted_out
        urgent = {OPT_OUT} if not self.bot.greeted else self.bot.script.global_intents.keys()
        if words.intent.intent in urgent and not keeps_opt_out:
            self._held = _heard(words)

    def _on_unlocked(self, now_ms: float) -> None:
        held, self._held = self._held, None
        if held:
            self.bot.fall_silent(now_ms)
            self._reply(held, now_ms)

    def _note_opt_out(self, intent: str | None) -> None:
        self.opted_out = self.opted_out or intent == OPT_OUT

    def _pass_over(self, utterance: int) -> None:
        """Nothing more is to come of this utterance."""
        self._dealt_with = max(self._dealt_with, utterance)
        self._turn_over = None
        self._endpointer.finish()

    def _wants_the_turn(self, words: Understood) -> bool:
        remaining_ms = self._playout.remaining_samples / SAMPLES_PER_MS
        stopped = self._playout.paused
        understood = words.intent.intent is not None
        judgement = self._channel.barge_in.judge(
            words.text, understood=understood, stopped=stopped, remaining_ms=remaining_ms
        )
        if judgement is Judgement.GO_ON:
            return False
        if not stopped:
            self._channel.stop_prompt()
        return True

    def _sure(self, words: Understood) -> bool:
        """The script has an answer to the words, so the full silence need not pass."""
        state = self._answered_state
        known = words.intent.intent is not None or (
            # A slot or a rating may be filled without any intent.
            bool(words.text) and self.bot.has_answer(state, _heard(words))
        )
        if not known:
            return False
        if self.bot.expects(state).dictation:
            # Whole as far as one can tell: wait as long as for any other answer.
            self._endpointer.end_after(self._times.end_ms)
            return False
        if len(words.text.split()) <= _SHORT_ANSWER_WORDS:
            self._endpointer.end_after(self._times.short_end_ms)
            return False
        return True

    # -- taking the turn ----------------------------------------------------------------------

    def _take_turn(self, words: Understood, over_ms: float, now_ms: float) -> None:
        """The callee's turn is over: answer it."""
        self._pass_over(words.utterance)
        self._understood = None
        if words.fault and not words.text:
            self._on_deaf(words, now_ms)
            return
        self._faults = 0
        if not words.text:
            self._on_nothing_said(now_ms)
            return
        self._record(words)
        self.bot.fall_silent(now_ms)
        self.bot.state, self._goes_on = self._answered_state, None
        taken = _Taken(self.bot.state, words.start_ms, words.end_ms, noted=True)
        transcribed_ms = max(over_ms, words.transcribed_ms)
        stages = ReplyStages(words.end_ms, over_ms, transcribed_ms, max(transcribed_ms, now_ms))
        self._reply(_heard(words), now_ms, stages)
        # An opt-out stands, whatever is said after it.
        self._taken = None if self.opted_out else taken

    def _reply(self, heard: Heard, now_ms: float, stages: ReplyStages | None = None) -> None:
        self._taken = None
        self._digits = ""
        self.bot.answer(heard, now_ms, stages)

    def _on_nothing_said(self, now_ms: float) -> None:
        """A noise, not words: go on where the bot was, or keep waiting."""
        if self._playout.active:
            self._playout.resume()
        else:
            self.bot.await_speech(now_ms)

    def _on_deaf(self, words: Understood, now_ms: float) -> None:
        """Recognition failed: ask again as if it had not been understood; then say goodbye."""
        logger.warning("recognition failed: %s", words.fault)
        self._faults += 1
        self.bot.fall_silent(now_ms)
        if self._faults > _FAULTS_ALLOWED:
            self.bot.apologise(now_ms)
        else:
            self._reply(Heard(), now_ms)

    def _on_digit(self, digit: str, now_ms: float) -> None:
        key_means = self.bot.script.keys.get(digit)
        self._note_opt_out(key_means)
        wanted = self.bot.expects(self.bot.state).digits
        if self._playout.locked or not self.bot.greeted:
            if key_means == OPT_OUT:
                self._held = Heard(digits=digit)
            return
        if not wanted:
            return
        self._digits += digit
        if len(self._digits) < wanted:
            return
        digits = self._digits
        self._pass_over(self._endpointer.utterance)
        self._hearing.make_void()
        self.bot.fall_silent(now_ms)
        self._log.customer(now_ms, now_ms, node=self.bot.state.node, digits=digits)
        self._watcher.said("customer", f"[keys {digits}]")
        self._reply(Heard(digits=digits), now_ms)

    def _end(self, why: Over, now_ms: float) -> None:
        self.bot.fall_silent(now_ms)
        self._hearing.make_void()
        self.bot.over = why

    def _record(self, words: Understood) -> None:
        self._log.customer(
            words.start_ms,
            words.end_ms,
            text=words.text,
            node=self.bot.state.node,
            intent=words.intent,
            asr_mode=words.transcript.mode if words.transcript else "",
            goes_on=self._goes_on is not None and self._goes_on.noted,
        )
        self._watcher.said("customer", words.text)


def _heard(words: Understood) -> Heard:
    return Heard(text=words.text, intent=words.intent.intent, confidence=words.intent.confidence)
