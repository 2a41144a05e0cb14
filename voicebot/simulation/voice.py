"""The voices of simulated people: one synthesiser's lines, made to differ from it and from each other."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from models.tts import Speaker
from models.tts.levelling import active_level
from voicebot.simulation.ears import SAMPLE_RATE_HZ, Samples
from voicebot.simulation.persona import Human, Persona, Voice

BEEP_HZ = 1000
BEEP_MS = 500
NOISE_LOOP_S = 5

RENDER_DEADLINE_S = 60.0

Lines = Mapping[str, Samples]
"""Text -> 8 kHz mono audio, of one person."""


def spoken_lines(persona: Persona, human: Human) -> tuple[str, ...]:
    """Everything this person may say, each once."""
    return tuple(dict.fromkeys(human.fill(line) for line in persona.lines()))


async def voice_over(speaker: Speaker, persona: Persona, human: Human) -> Lines:
    """All lines of a person, in their voice. Raises EngineError."""
    return {
        line: shape((await speaker.speak(line, deadline_s=RENDER_DEADLINE_S)).samples, human.voice)
        for line in spoken_lines(persona, human)
    }


def shape(samples: Samples, voice: Voice) -> Samples:
    """The line in this person's voice and loudness."""
    speech = _without_edges(samples).astype(np.float32)
    line = soxr.resample(speech, SAMPLE_RATE_HZ * voice.pitch, SAMPLE_RATE_HZ)
    level = active_level(line / 32768)
    return _to_int16(line * 10 ** (voice.level_db / 20) / level) if level else _to_int16(line)


def _without_edges(samples: Samples) -> Samples:
    """Without the silence before and after, so that the end of the audio is the end of the speech."""
    magnitude = np.abs(samples.astype(np.int32))
    loud = np.flatnonzero(magnitude > 0.02 * magnitude.max(initial=0))
    return samples[loud[0] : loud[-1] + 1] if len(loud) else samples


def line_noise(human: Human) -> Samples:
    """Five seconds of this person's line noise, to be played in a loop; silence if the line is clean."""
    length = NOISE_LOOP_S * SAMPLE_RATE_HZ
    if human.voice.noise_db is None:
        return np.zeros(length, np.int16)
    seed = int.from_bytes(hashlib.sha256(human.number.encode()).digest()[:8])
    noise = np.random.default_rng(seed).standard_normal(length)
    level_db = human.voice.level_db - human.voice.noise_db
    return _to_int16(noise * 32768 * 10 ** (level_db / 20))


def beep() -> Samples:
    """The tone after a voicemail's greeting."""
    time_s = np.arange(BEEP_MS * SAMPLE_RATE_HZ // 1000) / SAMPLE_RATE_HZ
    fade = np.clip(np.minimum(time_s, time_s[::-1]) / 0.005, 0, 1)
    return _to_int16(8000 * fade * np.sin(2 * np.pi * BEEP_HZ * time_s))


def _to_int16(values: NDArray[Any]) -> Samples:
    samples: Samples = np.clip(np.rint(values), -32768, 32767).astype(np.int16)
    return samples
