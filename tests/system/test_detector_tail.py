"""How soon the end of real words is found, with the real voice detector on telephone audio."""

from pathlib import Path
from statistics import median

import numpy as np
import pytest
from numpy.typing import NDArray

from models.registry.catalogue import weights_path
from models.vad.silero import WINDOW, BatchedVad
from telephony.audio import decode_mulaw, encode_mulaw
from telephony.line import FRAME_SAMPLES
from tests.embedded_weights import embedded_weights
from voicebot.bench.synthetic_speech import say, sentences
from voicebot.call.media.levels import frame_dbfs
from voicebot.call.turn_taking.detector_tail import DetectorTail
from voicebot.call.turn_taking.endpointing import Endpointer, Paused, TurnEnded
from voicebot.settings import EndpointingSettings, Settings

QUIET_S = 1.2


@pytest.fixture
def weights() -> Path:
    return embedded_weights("silero-vad-8k", "piper-en-us-joe")


def on_the_line(samples: NDArray[np.int16]) -> tuple[NDArray[np.int16], float]:
    """Half a second of line noise, the words, more noise; and when the last audible sample came (ms)."""
    pieces = samples[: len(samples) // 40 * 40].reshape(-1, 40) / 32768
    words = samples[: 40 * (np.flatnonzero(np.mean(pieces**2, axis=1) > 10 ** (-45 / 10))[-1] + 1)]
    noise = np.random.default_rng(1).normal(scale=10, size=len(words) + round((0.5 + QUIET_S) * 8000))
    noise[4000 : 4000 + len(words)] += words
    return decode_mulaw(encode_mulaw(np.clip(noise, -32768, 32767).astype(np.int16))), (4000 + len(words)) / 8


def ends_ms(audio: NDArray[np.int16], vad: BatchedVad, *, with_tail: bool) -> tuple[float, int]:
    """When the last pause began, and how many were guessed at."""
    tail, endpointer, slot = DetectorTail(), Endpointer(EndpointingSettings()), vad.open()
    pending, probability = np.zeros(0, np.float32), 0.0
    end, guesses = 0.0, 0
    for tick, frame in enumerate(
        audio[: len(audio) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    ):
        now_ms = 20 * (tick + 1)
        pending = np.concatenate([pending, frame.astype(np.float32) / 32768])
        if len(pending) >= WINDOW:
            (probability,) = vad.run(np.array([slot]), pending[None, :WINDOW])
            pending = pending[WINDOW:]
        passed = tail.step(now_ms, frame_dbfs(frame), float(probability)) if with_tail else float(probability)
        for event in endpointer.step(now_ms, passed):
            if isinstance(event, Paused | TurnEnded):
                end = event.end_ms
                guesses += isinstance(event, Paused)
    vad.close(slot)
    return end, guesses


async def test_the_end_is_found_a_tenth_of_a_second_sooner(weights: Path, tmp_path: Path) -> None:
    spoken = await say(sentences("en")[:20], "en", Settings(weights=weights, cache=tmp_path))
    vad = BatchedVad(weights_path("silero-vad-8k", "silero_vad.onnx", weights))
    late: dict[bool, list[float]] = {True: [], False: []}
    guesses = {True: 0, False: 0}
    for speech in spoken:
        audio, last_ms = on_the_line(speech.samples)
        for with_tail in (True, False):
            end, guessed = ends_ms(audio, vad, with_tail=with_tail)
            late[with_tail].append(end - last_ms)
            guesses[with_tail] += guessed
    print(
        f"\nend found after {median(late[True]):.0f} ms, by the detector alone {median(late[False]):.0f} ms"
    )
    print(f"guesses {guesses[True]} and {guesses[False]}")
    assert median(late[True]) < 40 < 70 < median(late[False])
    # A soft last consonant after a stop may be left out; the recogniser is given 160 ms more than this.
    assert sorted(late[True])[2] > 0
    assert min(late[True]) > -160
    assert guesses[True] <= 1.3 * guesses[False]
