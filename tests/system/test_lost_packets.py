"""Speech over a line that loses packets: what concealment is worth to the ear and to recognition."""

import re

import jiwer
import numpy as np
import pytest
from numpy.typing import NDArray

from models.asr import Utterance
from models.asr.whisper import WhisperEngine, WhisperSettings
from models.tts.piper import PiperEngine
from models.vad.silero import WINDOW, BatchedVad
from telephony.audio import LossConcealment, decode_mulaw, encode_mulaw, level_dbfs
from telephony.line import FRAME_SAMPLES
from tests.embedded_weights import embedded_weights
from tests.system.telephone import with_pauses
from voicebot.settings import EndpointingSettings

SENTENCES = [
    "Who is this?",
    "No, thank you, I'm not interested.",
    "How much does it cost?",
    "That's too expensive for me.",
    "Can you do any better on the price?",
    "I'm busy right now, please call me back tomorrow afternoon.",
    "Please don't call me again.",
    "You have the wrong number.",
    "Can I talk to a real person please?",
    "I switched to another supplier a few months ago because they were cheaper.",
    "Is there a contract and can I cancel at any time?",
    "The delivery was late twice and nobody called me about it.",
]
Samples = NDArray[np.int16]


@pytest.fixture(scope="module")
def calls(piper: PiperEngine) -> list[Samples]:
    spoken = [with_pauses(said.samples) for said in piper.run(SENTENCES)]
    return [decode_mulaw(encode_mulaw(call[: len(call) // FRAME_SAMPLES * FRAME_SAMPLES])) for call in spoken]


def losses(call: Samples, share: float, seed: int) -> NDArray[np.bool_]:
    lost: NDArray[np.bool_] = np.random.default_rng(seed).random(len(call) // FRAME_SAMPLES) < share
    lost[0] = False
    return lost


def with_holes(call: Samples, lost: NDArray[np.bool_]) -> Samples:
    frames = call.reshape(-1, FRAME_SAMPLES).copy()
    frames[lost] = 0
    return frames.ravel()


def concealed(call: Samples, lost: NDArray[np.bool_]) -> Samples:
    concealment, frames = LossConcealment(), call.reshape(-1, FRAME_SAMPLES).copy()
    for frame, is_lost in zip(frames, lost, strict=True):
        if is_lost:
            concealment.conceal(frame)
        else:
            concealment.heard(frame)
    return frames.ravel()


def spectra_db(frames: Samples) -> NDArray[np.float64]:
    """Of each frame, 300-3400 Hz, with a floor at the noise of the line."""
    spectra: NDArray[np.float64] = np.abs(np.fft.rfft(frames * np.hanning(FRAME_SAMPLES)))[:, 6:69]
    return 20 * np.log10(spectra + 30)


@pytest.mark.parametrize("share", [0.02, 0.05, 0.10])
def test_what_was_lost_of_speech_has_nearly_its_spectrum(calls: list[Samples], share: float) -> None:
    distances: list[list[float]] = [[], []]
    for seed, call in enumerate(calls):
        lost = losses(call, share, seed)
        said = call.reshape(-1, FRAME_SAMPLES)
        missed = lost & (level_dbfs(said) > -40)
        for where, copy in zip(distances, (with_holes(call, lost), concealed(call, lost)), strict=True):
            difference = spectra_db(said[missed]) - spectra_db(copy.reshape(-1, FRAME_SAMPLES)[missed])
            where.extend(np.sqrt(np.mean(difference**2, axis=1)))
    holes, filled = (float(np.mean(each)) for each in distances)
    print(f"{share:.0%} lost: log-spectral distance {holes:.1f} dB with holes, {filled:.1f} dB concealed")
    assert filled < 14 < 30 < holes


def still_speaking_ms(audio: Samples, since: int) -> float:
    """How long after sample `since` the detector still hears speech."""
    vad = BatchedVad(embedded_weights("silero-vad-8k") / "silero-vad-8k" / "silero_vad.onnx", streams=1)
    slot = np.array([vad.open()])
    windows = (audio[: len(audio) // WINDOW * WINDOW] / 32768).astype(np.float32).reshape(-1, 1, WINDOW)
    probability = np.array([vad.run(slot, window)[0] for window in windows])
    spoken = np.flatnonzero(probability >= EndpointingSettings().stop_probability)
    return max(0.0, ((spoken[-1] + 1) * WINDOW - since) / 8) if spoken.size else 0.0


def test_a_stream_that_stops_in_a_word_does_not_go_on_as_speech(calls: list[Samples]) -> None:
    with_zeros, filled = [], []
    for call in calls:
        frames = call.reshape(-1, FRAME_SAMPLES)
        loud = np.flatnonzero(level_dbfs(frames) > -25)
        end = int(loud[len(loud) // 2]) + 1
        padded = np.concatenate([call, np.zeros(16_000, np.int16)])
        padded = padded[: len(padded) // FRAME_SAMPLES * FRAME_SAMPLES]
        lost = np.arange(len(padded) // FRAME_SAMPLES) >= end
        with_zeros.append(still_speaking_ms(with_holes(padded, lost), end * FRAME_SAMPLES))
        filled.append(still_speaking_ms(concealed(padded, lost), end * FRAME_SAMPLES))
    longest = f"{max(with_zeros):.0f} ms with zeros, {max(filled):.0f} ms concealed"
    print(
        f"speech after the end: mean {np.mean(with_zeros):.0f} and {np.mean(filled):.0f}, longest {longest}"
    )
    # Less than the least silence that ends a turn.
    assert max(filled) < EndpointingSettings().commit_ms


@pytest.mark.parametrize("share", [0.05, 0.10])
def test_recognition_is_not_harmed(calls: list[Samples], share: float) -> None:
    engine = WhisperEngine(WhisperSettings(embedded_weights("whisper-tiny.en") / "whisper-tiny.en"))
    engine.load()

    def word_errors(pieces: list[Samples]) -> float:
        heard = [each.text for each in engine.run([Utterance(piece) for piece in pieces])]
        return float(jiwer.wer([words(text) for text in SENTENCES], [words(text) or "-" for text in heard]))

    def words(text: str) -> str:
        return re.sub(r"[^a-z ]", "", text.lower())

    rounds = 3
    holes, filled = 0.0, 0.0
    for seed in range(rounds):
        lost = [losses(call, share, 100 * seed + number) for number, call in enumerate(calls)]
        holes += word_errors([with_holes(*each) for each in zip(calls, lost, strict=True)]) / rounds
        filled += word_errors([concealed(*each) for each in zip(calls, lost, strict=True)]) / rounds
    print(f"{share:.0%} lost: word error rate {holes:.1%} with holes, {filled:.1%} concealed")
    # Over these few hundred words chance alone is good for two points.
    assert filled <= holes + 0.02
    assert filled < 0.2
