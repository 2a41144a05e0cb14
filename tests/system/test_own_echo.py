"""The bot's own voice on its way back, with real voice, detector and recogniser, in virtual time."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.asr import Transcript, Utterance
from models.asr.whisper import WhisperEngine, WhisperSettings
from models.batching import Priority
from models.intent.text import normalise
from models.tts import Speech
from models.tts.piper import PiperEngine
from models.vad.silero import BatchedVad
from telephony.audio import decode_mulaw, encode_mulaw
from telephony.line import FRAME_SAMPLES, Frame
from tests.embedded_weights import embedded_weights
from tests.voicebot.call.scripted_call import SCRIPT, KnowsTheLines, Played, SteadyVoice, make_session
from tests.voicebot.call.test_echo_calls import EchoingLeg
from voicebot.call.media.media_clock import MediaClock
from voicebot.settings import Settings

pytestmark = pytest.mark.virtual_time

DELAY_TICKS, LOSS_DB = 8, 20.0
"""160 ms."""
NOISE = 5.0
GREETING_S = 0.6
Samples = NDArray[np.int16]


@dataclass
class SpeakingLeg(EchoingLeg):
    """G.711 both ways; the callee says `words` from `at_s`."""

    words: Samples = field(default_factory=lambda: np.zeros(0, np.int16))
    at_s: float = 0.0
    _noise: np.random.Generator = field(default_factory=lambda: np.random.default_rng(4))

    def read_frame(self, into: Frame) -> bool:
        heard = self._noise.normal(scale=NOISE, size=FRAME_SAMPLES)
        if (ours := self.played.get(self._tick() - self.delay_ticks)) is not None:
            heard += decode_mulaw(encode_mulaw(ours)) * 10 ** (-self.loss_db / 20)
        begin = round((asyncio.get_running_loop().time() - self.answered_s - self.at_s) * 50) * FRAME_SAMPLES
        if 0 <= begin < len(self.words):
            said = self.words[begin : begin + FRAME_SAMPLES]
            heard[: len(said)] += said
        into[:] = decode_mulaw(encode_mulaw(np.clip(heard, -32768, 32767).astype(np.int16)))
        return True


class Voice(SteadyVoice):
    """Everything is in the cache."""

    def __init__(self, piper: PiperEngine) -> None:
        super().__init__()
        self._piper = piper
        self._said: dict[str, Speech] = {}

    def _render(self, text: str) -> Speech:
        if text not in self._said:
            self._said[text] = self._piper.run([text])[0]
        return self._said[text]


class Ear(KnowsTheLines):
    """Recognises what is there, without punctuation."""

    def __init__(self, whisper: WhisperEngine) -> None:
        super().__init__(())
        self._whisper = whisper

    async def transcribe(
        self, utterance: Utterance, *, deadline_s: float, priority: Priority = Priority.FINAL
    ) -> Transcript:
        heard = self._whisper.run([utterance])[0]
        return Transcript(normalise(heard.text), heard.log_probability, 0.0, heard.mode)


@pytest.fixture(scope="module")
def whisper(tiny_en: Path) -> WhisperEngine:
    engine = WhisperEngine(WhisperSettings(tiny_en))
    engine.load()
    return engine


@pytest.fixture(scope="module")
def voice(piper: PiperEngine) -> Voice:
    return Voice(piper)


def pitch_s(voice: Voice) -> float:
    """When the words after the disclosure begin, since the answer."""
    disclosure = voice.cached("Hello, this is Ann, an automated assistant of Acme, on a recorded line.")
    assert disclosure
    return GREETING_S + len(disclosure.samples) / 8000 + 0.2


async def play(
    voice: Voice,
    whisper: WhisperEngine,
    words: Samples | None = None,
    at_s: float = 0.0,
    *,
    loss_db: float = LOSS_DB,
) -> Played:
    leg = SpeakingLeg((), (), 14.0, delay_ticks=DELAY_TICKS, loss_db=loss_db, at_s=at_s)
    if words is not None:
        leg.words = words
    weights = embedded_weights("silero-vad-8k") / "silero-vad-8k" / "silero_vad.onnx"
    clock = MediaClock(BatchedVad(weights, streams=1))
    session = make_session(leg, clock, recogniser=Ear(whisper), voice=voice)
    ticking = asyncio.create_task(clock.run())
    try:
        return Played(await session.run(), leg, session)
    finally:
        ticking.cancel()


def customer(call: Played) -> list[str]:
    return [text for speaker, text in call.said if speaker == "customer"]


def cough(seconds: float = 0.35) -> Samples:
    """Two bursts of noise that die away, as loud as speech."""
    rng = np.random.default_rng(2)
    burst = rng.normal(scale=9000, size=int(seconds * 4000)) * np.exp(-np.arange(int(seconds * 4000)) / 500)
    return np.clip(np.tile(burst, 2), -32768, 32767).astype(np.int16)


async def test_the_bot_is_not_stopped_by_its_own_voice(voice: Voice, whisper: WhisperEngine) -> None:
    call = await play(voice, whisper)
    assert customer(call) == []
    assert (call.result.barge_ins, call.result.false_stops) == (0, 0)
    greeting = call.result.turns[0]
    assert greeting.text == greeting.planned_text
    assert call.result.media["echo_suppressed"] >= 1, "or the detector heard no echo and this shows nothing"
    assert call.result.media["echo_loss_db"] == pytest.approx(LOSS_DB, abs=3)


async def test_a_no_stop_over_it_is_heard_at_once(
    voice: Voice, whisper: WhisperEngine, piper: PiperEngine
) -> None:
    words = piper.run(["No, stop."])[0].samples
    begins_s = pitch_s(voice) + 0.8
    call = await play(voice, whisper, words, begins_s)
    onset_s = int(np.argmax(np.abs(words) > 1000)) / 8000
    stopped_s = begins_s + onset_s + Settings().barge_in.speech_ms / 1000
    assert call.leg.heard_between(begins_s, begins_s + 0.3)
    assert not call.leg.heard_between(stopped_s + 0.25, begins_s + len(words) / 8000 + 0.2)
    assert call.result.barge_ins == 1
    # The recogniser hears the echo too, until the bot is silent: a word may be added, none is lost.
    assert {"no", "stop"} <= set(customer(call)[0].split()), customer(call)


async def test_a_cough_over_it_changes_nothing(voice: Voice, whisper: WhisperEngine) -> None:
    """On a line with little echo. With more the recogniser may make words of the cough and our own voice."""
    call = await play(voice, whisper, cough(), pitch_s(voice) + 0.8, loss_db=40.0)
    greeting = call.result.turns[0]
    assert greeting.planned_text
    assert call.result.barge_ins == 0
    said = [text for speaker, text in call.said if speaker == "agent"]
    assert said[0].endswith("Would you like to have it")
    assert SCRIPT.no_match.say[0] not in " ".join(said)
