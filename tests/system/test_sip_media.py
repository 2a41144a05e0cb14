"""The SIP trunk against sipp: audio both ways and DTMF, over real RTP."""

import asyncio
import socket
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from telephony.line import (
    FRAME_MS,
    FRAME_SAMPLES,
    Answered,
    DialRequest,
    DigitPressed,
    EndKind,
    Ringing,
)
from tests.system.sip_trunk import answered_leg, ending, started_trunk, until_ended
from tests.system.sipp import called_party, free_udp_ports
from tests.system.two_way_audio import converse, tone, tone_share

TELEPHONE_EVENT = 101


@pytest.mark.parametrize("payload", ["0 PCMU", "8 PCMA"])
async def test_a_tone_goes_out_and_comes_back(tmp_path: Path, payload: str) -> None:
    async with started_trunk() as trunk, called_party("instant_answer", tmp_path, payload=payload) as peer:
        leg = await answered_leg(trunk, peer.uri)
        (heard,) = await converse([leg], [1000.0], ticks=60)
        steady = heard[-40 * FRAME_SAMPLES :]
        assert tone_share(steady, 1000.0) > 0.98
        assert tone_share(steady, 1400.0) < 0.001
        await leg.hang_up()
        statistics = (await ending(leg)).statistics
        assert statistics.packets_sent > 50
        assert statistics.packets_lost == 0
        await peer.finished()


async def test_twenty_legs_hear_their_own_echo_at_little_cost(tmp_path: Path) -> None:
    count = 20
    async with started_trunk() as trunk, called_party("instant_answer", tmp_path, calls=count) as peer:
        legs = [await answered_leg(trunk, peer.uri) for _ in range(count)]
        tones_hz = [400.0 + 150.0 * number for number in range(count)]
        cpu_before, wall_before = time.process_time(), time.monotonic()
        heard = await converse(legs, tones_hz, ticks=120)
        cpu_share = (time.process_time() - cpu_before) / (time.monotonic() - wall_before)
        for number, audio in enumerate(heard):
            assert tone_share(audio[-60 * FRAME_SAMPLES :], tones_hz[number]) > 0.9, f"leg {number}"
        # Measured: 0.17 of one core, native threads and this test's own tone-making included.
        assert cpu_share < 0.6
        await asyncio.gather(*(leg.hang_up() for leg in legs))
        await peer.finished()


async def test_early_media_is_heard_and_nothing_is_sent_before_the_answer(tmp_path: Path) -> None:
    async with (
        started_trunk() as trunk,
        called_party("early_media", tmp_path, payload="8 PCMA", echo=False) as peer,
    ):
        leg = await trunk.dial(DialRequest(peer.uri))
        into = np.ones(FRAME_SAMPLES, np.int16)
        assert not leg.read_frame(into)
        assert not into.any()
        leg.flush()
        assert isinstance(await leg.next_event(), Ringing)
        loudest = 0
        for tick in range(60):  # the answer comes after 1500 ms
            leg.write_frame(tone(1000.0, tick))
            assert leg.queued_samples() == 0
            await asyncio.sleep(FRAME_MS / 1000)
            leg.read_frame(into)
            loudest = max(loudest, int(np.abs(into.astype(int)).max()))
        assert loudest > 500
        assert isinstance(await leg.next_event(), Answered)
        await leg.hang_up()
        await peer.finished()


async def test_flushing_stops_speech_at_once(tmp_path: Path) -> None:
    async with started_trunk() as trunk, called_party("instant_answer", tmp_path) as peer:
        leg = await answered_leg(trunk, peer.uri)
        for tick in range(50):
            leg.write_frame(tone(1000.0, tick))
        assert leg.queued_samples() > 45 * FRAME_SAMPLES
        into, loud_frames = np.zeros(FRAME_SAMPLES, np.int16), []
        for tick in range(40):
            if tick == 10:
                leg.flush()
            await asyncio.sleep(FRAME_MS / 1000)
            leg.read_frame(into)
            loud_frames.append(int(np.abs(into).max()) > 1000)
        assert leg.queued_samples() == 0
        assert sum(loud_frames) >= 5
        # Echo already on its way may still come: wire, jitter buffer and one frame in the encoder.
        assert not any(loud_frames[20:])
        await leg.hang_up()


async def test_what_lies_unread_is_not_heard_late(tmp_path: Path) -> None:
    async with started_trunk() as trunk, called_party("instant_answer", tmp_path) as peer:
        leg = await answered_leg(trunk, peer.uri)
        for tick in range(25):
            leg.write_frame(tone(1000.0, tick))
        await asyncio.sleep(1.2)  # half a second of tone, then more than half of silence, all unread
        into = np.zeros(FRAME_SAMPLES, np.int16)
        frames = 0
        while leg.read_frame(into):
            frames += 1
            assert np.abs(into).max() < 100
        assert 1 <= frames <= 5
        await leg.hang_up()


async def test_digits_pressed_are_reported(tmp_path: Path) -> None:
    async with (
        started_trunk() as trunk,
        called_party("digits", tmp_path) as peer,
    ):
        leg = await answered_leg(trunk, peer.uri)
        async with asyncio.timeout(5):
            pressed = [await leg.next_event(), await leg.next_event()]
        assert [event.digit for event in pressed if isinstance(event, DigitPressed)] == ["1", "#"]
        await asyncio.sleep(0.4)
        await leg.hang_up()
        assert len(await until_ended(leg)) == 1
        await peer.finished()


async def test_digits_we_send_are_rfc_4733_events(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as media:
        media.bind(("127.0.0.1", free_udp_ports(2)))
        media.setblocking(False)
        port = media.getsockname()[1]
        async with (
            started_trunk() as trunk,
            called_party("instant_answer", tmp_path, media_port=port) as peer,
        ):
            leg = await answered_leg(trunk, peer.uri)
            with pytest.raises(ValueError, match="not DTMF"):
                await leg.send_digits("4x")
            await leg.send_digits("4#")
            await leg.hang_up()
            await peer.finished()
            await leg.send_digits("4")  # on an ended leg: nothing
        packets = drain(media)
    events = [packet[12:] for packet in packets if packet[1] & 0x7F == TELEPHONE_EVENT]
    ends = Counter(event[0] for event in events if event[1] & 0x80)
    assert list(dict.fromkeys(event[0] for event in events)) == [4, 11]
    assert ends[4] >= 1
    assert ends[11] >= 1


async def test_a_call_without_rtp_is_ended_as_lost(tmp_path: Path) -> None:
    async with (
        started_trunk(rtp_timeout_s=1) as trunk,
        called_party("instant_answer", tmp_path, echo=False) as peer,
    ):
        leg = await answered_leg(trunk, peer.uri)
        assert (await ending(leg)).kind is EndKind.MEDIA_LOST
        await peer.finished()


async def test_audio_goes_on_after_the_far_end_renegotiates(tmp_path: Path) -> None:
    async with started_trunk() as trunk, called_party("renegotiate", tmp_path) as peer:
        leg = await answered_leg(trunk, peer.uri)
        (heard,) = await converse([leg], [800.0], ticks=80)
        assert tone_share(heard[10 * FRAME_SAMPLES : 20 * FRAME_SAMPLES], 800.0) > 0.95
        assert tone_share(heard[-25 * FRAME_SAMPLES :], 800.0) > 0.95
        await leg.hang_up()
        await peer.finished()


def drain(media: socket.socket) -> list[bytes]:
    """The packets that lie at a non-blocking socket."""
    packets = []
    while True:
        try:
            packets.append(media.recv(2048))
        except BlockingIOError:
            return packets
