"""The callers' voice: each question rendered once, as mu-law frames that end with its last audible sample."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.tts.piper import STEADY
from models.tts.service import LONGEST_RENDER_S, serve_piper
from telephony.audio import encode_mulaw
from telephony.line import FRAME_SAMPLES, SAMPLE_RATE_HZ
from voicebot.bench.talk.dialogue import EXCHANGES

_PIECE = SAMPLE_RATE_HZ // 200
"""5 ms."""
_AUDIBLE_DBFS = -45.0


async def render_questions(weights: Path, cache: Path, file: Path) -> None:
    """Write all questions into a file for the load generator. Raises EngineError."""
    async with serve_piper(weights, cache, style=STEADY) as speaker:
        await speaker.prerender([exchange.question for exchange in EXCHANGES])
        spoken = {
            f"{number:02}": frames_of(
                (await speaker.speak(exchange.question, deadline_s=LONGEST_RENDER_S)).samples
            )
            for number, exchange in enumerate(EXCHANGES)
        }
    write(file, spoken)


def write(file: Path, spoken: Mapping[str, NDArray[np.uint8]]) -> None:
    """As the load generator reads it."""
    np.savez(file, **spoken)  # type: ignore[arg-type]


def frames_of(samples: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Mu-law in whole frames up to the last audible sample, which ends the last frame."""
    pieces = samples[: len(samples) // _PIECE * _PIECE].reshape(-1, _PIECE).astype(np.float64)
    loud = np.flatnonzero(np.mean((pieces / 32768) ** 2, axis=1) > 10 ** (_AUDIBLE_DBFS / 10))
    if not len(loud):
        return np.zeros(0, np.uint8)
    speech = samples[: (loud[-1] + 1) * _PIECE]
    lead = np.zeros(-len(speech) % FRAME_SAMPLES, np.int16)
    return encode_mulaw(np.concatenate([lead, speech]))
