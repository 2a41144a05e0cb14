"""Levels, clipping, and the comfort noise that is set by them."""

import numpy as np
import pytest

from telephony.audio import SILENCE_DBFS, ComfortNoise, clipped_share, decode_alaw, decode_mulaw, level_dbfs


def test_level_is_taken_over_the_last_axis() -> None:
    time = np.arange(160) / 8000
    tone = (np.sin(2 * np.pi * 1000 * time) * 32767).astype(np.int16)
    calls = np.stack([np.zeros(160, np.int16), tone, tone // 10, np.full(160, -32768, np.int16)])
    assert level_dbfs(calls) == pytest.approx([SILENCE_DBFS, -3.01, -23.01, 0.0], abs=0.01)
    assert level_dbfs(calls[1]).shape == ()


def test_clipping_is_what_reaches_full_scale_in_any_coding() -> None:
    ends = [decode_mulaw(np.array([0x80, 0x00], np.uint8)), decode_alaw(np.array([0xAA, 0x2A], np.uint8))]
    assert [float(clipped_share(each)) for each in (*ends, np.array([-32768, 32767], np.int16))] == [1, 1, 1]
    # The second loudest code of mu-law is none.
    assert clipped_share(decode_mulaw(np.array([0x81, 0x01], np.uint8))) == 0
    assert clipped_share(np.array([[0, 32767, 0, 0], [0, 0, 0, 0]], np.int16)).tolist() == [0.25, 0]


@pytest.mark.parametrize("dbov", [-65.0, -50.0, -40.0])
def test_comfort_noise_has_its_level_and_no_end(dbov: float) -> None:
    noise = ComfortNoise(dbov, seed=1)
    pieces = [noise.take(160) for _ in range(50 * 9)]
    assert all(piece.shape == (160,) for piece in pieces)
    assert level_dbfs(np.concatenate(pieces)) == pytest.approx(dbov, abs=0.3)
    # No piece stands out: nothing clicks where the loop closes.
    levels = level_dbfs(np.stack(pieces))
    assert levels.max() - levels.min() < 12
    assert np.abs(np.diff(np.concatenate(pieces).astype(int))).max() < 6 * 32768 * 10 ** (dbov / 20)


def test_calls_begin_at_different_places() -> None:
    assert not np.array_equal(ComfortNoise(seed=1).take(160), ComfortNoise(seed=2).take(160))
