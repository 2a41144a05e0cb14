"""Ours: the SIP trunk that the service dials with, without what the service does with the audio."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from telephony.line import Answered, DialRequest, Ended, Leg, LineBusy
from telephony.sip.trunk import SipTrunk, SipTrunkConfig
from voicebot.bench.error import BenchError
from voicebot.bench.media_contenders import MediaPeer
from voicebot.bench.media_drive import MediaLeg
from voicebot.free_port import free_udp_port

_DIALS_AT_ONCE = 8
_RETRY_S = 0.05


@asynccontextmanager
async def connect(calls: int, peer: MediaPeer, setup_s: float) -> AsyncIterator[Sequence[MediaLeg]]:
    """Dial all calls over one trunk and wait for the answers."""
    trunk = SipTrunk(SipTrunkConfig(local_port=free_udp_port("127.0.0.1"), codecs=("pcmu",), channels=calls))
    await trunk.start()
    try:
        places = asyncio.Semaphore(_DIALS_AT_ONCE)
        async with asyncio.timeout(setup_s), asyncio.TaskGroup() as group:
            dialled = [group.create_task(_dial(trunk, peer, places)) for _ in range(calls)]
        yield [task.result() for task in dialled]
    except TimeoutError:
        raise BenchError(f"not all {calls} calls were answered within {setup_s:.0f} s. Try fewer") from None
    finally:
        await trunk.close()


async def _dial(trunk: SipTrunk, peer: MediaPeer, places: asyncio.Semaphore) -> Leg:
    async with places:
        request = DialRequest(f"sip:1001@{peer.sip_host}:{peer.sip_port}")
        while True:
            try:
                leg = await trunk.dial(request)
                break
            except LineBusy:  # The trunk's rate of new calls.
                await asyncio.sleep(_RETRY_S)
        while True:
            match await leg.next_event():
                case Answered():
                    return leg
                case Ended() as ended:
                    raise BenchError(f"a call was not answered: {ended.kind} {ended.text}")
