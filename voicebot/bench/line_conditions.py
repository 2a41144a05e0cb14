"""What a telephone line does to speech, the same each time: companding, noise, lost packets."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from telephony.audio.g711 import decode_mulaw, encode_mulaw
from telephony.audio.loss_concealment import LossConcealment
from telephony.line import FRAME_SAMPLES

Samples = NDArray[np.int16]

LOSS = 0.02
BABBLE_SPEAKERS = 6
_BEFORE, _AFTER = 8 * 240, 8 * 350
"""Samples that endpointing keeps around an utterance when it asks early."""


def conditions(others: Sequence[Samples]) -> dict[str, Callable[[Samples, int], Samples]]:
    """Name -> what makes an utterance sound so, given a seed. `others` are the voices of the babble."""
    made: dict[str, Callable[[Samples, int], Samples]] = {
        "clean": lambda speech, seed: _whole(_padded(speech)),
        "mu-law": lambda speech, seed: _companded(_padded(speech)),
    }
    for decibels in (20, 10):
        made[f"white noise {decibels} dB"] = partial(_noisy, decibels, None)
        made[f"babble {decibels} dB"] = partial(_noisy, decibels, others)
    made[f"{LOSS:.0%} of packets lost"] = _lossy
    return made


def _padded(speech: Samples) -> NDArray[np.float64]:
    return np.concatenate([np.zeros(_BEFORE), speech, np.zeros(_AFTER)])


def _whole(samples: NDArray[np.float64]) -> Samples:
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)


def _companded(samples: NDArray[np.float64]) -> Samples:
    return decode_mulaw(encode_mulaw(_whole(samples)))


def _noisy(decibels: float, others: Sequence[Samples] | None, speech: Samples, seed: int) -> Samples:
    """Level of the speech by that of the noise, both as RMS over the speech's own length."""
    random = np.random.default_rng(seed)
    padded = _padded(speech)
    if others is None:
        noise = random.normal(size=padded.size)
    else:
        noise = np.zeros(padded.size)
        for number in random.choice(len(others), BABBLE_SPEAKERS):
            noise += np.roll(np.resize(others[number], padded.size), random.integers(padded.size))
    wanted = _rms(speech) / 10 ** (decibels / 20)
    return _companded(padded + noise * (wanted / _rms(noise)))


def _rms(samples: NDArray[np.int16] | NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.square(samples.astype(np.float64)))))


def _lossy(speech: Samples, seed: int) -> Samples:
    """Each packet of 20 ms may be lost, whatever became of its neighbours; the gaps are concealed."""
    heard = _companded(_padded(speech))
    frames = heard[: heard.size // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    concealment = LossConcealment(seed=seed)
    for frame, lost in zip(frames, np.random.default_rng(seed).random(len(frames)) < LOSS, strict=True):
        if lost:
            concealment.conceal(frame)
        else:
            concealment.heard(frame)
    return heard
