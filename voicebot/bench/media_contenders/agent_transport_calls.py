"""agent-transport: SIP over TCP and media in Rust threads, as its defaults are (no jitter buffer)."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import numpy as np
from agent_transport import SipEndpoint

from telephony.line import SAMPLE_RATE_HZ, Frame
from voicebot.bench.error import BenchError
from voicebot.bench.media_contenders import MediaPeer
from voicebot.bench.media_drive import MediaLeg

SIP_PORT = 5060
"""It cannot be told another."""
_DIALS_AT_ONCE = 8
_POLL_S = 0.02
_MONO = 1


class AgentTransportLeg:
    """One session of the endpoint."""

    def __init__(self, endpoint: SipEndpoint, session: str) -> None:
        self._endpoint = endpoint
        self.session = session

    def read_frame(self, into: Frame) -> bool:
        """Take the oldest frame heard, if there is one."""
        received = self._endpoint.recv_audio_bytes(self.session)
        if received is None:
            into[:] = 0
            return False
        pcm = np.frombuffer(received[0], np.int16)[: into.size]
        into[: pcm.size] = pcm
        into[pcm.size :] = 0
        return True

    def write_frame(self, frame: Frame) -> None:
        """Queue a frame."""
        self._endpoint.send_audio_bytes(self.session, frame.tobytes(), SAMPLE_RATE_HZ, _MONO)


@asynccontextmanager
async def connect(calls: int, peer: MediaPeer, setup_s: float) -> AsyncIterator[Sequence[MediaLeg]]:
    """Register, then dial. A call blocks until it is answered, so threads dial.

    Its event queue is not read: that spares it the cost of one event per frame.
    """
    endpoint = SipEndpoint(
        sip_server=peer.sip_host,
        stun_server="",
        codecs=["pcmu"],
        log_level=1,
        input_sample_rate=SAMPLE_RATE_HZ,
        output_sample_rate=SAMPLE_RATE_HZ,
    )
    try:
        due_s = time.monotonic() + setup_s
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(_DIALS_AT_ONCE) as threads:
            await loop.run_in_executor(threads, endpoint.register, "bench", "bench")
            while not endpoint.is_registered():
                if time.monotonic() > due_s:
                    raise BenchError("agent-transport did not register with sipp")
                await asyncio.sleep(_POLL_S)
            uri = f"sip:1001@{peer.sip_host}"
            dials = (loop.run_in_executor(threads, endpoint.call, uri) for _ in range(calls))
            legs = [AgentTransportLeg(endpoint, session) for session in await asyncio.gather(*dials)]
        yield legs
        for leg in legs:
            await asyncio.to_thread(endpoint.hangup, leg.session)
    finally:
        await asyncio.to_thread(endpoint.shutdown)
