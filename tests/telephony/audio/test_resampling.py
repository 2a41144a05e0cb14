"""Resampling: what is kept, what is removed, how late it comes, and that pieces are as the whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from telephony.audio import StreamResampler, level_dbfs, resample

RATES = [(16000, 8000), (24000, 8000), (48000, 8000), (8000, 16000), (8000, 24000), (8000, 48000)]
BAND_HZ = [300, 700, 1000, 1700, 2400, 3000, 3400]


def tone(hz: float, rate_hz: int, seconds: float = 1.0, peak: float = 10_000) -> NDArray[np.int16]:
    return np.rint(peak * np.sin(2 * np.pi * hz * np.arange(int(rate_hz * seconds)) / rate_hz)).astype(
        np.int16
    )


def in_pieces(samples: NDArray[np.int16], from_hz: int, to_hz: int, piece: int) -> NDArray[np.int16]:
    resampler = StreamResampler(from_hz, to_hz)
    return np.concatenate([resampler.push(samples[at : at + piece]) for at in range(0, len(samples), piece)])


def tone_and_rest(samples: NDArray[np.int16], hz: float, rate_hz: int) -> tuple[float, float]:
    """Peak of the tone, and SNR in dB: the power of all that is not the tone."""
    steady = samples[rate_hz // 20 :].astype(float)
    time = np.arange(steady.size) / rate_hz
    waves = np.stack([np.sin(2 * np.pi * hz * time), np.cos(2 * np.pi * hz * time)], axis=1)
    weights = np.linalg.lstsq(waves, steady, rcond=None)[0]
    kept = waves @ weights
    return float(np.hypot(*weights)), float(10 * np.log10(np.mean(kept**2) / np.mean((steady - kept) ** 2)))


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
@pytest.mark.parametrize("hz", BAND_HZ)
def test_the_telephone_band_is_kept_and_nothing_is_added(from_hz: int, to_hz: int, hz: int) -> None:
    piece = from_hz // 50
    peak, snr_db = tone_and_rest(in_pieces(tone(hz, from_hz), from_hz, to_hz, piece), hz, to_hz)
    assert abs(20 * np.log10(peak / 10_000)) < 0.01
    assert snr_db > 78  # Clicks at borders, images and aliases all count; 16 bits allow 87 dB.


@pytest.mark.parametrize(("from_hz", "to_hz"), [rates for rates in RATES if rates[0] > rates[1]])
@pytest.mark.parametrize("hz", [4600, 5000, 6200, 7600, 11000, 15900, 23000])
def test_what_would_fold_into_the_band_is_gone(from_hz: int, to_hz: int, hz: int) -> None:
    if hz < from_hz / 2:
        folded = in_pieces(tone(hz, from_hz, peak=32_000), from_hz, to_hz, from_hz // 50)
        assert level_dbfs(folded[to_hz // 20 :]) < level_dbfs(tone(hz, from_hz, peak=32_000)) - 75


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_the_delay_is_three_milliseconds(from_hz: int, to_hz: int) -> None:
    click = np.zeros(from_hz // 10, np.int16)
    click[from_hz // 50] = 20_000
    out = in_pieces(click, from_hz, to_hz, from_hz // 50)
    assert np.argmax(np.abs(out)) / to_hz == pytest.approx(0.020 + 0.003, abs=1e-4)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(RATES),
    st.lists(st.integers(0, 401), min_size=1, max_size=30),
    st.integers(0, 2**32 - 1),
)
def test_pieces_of_any_size_give_the_bits_of_the_whole(
    rates: tuple[int, int], sizes: list[int], seed: int
) -> None:
    noise = np.random.default_rng(seed).integers(-32768, 32768, sum(sizes)).astype(np.int16)
    resampler = StreamResampler(*rates)
    pieces = [resampler.push(piece) for piece in np.split(noise, np.cumsum(sizes)[:-1])]
    whole = StreamResampler(*rates).push(noise)
    assert np.array_equal(np.concatenate(pieces), whole)
    assert abs(len(whole) - len(noise) * rates[1] / rates[0]) < 1


@pytest.mark.parametrize(("from_hz", "to_hz"), [(8000, 8000), (22050, 8000), (0, 8000), (8000, -16000)])
def test_other_factors_are_refused(from_hz: int, to_hz: int) -> None:
    with pytest.raises(ValueError, match="no whole factor"):
        StreamResampler(from_hz, to_hz)


def test_a_recording_keeps_a_tone_and_loses_what_cannot_be_carried() -> None:
    kept, folded = tone(1000, 16000, peak=8000), tone(5000, 16000, peak=8000)
    assert level_dbfs(resample(kept, 16000, 8000)[800:-800]) > -16
    assert level_dbfs(resample(folded, 16000, 8000)[800:-800]) < -70


def test_a_recording_keeps_its_type() -> None:
    assert resample(np.zeros(160, np.float32), 8000, 16000).dtype == np.float32
    assert resample(np.zeros(160, np.int16), 8000, 16000).dtype == np.int16
    assert len(resample(np.zeros(160, np.int16), 8000, 8000)) == 160
