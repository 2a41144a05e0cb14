"""aiortp: one RTP session per call on the event loop, in Python, without any SIP.

A frame written is a packet sent there and then; a packet received is decoded in a callback once the
reordering buffer lets it through. No thread paces it and no playout buffer evens out jitter.
"""

from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import numpy as np
from aiortp import RTPSession

from telephony.line import Frame
from voicebot.bench.media_contenders import MediaPeer
from voicebot.bench.media_drive import MediaLeg

_PCMU = 0
_MOST_WAITING = 25


class AiortpLeg:
    """One session."""

    def __init__(self, session: RTPSession) -> None:
        self._session = session
        self._heard: deque[bytes] = deque(maxlen=_MOST_WAITING)
        session.on_audio = self._on_audio

    def _on_audio(self, pcm: bytes, _timestamp: int) -> None:
        self._heard.append(pcm)

    def read_frame(self, into: Frame) -> bool:
        """Take the oldest frame heard, if there is one."""
        if not self._heard:
            into[:] = 0
            return False
        into[:] = np.frombuffer(self._heard.popleft(), np.int16)
        return True

    def write_frame(self, frame: Frame) -> None:
        """Encode and send."""
        self._session.send_audio_pcm_auto(frame.tobytes())


@asynccontextmanager
async def connect(calls: int, peer: MediaPeer, setup_s: float) -> AsyncIterator[Sequence[MediaLeg]]:
    """Open the sessions. There is nobody to wait for."""
    async with AsyncExitStack() as sessions:
        legs = []
        for _ in range(calls):
            session = await RTPSession.create(
                local_addr=("127.0.0.1", 0),
                remote_addr=(peer.media_host, peer.media_port),
                payload_type=_PCMU,
            )
            sessions.push_async_callback(session.close)
            legs.append(AiortpLeg(session))
        yield legs
