"""The load generator's wire: framing, playing out, questions as frames, and parts that repeat."""

import base64
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Opcode
from websockets.server import ServerProtocol

from telephony.audio import decode_mulaw, encode_mulaw
from voicebot.bench.talk.dialogue import (
    EXCHANGES,
    answers,
    greeting,
    load_dialogue,
    parts,
    ticket,
    understood,
)
from voicebot.bench.talk.playback import Playback
from voicebot.bench.talk.questions import frames_of
from voicebot.bench.talk.websocket_frames import CLOSE, FrameReader, close_frame, frame, upgrade_request


def server_frame(payload: bytes, opcode: int = 1) -> bytes:
    if len(payload) < 126:
        return bytes((0x80 | opcode, len(payload))) + payload
    return bytes((0x80 | opcode, 126)) + len(payload).to_bytes(2) + payload


def test_a_server_of_another_author_reads_what_is_sent() -> None:
    server = ServerProtocol()
    server.receive_data(upgrade_request("127.0.0.1:1", "/media/x", {"X-Twilio-Signature": "s"}))
    (request,) = server.events_received()
    assert request.path == "/media/x"  # type: ignore[union-attr]
    server.send_response(server.accept(request))  # type: ignore[arg-type]
    long = json.dumps({"payload": "x" * 300}).encode()
    server.receive_data(frame(b"short") + frame(long) + close_frame())
    texts = [each.data for each in server.events_received() if each.opcode is Opcode.TEXT]  # type: ignore[union-attr]
    assert texts == [b"short", long]


@given(st.lists(st.binary(max_size=300), max_size=5), st.integers(1, 50))
def test_messages_are_whole_however_the_bytes_are_cut(payloads: list[bytes], size: int) -> None:
    reader, data = FrameReader(), b"".join(map(server_frame, payloads))
    cut = [data[at : at + size] for at in range(0, len(data), size)]
    assert [message for piece in cut for message in reader.feed(piece)] == payloads


def test_a_ping_is_kept_for_its_answer_and_a_goodbye_ends_the_reading() -> None:
    reader = FrameReader()
    messages = list(reader.feed(server_frame(b"p", 9) + server_frame(b"a") + server_frame(b"", 8)))
    assert messages == [b"a", CLOSE]
    assert reader.pings == [b"p"]


def test_audio_that_comes_in_a_burst_plays_one_frame_after_the_other() -> None:
    playback = Playback()
    tone = encode_mulaw(np.full(3 * 160, 8000, np.int16)).tobytes()
    playback.add(1.0, tone)
    playback.mark(1.0, "end")
    assert [at for at, _ in playback.played(1.03)] == pytest.approx([1.0, 1.02])
    later = list(playback.played(2.0))
    assert [at for at, _ in later] == pytest.approx([1.04, 1.06])
    assert later[1][1] == "end"
    assert float(later[0][1]) == pytest.approx(20 * np.log10(8000 / 32768), abs=0.5)


def test_what_is_cleared_is_not_heard_and_its_marks_come_back() -> None:
    playback = Playback()
    playback.add(1.0, b"\x10" * 1600)
    playback.mark(1.0, "end")
    assert len(list(playback.played(1.0))) == 1
    assert list(playback.clear(1.01)) == ["end"]
    playback.add(1.02, b"\x10" * 160)
    assert [at for at, _ in playback.played(2.0)] == pytest.approx([1.02])


def test_the_last_audible_sample_of_a_question_is_in_its_last_frame() -> None:
    speech = (8000 * np.sin(np.arange(4000) / 3)).astype(np.int16)
    mulaw = frames_of(np.concatenate([np.zeros(320, np.int16), speech, np.zeros(960, np.int16)]))
    assert len(mulaw) % 160 == 0
    assert np.abs(decode_mulaw(mulaw[-40:])).max() > 4000


def test_parts_repeat_with_their_seed_and_callers_begin_at_different_questions() -> None:
    first = parts(3, 4, seed=1)
    assert first == parts(3, 4, seed=1)
    assert first != parts(3, 4, seed=2)
    assert [part.questions[0] for part in first] == [0, 1, 2]
    assert all(0.3 <= pause <= 0.8 for part in first for pause in part.pauses_s)


def test_every_question_has_its_own_answer_which_names_the_order() -> None:
    script = load_dialogue()
    told = answers(script, "Mirado")
    assert len(set(told.values())) == len(EXCHANGES)
    assert all("Mirado" in text for text in told.values())
    assert not any("," in exchange.question for exchange in EXCHANGES)
    assert "AI assistant" in greeting(script)


def test_live_speech_is_never_the_same_twice() -> None:
    assert ticket(live_speech=False) == ticket(live_speech=False)
    assert len({ticket(live_speech=True) for _ in range(50)}) > 45


def test_a_question_counts_as_understood_only_if_every_word_is_right() -> None:
    heard = [
        "How much does the delivery cost.",
        "When will my order arrive at Rome?",
        "Do you have this table in blue?",
    ]
    assert understood([0, 1, 3], heard) == 2


def test_a_frame_of_a_question_is_what_twilio_would_send() -> None:
    mulaw = frames_of((8000 * np.sin(np.arange(1600) / 3)).astype(np.int16))
    assert base64.b64decode(base64.b64encode(mulaw[:160].tobytes())) == mulaw[:160].tobytes()
