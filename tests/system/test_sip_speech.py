"""Both ends of a call say a sentence at once, and what each heard is recognised: words, not only packets."""

import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.asr import Utterance
from models.asr.whisper import WhisperEngine, WhisperSettings
from models.tts.piper import PiperEngine
from telephony.line import EndKind
from tests.system.debian_baresip import telephone
from tests.system.sip_trunk import answered_leg, ending, started_trunk
from tests.system.two_way_audio import speak, word_error_rate

OURS = "Hello, this is an automated assistant from Green Energy. Do you have a minute to talk?"
THEIRS = "I switched to another supplier a few months ago because they were cheaper."


@pytest.fixture(scope="module")
def whisper(tiny_en: Path) -> WhisperEngine:
    engine = WhisperEngine(WhisperSettings(tiny_en))
    engine.load()
    return engine


async def test_what_each_end_says_is_understood_at_the_other(
    tmp_path: Path, piper: PiperEngine, whisper: WhisperEngine
) -> None:
    ours, theirs = (speech.samples for speech in piper.run([OURS, THEIRS]))
    file = tmp_path / "theirs.wav"
    write_wav(file, np.concatenate([theirs, np.zeros(20 * 8_000, np.int16)]))  # it hangs up at its end
    ticks = max(len(ours), len(theirs)) // 160 + 40
    async with started_trunk() as trunk, telephone(tmp_path, says=file) as peer:
        leg = await answered_leg(trunk, peer.uri)
        heard_here = await speak(leg, ours, ticks)
        await leg.hang_up()
        assert (await ending(leg)).kind is EndKind.LOCAL_HANGUP
        await peer.stop()
    here, there = whisper.run([Utterance(heard_here), Utterance(peer.heard())])
    print(f"\nheard here: {here.text}\nheard there: {there.text}")
    assert word_error_rate(THEIRS, here.text) <= 0.1
    assert word_error_rate(OURS, there.text) <= 0.1


def write_wav(path: Path, samples: NDArray[np.int16]) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.writeframes(samples.tobytes())
