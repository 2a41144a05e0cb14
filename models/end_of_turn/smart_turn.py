"""Smart Turn v3.2 (Daily, BSD-2): a small Whisper encoder that judges from the melody whether a turn is over.

What goes in follows pipecat 1.14, `LocalSmartTurnAnalyzerV3`: the last 8 s at 16 kHz, zeros before them if
there are fewer, zero mean and unit variance, log-mel. Audio at 8 kHz would be accepted and misjudged.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from models.log_mel import SAMPLE_RATE, log_mel
from models.one_thread import one_thread_options
from models.registry.catalogue import weights_path
from models.serving import EngineService, serve

WEIGHTS = "smart-turn-v3.2"
WINDOW_S = 8
HEARD_RATE = 8000
_LEAST_VARIANCE = 1e-7


class SmartTurnEngine:
    """Engine[NDArray[np.int16], float]: utterances of 8 kHz mono in, probabilities of completeness out."""

    def __init__(self, model: Path) -> None:
        self._model = model
        self._session: Any = None

    def load(self) -> None:
        import onnxruntime as ort

        if not self._model.exists():
            raise FileNotFoundError(f"{self._model} is missing. Run `voicebot doctor --fetch`")
        providers = ["CPUExecutionProvider"]
        self._session = ort.InferenceSession(self._model, one_thread_options(), providers=providers)

    def warm_up(self) -> None:
        self.run([np.zeros(HEARD_RATE, np.int16)])

    def run(self, batch: Sequence[NDArray[np.int16]]) -> list[float]:
        (probabilities,) = self._session.run(None, {"input_features": np.stack([*map(features, batch)])})
        return [float(probability) for probability in probabilities.ravel()]

    def close(self) -> None:
        self._session = None


def features(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """[80 mels, 800 frames] of the last 8 s of 8 kHz audio; the speech lies at the end."""
    newest = samples[-WINDOW_S * HEARD_RATE :].astype(np.float32) / 32768
    speech = soxr.resample(newest, HEARD_RATE, SAMPLE_RATE, quality="HQ")
    window = np.zeros(WINDOW_S * SAMPLE_RATE, np.float32)
    window[window.size - speech.size :] = speech
    return log_mel((window - window.mean()) / np.sqrt(window.var() + _LEAST_VARIANCE))


class SmartTurn:
    """EndOfTurnDetector in a process of its own: asked when the recogniser is, it must not wait for it."""

    def __init__(self, service: EngineService[NDArray[np.int16], float]) -> None:
        self.service = service

    @property
    def healthy(self) -> bool:
        return self.service.healthy

    async def completeness(self, samples: NDArray[np.int16], *, deadline_s: float) -> float:
        """Raises EngineDown, EngineOverloaded or EngineLate."""
        return await self.service.submit(samples[-WINDOW_S * HEARD_RATE :], deadline_s=deadline_s)


@asynccontextmanager
async def serve_end_of_turn(weights_dir: Path, *, nice: int = 0) -> AsyncIterator[SmartTurn]:
    """Start the detector. Raises EngineDown if it does not load."""
    model = weights_path(WEIGHTS, "smart_turn.onnx", weights_dir)
    async with serve(partial(SmartTurnEngine, model), name=WEIGHTS, max_batch=4, nice=nice) as service:
        yield SmartTurn(service)
