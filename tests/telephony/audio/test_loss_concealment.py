"""Concealment under any pattern of loss: bounded, smooth, silent before long, better than a hole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from telephony.audio import LossConcealment, level_dbfs
from telephony.concealed_audio import ConcealedAudio
from telephony.line import FRAME_SAMPLES, Frame


def voiced(seconds: float, pitch_hz: float = 130.0) -> NDArray[np.int16]:
    """Harmonics with falling strength, as in a vowel."""
    time = np.arange(int(seconds * 8000)) / 8000
    voice = sum(np.sin(2 * np.pi * pitch_hz * k * time + k) / k for k in range(1, 24))
    return (np.asarray(voice) * 5000).astype(np.int16)


def concealed(samples: NDArray[np.int16], lost: list[bool]) -> NDArray[np.int16]:
    concealment = LossConcealment()
    frames = samples[: len(lost) * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES).copy()
    for frame, is_lost in zip(frames, lost, strict=True):
        if is_lost:
            frame[:] = -1
            concealment.conceal(frame)
        else:
            concealment.heard(frame)
    return frames.ravel()


def snr_db(signal: NDArray[np.int16], copy: NDArray[np.int16]) -> float:
    noise = signal.astype(float) - copy
    return float(10 * np.log10(np.mean(signal.astype(float) ** 2) / np.mean(noise**2)))


def test_without_loss_not_a_bit_changes() -> None:
    voice = voiced(1.0)
    assert np.array_equal(concealed(voice, [False] * 50), voice)


@pytest.mark.parametrize("pitch_hz", [80, 130, 190])
def test_one_frame_lost_in_a_vowel_is_hardly_missed(pitch_hz: float) -> None:
    voice = voiced(1.0, pitch_hz)
    lost = [number == 25 for number in range(50)]
    filled = concealed(voice, lost)
    span = slice(25 * FRAME_SAMPLES, 26 * FRAME_SAMPLES)
    # A hole has 0 dB. What is left is the period rounded to a sample.
    assert snr_db(voice[span], filled[span]) > 8
    steps = np.abs(np.diff(voice.astype(int)))
    assert np.abs(np.diff(filled.astype(int))).max() < 1.3 * steps.max(), "a click at a border"


def test_a_long_gap_is_noise_within_sixty_milliseconds() -> None:
    filled = concealed(voiced(2.0), [number >= 25 for number in range(100)]).reshape(-1, FRAME_SAMPLES)
    levels = level_dbfs(filled)
    assert levels[25] > levels[24] - 3
    assert np.all(np.diff(levels[25:28]) < 0)
    assert levels[28:].max() < -60


def test_it_says_how_long_it_sounds_like_speech() -> None:
    concealment, frame = LossConcealment(), np.zeros(FRAME_SAMPLES, np.int16)
    concealment.heard(frame)
    assert [concealment.conceal(frame) for _ in range(6)] == [True, True, True, False, False, False]


LOUDEST = st.integers(-32768, 32767)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=40), LOUDEST, LOUDEST, st.integers(0, 2**31))
def test_any_pattern_of_loss_is_bounded_fades_and_comes_back_softly(
    lost: list[bool], low: int, high: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    samples = rng.integers(min(low, high), max(low, high) + 1, len(lost) * FRAME_SAMPLES).astype(np.int16)
    filled = concealed(samples, lost).reshape(-1, FRAME_SAMPLES).astype(int)
    heard = samples.reshape(-1, FRAME_SAMPLES)
    missing = 0
    for number, is_lost in enumerate(lost):
        if is_lost:
            missing += 1
            if missing > 3:
                assert level_dbfs(filled[number].astype(np.int16)) < -58
            # Nothing wraps around: it is never louder than twice what was heard, plus the hiss.
            assert np.abs(filled[number]).max() <= min(2 * np.abs(heard.astype(int)).max() + 100, 32768)
            continue
        if missing > 3:
            # Out of the noise in steps of at most 1/81 of what comes.
            loudest = int(np.abs(heard[number].astype(int)).max())
            assert abs(filled[number, 0] - filled[number - 1, -1]) <= loudest / 81 + 200
        assert np.array_equal(filled[number, 80:], heard[number, 80:])
        missing = 0


def test_a_call_begins_with_zeros_and_counts_what_was_filled() -> None:
    frames: list[Frame | None] = [None, None, *[voiced(0.02)] * 5, None, None, voiced(0.02), *[None] * 50]

    def pop(into: Frame) -> bool:
        frame = frames.pop(0)
        into[:] = 0 if frame is None else frame
        return frame is not None

    audio, into, heard = ConcealedAudio(pop), np.zeros(FRAME_SAMPLES, np.int16), []
    levels = []
    while frames:
        heard.append(audio.pop(into))
        levels.append(float(level_dbfs(into)))
    assert heard == [False] * 2 + [True] * 5 + [False] * 2 + [True] + [False] * 50
    assert levels[:2] == [-100, -100]
    assert min(levels[7:9]) > -30
    assert max(levels[20:]) < -60
    assert audio.concealed_frames == 2 + 3, "silence that goes on is no loss"
