"""Debian's baresip as called party: an older build of our SIP stack with the ciphers and codecs of its time.

It answers each call at once, plays 1000 Hz or a recording, and records what it hears.
"""

import asyncio
import os
import subprocess
import wave
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.system.certificates import Certificate
from tests.system.sipp import free_udp_ports, installed, is_bound

TONE_HZ = 1000.0
START_S = 10.0
STOP_S = 5.0
MODULES = Path("/usr/lib/baresip/modules")
_CODECS = {"pcmu": "pcmu", "pcma": "pcma", "g722": "G722/16000/1", "opus": "opus/48000/2"}
"""What the account calls them: those that are not at 8 kHz need the whole of it."""
_CODEC_MODULES = {"pcmu": "g711", "pcma": "g711", "g722": "g722", "opus": "opus"}


@dataclass
class Telephone:
    """A running baresip. `uri` reaches it."""

    folder: Path
    port: int
    transport: str
    process: asyncio.subprocess.Process

    @property
    def uri(self) -> str:
        """It listens for TLS one port above the others."""
        port = self.port + (self.transport == "tls")
        parameter = "" if self.transport == "udp" else f";transport={self.transport}"
        return f"sip:peer@127.0.0.1:{port}{parameter}"

    @property
    def log(self) -> str:
        """All that it has printed."""
        return (self.folder / "log.txt").read_text(errors="replace")

    def heard(self) -> NDArray[np.int16]:
        """What it decoded, at the codec's own rate and in mono. Whole only after it has stopped."""
        (recording,) = self.folder.glob("dump-*-dec.wav")
        with wave.open(str(recording)) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
            mono: NDArray[np.int16] = samples.reshape(-1, file.getnchannels())[:, 0]
            return mono

    async def stop(self) -> None:
        """Let it end its recordings and leave."""
        if self.process.returncode is None and self.process.stdin:
            self.process.stdin.write(b"q\n")
            try:
                async with asyncio.timeout(STOP_S):
                    await self.process.wait()
            except TimeoutError:
                self.process.kill()
                await self.process.wait()


def write_config(
    folder: Path,
    port: int,
    codecs: Sequence[str],
    encryption: str,
    certificate: Certificate | None,
    says: Path | None,
) -> None:
    """Its settings, whose order matters: a cipher must be loaded before the account that asks for it."""
    modules = ["stdio", *dict.fromkeys(_CODEC_MODULES[codec] for codec in codecs), "aubridge", "sndfile"]
    modules.append("aufile" if says else "ausine")
    if encryption:
        modules.append("dtls_srtp" if encryption == "dtls_srtp" else "srtp")
    lines = [
        f"module_path {MODULES}",
        f"sip_listen 127.0.0.1:{port}",
        "net_interface 127.0.0.1",
        *(f"module {name}.so" for name in modules),
        "module_app account.so",
        "module_app menu.so",
        f"audio_source aufile,{says}" if says else f"audio_source ausine,{TONE_HZ:.0f}",
        "audio_player aubridge,nowhere",
        f"ausrc_srate {8_000 if says else 48_000}",
        f"ausrc_channels {1 if says else 2}",
        f"snd_path {folder}",
        *([f"sip_certificate {certificate.file}"] if certificate else []),
    ]
    (folder / "config").write_text("\n".join(lines) + "\n")


@asynccontextmanager
async def telephone(
    folder: Path,
    *,
    transport: str = "udp",
    codecs: Sequence[str] = ("pcmu",),
    encryption: str = "",
    certificate: Certificate | None = None,
    says: Path | None = None,
) -> AsyncIterator[Telephone]:
    """baresip on a free port. `encryption` is its `mediaenc`; TLS needs a certificate.

    It says what the file holds (WAV, 8 kHz, mono) instead of its tone.
    """
    program, port = installed("baresip", "baresip-core"), free_udp_ports(2)
    write_config(folder, port, codecs, encryption, certificate, says)
    secured = f";mediaenc={encryption}" if encryption else ""
    (folder / "accounts").write_text(
        f"<sip:peer@127.0.0.1;transport={transport}>;regint=0;answermode=auto"
        f";audio_codecs={','.join(_CODECS[codec] for codec in codecs)}{secured}\n"
    )
    with (folder / "log.txt").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(program, "-f", folder, "-v"),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env={**os.environ, "HOME": str(folder)},
        )
    peer = Telephone(folder, port, transport, process)
    try:
        async with asyncio.timeout(START_S):
            while "baresip is ready" not in peer.log or not is_bound(port):
                assert process.returncode is None, f"baresip did not start: {peer.log[-2000:]}"
                await asyncio.sleep(0.05)
        yield peer
    finally:
        await peer.stop()
