"""One call on a SIP trunk: stack events become leg events, frames go to and from the native audio rings."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from baresip import AudioNotActive, AudioRestarted, BaresipError, CallStats, Event, StackEvent
from baresip.call import Call

from telephony.heard import HeardQueue
from telephony.line import Ended, Frame, LegEvent, LineError, MediaStatistics
from telephony.sip.progress import DIGITS, CallProgress, Events, Farewell

_READ_BYTES = 3200
_FIRST_REPLY_S = 1.0
"""By then a reachable server has sent at least 100 Trying (RFC 3261: within 200 ms)."""
_DIGIT_GAP_MS = 180
"""Added to the 100 ms that the stack counts: a digit takes 240 ms on the wire, then a pause is due."""
_AUDIO_GAP = (AudioNotActive, AudioRestarted)
"""Before the answer, after the end, and while a re-INVITE swaps the streams: normal telephony."""


class SipLeg:
    """A call that the trunk dialled. Implements `telephony.line.Leg`."""

    def __init__(
        self,
        call: Call,
        leg_id: str,
        terminate: Callable[["SipLeg"], Awaitable[None]],
        ring_timeout_s: float,
    ) -> None:
        self.call = call
        self._leg_id = leg_id
        self._terminate = terminate
        self._progress = CallProgress()
        self._events: asyncio.Queue[LegEvent] = asyncio.Queue()
        self._heard = HeardQueue()
        self._media = False
        self._replied = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._reply_due = loop.time() + _FIRST_REPLY_S
        self._ring_timer = loop.call_later(ring_timeout_s, self._ring_out)

    @property
    def leg_id(self) -> str:
        """The SIP Call-ID."""
        return self._leg_id

    @property
    def ended(self) -> bool:
        """Whether `Ended` was sent."""
        return self._progress.ended

    async def next_event(self) -> LegEvent:
        """Wait for the next event; `Ended` is the last."""
        return await self._events.get()

    def read_frame(self, into: Frame) -> bool:
        """Fill `into` with the next 160 samples heard; zeros and False when none are there."""
        if self._media:
            try:
                while pcm := self.call.audio.read(_READ_BYTES):
                    self._heard.push(pcm)
                    if len(pcm) < _READ_BYTES:
                        break
            except _AUDIO_GAP:
                pass
        return self._heard.pop(into)

    def write_frame(self, frame: Frame) -> None:
        """Queue 160 samples for sending. Ignored before the answer and after the end."""
        if not self._progress.answered or self._progress.ended:
            return
        with suppress(*_AUDIO_GAP):
            self.call.audio.write(frame.tobytes())

    def flush(self) -> None:
        """Drop what was written and is not yet on the wire. At most one frame still goes out."""
        with suppress(*_AUDIO_GAP):
            self.call.audio.flush_tx()

    def queued_samples(self) -> int:
        """Samples written and not yet on the wire."""
        try:
            return self.call.audio.info().tx_buffered // 2
        except _AUDIO_GAP:
            return 0

    async def send_digits(self, digits: str) -> None:
        """Send DTMF (RFC 4733), 280 ms per digit, and return when it is sent. Ignored unless the call is up.

        Raises ValueError for a character that is no digit, LineError if the stack refuses.
        """
        if wrong := set(digits.upper()) - DIGITS:
            raise ValueError(f"not DTMF digits: {sorted(wrong)}")
        if not digits or not self._progress.answered or self._progress.ended:
            return
        try:
            await self.call.send_dtmf(digits, _DIGIT_GAP_MS)
            await asyncio.sleep(_DIGIT_GAP_MS / 1000)
        except BaresipError as error:
            if not self._progress.ended:
                raise LineError(f"the digits were not sent: {error}") from error

    async def transfer(self, to: str) -> None:
        """Not on this wire yet."""
        raise LineError("the trunk knows no transfer yet")

    async def hang_up(self) -> None:
        """CANCEL or BYE, as the state asks. Safe to call on an ended leg. `Ended` follows."""
        if self._progress.say_farewell(Farewell.HANG_UP):
            await self._terminate(self)

    async def replied(self) -> None:
        """Wait until the far end has replied to the INVITE, or must have.

        The stack drops an INVITE without CANCEL if told to end it earlier, and the telephone would
        ring for nobody. It does not report 100 Trying, so time has to stand in for it.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout_at(self._reply_due):
                await self._replied.wait()

    def on_stack_event(self, event: StackEvent) -> None:
        """Take what the SIP stack reports about this call."""
        self._media = self._media or event.event in (Event.CALL_PROGRESS, Event.CALL_ESTABLISHED)
        self._report(self._advance(event, time.monotonic()))

    def on_lost(self, text: str) -> None:
        """The stack will report no more: end the leg with what is known."""
        self._report(self._progress.lost(time.monotonic(), text))

    def _advance(self, event: StackEvent, at: float) -> Events:
        match event.event:
            case Event.CALL_RINGING:
                return self._progress.ringing(at, early_media=False)
            case Event.CALL_PROGRESS:
                return self._progress.ringing(at, early_media=True)
            case Event.CALL_ESTABLISHED:
                return self._progress.established(at)
            case Event.CALL_DTMF_START:
                return self._progress.digit(at, event.text or "")
            case Event.CALL_CLOSED:
                return self._progress.closed(at, event.text or "", media_statistics(event.stats))
            case _:
                return ()

    def _report(self, events: Events) -> None:
        for event in events:
            self._events.put_nowait(event)
            self._replied.set()
            if isinstance(event, Ended):
                self._media = False
        if self._progress.answered or self._progress.ended:
            self._ring_timer.cancel()

    def _ring_out(self) -> None:
        if self._progress.say_farewell(Farewell.RING_TIMEOUT):
            # The trunk runs it as a task of its own, which outlives this callback.
            self._terminate(self)


def media_statistics(stats: dict[str, Any]) -> MediaStatistics:
    """The stack's counters of a closed call. RTCP values are zero if the far end sent no reports."""
    sent, received = stats.get("tx", {}), stats.get("rx", {})
    rtcp, jitter_buffer = stats.get("rtcp", {}), stats.get("jbuf", {})
    measured = CallStats(
        tx_packets=sent.get("packets", 0),
        rx_packets=received.get("packets", 0),
        rx_lost=max(rtcp.get("rx_lost", 0), jitter_buffer.get("lost", 0), 0),
        rx_jitter_ms=max(rtcp.get("rx_jitter_us", 0) / 1000, float(jitter_buffer.get("jitter_ms", 0))),
        rtt_ms=rtcp.get("rtt_us", 0) / 1000,
    )
    return MediaStatistics(
        packets_sent=measured.tx_packets,
        packets_received=measured.rx_packets,
        packets_lost=measured.rx_lost,
        jitter_ms=measured.rx_jitter_ms,
        round_trip_ms=measured.rtt_ms,
        mos=measured.mos_estimate if measured.rx_packets else None,
    )
