"""DTMF as sound (ITU-T Q.23), for wires that cannot signal it: frames to write like speech."""

from collections.abc import Iterator

import numpy as np

from telephony.line import FRAME_SAMPLES, SAMPLE_RATE_HZ, Frame

_ROWS_HZ = (697, 770, 852, 941)
_COLUMNS_HZ = (1209, 1336, 1477, 1633)
_KEYS = "123A456B789C*0#D"
_TONE_FRAMES, _PAUSE_FRAMES = 5, 4
"""100 ms and 80 ms; Q.24 asks for 40 ms of each."""
_PEAK = 8_000.0
"""Of each tone: -12 dB of full scale."""


def digit_frames(digits: str) -> Iterator[Frame]:
    """The frames that sound `digits`, a pause after each."""
    for digit in digits.upper():
        row, column = divmod(_KEYS.index(digit), 4)
        time_s = np.arange(_TONE_FRAMES * FRAME_SAMPLES) / SAMPLE_RATE_HZ
        tone = sum(np.sin(2 * np.pi * hz * time_s) for hz in (_ROWS_HZ[row], _COLUMNS_HZ[column]))
        pause = np.zeros(_PAUSE_FRAMES * FRAME_SAMPLES)
        samples = np.concatenate([_PEAK * tone, pause]).astype(np.int16)
        yield from samples.reshape(-1, FRAME_SAMPLES)
