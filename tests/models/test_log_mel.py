"""The spectrogram that the speech networks see."""

import numpy as np
import pytest
from faster_whisper.feature_extractor import FeatureExtractor

from models.end_of_turn.smart_turn import features
from models.log_mel import log_mel


@pytest.mark.parametrize("seconds", [0.3, 1.0, 3.217])
def test_it_is_what_whisper_was_trained_on(seconds: float) -> None:
    random = np.random.default_rng(0)
    noise = random.normal(scale=0.1, size=round(seconds * 16000)).astype(np.float32)
    expected = FeatureExtractor()(noise, padding=0)
    np.testing.assert_allclose(log_mel(noise), expected[:, : noise.size // 160], atol=1e-5)


def tone(hertz: float, seconds: float) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return (8000 * np.sin(2 * np.pi * hertz * np.arange(round(8000 * seconds)) / 8000)).astype(np.int16)


def test_the_speech_lies_at_the_end_of_8_s_at_the_right_pitch() -> None:
    heard = features(tone(1000, 1.0))
    assert heard.shape == (80, 800)
    assert heard[:, :690].max() < heard[:, 710:790].min(axis=1).max(), "silence before it"
    # 1000 Hz is 15 mel; 80 bands go to 45.2 mel. Audio taken for 16 kHz would be heard at 2000 Hz.
    assert abs(int(heard[:, 750].argmax()) - 26) <= 1


def test_of_long_speech_only_the_last_8_s_count() -> None:
    newest = tone(500, 8.0)
    np.testing.assert_array_equal(features(np.concatenate([tone(2000, 5.0), newest])), features(newest))
