"""Voices of simulated people: pitch, loudness, line noise and the beep, measured."""

import numpy as np
import pytest

from models.tts import Speech
from models.tts.levelling import active_level
from tests.voicebot.simulation.test_mind import persona
from voicebot.simulation.ears import SAMPLE_RATE_HZ, Samples, level_dbfs
from voicebot.simulation.persona import Human, Voice
from voicebot.simulation.voice import beep, line_noise, shape, spoken_lines, voice_over

TONE_HZ = 400


def tone(ms: int = 1000) -> Samples:
    time_s = np.arange(ms * SAMPLE_RATE_HZ // 1000) / SAMPLE_RATE_HZ
    samples: Samples = (5000 * np.sin(2 * np.pi * TONE_HZ * time_s)).astype(np.int16)
    return samples


def loudest_hz(samples: Samples) -> float:
    spectrum = np.abs(np.fft.rfft(samples))
    return float(np.argmax(spectrum) * SAMPLE_RATE_HZ / len(samples))


@pytest.mark.parametrize("pitch", [0.88, 1.0, 1.12])
def test_pitch_changes_frequency_and_length_together(pitch: float) -> None:
    shaped = shape(tone(), Voice(pitch=pitch))
    assert loudest_hz(shaped) == pytest.approx(TONE_HZ * pitch, rel=0.01)
    assert len(shaped) == pytest.approx(SAMPLE_RATE_HZ / pitch, rel=0.01)


@pytest.mark.parametrize("level_db", [-30.0, -20.0])
def test_level(level_db: float) -> None:
    shaped = shape(tone(), Voice(level_db=level_db))
    assert 20 * np.log10(active_level((shaped / 32768).astype(np.float32))) == pytest.approx(
        level_db, abs=0.5
    )


def test_silence_around_a_line_is_cut_so_that_its_end_is_the_end_of_speech() -> None:
    silence = np.zeros(4000, np.int16)
    assert len(shape(np.concatenate([silence, tone(), silence]), Voice())) == pytest.approx(8000, abs=20)


def test_line_of_silence_stays_silent() -> None:
    assert not shape(np.zeros(800, np.int16), Voice()).any()


def test_noise_has_the_stated_ratio_to_the_speech_and_is_each_persons_own() -> None:
    voice = Voice(level_db=-24, noise_db=20)
    one, other = (Human(number=f"+1212555010{digit}", name="A", voice=voice) for digit in (1, 2))
    assert level_dbfs(line_noise(one)) == pytest.approx(-44, abs=0.2)
    assert np.array_equal(line_noise(one), line_noise(one))
    assert not np.array_equal(line_noise(one), line_noise(other))
    assert not line_noise(Human(number="+12125550103", name="A")).any()


def test_beep_is_half_a_second_of_1000_hz() -> None:
    assert len(beep()) == 4000
    assert loudest_hz(beep()) == pytest.approx(1000, abs=2)


async def test_every_line_that_can_be_said_is_rendered_with_the_name_in_it() -> None:
    class ToneSpeaker:
        async def speak(self, text: str, *, deadline_s: float) -> Speech:
            return Speech(text, tone(100), (1,) * len(text.split()))

        def cached(self, text: str) -> Speech | None:
            return None

    who = persona(
        opening=["Hello?", "{first_name} here."],
        interjections=[{"turn": 1, "after_ms": 0, "says": ["Mm."]}],
        rules=[{"hears": ["x"], "says": ["Yes."]}, {"hears": ["y"], "says": ["Hello?"]}],
        otherwise={"says": ["Sorry?"]},
        patience={"nudge": ["Anyone?"]},
    )
    lines = await voice_over(ToneSpeaker(), who, who.people[0])
    assert set(lines) == {"Hello?", "Maya here.", "Mm.", "Yes.", "Sorry?", "Anyone?"}
    assert len(spoken_lines(who, who.people[0])) == len(lines)
