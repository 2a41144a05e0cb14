"""Calls over SIP and RTP: telephones that our service dials, each with a stack of its own far from ours.

What they add to a latency: their jitter buffer (20 ms at least, 60 ms at most), which the audio of the bot
passes before it is heard, and up to 20 ms until the next packet leaves or is played. What waits in the
sending buffer is taken into account: an utterance ends when its last packet leaves.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager

import numpy as np

from telephony.audio import decode_mulaw
from telephony.line import FRAME_MS, FRAME_SAMPLES
from voicebot.bench.talk.caller import FRAME_S
from voicebot.free_port import free_udp_port
from voicebot.simulation.ears import level_dbfs
from voicebot.simulation.user_agent import HOST, IncomingCall, telephones

_FRAME_BYTES = 2 * FRAME_SAMPLES
_SILENCE = bytes(_FRAME_BYTES)
_LEAST_AHEAD_MS, _MOST_AHEAD_MS = FRAME_MS, 3 * FRAME_MS
"""Sent ahead of the wire, so that a late generator leaves no gap in an utterance."""

Frames = Sequence[Sequence[bytes]]
"""Each 20 ms of each question, 16 bit."""


def number_of(call: int) -> str:
    """The telephone number of the numbered caller."""
    return f"+1555010{call:04d}"


class SipCall:
    """Satisfies `generator.Telephone`."""

    polled = True
    cleared = 0

    def __init__(self, call: IncomingCall, frames: Frames, tasks: asyncio.TaskGroup) -> None:
        self.closed = False
        self._call, self._frames, self._tasks = call, frames, tasks
        self._partial = b""
        self._hung_up = False

    @property
    def ahead_s(self) -> float:
        """How long what is written now waits for its packet."""
        return min(self._call.queued_ms(), _MOST_AHEAD_MS) / 1000

    def heard(self, now_s: float) -> Iterator[tuple[float, float]]:
        """When each frame left the jitter buffer, and its level in dBFS."""
        received = self._partial + self._call.read()
        count = len(received) // _FRAME_BYTES
        self._partial = received[count * _FRAME_BYTES :]
        samples = np.frombuffer(received, np.int16, count * FRAME_SAMPLES).reshape(count, FRAME_SAMPLES)
        for number, frame in enumerate(samples):
            yield now_s - (count - 1 - number) * FRAME_S, level_dbfs(frame)

    def send(self, said: tuple[int, int] | None) -> None:
        """A frame of a question, or silence, by which the buffer is kept filled but short."""
        if said is not None:
            self._call.write(self._frames[said[0]][said[1]])
            return
        ahead_ms = self._call.queued_ms()
        if ahead_ms < _MOST_AHEAD_MS:
            self._call.write(_SILENCE if ahead_ms >= _LEAST_AHEAD_MS else 2 * _SILENCE)

    def hang_up(self) -> None:
        """BYE."""
        if not self._hung_up:
            self._hung_up = True
            self._tasks.create_task(self._call.hang_up())


@asynccontextmanager
async def answered_calls(
    calls: int, audio: Sequence[bytes], add: Callable[[SipCall], None]
) -> AsyncIterator[int]:
    """Answer that many telephones when they ring; gives their SIP port."""
    frames = [_frames(mulaw) for mulaw in audio]
    port = free_udp_port(HOST)
    async with asyncio.TaskGroup() as tasks:

        async def take(incoming: IncomingCall) -> None:
            if await incoming.answer():
                call = SipCall(incoming, frames, tasks)
                add(call)
                await incoming.wait_ended()
                call.closed = True

        def on_call(_: str, incoming: IncomingCall) -> None:
            tasks.create_task(take(incoming))

        numbers = {number_of(call): "pcmu" for call in range(calls)}
        async with telephones(port, numbers, on_call=on_call, on_unknown=lambda _: None):
            yield port


def _frames(mulaw: bytes) -> list[bytes]:
    samples = decode_mulaw(np.frombuffer(mulaw, np.uint8)).astype(np.int16).tobytes()
    return [samples[at : at + _FRAME_BYTES] for at in range(0, len(samples), _FRAME_BYTES)]
