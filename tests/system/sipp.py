"""Called parties played by sipp, a SIP tester that nobody here wrote.

sipp walks through a scenario of `tests/system/sipp/` and exits with 0 only if every message of it came.
What the scenarios share lies in `tests/system/sipp/parts/`.
"""

import asyncio
import os
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

SCENARIOS = Path(__file__).parent / "sipp"
CAPTURES = Path("/usr/share/sip-tester")
"""RTP recorded from real telephones, which comes with sipp: speech in A-law, DTMF as RFC 4733."""
START_S = 10.0
FINISH_S = 10.0


def installed(program: str, package: str) -> str:
    """The program's path. Installs Debian's package if it is missing and that is possible."""
    search = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    if found := shutil.which(program, path=search):
        return found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        install = ["install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120", package]
        for arguments in (["update", "-qq"], install):
            subprocess.run(["apt-get", *arguments], check=False, capture_output=True, timeout=300)
        if found := shutil.which(program, path=search):
            return found
    raise RuntimeError(
        f"{program} is missing: the SIP tests need real peers. Install it: apt-get install {package}"
    )


def find_sipp() -> str:
    return installed("sipp", "sip-tester")


_given: set[int] = set()


def free_udp_ports(count: int = 1) -> int:
    """The first of `count` ports in a row that nothing on loopback holds; even, as RTP wants it.

    No port is given twice: whoever asked before may not have bound it yet.
    """
    for _ in range(100):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            first: int = probe.getsockname()[1] & ~1
        ports = range(first, first + count)
        if first + count < 65535 and not any(port in _given or is_bound(port) for port in ports):
            _given.update(ports)
            return first
    raise RuntimeError("no free UDP ports on loopback")


def is_bound(port: int, transport: str = "udp", address: str = "127.0.0.1") -> bool:
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind((address, port))
        except OSError:
            return True
    return False


@dataclass
class Peer:
    """A running sipp. `uri` reaches it; `messages` is what it saw of SIP, in the order it saw it."""

    port: int
    process: asyncio.subprocess.Process
    errors: Path
    messages: Path
    address: str = "127.0.0.1"
    transport: str = "udp"

    @property
    def uri(self) -> str:
        parameter = "" if self.transport == "udp" else f";transport={self.transport}"
        return f"sip:1001@{self.address}:{self.port}{parameter}"

    @property
    def host(self) -> str:
        return f"{self.address}:{self.port}"

    async def finished(self, within_s: float = FINISH_S) -> None:
        """Wait until all calls were played; fails if one left its scenario."""
        async with asyncio.timeout(within_s):
            status = await self.process.wait()
        assert status == 0, f"sipp ended with {status}: {self._complaint()}"

    def received(self, start: str) -> list[str]:
        """The messages received that start so, such as "INVITE"."""
        return [message for message in self._trace("received") if message.startswith(start)]

    def _trace(self, way: str) -> list[str]:
        text = self.messages.read_text(errors="replace").replace("\r", "")
        blocks = re.split(r"^-{20,} .*\n", text, flags=re.MULTILINE)
        marked = re.compile(rf"\S+ message {way}[^\n]*\n\n")
        return [block[found.end() :] for block in blocks if (found := marked.match(block))]

    def _complaint(self) -> str:
        return self.errors.read_text(errors="replace")[-2000:] if self.errors.exists() else "no message"


def fill(scenario: str, **values: object) -> str:
    """The scenario's text. @NAME@ stands for a file of `parts`, or else for one of the values."""
    text = (SCENARIOS / f"{scenario}.xml").read_text()
    parts = {part.stem.upper(): part.read_text().rstrip("\n") for part in (SCENARIOS / "parts").iterdir()}
    while used := [name for name in parts if f"@{name}@" in text]:
        for name in used:
            text = text.replace(f"@{name}@", parts[name])
    for name, value in values.items():
        text = text.replace(f"@{name.upper()}@", str(value))
    text = text.replace('<pause milliseconds="0"/>', "")  # sipp may never wake up from it
    missing = re.findall(r"@[A-Z_]+@", text)
    assert not missing, f"{scenario} needs {missing}"
    return text


@asynccontextmanager
async def called_party(
    scenario: str,
    folder: Path,
    *,
    calls: int = 1,
    echo: bool = True,
    transport: str = "udp",
    address: str = "127.0.0.1",
    port: int | None = None,
    echo_port: int | None = None,
    options: Sequence[str] = (),
    **values: object,
) -> AsyncIterator[Peer]:
    """sipp as called party on a free port unless one is given; `values` fill the @NAMES@ of the scenario.

    With a `media_port` of the test's own RTP goes there, and not to sipp's port `echo_port`.
    """
    media_port, port = echo_port or free_udp_ports(4), port or free_udp_ports()
    payload, encoding = str(values.get("payload", "0 PCMU")).split()
    media = {"media_port": media_port, "payload_type": payload, "encoding": encoding, "captures": CAPTURES}
    defaults = {"reason": "", "hold_ms": 700}
    filled = folder / f"{scenario}-{port}.xml"
    filled.write_text(fill(scenario, **(media | defaults | values)))
    errors, messages = filled.with_suffix(".errors"), filled.with_suffix(".messages")
    process = await asyncio.create_subprocess_exec(
        *(find_sipp(), "-sf", filled, "-i", address, "-p", str(port), "-m", str(calls), "-nostdin"),
        *("-mi", address, "-mp", str(media_port), "-t", {"udp": "u1", "tcp": "t1"}[transport], *options),
        *("-trace_err", "-error_file", errors, "-trace_msg", "-message_file", messages),
        *(["-rtp_echo"] if echo else []),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    peer = Peer(port, process, errors, messages, address, transport)
    try:
        async with asyncio.timeout(START_S):
            while not is_bound(port, transport, address):
                assert process.returncode is None, f"sipp did not start: {peer._complaint()}"
                await asyncio.sleep(0.02)
        yield peer
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
