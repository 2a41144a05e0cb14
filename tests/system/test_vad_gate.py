"""The gate before the voice detector changes next to nothing of what is heard of real speech."""

import numpy as np
import pytest
from numpy.typing import NDArray

from models.tts.piper import PiperEngine
from models.vad.gate import QUIET_DBFS, GatedVad
from models.vad.silero import WINDOW
from telephony.line import FRAME_SAMPLES
from tests.system.telephone import through_mu_law, with_pauses
from tests.system.test_vad import make_vad
from voicebot.call.turn_taking.endpointing import Endpointer, EndpointEvent, SpeechStarted, TurnEnded
from voicebot.settings import EndpointingSettings

TEXTS = [
    "Hello?",
    "Have you got it in a smaller size?",
    "No, I am not interested, thank you.",
    "She said that she would phone me again on Thursday.",
    "My last bill was one hundred and twenty dollars.",
    "Five.",
]
CLOSE_MS = 100
SOON_MS = 64


def conversation(piper: PiperEngine, talker_dbfs: float, noise_dbfs: float | None) -> NDArray[np.float32]:
    """Sentences with one to six seconds between them, as windows that went through mu-law."""
    random = np.random.default_rng(7)
    parts = [np.zeros(12_000)]
    for said in piper.run(TEXTS):
        speech = with_pauses(said.samples).astype(np.float64)
        active = np.sqrt(np.mean(np.square(speech[np.abs(speech) > 200])))
        parts += [
            speech * 32_768 * 10 ** (talker_dbfs / 20) / active,
            np.zeros(random.integers(8_000, 48_000)),
        ]
    audio = np.concatenate(parts)
    if noise_dbfs is not None:
        audio += random.normal(0, 32_768 * 10 ** (noise_dbfs / 20), audio.size)
    heard = through_mu_law(np.clip(np.rint(audio), -32_768, 32_767).astype(np.int16)) / 32_768
    return heard[: heard.size // WINDOW * WINDOW].reshape(-1, WINDOW).astype(np.float32)


def endpoints(probabilities: NDArray[np.float32]) -> list[EndpointEvent]:
    endpointer = Endpointer(EndpointingSettings())
    events: list[EndpointEvent] = []
    for tick in range(1, len(probabilities) * WINDOW // FRAME_SAMPLES + 1):
        newest = tick * FRAME_SAMPLES // WINDOW - 1
        events += endpointer.step(20 * tick, float(probabilities[newest]) if newest >= 0 else 0.0)
    return events


@pytest.mark.parametrize("talker_dbfs", [-25.0, -45.0])
@pytest.mark.parametrize("noise_dbfs", [None, -67.0, -58.0])
def test_turns_begin_and_end_where_they_do_without_it(
    piper: PiperEngine, talker_dbfs: float, noise_dbfs: float | None
) -> None:
    windows = conversation(piper, talker_dbfs, noise_dbfs)
    plain, gated = make_vad(streams=1), GatedVad(make_vad(streams=1))
    one, other = np.array([plain.open()]), np.array([gated.open()])
    without = np.concatenate([plain.run(one, window[None]) for window in windows])
    with_gate = np.concatenate([gated.run(other, window[None]) for window in windows])
    spared = np.mean(with_gate == 0)
    print(f"\n{talker_dbfs:g} dBFS, noise {noise_dbfs}: {spared:.0%} of the windows spared,")
    print(f"of which the network alone said at most {without[with_gate == 0].max():.2f}")
    assert spared > 0.1
    events = endpoints(without)
    starts = [e for e in events if isinstance(e, SpeechStarted)]
    ends = [e for e in events if isinstance(e, TurnEnded)]
    gated_events = endpoints(with_gate)
    gated_starts = [e.at_ms for e in gated_events if isinstance(e, SpeechStarted)]
    gated_ends = [e.end_ms for e in gated_events if isinstance(e, TurnEnded)]
    assert len(gated_starts) == len(starts) >= len(TEXTS)
    assert len(gated_ends) == len(ends)
    for start, gated_start in zip(starts, gated_starts, strict=True):
        assert -CLOSE_MS <= gated_start - start.at_ms <= SOON_MS, "no first word is missed"
    for end, gated_end in zip(ends, gated_ends, strict=True):
        assert abs(gated_end - end.end_ms) <= CLOSE_MS


@pytest.mark.parametrize("noise_dbfs", [QUIET_DBFS + 1, -58.0, -55.0])
def test_steady_noise_above_the_quiet_is_heard_for_some_seconds_and_then_spared(noise_dbfs: float) -> None:
    gate = GatedVad(make_vad(streams=1))
    slot = np.array([gate.open()])
    noise = np.random.default_rng(3).normal(0, 32_768 * 10 ** (noise_dbfs / 20), 1_000 * WINDOW)
    windows = (through_mu_law(np.rint(noise).astype(np.int16)) / 32_768).reshape(-1, WINDOW)
    told = [gate.run(slot, window[None].astype(np.float32))[0] for window in windows]
    assert all(told[:100])
    assert not any(told[200:])
