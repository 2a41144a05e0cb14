"""TLS and encrypted media against Debian's baresip: what is asked for is had, or there is no call."""

from pathlib import Path

import pytest

from telephony.line import DialRequest, Ended, EndKind
from tests.system.certificates import Certificate, authority, server
from tests.system.debian_baresip import TONE_HZ, telephone
from tests.system.sip_trunk import answered_leg, ending, started_trunk
from tests.system.sipp import called_party
from tests.system.two_way_audio import SETTLED, converse, tone_share

OUR_HZ = 600.0


@pytest.mark.parametrize(
    ("encryption", "peers"), [("srtp", "srtp"), ("srtp_required", "srtp-mand"), ("dtls_srtp", "dtls_srtp")]
)
async def test_encrypted_media_is_heard_at_both_ends(tmp_path: Path, encryption: str, peers: str) -> None:
    async with started_trunk(encryption=encryption) as trunk, telephone(tmp_path, encryption=peers) as peer:
        leg = await answered_leg(trunk, peer.uri)
        (heard,) = await converse([leg], [OUR_HZ], ticks=120)
        assert tone_share(heard[SETTLED:], TONE_HZ) > 0.9
        await leg.hang_up()
        assert (await ending(leg)).kind is EndKind.LOCAL_HANGUP
        await peer.stop()
        assert tone_share(peer.heard()[2 * SETTLED : SETTLED], OUR_HZ) > 0.9, peer.log


@pytest.mark.parametrize("encryption", ["srtp_required", "dtls_srtp"])
async def test_a_peer_that_answers_in_clear_is_sent_nothing_and_the_call_ends(
    tmp_path: Path, encryption: str
) -> None:
    async with (
        started_trunk(encryption=encryption, rtp_timeout_s=1) as trunk,
        called_party("instant_answer", tmp_path) as peer,
    ):
        leg = await trunk.dial(DialRequest(peer.uri))
        ended = await ending(leg)
        assert ended.statistics.packets_sent == 0
        assert ended.kind is EndKind.MEDIA_LOST
        await peer.finished()


async def test_a_peer_that_insists_on_encryption_refuses_a_trunk_without(tmp_path: Path) -> None:
    async with started_trunk() as trunk, telephone(tmp_path, encryption="srtp-mand") as peer:
        ended = await ending(await trunk.dial(DialRequest(peer.uri)))
        assert (ended.kind, ended.status) == (EndKind.SIP_ERROR, 488), peer.log


@pytest.fixture
async def ours(tmp_path: Path) -> Certificate:
    return await authority(tmp_path, "ours")


async def test_tls_with_a_certificate_of_the_trusted_authority(tmp_path: Path, ours: Certificate) -> None:
    certificate = await server(tmp_path, ours)
    async with (
        started_trunk(transport="tls", tls_ca=ours.file, encryption="srtp_required") as trunk,
        telephone(tmp_path, transport="tls", encryption="srtp-mand", certificate=certificate) as peer,
    ):
        leg = await answered_leg(trunk, peer.uri)
        (heard,) = await converse([leg], [OUR_HZ], ticks=60)
        assert tone_share(heard[SETTLED:], TONE_HZ) > 0.9
        await leg.hang_up()
        assert (await ending(leg)).kind is EndKind.LOCAL_HANGUP


async def test_tls_with_a_certificate_of_another_authority_is_no_call(
    tmp_path: Path, ours: Certificate
) -> None:
    certificate = await server(tmp_path, await authority(tmp_path, "theirs"))
    async with (
        started_trunk(transport="tls", tls_ca=ours.file) as trunk,
        telephone(tmp_path, transport="tls", certificate=certificate) as peer,
    ):
        ended = await ending(await trunk.dial(DialRequest(peer.uri, ring_timeout_s=5)))
        assert ended.status is None
        assert ended.kind in (EndKind.UNREACHABLE, EndKind.SIP_ERROR)
        assert "incoming" not in peer.log.lower()


async def test_the_certificate_must_be_for_the_host_that_is_called(tmp_path: Path, ours: Certificate) -> None:
    """By name. Where the trunk is an IP address the stack checks the authority alone."""
    for names, good in (("DNS:localhost", True), ("DNS:elsewhere.example.com", False)):
        folder = tmp_path / names.removeprefix("DNS:")
        folder.mkdir()
        certificate = await server(folder, ours, names)
        async with (
            started_trunk(transport="tls", tls_ca=ours.file) as trunk,
            telephone(folder, transport="tls", certificate=certificate) as peer,
        ):
            leg = await trunk.dial(DialRequest(peer.uri.replace("127.0.0.1", "localhost"), ring_timeout_s=5))
            first = await leg.next_event()
            assert isinstance(first, Ended) is not good, first
            await leg.hang_up()


async def test_tls_without_verification_takes_any_certificate(tmp_path: Path) -> None:
    certificate = await server(tmp_path, await authority(tmp_path, "theirs"))
    async with (
        started_trunk(transport="tls", tls_verify=False) as trunk,
        telephone(tmp_path, transport="tls", certificate=certificate) as peer,
    ):
        leg = await answered_leg(trunk, peer.uri)
        await leg.hang_up()
        assert (await ending(leg)).kind is EndKind.LOCAL_HANGUP
