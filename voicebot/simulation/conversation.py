"""One answered call of a simulated person: audio in, ears, mind, voice, audio out."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from voicebot.simulation.ears import (
    FRAME_MS,
    FRAME_SAMPLES,
    BotStarted,
    BotStopped,
    Ears,
    Samples,
    is_audible,
)
from voicebot.simulation.log import HeardSpeech, SpokenLine
from voicebot.simulation.mind import Beep, Deed, HangUp, Mind, Press, Say
from voicebot.simulation.reply_times import ReplyTimes
from voicebot.simulation.voice import Lines

AHEAD_MS = 60
"""How far the sending buffer is filled ahead of the wire."""
FRAME_BYTES = 2 * FRAME_SAMPLES


class Telephone(Protocol):
    """What a conversation needs of its call."""

    def read(self) -> bytes:
        """All 16-bit samples that came since the last time."""

    def write(self, pcm: bytes) -> None:
        """Queue samples for sending."""

    def queued_ms(self) -> float:
        """Audio that is queued and not yet on the wire."""

    async def press(self, digits: str) -> None:
        """Send telephone keys."""

    async def hang_up(self) -> None:
        """End the call."""


@dataclass
class _Playing:
    deed: Say | Beep
    samples: Samples
    start_ms: float
    written: int = 0


class Conversation:
    """Driven by `tick`, every 20 ms; what takes longer is handed to `spawn`."""

    def __init__(
        self,
        *,
        telephone: Telephone,
        mind: Mind,
        lines: Lines,
        noise: Samples,
        beep: Samples,
        recognise: Callable[[Samples], Awaitable[str]],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        ears: Ears | None = None,
    ) -> None:
        self.times = ReplyTimes()
        self.said: list[SpokenLine] = []
        self.bot_heard: list[HeardSpeech] = []
        self.pressed = ""
        self.hung_up = False
        self._telephone = telephone
        self._mind = mind
        self._lines = lines
        self._noise = noise
        self._noise_at = 0
        self._beep = beep
        self._recognise = recognise
        self._spawn = spawn
        self._one_after_the_other = asyncio.Lock()
        self._ears = ears or Ears()
        self._partial = b""
        self._playing: _Playing | None = None
        self._leaves_at_ms: float | None = None
        self._now_ms = 0.0

    def tick(self, now_ms: float) -> None:
        """Hear what came, decide, and keep the sending buffer filled. `now_ms`: since the answer."""
        self._now_ms = now_ms
        self._listen()
        if self._leaves_at_ms is not None and now_ms >= self._leaves_at_ms:
            self._line_is_over(self._leaves_at_ms)
        deed = self._mind.due(now_ms)
        if deed is not None:
            self._do(deed)
        self._send()

    def close(self, now_ms: float) -> None:
        """The call is over: note the line that was cut and what the bot was saying."""
        if self._playing is not None:
            self._note(self._playing, now_ms, cut=True)
        speech = self._ears.flush(now_ms)
        if speech is not None:
            self._spawn(self._understand(speech))

    def _listen(self) -> None:
        received = self._partial + self._telephone.read()
        count = len(received) // FRAME_BYTES
        self._partial = received[count * FRAME_BYTES :]
        frames = np.frombuffer(received, np.int16, count * FRAME_SAMPLES).reshape(count, FRAME_SAMPLES)
        for index, frame in enumerate(frames):
            # Frames that waited for a late tick are dated back to when they came.
            ended_ms = self._now_ms - (count - 1 - index) * FRAME_MS
            if is_audible(frame):
                self.times.audible(max(0.0, ended_ms - FRAME_MS))
            match self._ears.hear(frame, ended_ms):
                case BotStarted():
                    self._mind.bot_started(self._now_ms)
                case BotStopped() as speech:
                    self._mind.bot_stopped(self._now_ms)
                    self._spawn(self._understand(speech))

    async def _understand(self, speech: BotStopped) -> None:
        async with self._one_after_the_other:
            text = await self._recognise(speech.samples)
            self.bot_heard.append(HeardSpeech(text, round(speech.start_ms), round(speech.end_ms)))
            self._mind.heard(text, self._now_ms)

    def _do(self, deed: Deed) -> None:
        match deed:
            case Say():
                self._play(deed, self._lines[deed.text])
                if deed.expects_reply:
                    self.times.line_started()
            case Beep():
                self._play(deed, self._beep)
            case Press():
                self._spawn(self._press(deed.digits))
            case HangUp():
                self.hung_up = True
                self._spawn(self._telephone.hang_up())

    def _play(self, deed: Say | Beep, samples: Samples) -> None:
        self._playing = _Playing(deed, samples, self._now_ms + self._telephone.queued_ms())

    async def _press(self, digits: str) -> None:
        self.pressed += digits
        await self._telephone.press(digits)
        self._mind.finished(self._now_ms)

    def _send(self) -> None:
        # Infinite while the telephone can send nothing, as between a BYE and the word of it.
        missing = max(0.0, AHEAD_MS - self._telephone.queued_ms())
        for _ in range(int(missing // FRAME_MS)):
            self._telephone.write(self._next_frame().tobytes())
        playing = self._playing
        if playing is not None and self._leaves_at_ms is None and playing.written >= len(playing.samples):
            self._leaves_at_ms = self._now_ms + self._telephone.queued_ms()

    def _next_frame(self) -> Samples:
        frame = np.take(self._noise, range(self._noise_at, self._noise_at + FRAME_SAMPLES), mode="wrap")
        self._noise_at = (self._noise_at + FRAME_SAMPLES) % len(self._noise)
        playing = self._playing
        if playing is not None:
            piece = playing.samples[playing.written : playing.written + FRAME_SAMPLES]
            playing.written += FRAME_SAMPLES
            mixed = frame.astype(np.int32)
            mixed[: len(piece)] += piece
            frame = np.clip(mixed, -32768, 32767).astype(np.int16)
        return frame

    def _line_is_over(self, at_ms: float) -> None:
        assert self._playing is not None
        playing, self._playing, self._leaves_at_ms = self._playing, None, None
        self._note(playing, at_ms, cut=False)
        if isinstance(playing.deed, Say) and playing.deed.expects_reply:
            self.times.line_left(at_ms)
        self._mind.finished(self._now_ms)

    def _note(self, playing: _Playing, end_ms: float, *, cut: bool) -> None:
        if isinstance(playing.deed, Say):
            start_ms, expects_reply = round(playing.start_ms), playing.deed.expects_reply
            self.said.append(SpokenLine(playing.deed.text, start_ms, round(end_ms), cut, expects_reply))
