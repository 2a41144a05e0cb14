"""One call on a bridge: messages become leg events and frames, and back."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

from telephony.call_steps import DIGITS, Events, Farewell
from telephony.concealed_audio import ConcealedAudio
from telephony.heard import TCP_MOST_FRAMES, HeardQueue
from telephony.line import (
    FRAME_MS,
    FRAME_SAMPLES,
    Ended,
    EndKind,
    Frame,
    LegEvent,
    LineError,
    MediaStatistics,
)
from telephony.websocket.codec import (
    AudioHeard,
    Codec,
    DigitHeard,
    FlowPaused,
    FlowResumed,
    MarkPlayed,
    MediaEvent,
    Message,
    ProtocolFault,
    Started,
    Stopped,
)
from telephony.websocket.inband import digit_frames
from telephony.websocket.originator import (
    CallConnected,
    CallDigit,
    CallHeld,
    CallOver,
    CallReport,
    CallRinging,
    CallTransferred,
    TransferRefused,
    called_number,
)
from telephony.websocket.outbox import Outbox, OutboxFull
from telephony.websocket.playout import PlayedPosition
from telephony.websocket.progress import BridgedCall
from telephony.websocket.wire_audio import WireAudio

_MOST_HELD = 500
"""Frames kept while the peer's buffer is full: ten seconds."""
TRANSFER_TIMEOUT_S = 45.0
"""Longer than a telephone rings; after this long without a word the transfer has failed."""


class WebSocketLeg:
    """A call that the bridge dialled. Implements `telephony.line.Leg` on any codec."""

    def __init__(
        self,
        codec: Codec,
        token: str,
        terminate: Callable[["WebSocketLeg"], Awaitable[None]],
        signal_digits: Callable[["WebSocketLeg", str], Awaitable[bool]],
        transfer: Callable[["WebSocketLeg", str], Awaitable[None]],
        ring_timeout_s: float,
        media_timeout_s: float,
        trunk: str = "",
    ) -> None:
        self.call_id = ""
        """The provider's name of the call, once it has said it."""
        self.outbox = Outbox()
        self._codec, self._token = codec, token
        self._terminate, self._signal_digits, self._transfer = terminate, signal_digits, transfer
        self._progress = BridgedCall(trunk=trunk)
        self._events: asyncio.Queue[LegEvent] = asyncio.Queue()
        self._heard = HeardQueue(TCP_MOST_FRAMES)
        self._audible = ConcealedAudio(self._heard.pop)
        self._played = PlayedPosition(marks=codec.marks)
        self._wire: WireAudio | None = None
        self._paused = False
        self._held: deque[Frame] = deque()
        self._sent = self._received = 0
        self._media_timeout_s = media_timeout_s
        self._timer = asyncio.get_running_loop().call_later(ring_timeout_s, self._ring_out)
        self._transfer_timer: asyncio.TimerHandle | None = None
        self.transferred = False
        """The call is in other hands and must not be hung up."""

    @property
    def leg_id(self) -> str:
        """The provider's name of the call."""
        return self.call_id

    @property
    def ended(self) -> bool:
        """Whether `Ended` was sent."""
        return self._progress.ended

    async def next_event(self) -> LegEvent:
        """Wait for the next event; `Ended` is the last."""
        return await self._events.get()

    def read_frame(self, into: Frame) -> bool:
        """Fill `into` with the next 160 samples heard; False when none are there and it was filled in."""
        return self._audible.pop(into)

    def write_frame(self, frame: Frame) -> None:
        """Send 160 samples now. Ignored before the answer and after the end."""
        if self._wire is None or self._progress.ended:
            return
        if self._paused:
            if len(self._held) < _MOST_HELD:
                self._held.append(frame.copy())
            return
        try:
            self.outbox.put(self._codec.encode_audio(self._wire.encode(frame)), audio=True)
            self._sent += 1
            mark = self._played.write(time.monotonic(), FRAME_SAMPLES)
            if mark:
                self.outbox.put(self._codec.encode_mark(mark), audio=True)
        except OutboxFull:
            self.lose_media("the peer takes no more messages")

    def flush(self) -> None:
        """Have the far end drop what it has not played yet (barge-in)."""
        self._held.clear()
        if self._wire is None or self._progress.ended or not self._codec.clears:
            return
        self.outbox.drop_audio()
        self._played.clear(time.monotonic())
        with suppress(OutboxFull):
            self.outbox.put(self._codec.encode_clear())

    def queued_samples(self) -> int:
        """Samples written that the far end has not played."""
        return self._played.queued(time.monotonic()) + len(self._held) * FRAME_SAMPLES

    async def send_digits(self, digits: str) -> None:
        """Send DTMF: by the codec, else by the provider, else as sound, 180 ms per digit.

        Raises ValueError for a character that is no digit. Ignored unless the call is up.
        """
        if wrong := set(digits.upper()) - DIGITS:
            raise ValueError(f"not DTMF digits: {sorted(wrong)}")
        if not digits or self._wire is None or self._progress.ended:
            return
        if messages := self._codec.encode_digits(digits.upper()):
            with suppress(OutboxFull):
                self.outbox.put(messages)
        elif not await self._signal_digits(self, digits.upper()):
            due = time.monotonic()
            for frame in digit_frames(digits):
                self.write_frame(frame)
                due += FRAME_MS / 1000
                await asyncio.sleep(due - time.monotonic())

    async def transfer(self, to: str) -> None:
        """Have the provider connect the callee with `to`, a number or sip:NUMBER@HOST.

        Raises LineError for another target, a call that is not up, or a provider that cannot do it.
        """
        called_number(to)
        if not self._progress.begin_transfer():
            raise LineError("only a call that is up can be transferred, and only once at a time")
        loop = asyncio.get_running_loop()
        no_word = TransferRefused(text="the provider did not say what came of the transfer")
        self._transfer_timer = loop.call_later(TRANSFER_TIMEOUT_S, self.on_report, no_word)
        try:
            await self._transfer(self, to)
        except LineError:
            self._transfer_timer.cancel()
            self._progress.transferring = False
            raise

    async def hang_up(self) -> None:
        """End the call, in whatever state. Safe to call on an ended leg. `Ended` follows."""
        if self._progress.say_farewell(Farewell.HANG_UP):
            await self._terminate(self)

    def on_message(self, message: Message) -> None:
        """Take what the media connection says. Raises ProtocolFault."""
        for event in self._codec.decode(message):
            if isinstance(event, AudioHeard):
                self._received += 1
                if self._wire:
                    self._heard.push(self._wire.decode(event.audio))
            else:
                self._on_media(event)

    def on_report(self, report: CallReport) -> None:
        """Take what the provider says about the call."""
        at = time.monotonic()
        match report:
            case CallRinging(early_media):
                self._tell(self._progress.ringing(at, early_media=early_media))
            case CallConnected():
                if not self._progress.connected and not self._progress.ended:
                    self._progress.connected = True
                    self._expect_media()
            case CallDigit(digit):
                self._tell(self._progress.digit(at, digit))
            case CallHeld(held):
                self._tell(self._progress.hold(at, held=held))
            case TransferRefused(status, text):
                self._tell(self._progress.transfer_failed(at, status, text))
            case CallTransferred():
                self.finish(EndKind.TRANSFERRED, "transferred")
            case CallOver():
                self._finish(report)

    def expect_media(self) -> None:
        """The media connection is there: it must start its stream before long."""
        if not self._progress.answered and not self._progress.ended:
            self._progress.connected = True
            self._expect_media()

    def lose_media(self, text: str) -> None:
        """The media are gone for good."""
        self.finish(EndKind.MEDIA_LOST, text)

    def finish(self, kind: EndKind, text: str) -> None:
        """The call is over. Whoever says so first is believed."""
        self._finish(CallOver(kind, None, text))

    def _finish(self, over: CallOver) -> None:
        statistics = MediaStatistics(
            packets_sent=self._sent,
            packets_received=self._received,
            concealed_frames=self._audible.concealed_frames,
        )
        self._tell(self._progress.over(time.monotonic(), over, statistics))

    def queue_farewell(self) -> None:
        """Say goodbye in the codec's words, if it has any."""
        with suppress(OutboxFull, ProtocolFault):
            self.outbox.drop_audio()
            self.outbox.put(self._codec.encode_hang_up())

    def _on_media(self, event: MediaEvent) -> None:
        at = time.monotonic()
        match event:
            case Started(_, format, token):
                if token is not None and token != self._token:
                    raise ProtocolFault("the token of another call")
                self._wire = WireAudio(format)
                self._tell(self._progress.media_started(at, format.name))
            case DigitHeard(digit):
                self._tell(self._progress.digit(at, digit))
            case MarkPlayed(name):
                self._played.mark_played(at, name)
            case FlowPaused():
                self._paused = True
            case FlowResumed():
                self._paused = False
                held, self._held = self._held, deque()
                for frame in held:
                    self.write_frame(frame)
            case Stopped():
                self.finish(EndKind.REMOTE_HANGUP, "hung up by the far end")

    def _tell(self, events: Events) -> None:
        for event in events:
            self._events.put_nowait(event)
            if isinstance(event, Ended):
                self.transferred = event.kind is EndKind.TRANSFERRED
                # The session may wait on its next event alone; the provider must be told as well.
                self._wake_terminate()
        if self._progress.answered or self._progress.ended:
            self._timer.cancel()
        if self._transfer_timer and not (self._progress.transferring and not self._progress.ended):
            self._transfer_timer.cancel()

    def _wake_terminate(self) -> None:
        self._wire = None
        self._held.clear()
        # The bridge runs it as a task of its own, which outlives this callback.
        self._terminate(self)

    def _expect_media(self) -> None:
        self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._media_timeout_s, self.lose_media, "the media never started")

    def _ring_out(self) -> None:
        if self._progress.say_farewell(Farewell.RING_TIMEOUT):
            self._terminate(self)
