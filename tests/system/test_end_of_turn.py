"""Smart Turn with its real weights."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.end_of_turn.smart_turn import WEIGHTS, SmartTurnEngine, serve_end_of_turn
from models.engine import EngineDown
from models.registry.catalogue import weights_path
from models.tts.piper import PiperEngine
from tests.embedded_weights import embedded_weights
from tests.system.telephone import through_mu_law, with_pauses

COMPLETE = ["No, you have got the wrong number.", "Can you try me again this evening?", "Who is this?"]
HESITANT = ["I think so, um, maybe.", "Tomorrow, um, afternoon.", "It is about, um, my order."]


@pytest.fixture(scope="module")
def detector() -> Iterator[SmartTurnEngine]:
    engine = SmartTurnEngine(weights_path(WEIGHTS, "smart_turn.onnx", embedded_weights(WEIGHTS)))
    engine.load()
    yield engine
    engine.close()


def heard(piper: PiperEngine, text: str, words: int) -> NDArray[np.int16]:
    said = piper.run([text])[0]
    return through_mu_law(with_pauses(said.samples[: said.word_ends[words - 1]]))


def test_whole_sentences_sound_finished_and_hesitation_does_not(
    detector: SmartTurnEngine, piper: PiperEngine
) -> None:
    whole = [heard(piper, text, len(text.split())) for text in COMPLETE]
    hesitant = [heard(piper, text, text.split().index("um,") + 1) for text in HESITANT]
    probabilities = detector.run(whole + hesitant)
    assert min(probabilities[: len(whole)]) > 0.7
    assert max(probabilities[len(whole) :]) < 0.3


def test_a_caller_is_judged_alike_whoever_shares_the_batch(
    detector: SmartTurnEngine, piper: PiperEngine
) -> None:
    calls = [heard(piper, text, len(text.split())) for text in (*COMPLETE, *HESITANT)]
    assert detector.run(calls) == [detector.run([call])[0] for call in calls]


async def test_it_answers_many_callers_from_a_process_of_its_own() -> None:
    silence = np.zeros(24000, np.int16)
    async with serve_end_of_turn(embedded_weights(WEIGHTS)) as service:
        answers = await asyncio.gather(*(service.completeness(silence, deadline_s=20) for _ in range(6)))
        assert len(set(answers)) == 1
        assert service.healthy
    assert service.service.metrics.completed == 6


async def test_missing_weights_are_named_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(EngineDown, match=r"smart_turn\.onnx is missing. Run `voicebot doctor --fetch`"):
        async with serve_end_of_turn(tmp_path):
            pass
