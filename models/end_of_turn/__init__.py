"""End-of-turn detection: does what was said sound finished, by its melody and not by its words?"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class EndOfTurnDetector(Protocol):
    """Judges the utterances of all calls."""

    async def completeness(self, samples: NDArray[np.int16], *, deadline_s: float) -> float:
        """Probability (0..1) that the speaker has finished. `samples`: int16, 8 kHz mono, up to the pause.

        Raises EngineDown, EngineOverloaded or EngineLate."""
