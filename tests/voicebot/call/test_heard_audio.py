"""The ring of heard audio gives back the samples of a time span."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from telephony.line import FRAME_SAMPLES
from voicebot.call.listening.heard_audio import HeardAudio


@given(st.integers(1, 200), st.integers(-100, 4500), st.integers(0, 3000))
def test_the_span_asked_for_as_far_as_it_is_kept(ticks: int, start_ms: int, length_ms: int) -> None:
    seconds = 2
    audio = HeardAudio(seconds)
    for tick in range(1, ticks + 1):
        audio.add(tick * 20, np.full(FRAME_SAMPLES, tick, np.int16))
    got = audio.between(start_ms, start_ms + length_ms)
    kept = range(max(1, ticks - seconds * 50 + 1), ticks + 1)
    values = [int(v) for v in got[::FRAME_SAMPLES]]
    assert values == sorted(values)
    assert set(values) <= set(kept)
    wholly_inside = [t for t in kept if (t - 1) * 20 >= start_ms and t * 20 <= start_ms + length_ms]
    assert set(wholly_inside) <= set(values)
