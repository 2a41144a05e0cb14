"""The tones of the telephone network: frequencies, durations and tolerances, with their sources."""

from dataclasses import dataclass

from telephony.tones.event import ToneKind


@dataclass(frozen=True, slots=True)
class DtmfLimits:
    """Frequencies of ITU-T Q.23, receiver limits of ITU-T Q.24 (its AT&T column where they differ).

    Q.24 wants +-1.5 % (+2 Hz) accepted and +-3.5 % refused; twist, which is the high frequency's level less
    the low one's, accepted from -8 to +4 dB; 40 ms accepted and 23 ms refused. We decide in between.
    """

    low_hz: tuple[float, ...] = (697, 770, 852, 941)
    high_hz: tuple[float, ...] = (1209, 1336, 1477, 1633)
    digits: str = "123A456B789C*0#D"
    tolerance: float = 0.025
    lowest_twist_db: float = -10.0
    highest_twist_db: float = 6.0
    purity: float = 0.82
    """Least share of the power that the two tones have: 10 dB above white noise is 0.91."""
    shortest_ms: int = 28


@dataclass(frozen=True, slots=True)
class SingleToneLimits:
    """What counts as one pure tone (the voicemail beep, fax and special information tones)."""

    lowest_hz: float = 340.0
    highest_hz: float = 2150.0
    purity: float = 0.8
    weakest_partial_db: float = 12.0
    """How far any other partial must be below the tone: a voice has harmonics."""


@dataclass(frozen=True, slots=True)
class Cadence:
    """A call progress tone that repeats: on, off, on, off ... in milliseconds."""

    kind: ToneKind
    frequencies_hz: tuple[float, ...]
    durations_ms: tuple[int, ...]
    cycles: int
    """Whole cycles heard before it is told."""
    region: str


_US_RING, _US_BUSY, _UK_RING = (440.0, 480.0), (480.0, 620.0), (400.0, 450.0)
_SINGLE = (425.0,)

SINGLE_PROGRESS_HZ = (385.0, 490.0)
"""ITU-T E.180: a single progress tone lies in 400-450 Hz, 425 preferred, +-15 Hz (China: 450 +-25)."""

PAIR_TOLERANCE_HZ = 12.0

CADENCES = (
    # ITU-T E.180 and its Supplement 2, the tones used in national networks.
    Cadence(ToneKind.RINGBACK, _US_RING, (2000, 4000), 1, "North America"),
    Cadence(ToneKind.RINGBACK, _UK_RING, (400, 200, 400, 2000), 1, "United Kingdom"),
    Cadence(ToneKind.RINGBACK, _SINGLE, (1000, 4000), 1, "China, most of Europe"),
    Cadence(ToneKind.RINGBACK, _SINGLE, (1000, 5000), 1, "Nordic countries"),
    Cadence(ToneKind.BUSY, _US_BUSY, (500, 500), 2, "North America"),
    Cadence(ToneKind.BUSY, _SINGLE, (500, 500), 2, "most of Europe"),
    Cadence(ToneKind.BUSY, _SINGLE, (350, 350), 2, "China; United Kingdom 375"),
    Cadence(ToneKind.CONGESTION, _US_BUSY, (250, 250), 2, "North America"),
    Cadence(ToneKind.CONGESTION, _SINGLE, (250, 250), 2, "most of Europe"),
    Cadence(ToneKind.CONGESTION, _SINGLE, (700, 700), 2, "China"),
    Cadence(ToneKind.CONGESTION, _SINGLE, (400, 350, 225, 525), 1, "United Kingdom"),
)

CADENCE_TOLERANCE = 0.12
CADENCE_TOLERANCE_MS = 80
"""A duration may be off by this share and this much more, for networks and our 40 ms steps."""


@dataclass(frozen=True, slots=True)
class SpecialInformation:
    """Three rising tones: bands and durations of ITU-T E.180, the categories of ANSI T1.401 / GR-506.

    A code is three letters of duration (Short 276, Long 380 ms) and two of frequency (Low, High).
    """

    bands_hz: tuple[tuple[float, float], ...] = ((890, 1010), (1340, 1460), (1735, 1860))
    shortest_ms: int = 220
    longest_ms: int = 450
    longest_gap_ms: int = 60
    low_high_hz: tuple[tuple[float, float], ...] = ((913.8, 985.2), (1370.6, 1428.5))
    category_tolerance: float = 0.015
    long_from_ms: int = 328


SPECIAL_INFORMATION = SpecialInformation()

SPECIAL_INFORMATION_CATEGORIES = {
    "SSL LL": "intercept",
    "LSL HL": "vacant_code",
    "SLL LH": "reorder",
    "SLL HL": "reorder",
    "LLL HH": "no_circuit",
    "LLL LL": "no_circuit",
    "LSL LH": "ineffective_other",
}


@dataclass(frozen=True, slots=True)
class Fax:
    """ITU-T T.30: CNG 1100 +-38 Hz, 0.5 s on, 3 s off, each +-15 %; CED 2100 +-15 Hz, 2.6-4 s."""

    calling_hz: float = 1100.0
    calling_tolerance_hz: float = 40.0
    calling_on_ms: tuple[int, int] = (415, 585)
    calling_off_ms: tuple[int, int] = (2540, 3460)
    answering_hz: float = 2100.0
    answering_tolerance_hz: float = 20.0
    answering_told_after_ms: int = 500


FAX = Fax()


@dataclass(frozen=True, slots=True)
class Beep:
    """The single tone after which a voicemail records. No standard: limits as usual among detectors."""

    lowest_hz: float = 350.0
    highest_hz: float = 2000.0
    shortest_ms: int = 70
    longest_ms: int = 2080
    low_hz: float = 500.0
    low_shortest_ms: int = 140
    """Below `low_hz` lies the pitch of a child's voice, which holds still for up to 80 ms."""
    quiet_ms: int = 60
    """No other tone this long before and after: music and special information go on."""
    progress_quiet_ms: int = 800
    progress_longest_ms: int = 800
    """At a progress tone's frequency a beep is shorter than ringing, and no busy burst follows it."""


BEEP = Beep()
