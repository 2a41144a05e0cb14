"""One call inside a worker process: stack events become leg events, audio moves between stack and rings."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

import numpy as np
from baresip import AudioNotActive, AudioRestarted, BaresipError, CallStats, Event, StackEvent
from baresip.call import Call
from baresip.errors import TransferFailed as StackTransferFailed

from telephony.audio import StreamResampler
from telephony.call_steps import Events, Farewell
from telephony.line import SAMPLE_RATE_HZ, Ended, LegEvent, LineError, MediaStatistics
from telephony.sip.causes import sip_status
from telephony.sip.media_rings import WorkerRings
from telephony.sip.progress import CallProgress
from telephony.sip.wire_facts import WireFacts

_READ_S = 0.1
"""Read at once; more than can have come since the last time."""
_FIRST_REPLY_S = 1.0
"""By then a reachable server has sent at least 100 Trying (RFC 3261: within 200 ms)."""
_TRACE_LAG_S = 0.02
_LONGEST_TRANSFER_S = 60.0
"""A peer that reports that its target rings may take so long."""
_ASK_EVERY = 16
"""Writes of a frame or so between two looks at how much the stack holds unsent."""
_NO_REPLY_S = 5.0
"""A peer that has not even said 100 Trying by then is not there; the stack itself waits 32 s (timer B)."""
_MEDIA_GRACE_S = 0.5
"""The stack's own timeout goes first where it runs."""
_DIGIT_GAP_MS = 180
"""Added to the 100 ms that the stack counts: a digit takes 240 ms on the wire, then a pause is due."""
_AUDIO_GAP = (AudioNotActive, AudioRestarted)
"""Before the answer, after the end, and while a re-INVITE swaps the streams: normal telephony."""


class StackCall:
    """A call that the stack dialled, under one number of ours even if a redirect makes it another's."""

    def __init__(
        self,
        rings: WorkerRings,
        tell: Callable[[LegEvent], None],
        terminate: Callable[["StackCall"], Awaitable[None]],
        facts: Callable[[str], WireFacts],
        ring_timeout_s: float,
        media_timeout_s: float,
    ) -> None:
        """`facts` gives what the wire told about a Call-ID; a `media_timeout_s` of 0 is none."""
        self.call: Call | None = None
        self.leg_id = ""
        self.note = ""
        self._rings = rings
        self._tell = tell
        self._terminate = terminate
        self._facts = facts
        self._progress = CallProgress()
        self._media = False
        self._downsampler: StreamResampler | None = None
        self._channels = 1
        self._read_bytes = round(SAMPLE_RATE_HZ * 2 * _READ_S)
        self._came_just_now = False
        self._writes = 0
        self._answered_at: float | None = None
        """When the call was answered, while that is not told yet."""
        self._replied = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._ring_timer = loop.call_later(ring_timeout_s, self._ring_out)
        self._media_timeout_s = media_timeout_s
        self._heard_anything = False
        self._reply_due = 0.0
        self._reply_timer: asyncio.TimerHandle | None = None
        self._await_reply()

    @property
    def ended(self) -> bool:
        """Whether `Ended` was told."""
        return self._progress.ended

    @property
    def unwanted(self) -> bool:
        """Whether we have begun to end it."""
        return self._progress.farewell is not None

    def adopt(self, call: Call, leg_id: str) -> None:
        """This is the stack's call from now on."""
        if self.call is not None:
            # Redirected: what was heard from the first peer says nothing of the second.
            self._replied.clear()
            self._await_reply()
        self.call = call
        self.leg_id = leg_id

    def _await_reply(self) -> None:
        loop = asyncio.get_running_loop()
        self._reply_due = loop.time() + _FIRST_REPLY_S
        if self._reply_timer:
            self._reply_timer.cancel()
        self._reply_timer = loop.call_later(_NO_REPLY_S, self._give_up_unless_replied)

    # -- audio ---------------------------------------------------------------------------------

    def move_audio(self) -> None:
        """Pass on what has come and what is to go. Called every few milliseconds."""
        if not self._media or self.call is None:
            return
        if self._came_just_now:
            # The next packet is a whole frame away: looking again in half that time finds nothing.
            self._came_just_now = False
        else:
            with suppress(*_AUDIO_GAP):
                self._move_heard(self.call)
        if self._rings.flush_wanted():
            with suppress(*_AUDIO_GAP):
                self.call.audio.flush_tx()
        if self._progress.answered:
            self._move_said(self.call)

    def _move_heard(self, call: Call) -> None:
        try:
            while pcm := call.audio.read(self._read_bytes):
                samples = np.frombuffer(pcm, np.int16)
                if self._channels > 1:
                    samples = samples.reshape(-1, self._channels)[:, 0]
                if self._downsampler:
                    samples = self._downsampler.push(samples)
                self._rings.put_heard(samples)
                self._heard_anything = True
                self._came_just_now = True
                if len(pcm) < self._read_bytes:
                    break
        except AudioRestarted:
            self._fit_rate(call)
            raise

    def _move_said(self, call: Call) -> None:
        samples = self._rings.take_said()
        if samples is None:
            return
        on_wire = 0
        with suppress(*_AUDIO_GAP):
            call.audio.write(samples.tobytes())
            # Asking costs as much as all the rest, and packets keep their pace: the clock tells it as well.
            self._writes += 1
            asked = self._writes % _ASK_EVERY == 1
            on_wire = call.audio.info().tx_buffered // 2 if asked else self._rings.on_wire + samples.size
        # While there is no stream nothing is kept: it would come out late.
        self._rings.said_was_taken(samples.size, on_wire)

    def _fit_rate(self, call: Call) -> None:
        """What is read comes at the rate and with the channels of the codec."""
        self._downsampler = None
        with suppress(*_AUDIO_GAP):
            info = call.audio.info()
            self._read_bytes = max(1, round(info.rx_sample_rate * info.rx_channels * 2 * _READ_S))
            self._channels = max(1, info.rx_channels)
            if info.rx_sample_rate > SAMPLE_RATE_HZ:
                self._downsampler = StreamResampler(info.rx_sample_rate, SAMPLE_RATE_HZ)

    # -- what the service wants ----------------------------------------------------------------

    async def send_digits(self, digits: str) -> None:
        """Send DTMF (RFC 4733), 280 ms per digit, and return when it is sent. Ignored unless the call is up.

        Raises LineError if the stack refuses.
        """
        if self.call is None or not self._progress.answered or self._progress.ended:
            return
        try:
            await self.call.send_dtmf(digits, _DIGIT_GAP_MS)
            await asyncio.sleep(_DIGIT_GAP_MS / 1000)
        except BaresipError as error:
            if not self._progress.ended:
                raise LineError(f"the digits were not sent: {error}") from error

    def transfer(self, uri: str, timeout_s: float) -> Coroutine[None, None, None]:
        """Send REFER; what is returned sees it through: the call ends, or `TransferFailed` is told.

        Raises LineError unless the call is up.
        """
        if self.call is None or not self._progress.begin_transfer():
            raise LineError("the call is not up, or is being transferred already")
        return self._transfer(self.call, uri, timeout_s)

    async def _transfer(self, call: Call, uri: str, silence_s: float) -> None:
        referring = asyncio.create_task(call.transfer(uri, timeout=_LONGEST_TRANSFER_S))
        try:
            await asyncio.wait({referring}, timeout=silence_s)
            facts = self._facts(self.leg_id)
            unreported = not referring.done() and facts.refer_accepted and not facts.refer_reported
            if unreported and self._progress.say_farewell(Farewell.TRANSFER_UNREPORTED):
                # Accepted (202), and nobody says what came of it: the callee is the other side's now.
                self.note = Farewell.TRANSFER_UNREPORTED.value
                await self._terminate(self)
            else:
                await referring
        except StackTransferFailed as failed:
            text = f"{failed.status or ''} {failed.reason or ''}".strip() or str(failed)
            self._report(self._progress.transfer_failed(time.monotonic(), sip_status(text), text))
        except BaresipError as error:
            self._report(self._progress.transfer_failed(time.monotonic(), None, str(error)))
        finally:
            referring.cancel()

    def hang_up(self) -> None:
        """CANCEL or BYE, as the state asks. Harmless when it is over or ending."""
        if self._progress.say_farewell(Farewell.HANG_UP):
            self._terminate(self)

    async def replied(self) -> None:
        """Wait until the far end has replied to the INVITE, or must have.

        The stack drops an INVITE without CANCEL if told to end it earlier, and the telephone would
        ring for nobody.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout_at(self._reply_due):
                await self._replied.wait()

    # -- what the stack reports ----------------------------------------------------------------

    def on_reply(self) -> None:
        """Something came back, if only 100 Trying."""
        self._replied.set()

    def on_stack_event(self, event: StackEvent) -> None:
        """Take what the SIP stack reports about this call."""
        self.leg_id = self.leg_id or event.call_id or ""
        if event.event in (Event.CALL_PROGRESS, Event.CALL_ESTABLISHED):
            self._media = True
            if self.call:
                self._fit_rate(self.call)
        if event.event is Event.CALL_ESTABLISHED:
            self._await_media()
        self._tell_answer()
        if event.event is Event.CALL_ESTABLISHED and not self._facts(self.leg_id).codec:
            # The trace comes by another thread and may be a moment behind the event.
            self._answered_at = time.monotonic()
            asyncio.get_running_loop().call_later(_TRACE_LAG_S, self._tell_answer)
        else:
            self._report(self._advance(event, time.monotonic()))

    def on_lost(self, text: str) -> None:
        """The stack will report no more: end the call with what is known."""
        self._report(self._progress.lost(time.monotonic(), text))

    def _tell_answer(self) -> None:
        """Tell of an answer that was kept back for its codec."""
        at, self._answered_at = self._answered_at, None
        if at is not None:
            self._report(self._progress.media_started(at, self._facts(self.leg_id).codec))

    def _advance(self, event: StackEvent, at: float) -> Events:
        match event.event:
            case Event.CALL_RINGING:
                return self._progress.ringing(at, early_media=False)
            case Event.CALL_PROGRESS:
                return self._progress.ringing(at, early_media=True)
            case Event.CALL_ESTABLISHED:
                return self._progress.media_started(at, self._facts(self.leg_id).codec)
            case Event.CALL_DTMF_START:
                return self._progress.digit(at, event.text or "")
            case Event.CALL_HOLD | Event.CALL_RESUME:
                return self._progress.hold(at, held=event.event is Event.CALL_HOLD)
            case Event.CALL_CLOSED:
                facts = self._facts(self.leg_id)
                statistics = media_statistics(event.stats)
                return self._progress.closed(at, event.text or "", statistics, facts, self.note)
            case _:
                return ()

    def _report(self, events: Events) -> None:
        for event in events:
            self._replied.set()
            if isinstance(event, Ended):
                self._media = False
            self._tell(event)
        if self._progress.answered or self._progress.ended:
            self._ring_timer.cancel()
            if self._reply_timer:
                self._reply_timer.cancel()

    def _give_up_unless_replied(self) -> None:
        if not self._replied.is_set():
            self._ring_out()

    def _await_media(self) -> None:
        if self._media_timeout_s:
            wait_s = self._media_timeout_s + _MEDIA_GRACE_S
            asyncio.get_running_loop().call_later(wait_s, self._check_media)

    def _check_media(self) -> None:
        """The stack's own timeout runs only once a stream is up.

        None ever is when the peer answers in clear although encryption is required.
        """
        if self.ended or self._heard_anything:
            return
        if self._progress.held:
            self._await_media()
        elif self._progress.say_farewell(Farewell.NO_MEDIA):
            self._terminate(self)

    def _ring_out(self) -> None:
        if self._progress.say_farewell(Farewell.RING_TIMEOUT):
            # The stack runs it as a task of its own, which outlives this callback.
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
        packets_lost_far=max(rtcp.get("tx_lost", 0), 0),
        jitter_ms=measured.rx_jitter_ms,
        round_trip_ms=measured.rtt_ms,
        mos=measured.mos_estimate if measured.rx_packets else None,
    )
