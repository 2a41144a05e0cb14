"""The codecs and TCP against Debian's baresip: a tone each way, heard at both ends."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from telephony.line import EndKind
from tests.system.debian_baresip import TONE_HZ, telephone
from tests.system.sip_trunk import answered_leg, ending, leg_and_answer, started_trunk
from tests.system.two_way_audio import SETTLED, converse, tone_share

OUR_HZ = 600.0


@pytest.mark.parametrize(
    ("codec", "said", "rate_hz"),
    [
        ("pcmu", "PCMU/8000", 8_000),
        ("pcma", "PCMA/8000", 8_000),
        ("g722", "G722/8000", 16_000),  # the rate that RFC 3551 has it write
        ("opus", "opus/48000/2", 48_000),
    ],
)
async def test_each_codec_carries_a_tone_each_way(
    tmp_path: Path, codec: str, said: str, rate_hz: int
) -> None:
    async with started_trunk(codecs=(codec,)) as trunk, telephone(tmp_path, codecs=[codec]) as peer:
        leg, answered = await leg_and_answer(trunk, peer.uri)
        assert answered.codec == said
        (heard,) = await converse([leg], [OUR_HZ], ticks=90)
        assert tone_share(heard[SETTLED:], TONE_HZ) > 0.9
        await leg.hang_up()
        assert (await ending(leg)).kind is EndKind.LOCAL_HANGUP
        await peer.stop()
        assert tone_share(last_second(peer.heard(), rate_hz), OUR_HZ, rate_hz) > 0.9, peer.log


async def test_the_trunk_takes_the_first_of_its_codecs_that_the_peer_has(tmp_path: Path) -> None:
    async with (
        started_trunk(codecs=("opus", "g722", "pcma")) as trunk,
        telephone(tmp_path, codecs=["pcma", "g722"]) as peer,
    ):
        leg, answered = await leg_and_answer(trunk, peer.uri)
        assert answered.codec == "G722/8000"
        await leg.hang_up()
        await ending(leg)


async def test_a_call_over_tcp(tmp_path: Path) -> None:
    async with started_trunk(transport="tcp") as trunk, telephone(tmp_path, transport="tcp") as peer:
        leg = await answered_leg(trunk, peer.uri)
        (heard,) = await converse([leg], [OUR_HZ], ticks=60)
        assert tone_share(heard[SETTLED:], TONE_HZ) > 0.9
        await leg.hang_up()
        assert (await ending(leg)).kind is EndKind.LOCAL_HANGUP


def last_second(audio: NDArray[np.int16], rate_hz: int) -> NDArray[np.int16]:
    """Without the very end, where the call is hung up."""
    return audio[-rate_hz - rate_hz // 4 : -rate_hz // 4]
