"""One conversation: when the callee's turn begins and ends, and what counts as a turn at all.

Synchronous: an event comes in, state changes, work is started elsewhere (hearing, replying)
whose results come back as events. Nothing here waits.
"""

import logging
from collections.abc import Collection

from dialogs.flow import OPT_OUT
from dialogs.turn import DialogueState, Heard
from telephony.line import DigitPressed, Held, Unheld
from voicebot.call.disposition import Over
from voicebot.call.listening.answering_machine import AnsweringMachineDetector
from voicebot.call.listening.hearing import Hearing, HearingEvent, PartlyHeard, Understood
from voicebot.call.media.channel import (
    CallChannel,
    ChannelEvent,
    ChannelFailed,
    EchoRecognised,
    PromptStopped,
    PromptUnlocked,
    ToneHeard,
)
from voicebot.call.reply.replying import ReplyEvent, Replying
from voicebot.call.result import Party
from voicebot.call.turn_log import ReplyStages, TurnLog
from voicebot.call.turn_taking.continuation import Continuation, taken_turn
from voicebot.call.turn_taking.endpointing import Paused, Resumed, SilenceElapsed, SpeechStarted, TurnEnded
from voicebot.call.turn_taking.greeting import Greeting, GreetingDue
from voicebot.call.turn_taking.key_entry import KeyEntry
from voicebot.call.turn_taking.over_prompt import OverPrompt
from voicebot.call.turn_taking.turn_end import TurnEnd
from voicebot.call.turn_taking.urgent_request import UrgentRequest
from voicebot.call.watching import CallWatcher

logger = logging.getLogger(__name__)


ConversationEvent = ChannelEvent | ReplyEvent | HearingEvent | DigitPressed | Held | Unheld | GreetingDue


class Conversation:
    """Turn-taking of one answered call."""

    def __init__(
        self,
        bot: Replying,
        channel: CallChannel,
        hearing: Hearing,
        log: TurnLog,
        watcher: CallWatcher,
        turn_end: TurnEnd,
        answered_ms: float,
    ) -> None:
        self.bot = bot
        self._channel = channel
        self._endpointer = channel.endpointer
        self._playout = channel.playout
        self._hearing = hearing
        self._log = log
        self._watcher = watcher
        self._turn_end = turn_end
        self._answered_ms = answered_ms
        self._machine = AnsweringMachineDetector(bot.script.language)
        self._understood: Understood | None = None
        """The newest words of the turn under way; void when the speaker goes on."""
        self._turn_over: tuple[TurnEnded, float] | None = None
        """A turn that ended before its words were known, and when it did (ms)."""
        self._dealt_with = 0
        """Newest utterance that was answered or passed over: what still comes of it is ignored."""
        self._over_prompt = OverPrompt(channel)
        self._continuation = Continuation()
        self._urgent = UrgentRequest()
        self._greeting = Greeting(bot)
        self._keys = KeyEntry()

    @property
    def party(self) -> Party:
        """Who is on the line, as far as it is known."""
        return self._machine.party

    @property
    def opted_out(self) -> bool:
        """The callee asked never to be called again."""
        return self._urgent.opted_out

    def handle(self, event: ConversationEvent, now_ms: float) -> None:  # long: a case for each event
        """React to one event. `now_ms` is the media clock's time."""
        match event:
            case SpeechStarted(at_ms=at_ms):
                self._on_speech(at_ms)
            case Paused(utterance, start_ms, end_ms) if utterance > self._dealt_with:
                self._understand(utterance, start_ms, end_ms, judge_end=True)
            case Resumed(pause_ms=pause_ms):
                self._turn_end.pauses.went_on(pause_ms)
                self._on_resumed()
            case Understood():
                self._on_understood(event, now_ms)
            case TurnEnded() if event.utterance > self._dealt_with:
                self._on_turn_ended(event, now_ms)
            case SilenceElapsed() if not (self._playout.active or self._hearing.busy or self._turn_over):
                self._reply(Heard(silence=True), now_ms)
            case PartlyHeard(words) if words.utterance > self._dealt_with and self._is_machine(
                words, so_far=True
            ):
                self._record(words)
                self._end(Over.MACHINE, now_ms)
            case Paused() | TurnEnded() | SilenceElapsed() | PartlyHeard() | EchoRecognised():
                pass  # Overtaken by an answer.
            case PromptStopped():
                pass  # The channel has done it; the words will tell what to do next.
            case PromptUnlocked():
                self._on_unlocked(now_ms)
            case ToneHeard(kind):
                if self._machine.heard_tone(kind, now_ms - self._answered_ms) is Party.MACHINE:
                    self._end(Over.MACHINE, now_ms)
            case ChannelFailed(fault):
                logger.error("the call's media stopped", exc_info=fault)
                self._end(Over.TROUBLE, now_ms)
            case DigitPressed(digit=digit):
                self._on_digit(digit, now_ms)
            case EchoRecognised(utterance) if utterance > self._dealt_with:
                self._drop(utterance)
                self._playout.resume()
            case Held():
                self._drop(self._endpointer.utterance)
                self._channel.hold()
            case Unheld():
                self._on_unheld(now_ms)
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
            if self._turn_over:
                self._join_turn_before(self._turn_over[0], self._endpointer.start_ms)
            self._understand(utterance, self._endpointer.start_ms, int(now_ms))
            self._endpointer.finish()
        return self._hearing.busy

    def take_last_words(self, words: Understood) -> bool:
        """Nothing is answered any more, but a wish not to be called again is kept. False if they are void."""
        if not self._hearing.accept(words):
            return False
        self._urgent.note(words.intent.intent)
        if self._endpointer.talking and self._endpointer.utterance == words.utterance:
            return True  # They go on, and are understood once more, as a whole, when the line is dead.
        self._dealt_with = max(self._dealt_with, words.utterance)
        if words.text:
            self._record(words)
        return True

    def close(self, now_ms: float) -> None:
        """The call is over: keep what was said of the reply that was cut off."""
        self._hearing.close()
        self.bot.fall_silent(now_ms)

    def _on_unheld(self, now_ms: float) -> None:
        self._channel.unhold()
        if self._greeting.due:
            self.bot.greet(now_ms)  # What would have brought it was dropped.
        elif self.bot.greeted and not self._playout.active:
            self.bot.await_speech(now_ms)

    def _on_greeting_due(self, last: bool, now_ms: float) -> None:
        if self.bot.greeted:
            return
        self._greeting.falls_due(last=last)
        if self._hearing.busy:
            return  # The words that are on their way bring the greeting.
        if not self._endpointer.speaking:
            self.bot.greet(now_ms)
        elif last:
            # Someone or something talks without a pause: look at the words so far.
            self._understand(self._endpointer.utterance, int(self._answered_ms), int(now_ms))

    # -- what was said ------------------------------------------------------------------------

    def _on_speech(self, at_ms: int) -> None:
        self._over_prompt.speech_began()
        self._hearing.listen_along(
            self._endpointer, self._channel.heard_audio, self.bot.expects(self.bot.state)
        )
        if self._turn_over and not self._words_are_due:
            self._join_turn_before(self._turn_over[0], at_ms)
        elif not self._words_are_due:
            self._continuation.speech_began(at_ms)
        self.bot.set_turn_end(self._answered_state)

    @property
    def _words_are_due(self) -> bool:
        """Words are on their way that are answered whoever goes on speaking: the callee had time enough."""
        return self._greeting.overdue or (self._turn_over is not None and self._turn_over[0].cut)

    def _join_turn_before(self, before: TurnEnded, at_ms: int) -> None:
        """The turn before waits for its words still: what began at `at_ms` is more of it."""
        self._turn_over = None
        self._hearing.make_void()
        self._continuation.joins(self.bot.state, before.start_ms, before.end_ms, at_ms)

    def _on_resumed(self) -> None:
        if not self._words_are_due:
            self._hearing.make_void()
        self._understood = None
        self.bot.set_turn_end(self._answered_state)

    @property
    def _answered_state(self) -> DialogueState:
        """The dialogue that the utterance under way answers."""
        return self._continuation.rest_of.state if self._continuation.rest_of else self.bot.state

    def _understand(self, utterance: int, start_ms: int, end_ms: int, *, judge_end: bool = False) -> None:
        if self._words_are_due and self._hearing.busy:
            return  # Whatever comes of it is answered; asking anew would put it off again.
        if self._continuation.rest_of:
            start_ms = self._continuation.rest_of.start_ms
        expected = self.bot.listens_for(self._answered_state)
        self._hearing.understand(
            utterance, start_ms, end_ms, self._channel.heard_audio, expected, judge_end=judge_end
        )

    def _on_turn_ended(self, event: TurnEnded, now_ms: float) -> None:
        if self._turn_over and not self._greeting.overdue:
            self._join_turn_before(self._turn_over[0], event.start_ms)
        self._turn_over = (event, now_ms)
        if self._understood and self._understood.utterance == event.utterance:
            self._take_turn(self._understood, now_ms, now_ms)
        elif not self._hearing.busy:
            self._understand(event.utterance, event.start_ms, event.end_ms)

    def _on_understood(self, words: Understood, now_ms: float) -> None:
        ended = self._turn_over[0] if self._turn_over else None
        over = ended is not None and ended.utterance == words.utterance
        if self._is_stale(words, over=over):
            return
        self._over_prompt.weigh_sound(words, cut=over and ended is not None and ended.cut)
        if self._is_machine(words):
            self._record(words)
            self._end(Over.MACHINE, now_ms)
            return
        self._urgent.note(words.intent.intent)
        if not self.bot.greeted:
            self._hold(words)
            self.bot.greet(now_ms)
        elif self._playout.locked:
            self._hold(words)
        elif self._over_prompt.under_way and not self._wants_the_turn(words):
            if self._continuation.rest_of is None:
                self._record(words)
            self._pass_over(words.utterance)
            self._playout.resume()
        elif self._continuation.repeats(words.text):
            self._pass_over(words.utterance)
            self._on_nothing_said(now_ms)
        else:
            self._weigh_end(words, now_ms, over=over)
        if words.utterance <= self._dealt_with:
            self._continuation.done()

    def _weigh_end(self, words: Understood, now_ms: float, *, over: bool) -> None:
        """The words have the turn: answer them if it is over."""
        self._understood = words
        if self._turn_over and over:
            self._take_turn(words, self._turn_over[1], now_ms)
        elif self._sure(words, now_ms):
            over_ms = max(words.asked_ms, words.end_ms + self._turn_end.silence_ms)
            self._take_turn(words, over_ms, now_ms)
        elif words.text:
            self.bot.ask_ahead(words.heard, self._answered_state, words.spoken_ms)

    def _wants_the_turn(self, words: Understood) -> bool:
        turn, state = self._continuation, self._answered_state
        understood = turn.changes(words.intent.intent) and self.bot.understands(state, words.heard)
        new, more = turn.new_words(words.text), turn.rest_of is not None
        return self._over_prompt.wants_the_turn(new, understood=understood, more=more)

    def _is_stale(self, words: Understood, *, over: bool) -> bool:
        """The utterance was dealt with, or goes on: `Resumed` or a new utterance is on its way."""
        if not self._hearing.accept(words) or words.utterance <= self._dealt_with:
            return True
        if over or self._greeting.overdue:
            return False
        talks_on = self.bot.greeted and self._endpointer.talking
        return talks_on or words.utterance != self._endpointer.utterance

    def _is_machine(self, words: Understood, *, so_far: bool = False) -> bool:
        weigh = self._machine.heard_partly if so_far else self._machine.heard
        return weigh(words.text, words.spoken_ms, words.end_ms - self._answered_ms) is Party.MACHINE

    def _hold(self, words: Understood) -> None:
        """Said where it cannot be answered yet: only what is urgent is kept, an opt-out before all."""
        self._record(words)
        self._pass_over(words.utterance)
        urgent: Collection[str] = self.bot.script.global_intents if self.bot.greeted else {OPT_OUT}
        self._urgent.hold(words.heard, urgent)

    def _on_unlocked(self, now_ms: float) -> None:
        if held := self._urgent.take():
            self.bot.fall_silent(now_ms)
            self._reply(held, now_ms)

    def _drop(self, utterance: int) -> None:
        self._pass_over(utterance)
        self._hearing.make_void()

    def _pass_over(self, utterance: int) -> None:
        """Nothing more is to come of this utterance."""
        self._dealt_with = max(self._dealt_with, utterance)
        self._turn_over = None
        if self._endpointer.utterance <= utterance:
            self._endpointer.finish()
        else:
            self._over_prompt.begun = True  # What goes on meanwhile goes on over the answer.

    def _sure(self, words: Understood, now_ms: float) -> bool:
        """There was silence enough for what was said; if not, the endpointer will tell when there is."""
        answered = self.bot.understands(self._answered_state, words.heard)
        dictation = self.bot.expects(self._answered_state).dictation
        self._turn_end.weigh(words, answered=answered, dictation=dictation)
        return now_ms - words.end_ms >= self._turn_end.silence_ms and not self._endpointer.rising

    # -- taking the turn ----------------------------------------------------------------------

    def _take_turn(self, words: Understood, over_ms: float, now_ms: float) -> None:
        """The callee's turn is over: answer it."""
        cut = self._turn_over is not None and self._turn_over[0].cut
        self._pass_over(words.utterance)
        self._understood = None
        if words.fault and not words.text:
            self._begin_answer()
            self.bot.ask_again(words.fault, now_ms)
            return
        self.bot.faults = 0
        if not words.text:
            self._on_nothing_said(now_ms)
            return
        self._record(words)
        self.bot.fall_silent(now_ms)
        if self._continuation.rest_of:
            self._turn_end.pauses.was_cut_off(self._continuation.pause_ms)
        self.bot.state = self._answered_state
        self._continuation.done()
        taken = taken_turn(self.bot.state, words, over_ms)
        transcribed_ms = max(over_ms, words.transcribed_ms)
        stages = ReplyStages(words.end_ms, over_ms, transcribed_ms, max(transcribed_ms, now_ms))
        self._reply(words.heard, now_ms, stages)
        # An opt-out stands, whatever is said after it; a turn that was cut is not taken back either.
        self._continuation.taken(None if self.opted_out or cut else taken)

    def _reply(self, heard: Heard, now_ms: float, stages: ReplyStages | None = None) -> None:
        self._begin_answer()
        self.bot.answer(heard, now_ms, stages)

    def _begin_answer(self) -> None:
        self._continuation.taken(None)
        self._keys.clear()

    def _on_nothing_said(self, now_ms: float) -> None:
        """A noise, not words: go on where the bot was, or wait on. Noise without end is silence too."""
        if self._playout.active:
            self._playout.resume()
        elif not self.bot.await_words(now_ms):
            self._reply(Heard(silence=True), now_ms)

    def _on_digit(self, digit: str, now_ms: float) -> None:
        key_means = self.bot.script.keys.get(digit)
        self._urgent.note(key_means)
        wanted = self.bot.expects(self.bot.state).digits
        if self._playout.locked or not self.bot.greeted:
            self._urgent.hold(Heard(intent=key_means), {OPT_OUT})
            return
        if not (digits := self._keys.press(digit, wanted)):
            return
        self._drop(self._endpointer.utterance)
        self.bot.fall_silent(now_ms)
        self._log.customer(now_ms, now_ms, node=self.bot.state.node, digits=digits)
        self._watcher.said("customer", f"[keys {digits}]")
        self._reply(Heard(digits=digits), now_ms)

    def _end(self, why: Over, now_ms: float) -> None:
        self.bot.fall_silent(now_ms)
        self._hearing.make_void()
        self.bot.over = why

    def _record(self, words: Understood) -> None:
        spoken = {"text": words.text, "node": self.bot.state.node, "asr_mode": words.mode}
        goes_on = self._continuation.rest_of is not None and self._continuation.rest_of.noted
        self._log.customer(words.start_ms, words.end_ms, intent=words.intent, goes_on=goes_on, **spoken)
        self._watcher.said("customer", words.text)
