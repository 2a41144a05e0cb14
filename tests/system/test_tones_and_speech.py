"""Speech is no tone: hours of a synthesised voice, at many pitches and levels, raise no false alarm."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.tts.piper import PiperEngine
from telephony.audio import decode_mulaw, encode_mulaw, resample
from telephony.line import FRAME_SAMPLES, SAMPLE_RATE_HZ
from telephony.tones import ToneDetector, ToneEvent, ToneKind
from telephony.tones.synthesis import tone

TEXTS = Path(__file__).parent / "retail_utterances.en.txt"
CALLS = 32
HOURS_AT_LEAST = 1.0
PITCHES = np.linspace(0.7, 1.7, CALLS)
"""From a deep man's voice to a small child's; the voice of the engine is a man's."""


@pytest.fixture(scope="module")
def lines(piper: PiperEngine) -> list[NDArray[np.int16]]:
    texts = [line.split("|")[1].strip() for line in TEXTS.read_text().splitlines() if line.count("|") == 2]
    return [speech.samples for speech in piper.run(texts)]


def events_of(calls: NDArray[np.int16]) -> list[ToneEvent]:
    """Of `(calls, samples)`."""
    detector = ToneDetector(len(calls))
    slots = np.array([detector.open() for _ in calls])
    ticks = calls.shape[1] // FRAME_SAMPLES
    return [
        event
        for tick in range(ticks)
        for event in detector.run(tick, slots, calls[:, tick * FRAME_SAMPLES : (tick + 1) * FRAME_SAMPLES])
    ]


def over_the_line(call: NDArray[np.float32], *, noisy: bool, rng: np.random.Generator) -> NDArray[np.int16]:
    if noisy:
        call = call + rng.standard_normal(len(call)).astype(np.float32) * 100
    return decode_mulaw(encode_mulaw(np.clip(np.rint(call), -32768, 32767).astype(np.int16)))


def test_hours_of_speech_raise_no_false_alarm(lines: list[NDArray[np.int16]]) -> None:
    rng = np.random.default_rng(11)
    longest = int(sum(map(len, lines)) / PITCHES[0]) + len(lines)
    calls, samples = np.zeros((CALLS, longest), np.int16), 0
    for number, pitch in enumerate(PITCHES):
        rate = round(SAMPLE_RATE_HZ * pitch)
        voiced = [resample(lines[i], rate, SAMPLE_RATE_HZ) for i in rng.permutation(len(lines))]
        said = np.concatenate([line.astype(np.float32) * 10 ** (rng.uniform(-20, 3) / 20) for line in voiced])
        calls[number, : len(said)] = over_the_line(said, noisy=number % 2 == 1, rng=rng)
        samples += len(said)
    hours = samples / SAMPLE_RATE_HZ / 3600
    assert hours >= HOURS_AT_LEAST
    # Nothing heard in so many hours: at most 3 / hours an hour, 95 % sure (the rule of three).
    print(f"{hours:.2f} hours of speech")
    assert events_of(calls) == []


def test_the_beep_after_a_greeting_is_told_once(lines: list[NDArray[np.int16]]) -> None:
    rng = np.random.default_rng(12)
    calls = np.zeros((len(lines), 30 * SAMPLE_RATE_HZ), np.int16)
    ends = []
    for call, line in zip(calls, lines, strict=True):
        beep = tone([rng.uniform(500, 1900)], rng.uniform(100, 1000), rng.uniform(-30, -10)) * 32768
        said = np.concatenate((line.astype(np.float32), np.zeros(800, np.float32), beep))
        call[: len(said)] = over_the_line(said, noisy=False, rng=rng)
        ends.append(len(said) / FRAME_SAMPLES)
    events = sorted(events_of(calls), key=lambda event: event.slot)
    assert [event.kind for event in events] == [ToneKind.VOICEMAIL_BEEP] * len(lines)
    assert [event.end_tick for event in events] == pytest.approx(ends, abs=2)
