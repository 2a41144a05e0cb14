"""How well tones are told apart on generated audio: `python -m telephony.tones.validate` prints the table."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from telephony.tones.detector import ToneDetector
from telephony.tones.event import ToneEvent, ToneKind
from telephony.tones.synthesis import Audio, cadence, digit, frames, silence, through_mu_law, tone, with_noise
from telephony.tones.tone_plan import (
    CADENCES,
    SPECIAL_INFORMATION,
    SPECIAL_INFORMATION_CATEGORIES,
    DtmfLimits,
)

DIGITS = DtmfLimits().digits
SEED = 7

Expected = tuple[tuple[ToneKind, str], ...]


@dataclass(frozen=True, slots=True)
class Line:
    """What the line does to a tone of `level_dbfs`; every line passes mu-law and starts within a frame."""

    name: str
    level_dbfs: float
    noise_db: float | None
    """Noise this far below the tone."""


LINES = (
    Line("-6 dBFS", -6, None),
    Line("-16 dBFS", -16, None),
    Line("-36 dBFS", -36, None),
    Line("-6 dBFS, SNR 20 dB", -6, 20),
    Line("-36 dBFS, SNR 20 dB", -36, 20),
    Line("-16 dBFS, SNR 10 dB", -16, 10),
    Line("-36 dBFS, SNR 10 dB", -36, 10),
)

Signal = Callable[[float, np.random.Generator], tuple[Audio, Expected]]
"""Level in dBFS, chance -> one tone, and exactly what should be told of it."""


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    signal: Signal
    trials: int = 32


@dataclass(frozen=True, slots=True)
class Result:
    case: str
    line: str
    right: int
    trials: int


def events_of(recordings: list[Audio]) -> list[list[ToneEvent]]:
    """What is told of each recording, all heard at once."""
    detector = ToneDetector(len(recordings))
    slots = np.array([detector.open() for _ in recordings])
    events: dict[int, list[ToneEvent]] = {int(slot): [] for slot in slots}
    for tick, frame in enumerate(frames(recordings)):
        for event in detector.run(tick, slots, frame):
            events[event.slot].append(event)
    return [events[int(slot)] for slot in slots]


def validate(case: Case, line: Line) -> Result:
    """A trial is right when exactly the expected events come, and no other."""
    rng = np.random.default_rng(SEED)
    recordings, expected = [], []
    for _ in range(case.trials):
        signal, expects = case.signal(line.level_dbfs, rng)
        audio = np.concatenate((silence(400 + rng.uniform(0, 20)), signal, silence(1200)))
        if line.noise_db is not None:
            audio = with_noise(audio, line.level_dbfs - line.noise_db, rng)
        recordings.append(through_mu_law(audio))
        expected.append(expects)
    heard = [tuple((event.kind, event.detail) for event in events) for events in events_of(recordings)]
    right = sum(told == expects for told, expects in zip(heard, expected, strict=True))
    return Result(case.name, line.name, right, case.trials)


def _dtmf(milliseconds: float, *, twist_db: float = 0, offset: float = 0, heard: bool = True) -> Signal:
    def signal(level: float, rng: np.random.Generator) -> tuple[Audio, Expected]:
        symbol = DIGITS[rng.integers(len(DIGITS))]
        sign = rng.choice((-1, 1))
        audio = digit(symbol, milliseconds, level, twist_db, sign * offset)
        return audio, (((ToneKind.DTMF, symbol),) if heard else ())

    return signal


def _dial_string(level: float, rng: np.random.Generator) -> tuple[Audio, Expected]:
    symbols = rng.permutation(list(DIGITS))
    audio = np.concatenate([np.concatenate((digit(s, 50, level), silence(50))) for s in symbols])
    return audio, tuple((ToneKind.DTMF, str(symbol)) for symbol in symbols)


def _beep(milliseconds: float) -> Signal:
    def signal(level: float, rng: np.random.Generator) -> tuple[Audio, Expected]:
        return tone([rng.uniform(505, 1990)], milliseconds, level), ((ToneKind.VOICEMAIL_BEEP, ""),)

    return signal


def _low_beep(level: float, rng: np.random.Generator) -> tuple[Audio, Expected]:
    return tone([rng.uniform(355, 500)], rng.uniform(150, 700), level), ((ToneKind.VOICEMAIL_BEEP, ""),)


def _with_harmonics(level: float, rng: np.random.Generator) -> tuple[Audio, Expected]:
    pitch = rng.uniform(350, 900)
    return tone([pitch, 2 * pitch, 3 * pitch], 300, level), ()


def _special_information(level: float, rng: np.random.Generator) -> tuple[Audio, Expected]:
    code = list(SPECIAL_INFORMATION_CATEGORIES)[rng.integers(len(SPECIAL_INFORMATION_CATEGORIES))]
    lengths, heights = code.split()
    pairs = SPECIAL_INFORMATION.low_high_hz
    pitches = [pair["LH".index(height)] for pair, height in zip(pairs, heights, strict=True)] + [1776.7]
    parts = [
        tone([pitch * rng.uniform(0.998, 1.002)], 380 if length == "L" else 276, level)
        for pitch, length in zip(pitches, lengths, strict=True)
    ]
    return np.concatenate(parts), ((ToneKind.SPECIAL_INFORMATION, SPECIAL_INFORMATION_CATEGORIES[code]),)


def _e180_information(level: float, rng: np.random.Generator) -> tuple[Audio, Expected]:
    parts = [
        np.concatenate((tone([pitch], rng.uniform(280, 380), level), silence(rng.uniform(0, 30))))
        for pitch in (950, 1400, 1800)
    ]
    return np.concatenate(parts), ((ToneKind.SPECIAL_INFORMATION, ""),)


def _fax_calling(level: float, rng: np.random.Generator) -> tuple[Audio, Expected]:
    audio = cadence([1100 + rng.uniform(-38, 38)], (500, 3000), 3, level)
    return audio, ((ToneKind.VOICEMAIL_BEEP, ""), (ToneKind.FAX_CALLING, ""))


def _fax_answering(level: float, rng: np.random.Generator) -> tuple[Audio, Expected]:
    return tone([2100 + rng.uniform(-15, 15)], 2600, level), ((ToneKind.FAX_ANSWERING, ""),)


def _progress(number: int) -> Signal:
    plan = CADENCES[number]

    def signal(level: float, rng: np.random.Generator) -> tuple[Audio, Expected]:
        pitches = np.array(plan.frequencies_hz) * rng.uniform(0.99, 1.01)
        durations = np.array(plan.durations_ms) * rng.uniform(0.95, 1.05)
        # The last off phase is the recording's own silence: a cadence needs the next burst's start.
        audio = cadence(list(pitches), list(durations), plan.cycles + 1, level)
        return audio, ((plan.kind, ""),)

    return signal


def cases() -> Iterator[Case]:
    """All that is claimed: what must be heard, and what must not."""
    yield Case("DTMF, all 16 digits 50 ms on, 50 ms off", _dial_string, 8)
    yield Case("DTMF 40 ms", _dtmf(40), 64)
    yield Case("DTMF 60 ms, frequencies off by 1.5 %", _dtmf(60, offset=0.015))
    yield Case("DTMF 60 ms, twist -8 dB", _dtmf(60, twist_db=-8))
    yield Case("DTMF 60 ms, twist +4 dB", _dtmf(60, twist_db=4))
    yield Case("not DTMF: off by 3.5 %", _dtmf(60, offset=0.035, heard=False))
    yield Case("not DTMF: twist -14 dB", _dtmf(60, twist_db=-14, heard=False))
    yield Case("not DTMF: twist +10 dB", _dtmf(60, twist_db=10, heard=False))
    yield Case("not DTMF: 20 ms", _dtmf(20, heard=False))
    yield Case("voicemail beep 80 ms, from 500 Hz", _beep(80))
    yield Case("voicemail beep 250 ms", _beep(250))
    yield Case("voicemail beep 2 s", _beep(2000))
    yield Case("voicemail beep like a progress tone, 0.15-0.7 s", _low_beep)
    yield Case("not a beep: with harmonics", _with_harmonics)
    yield Case("special information, US, category", _special_information)
    yield Case("special information, E.180, with gaps", _e180_information)
    yield Case("fax CNG", _fax_calling, 16)
    yield Case("fax CED", _fax_answering, 16)
    for number, plan in enumerate(CADENCES):
        yield Case(f"{plan.kind.value}, {plan.region}", _progress(number), 8)


def main() -> None:
    print("| Tone | " + " | ".join(line.name for line in LINES) + " |")
    print("|---|" + "---|" * len(LINES))
    for case in cases():
        results = [validate(case, line) for line in LINES]
        print(f"| {case.name} | " + " | ".join(f"{r.right}/{r.trials}" for r in results) + " |", flush=True)


if __name__ == "__main__":
    main()
