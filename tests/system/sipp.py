"""Called parties played by sipp, a SIP tester that nobody here wrote.

sipp walks through a scenario of `tests/system/sipp/` and exits with 0 only if every message of it came.
"""

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

SCENARIOS = Path(__file__).parent / "sipp"
CAPTURES = Path("/usr/share/sip-tester")
"""RTP recorded from real telephones, which comes with sipp: speech in A-law, DTMF as RFC 4733."""
START_S = 10.0
FINISH_S = 10.0


def find_sipp() -> str:
    """The program's path. Installs Debian's sip-tester if it is missing and that is possible."""
    if found := shutil.which("sipp"):
        return found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        install = ["install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120", "sip-tester"]
        for arguments in (["update", "-qq"], install):
            subprocess.run(["apt-get", *arguments], check=False, capture_output=True, timeout=300)
        if found := shutil.which("sipp"):
            return found
    raise RuntimeError(
        "sipp is missing: the SIP tests need a real peer. Install it: apt-get install sip-tester"
    )


def free_udp_ports(count: int = 1) -> int:
    """The first of `count` ports in a row that nothing on loopback holds; even, as RTP wants it."""
    for _ in range(100):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            first: int = probe.getsockname()[1] & ~1
        if first + count < 65535 and not any(is_bound(port) for port in range(first, first + count)):
            return first
    raise RuntimeError("no free UDP ports on loopback")


def is_bound(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


@dataclass
class Peer:
    """A running sipp. `uri` reaches it."""

    port: int
    process: asyncio.subprocess.Process
    errors: Path

    @property
    def uri(self) -> str:
        return f"sip:1001@127.0.0.1:{self.port}"

    async def finished(self) -> None:
        """Wait until all calls were played; fails if one left its scenario."""
        async with asyncio.timeout(FINISH_S):
            status = await self.process.wait()
        assert status == 0, f"sipp ended with {status}: {self._complaint()}"

    def _complaint(self) -> str:
        return self.errors.read_text(errors="replace")[-2000:] if self.errors.exists() else "no message"


@asynccontextmanager
async def called_party(
    scenario: str, folder: Path, *, calls: int = 1, echo: bool = True, **values: object
) -> AsyncIterator[Peer]:
    """sipp as called party on a free port; `values` fill the @NAMES@ of the scenario."""
    text = (SCENARIOS / f"{scenario}.xml").read_text()
    media_port = free_udp_ports(4)
    for name, value in ({"payload": "0 PCMU", "media_port": media_port} | values).items():
        text = text.replace(f"@{name.upper()}@", str(value))
    payload, encoding = str(values.get("payload", "0 PCMU")).split()
    text = text.replace("@PAYLOAD_TYPE@", payload).replace("@ENCODING@", encoding)
    filled = folder / f"{scenario}.xml"
    filled.write_text(text)
    port, errors = free_udp_ports(), folder / f"{scenario}.errors"
    process = await asyncio.create_subprocess_exec(
        *(find_sipp(), "-sf", filled, "-i", "127.0.0.1", "-p", str(port), "-m", str(calls), "-nostdin"),
        *("-mi", "127.0.0.1", "-mp", str(media_port), "-trace_err", "-error_file", errors),
        *(["-rtp_echo"] if echo else []),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    peer = Peer(port, process, errors)
    try:
        async with asyncio.timeout(START_S):
            while not is_bound(port):
                assert process.returncode is None, f"sipp did not start: {peer._complaint()}"
                await asyncio.sleep(0.02)
        yield peer
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
