"""One call from dialling to its record: the async shell around `Conversation`.

Events of the leg, the media clock and the engines meet in one queue and are handled one
after the other. All tasks live in one task group; cancelling `run` hangs up and leaves a
result all the same.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime

from dialogs.flow import OPT_OUT
from dialogs.script.format import Script
from dialogs.turn import DialogueState, Reply
from telephony.audio import ComfortNoise
from telephony.line import (
    Answered,
    DialRequest,
    Ended,
    EndKind,
    Held,
    Leg,
    LegEvent,
    Line,
    Ringing,
    TransferFailed,
    Unheld,
)
from voicebot.call.conversation import Conversation, ConversationEvent
from voicebot.call.disposition import Over, connected_word
from voicebot.call.engines import Engines
from voicebot.call.journal import CallJournal, JournalWriter
from voicebot.call.listening.answering_machine import RECHECK_MS
from voicebot.call.listening.hearing import Hearing, Understood
from voicebot.call.listening.key_presses import KeyPresses
from voicebot.call.media.channel import CallChannel, ChannelEvent
from voicebot.call.media.early_media import EarlyMedia, refined
from voicebot.call.media.media_clock import MediaClock
from voicebot.call.media.recording import Recording, RecordingWriter
from voicebot.call.reply.asking import Asking
from voicebot.call.reply.asking_ahead import AskingAhead
from voicebot.call.reply.replying import Replying
from voicebot.call.reply.speaking import Speaking
from voicebot.call.reply.speculation import speculation_of
from voicebot.call.result import CallResult, Party
from voicebot.call.turn_log import TurnLog
from voicebot.call.turn_taking.barge_in import BargeIn
from voicebot.call.turn_taking.endpointing import Endpointer
from voicebot.call.turn_taking.greeting import GreetingDue
from voicebot.call.turn_taking.turn_end import TurnEnd
from voicebot.call.watching import CallWatcher
from voicebot.settings import Settings

logger = logging.getLogger(__name__)

_HELLO_S = 0.6
"""So long the callee may take to say hello before the bot greets."""
_LATEST_GREETING_S = 4.0
_LAST_WORD_S = 0.3
"""Between the last sample and the hang-up: the jitter buffer of the far end plays on."""
_HANG_UP_S = 5.0
_LAST_WORDS_S = 4.0
_LONGEST_HOLD_S = 60.0


@dataclass(frozen=True, slots=True)
class _HangUpDue:
    over: Over


SessionEvent = LegEvent | ConversationEvent | _HangUpDue


@dataclass(slots=True)
class _Progress:
    """What is known of the call so far; becomes the `CallResult`."""

    ringing_at: datetime | None = None
    answered_at: datetime | None = None
    answered_ms: float = 0.0
    ended: Ended | None = None
    ended_ms: float = 0.0
    codec: str = ""


@dataclass(slots=True)
class CallSession:
    """Places one call and holds the conversation."""

    line: Line
    clock: MediaClock
    engines: Engines
    script: Script
    opening: tuple[DialogueState, Reply]
    request: DialRequest
    settings: Settings
    watcher: CallWatcher
    local_now: Callable[[], datetime]
    """The callee's local time: "tomorrow at three" is said in it."""
    recordings: RecordingWriter | None = None
    name: str = "call"
    """Name of the recording."""
    journal: CallJournal | None = None
    _events: asyncio.Queue[SessionEvent] = field(default_factory=asyncio.Queue)
    _timers: list[asyncio.TimerHandle] = field(default_factory=list)
    _progress: _Progress = field(default_factory=_Progress)
    _written: JournalWriter | None = None
    _hold_limit: asyncio.TimerHandle | None = None
    _leg: Leg | None = None
    _channel: CallChannel | None = None
    _conversation: Conversation | None = None
    _log: TurnLog | None = None
    _recording: Recording | None = None
    _early: EarlyMedia | None = None
    _hearing: Hearing | None = None
    _ahead: AskingAhead | None = None
    _keys: KeyPresses = field(default_factory=KeyPresses)

    @property
    def conversation(self) -> Conversation | None:
        """The talk, once the call was answered."""
        return self._conversation

    async def run(self) -> CallResult:
        """The whole call. Raises LineError if it could not be tried; cancelling hangs up first."""
        self._leg = await self.line.dial(self.request)
        try:
            async with asyncio.TaskGroup() as group:
                await self._live(self._leg, group)
        except* Exception:
            # A fault of ours: the call is over, its record is kept.
            logger.exception("the call broke off")
            if self._conversation:
                self._conversation.bot.over = Over.TROUBLE
        finally:
            await asyncio.shield(self._make_sure_it_ended(self._leg))
        return self.result()

    # -- the life of the call -----------------------------------------------------------------

    async def _live(self, leg: Leg, group: asyncio.TaskGroup) -> None:
        self._written = JournalWriter(group, self.journal)
        pump = group.create_task(self._pump(leg), name="leg-events")
        try:
            while not isinstance(event := await self._events.get(), Ended):
                await self._on_event(event, leg, group)
            self._progress.ended = event
            self._progress.ended_ms = self.clock.now_ms
            await self._hear_last_words()
        finally:
            pump.cancel()
            for timer in self._timers:
                timer.cancel()
            self._progress.ended_ms = self._progress.ended_ms or self.clock.now_ms
            self._end_early_media()
            if self._channel:
                self.clock.detach(self._channel)
                self._channel.close()
            if self._conversation:
                self._conversation.close(self.clock.now_ms)

    async def _pump(self, leg: Leg) -> None:
        while True:
            event = await leg.next_event()
            self._events.put_nowait(event)
            if isinstance(event, Ended):
                return

    async def _on_event(self, event: SessionEvent, leg: Leg, group: asyncio.TaskGroup) -> None:
        match event:
            case Ringing(early_media=early_media):
                if early_media and self._early is None:
                    self._early = EarlyMedia(leg)
                    self.clock.attach(self._early, tones_only=True)
                if self._progress.ringing_at is None:
                    self._progress.ringing_at = datetime.now(UTC)
                    self.watcher.ringing()
            case Answered(codec=codec):
                self._progress.codec = codec
                self._on_answer(leg, group)
            case TransferFailed():
                pass  # No script asks for a transfer yet.
            case Ended():
                raise AssertionError("handled by the loop")
            case _HangUpDue(over):
                if self._conversation:
                    self._conversation.bot.over = self._conversation.bot.over or over
                await leg.hang_up()
            case _:
                self._on_news(event)

    def _on_news(self, event: ConversationEvent) -> None:
        news, talk = self._keys.once(event, self.clock.now_ms), self._conversation
        if news is None or talk is None:
            return
        if talk.bot.over:
            self._take_last_words(news)
            return
        self._limit_hold(news)
        talk.handle(news, self.clock.now_ms)
        self._keep_opt_out()
        if talk.bot.over:
            self._after(_LAST_WORD_S, _HangUpDue(talk.bot.over))

    def _on_answer(self, leg: Leg, group: asyncio.TaskGroup) -> None:
        self._progress.answered_at = answered_at = datetime.now(UTC)
        self._progress.answered_ms = now_ms = self.clock.now_ms
        self.watcher.answered()
        self._end_early_media()
        if self._written:
            self._written.answered(leg.leg_id, self._progress.ringing_at, answered_at)
        language = self.script.language
        emit: Callable[[ConversationEvent], None] = self._events.put_nowait
        self._channel = self._open_channel(leg, emit)
        self._log = TurnLog(now_ms)
        asking = self._open_asking(group, emit)
        self._hearing = hearing = Hearing(
            group,
            self.engines.recogniser,
            self.engines.classifier,
            language,
            self.script.intents[OPT_OUT].examples,
            lambda: self.clock.now_ms,
            emit,
            self.engines.end_of_turn,
            asking.drop_ahead if asking else lambda: None,
            now_ms + RECHECK_MS,
        )
        speaking = Speaking(group, self.engines.speaker, self._channel.playout, emit)
        turn_end = TurnEnd(self._channel.endpointer, self.settings.endpointing, language)
        bot = Replying(
            self.script,
            self.opening,
            self._channel,
            speaking,
            asking,
            self._log,
            self.watcher,
            self.local_now,
            turn_end,
        )
        self._conversation = Conversation(
            bot, self._channel, hearing, self._log, self.watcher, turn_end, now_ms
        )
        self.clock.attach(self._channel)
        self._after(_HELLO_S, GreetingDue())
        self._after(_LATEST_GREETING_S, GreetingDue(last=True))
        self._after(self.settings.longest_call_s, _HangUpDue(Over.TOO_LONG))

    def _open_asking(
        self, group: asyncio.TaskGroup, emit: Callable[[ConversationEvent], None]
    ) -> Asking | None:
        chat, limit, server = self.engines.chat, self.engines.ahead, self.settings.model_server
        if chat is None:
            return None
        if limit and server.ask_ahead:
            self._ahead = AskingAhead(group, chat, limit)
        return Asking(chat, self.script, server, emit, self._ahead)

    def _open_channel(self, leg: Leg, emit: Callable[[ChannelEvent], None]) -> CallChannel:
        if self.recordings:
            self._recording = self.recordings.open(self.name)
        noise_dbov = self.settings.comfort_noise_dbov
        return CallChannel(
            leg,
            Endpointer(self.settings.endpointing),
            BargeIn(self.settings.barge_in, self.script.language),
            self._recording,
            emit,
            None if noise_dbov is None else ComfortNoise(noise_dbov),
            lambda: self.engines.recogniser.expected_wait_s * 1000,
        )

    def _end_early_media(self) -> None:
        if self._early:
            self.clock.detach(self._early)

    def _keep_opt_out(self) -> None:
        if self._written and self._conversation and self._conversation.opted_out:
            self._written.keep_opt_out()

    def _take_last_words(self, event: SessionEvent) -> bool:
        """True if these were the words that were waited for; nothing is answered any more."""
        talk = self._conversation
        taken = isinstance(event, Understood) and talk is not None and talk.take_last_words(event)
        self._keep_opt_out()
        return taken

    async def _hear_last_words(self) -> None:
        """Whoever says "never call me again" and hangs up is heard all the same."""
        talk = self._conversation
        if talk is None or self._channel is None:
            return
        self.clock.detach(self._channel)
        if not talk.begin_last_words(self.clock.now_ms):
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_S):
                while not self._take_last_words(await self._events.get()):
                    pass

    def _limit_hold(self, event: ConversationEvent) -> None:
        """Nobody is waited for without end."""
        if isinstance(event, Held):
            loop = asyncio.get_running_loop()
            due = _HangUpDue(Over.LEFT_ON_HOLD)
            self._hold_limit = loop.call_later(_LONGEST_HOLD_S, self._events.put_nowait, due)
            self._timers.append(self._hold_limit)
        elif isinstance(event, Unheld) and self._hold_limit:
            self._hold_limit.cancel()

    def _after(self, seconds: float, event: SessionEvent) -> None:
        loop = asyncio.get_running_loop()
        self._timers.append(loop.call_later(seconds, self._events.put_nowait, event))

    async def _make_sure_it_ended(self, leg: Leg) -> None:
        """Hang up if the call was cancelled; wait for the leg's own word, but not for ever."""
        while not self._events.empty():
            if isinstance(event := self._events.get_nowait(), Ended):
                self._progress.ended = event
        if self._progress.ended:
            return
        await leg.hang_up()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_HANG_UP_S):
                while not isinstance(event := await leg.next_event(), Ended):
                    pass
                self._progress.ended = event

    # -- the record ----------------------------------------------------------------------------

    def result(self) -> CallResult:
        """What the call leaves behind; also after `run` was cancelled."""
        progress = self._progress
        ended = progress.ended or Ended(0.0, EndKind.LOCAL_HANGUP)
        kind = EndKind.CANCELLED if ended.kind is EndKind.LOCAL_HANGUP else ended.kind
        reason = refined(kind, self._early.tones if self._early else ())
        result = CallResult(
            leg_id=self._leg.leg_id if self._leg else "",
            dialled=self._leg is not None,
            ringing_at=progress.ringing_at,
            ended_at=datetime.now(UTC),
            not_connected=reason.value,
            sip_status=ended.status,
            q850_cause=ended.q850,
            trunk=ended.trunk,
            line_note=ended.note,
        )
        if self._conversation is None or self._channel is None or self._log is None:
            return result
        return self._connected_result(result, ended, self._conversation, self._channel, self._log)

    def _connected_result(
        self, result: CallResult, ended: Ended, talk: Conversation, channel: CallChannel, log: TurnLog
    ) -> CallResult:
        progress, bot, turns = self._progress, talk.bot, log.turns
        spoke = any(turn.speaker == "customer" and (turn.text or turn.digits) for turn in turns)
        hung_up_s = None
        if ended.kind is EndKind.REMOTE_HANGUP and bot.greeting_ended_ms is not None:
            hung_up_s = max(0.0, (progress.ended_ms - bot.greeting_ended_ms) / 1000)
        greeted_ms = bot.greeted_ms
        return replace(
            result,
            answered_at=progress.answered_at,
            not_connected="",
            connected=connected_word(
                bot.over, ended.kind, bot.state, bot.last_heard, opted_out=talk.opted_out
            ),
            codec=progress.codec,
            party=Party.LIVE if talk.party is Party.UNRESOLVED and spoke else talk.party,
            outcome=bot.state.outcome or "",
            labels=bot.state.labels | ({OPT_OUT} if talk.opted_out else set()),
            slots=bot.state.slots,
            survey=bot.state.survey,
            opted_out=talk.opted_out,
            answer_to_greeting_ms=None if greeted_ms is None else greeted_ms - progress.answered_ms,
            user_hangup_after_greeting_s=hung_up_s,
            barge_ins=channel.barge_in.stops - channel.barge_in.false_stops,
            false_stops=channel.barge_in.false_stops,
            recording=self._recording.path.name if self._recording else "",
            media={k: v for k, v in asdict(ended.statistics).items() if v is not None}
            | channel.levels.figures()
            | channel.barge_in.figures()
            | bot.speech_figures(),
            speculation=speculation_of(self._hearing, self._ahead) if self._hearing else None,
            turns=turns,
        )
