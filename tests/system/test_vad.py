"""Batched voice activity detection on real speech."""

import numpy as np
import pytest
from numpy.typing import NDArray

from models.tts.piper import PiperEngine
from models.vad.silero import WINDOW, BatchedVad
from tests.embedded_weights import embedded_weights
from tests.system.telephone import through_mu_law, with_pauses

Windows = NDArray[np.float32]


def make_vad(streams: int = 64) -> BatchedVad:
    weights = embedded_weights("silero-vad-8k") / "silero-vad-8k" / "silero_vad.onnx"
    return BatchedVad(weights, streams=streams)


@pytest.fixture(scope="module")
def voices(piper: PiperEngine) -> list[Windows]:
    """Sentences of different lengths with half a second of silence around, as windows."""
    texts = [
        "Hello?",
        "No, I am not interested, thank you.",
        "My last bill was one hundred and twenty dollars.",
    ]
    silence = np.zeros(4000, dtype=np.int16)
    streams = []
    for said in piper.run(texts):
        audio = np.concatenate([silence, through_mu_law(with_pauses(said.samples)), silence]) / 32768
        streams.append(audio[: len(audio) // WINDOW * WINDOW].reshape(-1, WINDOW).astype(np.float32))
    return streams


def alone(windows: Windows) -> NDArray[np.float32]:
    vad = make_vad(streams=1)
    slot = np.array([vad.open()])
    return np.concatenate([vad.run(slot, window[None]) for window in windows])


def test_a_batch_with_streams_that_join_and_leave_gives_what_each_gives_alone(voices: list[Windows]) -> None:
    vad = make_vad(streams=2)  # Less than needed: it must grow under way.
    joins = [(0, 0), (1, 5), (2, 7), (0, 40), (1, 45), (2, 46)]  # voice, first tick
    heard: dict[int, list[float]] = {}
    slots: dict[int, int] = {}
    for tick in range(max(first + len(voices[voice]) for voice, first in joins)):
        for stream, (voice, first) in enumerate(joins):
            if tick == first:
                slots[stream] = vad.open()
            elif tick == first + len(voices[voice]):
                vad.close(slots.pop(stream))
        if not slots:
            continue
        windows = np.stack([voices[joins[s][0]][tick - joins[s][1]] for s in slots])
        for stream, probability in zip(slots, vad.run(np.array(list(slots.values())), windows), strict=True):
            heard.setdefault(stream, []).append(float(probability))
    for stream, (voice, _) in enumerate(joins):
        np.testing.assert_allclose(heard[stream], alone(voices[voice]), atol=2e-5)


def test_speech_is_told_from_silence(voices: list[Windows]) -> None:
    for windows in voices:
        probabilities = alone(windows)
        level = np.sqrt(np.mean(np.square(windows), axis=1))
        assert probabilities[:14].max() < 0.2, "silence before the speech"
        assert np.mean(probabilities[level > 0.05] > 0.5) > 0.9, "loud parts of the speech"


def test_reset_forgets(voices: list[Windows]) -> None:
    vad = make_vad()
    slot = np.array([vad.open()])
    first = vad.run(slot, voices[0][:1])
    vad.run(slot, voices[0][20:21])
    assert vad.run(slot, voices[0][:1]) != first
    vad.reset(int(slot[0]))
    assert vad.run(slot, voices[0][:1]) == first


def test_nobody_is_no_batch_and_a_slot_closes_once() -> None:
    vad = make_vad()
    assert vad.run(np.zeros(0, dtype=np.intp), np.zeros((0, WINDOW), dtype=np.float32)).shape == (0,)
    slot = vad.open()
    vad.close(slot)
    with pytest.raises(ValueError, match="not open"):
        vad.close(slot)
