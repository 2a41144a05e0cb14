"""The far end of the media benchmark: sipp answers the calls, our echo sends their audio back."""

import asyncio
import shutil
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import TypeAdapter

from voicebot.bench.error import BenchError
from voicebot.bench.media_contenders import MediaPeer
from voicebot.bench.packet_gaps import PacketGaps
from voicebot.free_port import can_bind, free_loopback_host

SIP_PORT = 5060
MEDIA_HOST = "127.0.0.1"
_SCENARIO = Path(__file__).with_name("media_answer.xml")
_START_S = 10.0
_GAPS = TypeAdapter(PacketGaps)


def find_sipp() -> str:
    """The program's path. Raises BenchError if there is none."""
    if found := shutil.which("sipp"):
        return found
    raise BenchError(
        "sipp is not installed: it answers the calls of this benchmark. Install Debian's sip-tester"
    )


class MediaEcho:
    """The running echo."""

    def __init__(self, process: Process, port: int) -> None:
        self._process = process
        self.port = port

    async def packet_gaps(self, start_s: float, end_s: float) -> PacketGaps:
        """Gaps of what came in between two times since the epoch. Asked once; the echo ends with it."""
        async with asyncio.timeout(_START_S):
            answer, _ = await self._process.communicate(f"{start_s} {end_s}\n".encode())
        return _GAPS.validate_json(answer)


@asynccontextmanager
async def media_echo() -> AsyncIterator[MediaEcho]:
    """Start the echo and wait for its port."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "voicebot.bench.media_echo", MEDIA_HOST), stdin=PIPE, stdout=PIPE
    )
    async with _ended(process):
        assert process.stdout is not None
        async with asyncio.timeout(_START_S):
            port = await process.stdout.readline()
        if not port:
            raise BenchError("the media echo did not start")
        yield MediaEcho(process, int(port))


@asynccontextmanager
async def sipp_answering(transport: str, media_port: int, folder: Path) -> AsyncIterator[MediaPeer]:
    """sipp on a loopback address of its own: agent-transport calls port 5060 and no other."""
    host = free_loopback_host(SIP_PORT)
    scenario, errors = folder / "answer.xml", folder / "sipp.errors"
    text = _SCENARIO.read_text().replace("@MEDIA_HOST@", MEDIA_HOST)
    scenario.write_text(text.replace("@MEDIA_PORT@", str(media_port)))
    process = await asyncio.create_subprocess_exec(
        *(find_sipp(), "-sf", scenario, "-i", host, "-p", str(SIP_PORT), "-t", transport, "-nostdin"),
        *("-trace_err", "-error_file", errors),
        cwd=folder,
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    async with _ended(process):
        try:
            async with asyncio.timeout(_START_S):
                while can_bind(host, SIP_PORT):
                    if process.returncode is not None:
                        said = errors.read_text(errors="replace")[-500:] if errors.exists() else "no message"
                        raise BenchError(f"sipp did not start: {said}")
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise BenchError(f"sipp did not start within {_START_S:.0f} s") from None
        yield MediaPeer(host, SIP_PORT, MEDIA_HOST, media_port)


@asynccontextmanager
async def _ended(process: Process) -> AsyncIterator[None]:
    """End the process on leaving, whatever happened."""
    try:
        yield
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
