"""Calls on which nobody speaks, over WebSocket: what the media path costs when it has nothing to do.

The service's own bridge, media clock, voice detector, tones and channels; the far end has its own process.
"""

import argparse
import asyncio
import json
import resource
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from models.registry.catalogue import weights_path
from models.vad.gate import GatedVad
from models.vad.silero import BatchedVad
from telephony.line import Answered, DialRequest, Frame
from telephony.tones import ToneDetector
from telephony.websocket.bridge import MediaBridge
from telephony.websocket.config import BridgeConfig
from telephony.websocket.originator import HookAnswer, MediaTarget, Report, TransferRequest
from telephony.websocket.twilio import TwilioCodec
from voicebot.bench.error import BenchError
from voicebot.call.media.channel import CallChannel, ChannelEvent
from voicebot.call.media.media_clock import MediaClock, TickLateness
from voicebot.call.media.recording import RecordingWriter
from voicebot.call.turn_taking.barge_in import BargeIn
from voicebot.call.turn_taking.endpointing import Endpointer
from voicebot.service import DETECTOR, MOST_CALLS_WITH_TONES, media_first
from voicebot.settings import Settings, load_settings

_SETTLE_S = 8.0
"""Until the voice gate knows the noise of the line, and has listened on after that."""
_ANSWER_S = 30.0


@dataclass(frozen=True, slots=True)
class SilentResult:
    """What silent calls cost. CPU is that of our process, all threads, by getrusage."""

    calls: int
    recorded: bool
    cpu_s_per_call_minute: float
    us_per_call_tick: float
    """CPU of one call in one 20 ms tick, in microseconds."""
    tick_late_p50_ms: float
    tick_late_p99_ms: float
    tick_late_max_ms: float
    events: int
    """Of the calls; none is right."""
    heard_share: float
    """Frames heard by those that were due; below 0.99 the other figures say nothing."""
    loop: str


class SilentOriginator:
    """Has the far end's process call back. Implements `telephony.websocket.originator.Originator`."""

    def __init__(self, noise_dbfs: float | None) -> None:
        self._noise_dbfs = noise_dbfs
        self._far_end: Process | None = None

    async def start(self) -> None:
        """Start the process."""
        noise = [] if self._noise_dbfs is None else [f"--noise-dbfs={self._noise_dbfs}"]
        command = [sys.executable, "-m", "voicebot.bench.silent_callers", *noise]
        self._far_end = await asyncio.create_subprocess_exec(*command, stdin=PIPE)

    async def originate(self, request: DialRequest, target: MediaTarget, report: Report) -> str:
        """Name the address to the far end."""
        assert self._far_end is not None
        assert self._far_end.stdin is not None
        self._far_end.stdin.write(f"{target.media_url}\n".encode())
        return target.token

    async def hang_up(self, call_id: str) -> None:
        """Closing the media is enough."""

    async def send_digits(self, call_id: str, digits: str) -> bool:
        """There is nobody to hear them."""
        return False

    async def transfer(self, call_id: str, request: TransferRequest) -> None:
        """Never asked for."""

    def hook(
        self, name: str, target: MediaTarget, query: Mapping[str, str], report: Report
    ) -> HookAnswer | None:
        """None are known."""
        return None

    async def close(self) -> None:
        """End the process."""
        if self._far_end and self._far_end.stdin:
            self._far_end.stdin.close()
            await self._far_end.wait()


@asynccontextmanager
async def _bridge(calls: int, noise_dbfs: float | None) -> AsyncIterator[MediaBridge]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    config = BridgeConfig(
        local_port=port, public_url=f"ws://127.0.0.1:{port}", channels=calls, calls_per_second=calls
    )
    bridge = MediaBridge(config, TwilioCodec, SilentOriginator(noise_dbfs))
    await bridge.start()
    try:
        yield bridge
    finally:
        await bridge.close()


class _CountingChannel(CallChannel):
    """Counts the frames that were there when they were read."""

    heard = 0

    def read(self, into: Frame) -> bool:
        """As `CallChannel.read`."""
        there = super().read(into)
        self.heard += there
        return there


async def _answered(
    bridge: MediaBridge,
    number: int,
    settings: Settings,
    writer: RecordingWriter | None,
    events: list[ChannelEvent],
) -> _CountingChannel:
    leg = await bridge.dial(DialRequest(f"+1555{number:07}"))
    try:
        async with asyncio.timeout(_ANSWER_S):
            while not isinstance(await leg.next_event(), Answered):
                pass
    except TimeoutError:
        raise BenchError(f"call {number} was not answered in {_ANSWER_S:g} s") from None
    return _CountingChannel(
        leg,
        Endpointer(settings.endpointing),
        BargeIn(settings.barge_in, "en"),
        writer.open(f"call-{number}") if writer else None,
        events.append,
    )


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def measure_silent(
    calls: int, seconds: float, recordings: Path | None = None, noise_dbfs: float | None = -65.0
) -> SilentResult:
    """Answer `calls` calls, wait until they have settled, and measure for `seconds`.

    `noise_dbfs` is the noise of the line, None for digital silence. Raises BenchError if a call is not
    answered.
    """
    settings = load_settings()
    events: list[ChannelEvent] = []
    async with AsyncExitStack() as stack:
        stack.enter_context(media_first())
        bridge = await stack.enter_async_context(_bridge(calls, noise_dbfs))
        writer = stack.enter_context(RecordingWriter(recordings)) if recordings else None
        detector = GatedVad(BatchedVad(weights_path(DETECTOR, "silero_vad.onnx", settings.weights)))
        clock = MediaClock(detector, ToneDetector(MOST_CALLS_WITH_TONES))
        group = await stack.enter_async_context(asyncio.TaskGroup())
        ticking = group.create_task(clock.run())
        stack.callback(ticking.cancel)
        channels = [await _answered(bridge, number, settings, writer, events) for number in range(calls)]
        for channel in channels:
            clock.attach(channel)
        await asyncio.sleep(_SETTLE_S)
        clock.lateness = late = TickLateness()
        loop = asyncio.get_running_loop()
        heard = sum(channel.heard for channel in channels)
        begun_s, before_s = loop.time(), _cpu_s()
        await asyncio.sleep(seconds)
        used_s, lasted_s = _cpu_s() - before_s, loop.time() - begun_s
        heard = sum(channel.heard for channel in channels) - heard
        clock.lateness = TickLateness()
        for channel in channels:
            clock.detach(channel)
            channel.close()
        ticking.cancel()
    per_call_s = used_s / lasted_s / calls
    return SilentResult(
        calls,
        recordings is not None,
        round(per_call_s * 60, 4),
        round(per_call_s / 50 * 1e6, 1),
        late.percentile(0.5),
        late.percentile(0.99),
        round(late.max_ms, 2),
        len(events),
        round(heard / (lasted_s * 50 * calls), 4),
        type(loop).__module__,
    )


def main() -> None:
    """Print the result as JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--calls", type=int, default=20)
    arguments.add_argument("--seconds", type=float, default=15)
    arguments.add_argument("--record", action="store_true")
    arguments.add_argument("--noise-dbfs", type=float)
    given = arguments.parse_args()
    with TemporaryDirectory() as folder:
        kept = Path(folder) if given.record else None
        result = asyncio.run(measure_silent(given.calls, given.seconds, kept, given.noise_dbfs))
    print(json.dumps(asdict(result)), flush=True)


if __name__ == "__main__":
    main()
