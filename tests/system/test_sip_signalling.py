"""What comes of dialling, against sipp. A scenario that sipp could not finish fails the test."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from telephony.line import Answered, DialRequest, Ended, EndKind, Ringing
from tests.system.sip_trunk import answered_leg, ending, is_silent_after_the_end, started_trunk, until_ended
from tests.system.sipp import called_party, free_udp_ports


async def test_a_call_rings_is_answered_and_is_hung_up(tmp_path: Path) -> None:
    async with started_trunk() as trunk, called_party("answer", tmp_path, ring_ms=200) as peer:
        leg = await trunk.dial(DialRequest(peer.uri, {"X-Campaign": "42"}))
        ringing, answered = await leg.next_event(), await leg.next_event()
        assert isinstance(ringing, Ringing)
        assert isinstance(answered, Answered)
        assert 0.15 < answered.at - ringing.at < 2
        assert leg.leg_id
        assert answered.codec == "PCMU/8000"
        await asyncio.sleep(0.3)
        await leg.hang_up()
        ended = await ending(leg)
        assert ended.kind is EndKind.LOCAL_HANGUP
        assert ended.statistics.packets_sent > 5
        assert ended.statistics.packets_received > 5
        assert ended.statistics.mos is not None
        assert ended.statistics.mos > 4
        await leg.hang_up()
        assert await is_silent_after_the_end(leg)
        await peer.finished()


async def test_all_that_can_come_before_an_answer_is_reported_in_order(tmp_path: Path) -> None:
    async with started_trunk() as trunk, called_party("progress", tmp_path, payload="8 PCMA") as peer:
        leg = await trunk.dial(DialRequest(peer.uri))
        events = [await leg.next_event() for _ in range(3)]
        assert [(type(event), getattr(event, "early_media", None)) for event in events] == [
            (Ringing, False),
            (Ringing, True),
            (Answered, None),
        ]
        assert isinstance(events[-1], Answered)
        assert events[-1].codec == "PCMA/8000"
        await leg.hang_up()
        await peer.finished()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("486 Busy Here", EndKind.BUSY),
        ("404 Not Found", EndKind.NOT_EXIST),
        ("503 Service Unavailable", EndKind.SIP_ERROR),
        ("603 Decline", EndKind.REJECTED),
        ("480 Temporarily Unavailable", EndKind.UNREACHABLE),
        ("410 Gone", EndKind.NOT_EXIST),
        ("500 Server Internal Error", EndKind.SIP_ERROR),
        ("600 Busy Everywhere", EndKind.BUSY),
        ("604 Does Not Exist Anywhere", EndKind.NOT_EXIST),
        ("608 Rejected", EndKind.SPAM_LABELLED),
    ],
)
async def test_a_refusal_becomes_its_disposition(tmp_path: Path, status: str, kind: EndKind) -> None:
    async with (
        started_trunk() as trunk,
        called_party("refuse", tmp_path, status=status) as peer,
    ):
        ended = await ending(await trunk.dial(DialRequest(peer.uri)))
        assert (ended.kind, ended.status) == (kind, int(status[:3]))
        await peer.finished()


async def test_the_networks_own_cause_refines_a_vague_refusal(tmp_path: Path) -> None:
    reason = 'Reason: Q.850;cause=17;text="User busy"\n'
    async with (
        started_trunk() as trunk,
        called_party("refuse", tmp_path, status="480 Temporarily Unavailable", reason=reason) as peer,
    ):
        ended = await ending(await trunk.dial(DialRequest(peer.uri)))
        assert (ended.kind, ended.status, ended.q850) == (EndKind.BUSY, 480, 17)


async def test_a_telephone_that_rings_out_is_cancelled(tmp_path: Path) -> None:
    async with started_trunk() as trunk, called_party("ring", tmp_path, before_ms=0) as peer:
        leg = await trunk.dial(DialRequest(peer.uri, ring_timeout_s=0.6))
        ringing, ended = await until_ended(leg)
        assert isinstance(ringing, Ringing)
        assert isinstance(ended, Ended)
        assert ended.kind is EndKind.NO_ANSWER
        assert 0.4 < ended.at - ringing.at < 2
        assert await is_silent_after_the_end(leg)
        await peer.finished()


@pytest.mark.parametrize("before_ms", [0, 300], ids=["ringing", "before any reply"])
async def test_hanging_up_before_the_answer_cancels(tmp_path: Path, before_ms: int) -> None:
    async with started_trunk() as trunk, called_party("ring", tmp_path, before_ms=before_ms) as peer:
        leg = await trunk.dial(DialRequest(peer.uri))
        if not before_ms:
            await leg.next_event()
        await leg.hang_up()
        assert (await ending(leg)).kind is EndKind.CANCELLED
        await peer.finished()


async def test_an_address_where_nobody_listens_is_unreachable() -> None:
    async with started_trunk() as trunk:
        leg = await trunk.dial(DialRequest(f"sip:1@127.0.0.1:{free_udp_ports()}", ring_timeout_s=0.5))
        assert (await ending(leg)).kind is EndKind.UNREACHABLE


async def test_instant_answers_are_never_lost(tmp_path: Path) -> None:
    """The stack can report an answer before `dial` has returned: 60 calls meet that race."""
    calls = 60
    async with started_trunk() as trunk, called_party("instant_answer", tmp_path, calls=calls) as peer:
        legs = await asyncio.gather(*(trunk.dial(DialRequest(peer.uri)) for _ in range(calls)))
        async with asyncio.timeout(10):
            firsts = [await leg.next_event() for leg in legs]
        assert Counter(type(event) for event in firsts) == {Answered: calls}
        assert len({leg.leg_id for leg in legs}) == calls
        await asyncio.gather(*(leg.hang_up() for leg in legs))
        ends = [await ending(leg) for leg in legs]
        assert Counter(ended.kind for ended in ends) == {EndKind.LOCAL_HANGUP: calls}
        await peer.finished()


async def test_instant_refusals_are_never_lost(tmp_path: Path) -> None:
    calls = 60
    async with (
        started_trunk() as trunk,
        called_party("refuse", tmp_path, calls=calls, status="503 Service Unavailable") as peer,
    ):
        legs = await asyncio.gather(*(trunk.dial(DialRequest(peer.uri)) for _ in range(calls)))
        ends = [await ending(leg) for leg in legs]
        assert Counter(ended.kind for ended in ends) == {EndKind.SIP_ERROR: calls}
        await peer.finished()


async def test_an_answer_that_crosses_our_cancel_is_acknowledged_and_hung_up(tmp_path: Path) -> None:
    """Who picks up in the last moment must not be left in a call with nobody: sipp wants its ACK and BYE."""
    async with started_trunk() as trunk, called_party("answer_after_cancel", tmp_path) as peer:
        leg = await trunk.dial(DialRequest(peer.uri))
        assert isinstance(await leg.next_event(), Ringing)
        await leg.hang_up()
        events = await until_ended(leg)
        assert isinstance(events[-1], Ended)
        assert events[-1].kind in (EndKind.CANCELLED, EndKind.LOCAL_HANGUP)
        assert await is_silent_after_the_end(leg)
        await peer.finished()


async def test_a_trunk_over_tcp_calls_and_is_called_back_on_its_connection(tmp_path: Path) -> None:
    async with (
        started_trunk(transport="tcp") as trunk,
        called_party("hang_up", tmp_path, transport="tcp") as peer,
    ):
        leg = await trunk.dial(DialRequest(peer.uri))
        ended = await ending(leg)
        assert ended.kind is EndKind.REMOTE_HANGUP
        assert ended.statistics.packets_received > 5
        await peer.finished()
        assert "SIP/2.0/TCP" in peer.received("INVITE")[0]


async def test_a_redirection_to_a_trusted_host_is_followed(tmp_path: Path) -> None:
    async with (
        started_trunk(redirects=("127.0.0.2",)) as trunk,
        called_party("answer", tmp_path, ring_ms=0, address="127.0.0.2") as new,
        called_party("redirect", tmp_path, elsewhere=new.uri) as old,
    ):
        leg = await answered_leg(trunk, old.uri)
        await old.finished()
        await leg.hang_up()
        assert (await ending(leg)).kind is EndKind.LOCAL_HANGUP
        await new.finished()


async def test_a_redirection_to_anywhere_else_is_not_followed(tmp_path: Path) -> None:
    """Or a peer could send our calls to premium numbers of its own."""
    async with (
        started_trunk() as trunk,
        called_party("answer", tmp_path, ring_ms=0, address="127.0.0.2") as new,
        called_party("redirect", tmp_path, elsewhere=new.uri) as old,
    ):
        ended = await ending(await trunk.dial(DialRequest(old.uri)))
        assert ended.status == 302
        assert "redirects" in ended.note
        await old.finished()
        assert not new.received("INVITE")


async def test_a_redirection_to_another_number_is_not_followed(tmp_path: Path) -> None:
    """Not even at our own carrier: it could cost, and it was not asked whether it may be called."""
    async with (
        started_trunk() as trunk,
        called_party("answer", tmp_path, ring_ms=0) as premium,
        called_party("redirect", tmp_path, elsewhere=premium.uri.replace("1001", "+882990")) as old,
    ):
        ended = await ending(await trunk.dial(DialRequest(old.uri)))
        assert ended.status == 302
        assert not premium.received("INVITE")


async def test_hanging_up_a_redirected_call_cancels_it_where_it_went(tmp_path: Path) -> None:
    async with (
        started_trunk(redirects=("127.0.0.2",)) as trunk,
        called_party("ring", tmp_path, before_ms=400, address="127.0.0.2") as new,
        called_party("redirect", tmp_path, elsewhere=new.uri) as old,
    ):
        leg = await trunk.dial(DialRequest(old.uri))
        async with asyncio.timeout(5):
            while not new.received("INVITE"):  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.02)
        await leg.hang_up()
        assert (await ending(leg)).kind is EndKind.CANCELLED
        await new.finished()  # with its CANCEL


async def test_redirections_in_a_circle_come_to_an_end(tmp_path: Path) -> None:
    port = free_udp_ports()
    circle = f"sip:1001@127.0.0.1:{port}"
    async with (
        started_trunk() as trunk,
        called_party("redirect", tmp_path, calls=20, elsewhere=circle, port=port) as peer,
    ):
        ended = await ending(await trunk.dial(DialRequest(peer.uri)))
        assert ended.status == 302
        assert 1 <= len(peer.received("INVITE")) <= 10
