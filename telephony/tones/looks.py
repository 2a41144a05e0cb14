"""Short looks at the spectra of all calls at once: which tone, if any, fills each.

A look is a Hann window. Short looks (30 ms, a new one each 10 ms) tell single tones and DTMF;
long looks (100 ms, a new one each 40 ms) tell 440 from 480 Hz. The three bins around a peak hold the
power of a steady tone, and the larger neighbour gives its frequency between the bins.
"""

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from telephony.line import FRAME_SAMPLES, SAMPLE_RATE_HZ
from telephony.tones.tone_plan import (
    CADENCES,
    PAIR_TOLERANCE_HZ,
    SINGLE_PROGRESS_HZ,
    DtmfLimits,
    SingleToneLimits,
)

Floats = NDArray[np.float32]
Ints = NDArray[np.intp]

SHORT_LOOK_MS, SHORT_HOP_MS = 30, 10
LONG_LOOK_MS, LONG_HOP_MS = 100, 40
LONG_LOOK_SAMPLES = LONG_LOOK_MS * SAMPLE_RATE_HZ // 1000

NOTHING = -1
WEAKEST_DBFS = -45.0
_WEAKEST = np.float32(10 ** (WEAKEST_DBFS / 10))
STRONGER_OF_PAIR_DB = 8.0

SINGLE_PROGRESS = 0
PROGRESS_PAIRS = tuple(
    dict.fromkeys(cadence.frequencies_hz for cadence in CADENCES if len(cadence.frequencies_hz) == 2)
)
"""Pair i is symbol i + 1 of a long look."""

_DTMF = DtmfLimits()
_SINGLE = SingleToneLimits()
_ABOVE_MAINS_HZ = 100.0
_PROGRESS_HZ = (340.0, 660.0)
_LEAST_IN_TOP_BIN = 0.45
"""A tone halfway between two bins has 0.48 of its power in each."""
_LOW_SHARE = 0.6
_SAMPLES_AT_ONCE = 24_000


@dataclass(frozen=True, slots=True)
class Looks:
    """One look at each of n calls: symbol (`NOTHING` or what was seen), frequency, level of the tone."""

    symbol: Ints
    frequency_hz: Floats
    level_dbfs: Floats

    def rows(self, rows: slice) -> "Looks":
        return Looks(self.symbol[rows], self.frequency_hz[rows], self.level_dbfs[rows])

    def among(self, n: int, rows: Ints) -> "Looks":
        """These as the looks in `rows` of n, with nothing in the others."""
        looks = _nothing(n)
        looks.symbol[rows], looks.frequency_hz[rows] = self.symbol, self.frequency_hz
        looks.level_dbfs[rows] = self.level_dbfs
        return looks


def _nothing(n: int) -> Looks:
    return Looks(np.full(n, NOTHING, np.intp), np.zeros(n, np.float32), np.zeros(n, np.float32))


class _Window:
    """A Hann window on up to `rows` pieces of audio at once, and the bins up to a frequency."""

    def __init__(self, length_ms: int, rows: int, highest_hz: float) -> None:
        self.samples = length_ms * SAMPLE_RATE_HZ // 1000
        self.bin_hz = SAMPLE_RATE_HZ / self.samples
        self.first = round(_ABOVE_MAINS_HZ / self.bin_hz)
        hann = np.hanning(self.samples + 1)[:-1]
        # A full-scale sine then has power 1/2 in the three bins around it, as in the time domain.
        self._hann = (hann * np.sqrt(2.0 / (self.samples * np.sum(hann**2)))).astype(np.float32)
        # Kept from tick to tick: fresh memory of this size costs more than the transform.
        self._bins = np.empty((rows, round(highest_hz / self.bin_hz) + 4), np.float32)
        self._total = np.empty(rows, np.float32)

    def power(self, pieces: list[Floats]) -> tuple[Floats, Floats]:
        """Power in `(n, bins)` of n pieces in all, and their whole power above the mains' hum."""
        n, width, at_once = 0, self._bins.shape[1], _SAMPLES_AT_ONCE // self.samples
        for piece in pieces:
            for first in range(0, len(piece), at_once):
                windowed = piece[first : first + at_once] * self._hann
                spectrum = scipy.fft.rfft(windowed, axis=-1)[:, :width]
                rows = slice(n, n + len(windowed))
                np.square(spectrum.real, out=self._bins[rows])
                self._bins[rows] += np.square(spectrum.imag)
                np.einsum("ij,ij->i", windowed, windowed, out=self._total[rows])
                n += len(windowed)
        bins = self._bins[:n]
        # Parseval: half of the windowed energy is in the positive frequencies.
        total = self._total[:n] * np.float32(self.samples / 2) - bins[:, : self.first].sum(axis=1)
        return bins, np.maximum(total, np.float32(1e-12))

    def band(self, lowest_hz: float, highest_hz: float) -> slice:
        return slice(round(lowest_hz / self.bin_hz), round(highest_hz / self.bin_hz) + 1)

    def peak(self, bins: Floats, band: slice) -> tuple[Ints, Floats, Floats]:
        """The strongest bin within a band, and power and frequency of the tone around it."""
        top = bins[:, band].argmax(axis=1) + band.start
        row = np.arange(len(bins))
        below, here, above = bins[row, top - 1], bins[row, top], bins[row, top + 1]
        ratio = np.sqrt(np.maximum(below, above) / np.maximum(here, np.float32(1e-20)))
        shift = (2 * ratio - 1) / (1 + ratio)
        frequency = (top + np.where(above > below, shift, -shift)) * np.float32(self.bin_hz)
        return top, below + here + above, frequency.astype(np.float32)


def _without(bins: Floats, top: Ints, reach: int) -> Floats:
    rest = bins.copy()
    rest[np.arange(len(bins))[:, None], top[:, None] + np.arange(-reach, reach + 1)] = 0
    return rest


def _decibels(power: Floats) -> Floats:
    level: Floats = 10 * np.log10(np.maximum(power, np.float32(1e-12)))
    return level


def _in_ratio(frequency: Floats, nominal: tuple[float, ...]) -> tuple[Ints, Floats]:
    """The nearest nominal frequency of each, and how far off it is, as a share."""
    table = np.array(nominal, np.float32)
    off = np.abs(frequency[:, None] / table - 1)
    nearest = off.argmin(axis=1)
    return nearest, off[np.arange(len(off)), nearest]


@dataclass(frozen=True, slots=True)
class ShortLook:
    """One short look: how long before the end of the audio its centre is, and what is seen in it.

    The symbol of a digit is its place in `DtmfLimits.digits`; that of a single tone is 0.
    """

    before_end_ms: int
    digits: Looks
    tones: Looks
    low: NDArray[np.bool_]
    """Where progress tones may be: most power is low."""

    def among(self, n: int, rows: Ints) -> "ShortLook":
        """This as the look in `rows` of n, with nothing in the others."""
        if len(rows) == n:
            return self
        low = np.zeros(n, np.bool_)
        low[rows] = self.low
        return ShortLook(self.before_end_ms, self.digits.among(n, rows), self.tones.among(n, rows), low)


class ShortLooks:
    """Looks for digits and single tones, two to each 20 ms."""

    def __init__(self, capacity: int) -> None:
        self._window = _Window(SHORT_LOOK_MS, 2 * capacity, _SINGLE.highest_hz)

    def take(self, audio: Floats) -> tuple[ShortLook, ShortLook]:
        """The looks that end in the newest 20 ms of `(n, 320 or more)` samples, the older first."""
        n, width, half = len(audio), self._window.samples, FRAME_SAMPLES // 2
        centre = SHORT_LOOK_MS // 2
        if not n:
            nothing, low = _nothing(0), np.zeros(0, np.bool_)
            return (
                ShortLook(centre + SHORT_HOP_MS, nothing, nothing, low),
                ShortLook(centre, nothing, nothing, low),
            )
        bins, total = self._window.power([audio[:, -half - width : -half], audio[:, -width:]])
        digits, tones = self._digits(bins, total), self._tones(bins, total)
        low = bins[:, self._window.band(300, 700)].sum(axis=1) >= np.maximum(_LOW_SHARE * total, _WEAKEST)
        older, newer = slice(None, n), slice(n, None)
        return (
            ShortLook(centre + SHORT_HOP_MS, digits.rows(older), tones.rows(older), low[older]),
            ShortLook(centre, digits.rows(newer), tones.rows(newer), low[newer]),
        )

    def _digits(self, bins: Floats, total: Floats) -> Looks:
        low_band, high_band = self._window.band(667, 967), self._window.band(1167, 1667)
        in_bands = bins[:, low_band].sum(axis=1) + bins[:, high_band].sum(axis=1)
        rows = np.flatnonzero((in_bands >= _DTMF.purity * total) & (in_bands >= _WEAKEST))
        if not len(rows):
            return _nothing(len(bins))
        _, low, low_hz = self._window.peak(bins[rows], low_band)
        _, high, high_hz = self._window.peak(bins[rows], high_band)
        number, low_off = _in_ratio(low_hz, _DTMF.low_hz)
        column, high_off = _in_ratio(high_hz, _DTMF.high_hz)
        twist = _decibels(high) - _decibels(low)
        seen = (
            (low + high >= np.maximum(_DTMF.purity * total[rows], _WEAKEST))
            & (np.maximum(low_off, high_off) <= _DTMF.tolerance)
            & (twist >= _DTMF.lowest_twist_db)
            & (twist <= _DTMF.highest_twist_db)
        )
        symbol = np.where(seen, number * len(_DTMF.high_hz) + column, NOTHING)
        level = _decibels(low + high)
        return Looks(symbol, np.zeros_like(level), level).among(len(bins), rows)

    def _tones(self, bins: Floats, total: Floats) -> Looks:
        band = self._window.band(_SINGLE.lowest_hz, _SINGLE.highest_hz)
        enough = np.maximum(_SINGLE.purity * total, _WEAKEST)
        rows = np.flatnonzero(bins[:, band].max(axis=1) >= _LEAST_IN_TOP_BIN * enough)
        if not len(rows):
            return _nothing(len(bins))
        top, power, frequency = self._window.peak(bins[rows], band)
        rest = _without(bins[rows], top, 3)[:, self._window.first :].max(axis=1)
        margin = _decibels(bins[rows, top]) - _decibels(rest)
        seen = (power >= enough[rows]) & (margin >= _SINGLE.weakest_partial_db)
        return Looks(np.where(seen, 0, NOTHING), frequency, _decibels(power)).among(len(bins), rows)


class LongLooks:
    """Looks for call progress tones."""

    def __init__(self, capacity: int) -> None:
        self._window = _Window(LONG_LOOK_MS, capacity, _PROGRESS_HZ[1])

    def take(self, audio: Floats) -> Looks:
        """One look at each of `(n, LONG_LOOK_SAMPLES)`, all of it."""
        if not len(audio):
            return _nothing(0)
        bins, total = self._window.power([audio])
        band = self._window.band(*_PROGRESS_HZ)
        enough = np.maximum(_SINGLE.purity * total, _WEAKEST)
        rows = np.flatnonzero(bins[:, band].sum(axis=1) >= enough)
        top, first, first_hz = self._window.peak(bins[rows], band)
        _, second, second_hz = self._window.peak(_without(bins[rows], top, 2), band)
        ratio = _decibels(first) - _decibels(second)
        pure = first + second >= enough[rows]
        lowest, highest = SINGLE_PROGRESS_HZ
        alone = pure & (ratio >= _SINGLE.weakest_partial_db) & (first_hz >= lowest) & (first_hz <= highest)
        symbol = np.where(alone, SINGLE_PROGRESS, NOTHING)
        low, high = np.minimum(first_hz, second_hz), np.maximum(first_hz, second_hz)
        for number, (low_hz, high_hz) in enumerate(PROGRESS_PAIRS, SINGLE_PROGRESS + 1):
            near = np.maximum(np.abs(low - low_hz), np.abs(high - high_hz)) <= PAIR_TOLERANCE_HZ
            symbol = np.where(pure & near & (ratio <= STRONGER_OF_PAIR_DB), number, symbol)
        frequency = np.where(alone, first_hz, np.float32(0))
        return Looks(symbol, frequency, _decibels(first + second)).among(len(bins), rows)
