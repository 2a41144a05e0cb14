"""The echo probe finds its chirps again after what a telephone line does to them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telephony.audio import decode_mulaw, encode_mulaw
from telephony.echo_probe import CHIRPS, find_echo, probe
from telephony.line import FRAME_SAMPLES

NOISE = np.random.default_rng(3).normal(scale=60.0, size=len(probe()) + 8_000)


def come_back(
    delay_ms: float, gain: float = 0.5, *, noise: float = 1.0
) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    sent = probe()
    heard = NOISE * noise
    start = round(delay_ms * 8)
    heard[start : start + len(sent)] += sent * gain
    return decode_mulaw(encode_mulaw(np.clip(heard, -32768, 32767).astype(np.int16)))


def test_the_probe_is_whole_frames_and_not_clipped() -> None:
    assert len(probe()) % FRAME_SAMPLES == 0
    assert np.abs(probe().astype(int)).max() < 16_000


@given(st.integers(0, 600), st.floats(0.05, 1.0))
@settings(max_examples=40, deadline=None)
def test_delay_and_level_are_found(delay_ms: int, gain: float) -> None:
    echo = find_echo(come_back(delay_ms, gain))
    assert echo is not None
    assert echo.heard == CHIRPS
    assert echo.delay_ms == pytest.approx(delay_ms, abs=0.5)
    assert echo.level_db == pytest.approx(20 * np.log10(gain), abs=1.0)
    assert echo.delay_spread_ms < 0.5


def test_noise_and_silence_are_no_echo() -> None:
    assert find_echo(np.zeros(len(probe()), np.int16)) is None
    assert find_echo((NOISE * 100).clip(-32768, 32767).astype(np.int16)) is None


def test_an_inverted_echo_is_one() -> None:
    echo = find_echo(-come_back(120))
    assert echo is not None
    assert echo.delay_ms == pytest.approx(120, abs=0.5)


def test_a_chirp_that_was_lost_is_counted() -> None:
    heard = come_back(100)
    heard[2 * 8_000 : 3 * 8_000] = 0
    echo = find_echo(heard)
    assert echo is not None
    assert echo.heard == CHIRPS - 1


def test_a_call_that_ended_early_is_judged_by_what_there_is() -> None:
    assert find_echo(come_back(100)[:4_000]) is None
    echo = find_echo(come_back(100)[: 3 * 8_000])
    assert echo is not None
    assert echo.heard == 2
