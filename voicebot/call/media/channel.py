"""A call's seat on the media clock: hears, decides within the tick, sends.

Everything here runs inside the 20 ms tick and must not wait. What takes longer is told to
the session as an event.
"""

from collections.abc import Callable
from dataclasses import dataclass

from telephony.audio import ComfortNoise
from telephony.line import FRAME_MS, FRAME_SAMPLES, Frame, Leg
from telephony.tones import ToneEvent, ToneKind
from voicebot.call.listening.heard_audio import HeardAudio
from voicebot.call.media.levels import SILENT_DBFS, CallLevels, frame_dbfs
from voicebot.call.media.recording import Recording
from voicebot.call.reply.playout import Playout
from voicebot.call.turn_taking.barge_in import BargeIn
from voicebot.call.turn_taking.detector_tail import DetectorTail
from voicebot.call.turn_taking.endpointing import Endpointer, EndpointEvent

LEAD_SAMPLES = 3 * FRAME_SAMPLES
"""How much is kept queued on the wire: a late tick of up to 30 ms is not heard, whatever carries the call."""
_MOST_FRAMES_PER_TICK = 4
_PERHAPS_SPEECH = 0.2
"""Below this no machine takes anything for speech, whatever its level."""
_SOUND_OVER_MS = 700
"""Silence after which a sound without end has ended."""
_SPEECH = 0.5
"""What is heard with at least this probability counts for the level of the callee."""


@dataclass(frozen=True, slots=True)
class ReplyStarted:
    """The first frame of a reply went out."""

    reply: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class ReplyFinished:
    """The last frame of a reply went out; a dropped reply does not finish."""

    reply: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class PromptStopped:
    """The callee talked over the prompt; it fell silent in this tick."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class PromptUnlocked:
    """What had to be heard to its end has been; from now on the callee may interrupt."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class EchoRecognised:
    """The utterance, taken for the callee's before the line's echo was known, was our own voice."""

    utterance: int


@dataclass(frozen=True, slots=True)
class ToneHeard:
    """A tone on the line: a beep, a fax, a key (`detail` is its digit), ..."""

    kind: ToneKind
    detail: str = ""
    lasted_ms: int = 0


@dataclass(frozen=True, slots=True)
class ChannelFailed:
    """A fault of ours in this call's tick; its media have stopped."""

    fault: Exception


ChannelEvent = (
    EndpointEvent
    | ReplyStarted
    | ReplyFinished
    | PromptStopped
    | PromptUnlocked
    | EchoRecognised
    | ToneHeard
    | ChannelFailed
)


class CallChannel:
    """Joins one leg with its turn-taking machines and its playout."""

    def __init__(
        self,
        leg: Leg,
        endpointer: Endpointer,
        barge_in: BargeIn,
        recording: Recording | None,
        emit: Callable[[ChannelEvent], None],
        comfort_noise: ComfortNoise | None = None,
        expected_wait_ms: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """`comfort_noise` is sent while nothing is said: recorded as sent, it counts nowhere else.
        `expected_wait_ms`: how long the recogniser would let a new request wait."""
        self.leg = leg
        self.endpointer = endpointer
        self.barge_in = barge_in
        self.playout = Playout()
        self.heard_audio = HeardAudio()
        self._tail = DetectorTail()
        self.levels = CallLevels()
        self._comfort_noise = comfort_noise
        self._since_noise = 0
        """Samples of speech written after the last comfort noise."""
        self._said_dbfs = SILENT_DBFS
        """Level of the loudest frame that was sent since the last tick."""
        self._recording = recording
        self._emit = emit
        self._expected_wait_ms = expected_wait_ms
        self.sound_ignored = False
        """What sounds without end stops no prompt by its sound alone, until it has ended."""
        self._talked_ms = 0
        self.held = False
        """The far end holds the call: nobody listens, and what is heard is its music."""
        self._sounding: int | None = None
        """Number of the reply of which something went out and the end did not."""

    def read(self, into: Frame) -> bool:
        """Fill `into` with the next frame heard."""
        return self.leg.read_frame(into)

    def tick(self, now_ms: int, heard: Frame, probability: float) -> None:
        """One 20 ms step of this call."""
        self.heard_audio.add(now_ms, heard)
        if not self.held:
            probability = self._of_words(now_ms, heard, probability)
            if probability >= _SPEECH:
                self.levels.heard.add(heard)
            self._take_turns(now_ms, probability)
            self._send(now_ms)
        if self._recording:
            self._recording.tick(heard)

    def _of_words(self, now_ms: int, heard: Frame, probability: float) -> float:
        """The probability that the callee is saying words: neither what comes back of our own voice counts,
        nor the tail of the detector."""
        said_dbfs, self._said_dbfs = self._said_dbfs, SILENT_DBFS
        echoes = self.barge_in.echo.active or said_dbfs > SILENT_DBFS
        if not echoes and probability < _PERHAPS_SPEECH:
            return probability
        heard_dbfs = frame_dbfs(heard)
        if echoes:
            probability = self._without_echo(now_ms, said_dbfs, heard_dbfs, probability)
        if probability >= _PERHAPS_SPEECH:
            probability = self._tail.step(now_ms, heard_dbfs, probability)
        return probability

    def _without_echo(self, now_ms: int, said_dbfs: float, heard_dbfs: float, probability: float) -> float:
        echo = self.barge_in.echo
        probability = echo.step(said_dbfs, heard_dbfs, probability)
        if echo.mistaken and self.endpointer.speech_ms(now_ms) <= echo.active_ticks * FRAME_MS:
            self.endpointer.finish()
            self._emit(EchoRecognised(self.endpointer.utterance))
        return probability

    def _take_turns(self, now_ms: int, probability: float) -> None:
        expected_wait_ms = self._expected_wait_ms() if self.endpointer.pausing else 0.0
        for event in self.endpointer.step(now_ms, probability, expected_wait_ms):
            self._emit(event)
        if self.endpointer.talking:
            self._talked_ms = now_ms
        elif now_ms - self._talked_ms >= _SOUND_OVER_MS:
            self.sound_ignored = False
        counts = self.endpointer.talking and not self.sound_ignored
        if self.barge_in.stops_now(
            audible=self.playout.audible,
            locked=self.playout.locked,
            # Speech that has ended stops nothing any more, as when the prompt was locked until now.
            speech_ms=self.endpointer.speech_ms(now_ms) if counts else 0,
            prompt=self.playout.reply,
        ):
            self.stop_prompt()
            self._emit(PromptStopped(now_ms))

    def hear_tone(self, tone: ToneEvent) -> None:
        """Tell the session of a tone."""
        if not self.held:
            self._emit(ToneHeard(tone.kind, tone.detail, (tone.end_tick - tone.start_tick) * FRAME_MS))

    def fail(self, fault: Exception) -> None:
        """The tick raised: tell the session."""
        self._emit(ChannelFailed(fault))

    def stop_prompt(self) -> None:
        """Fall silent now; what the wire has not taken yet is not said."""
        unsent = self.leg.queued_samples()
        self.leg.flush()
        # What is unsent is the newest, so that only speech after the noise can be.
        self.playout.pause(min(unsent, self._since_noise) if self._comfort_noise else unsent)
        if self._recording:
            self._recording.flushed(unsent)

    def hold(self) -> None:
        """Be silent and deaf until `unhold`; the utterance under way is void."""
        self.held = True
        self.endpointer.finish()
        if self.playout.audible:
            self.stop_prompt()

    def unhold(self) -> None:
        """Go on with what was being said, from the beginning of the word."""
        self.held = False
        self.playout.resume()

    def close(self) -> None:
        """The call is over: finish the recording."""
        if self._recording:
            self._recording.close()

    def _send(self, now_ms: int) -> None:
        if self._sounding is None and self._comfort_noise is None and not self.playout.active:
            return
        queued = self.leg.queued_samples() if self.playout.active or self._comfort_noise else 0
        was_locked = self.playout.locked
        for _ in range(_MOST_FRAMES_PER_TICK):
            if queued >= LEAD_SAMPLES:
                break
            frame = self.playout.next_frame()
            if frame is None:
                break
            if self._sounding != self.playout.reply:
                self._sounding = self.playout.reply
                self._emit(ReplyStarted(self.playout.reply, now_ms))
            self._write(frame)
            self.levels.said.add(frame)
            self._said_dbfs = max(self._said_dbfs, frame_dbfs(frame))
            self._since_noise += FRAME_SAMPLES
            queued += FRAME_SAMPLES
        if self._comfort_noise and queued < FRAME_SAMPLES:
            # Less lead than speech has: it would delay the next reply.
            self._write(self._comfort_noise.take(FRAME_SAMPLES))
            self._since_noise = 0
        if was_locked and not self.playout.locked:
            self._emit(PromptUnlocked(now_ms))
        if self._sounding == self.playout.reply and not self.playout.active:
            self._sounding = None
            if not self.playout.dropped:
                self._emit(ReplyFinished(self.playout.reply, now_ms))

    def _write(self, frame: Frame) -> None:
        self.leg.write_frame(frame)
        if self._recording:
            self._recording.sent(frame)
