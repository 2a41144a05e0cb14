"""What really went over the wire, and when: tcpdump on loopback, and a reader of its files."""

import asyncio
import os
import struct
import subprocess
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.system.sipp import installed

START_S = 10.0
_FILE_HEADER, _PACKET_HEADER = struct.Struct("<IHHiIII"), struct.Struct("<IIII")
_MICROSECONDS = 0xA1B2C3D4
_ETHERNET = 14


@dataclass(frozen=True)
class Gaps:
    """Milliseconds between the packets of all streams, each stream by itself."""

    streams: int
    packets: int
    ms: NDArray[np.float64]

    def percentile(self, share: float) -> float:
        return float(np.percentile(self.ms, share))

    def __str__(self) -> str:
        figures = ", ".join(f"p{share:g} {self.percentile(share):.1f}" for share in (50, 99, 99.9))
        return (
            f"{self.packets} packets in {self.streams} streams, "
            f"gaps in ms: {figures}, max {self.ms.max():.1f}"
        )


def can_capture() -> bool:
    """Whether the kernel lets us: packet sockets are for root (CAP_NET_RAW)."""
    held = Path("/proc/self/status").read_text().split("CapEff:")[1].split()[0]
    return bool(int(held, 16) & (1 << 13))


@asynccontextmanager
async def captured(file: Path, what: str) -> AsyncIterator[None]:
    """Write the packets that match a filter, their first 64 bytes, to a file."""
    process = await asyncio.create_subprocess_exec(
        *(installed("tcpdump", "tcpdump"), "-i", "lo", "-s", "64", "-B", "16384", "-U", "-n", "-w", file),
        *("--time-stamp-precision=micro", *what.split()),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "LC_ALL": "C"},
    )
    assert process.stderr
    async with asyncio.timeout(START_S):
        said = b""
        while b"listening on" not in said:
            line = await process.stderr.readline()
            assert line, f"tcpdump did not start: {said.decode(errors='replace')}"
            said += line
    try:
        yield
    finally:
        process.terminate()
        _, told = await process.communicate()
    assert b"\n0 packets dropped by kernel" in told, told.decode(errors="replace")


def rtp_gaps(file: Path, from_s: float = 0.0) -> Gaps:
    """The gaps of each RTP stream (by its port and SSRC), from this many seconds after the first packet."""
    streams: Mapping[tuple[int, int], list[float]] = defaultdict(list)
    data = file.read_bytes()
    magic, *_ = _FILE_HEADER.unpack_from(data)
    assert magic == _MICROSECONDS, hex(magic)
    at, first = _FILE_HEADER.size, None
    while at + _PACKET_HEADER.size <= len(data):
        seconds, micros, kept, _ = _PACKET_HEADER.unpack_from(data, at)
        packet = data[at + _PACKET_HEADER.size : at + _PACKET_HEADER.size + kept]
        at += _PACKET_HEADER.size + kept
        time_s = seconds + micros / 1e6
        first = first or time_s
        if time_s - first >= from_s:
            udp = _ETHERNET + 4 * (packet[_ETHERNET] & 0x0F)
            (source,) = struct.unpack_from(">H", packet, udp)
            (ssrc,) = struct.unpack_from(">I", packet, udp + 8 + 8)
            streams[source, ssrc].append(time_s)
    gaps = [np.diff(times) * 1000 for times in streams.values()]
    return Gaps(len(streams), sum(map(len, streams.values())), np.concatenate(gaps))
