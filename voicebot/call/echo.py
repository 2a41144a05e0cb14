"""Echo: is what is heard somebody, or our own voice on its way back.

Telephone lines have no echo cancellation: what the bot says returns up to half a second later,
some 6 to 40 dB weaker, and a voice detector takes it for speech. While the bot can be heard,
only what is louder than its echo could be counts as speech. That is Geigel's double-talk
detector (Duttweiler 1978) on levels of 20 ms, with a threshold that this call teaches.

Pure: levels in dBFS and the speech probability come in once per 20 ms tick.
"""

from collections import deque
from itertools import count

import numpy as np
from numpy.typing import NDArray

from voicebot.call.levels import SILENT_DBFS

WINDOW = 25
"""Ticks that our voice may take to come back: what is queued on the wire, the line, the jitter buffer."""
AUDIBLE_DBFS = -45.0
"""Quieter frames of ours bring back nothing that would be taken for speech."""
MOST_LOSS_DB = 40.0
"""No more than this is believed of any line."""
MARGIN_DB = 3.0
"""The echo of one frame may be so much louder than the loss that was measured tells."""
HANGOVER = 12
"""Ticks that the gate stays open after the callee was louder than the echo: words have quiet parts."""
CONFIRMED = 4
"""Loud ticks that open it so long; before that each tick passes by itself."""
_SPEECH = 0.5
_UTTERANCE = 5
"""Ticks of speech that the endpointer would have taken for an utterance."""
_BLOCK, _FIRST_BLOCK, _LONGEST_BLOCK = 50, 25, 125
"""Ticks from which the loss is measured."""
_STRIDE = 19
"""Calls that begin together are measured in different ticks: so much shorter is the next first block."""
_BLOCKS_KEPT = 8
_STRONG_DB = 12.0
"""Frames so far below the loudest of a block tell nothing: their echo drowns in the noise of the line."""
_FEWEST_STRONG = 8
_NOT_LOUDER = 0.75
"""Share of the strong frames whose echo must have been no louder than what was heard."""
_gates = count()


class EchoGate:
    """One call's gate between the voice detector and the machines that take turns."""

    def __init__(self, least_loss_db: float) -> None:
        """`least_loss_db`: the echo is at least so much weaker than what was said, on any line."""
        self.loss_db = self._least_db = least_loss_db
        """How much weaker our voice comes back on this line, as far as it is known."""
        self.suppressed = 0
        """Utterances that were all echo."""
        self.active = False
        """True while what is heard may be our own voice."""
        self.floor_dbfs = SILENT_DBFS
        """What is not louder counts as echo, while active."""
        self._said: deque[float] = deque([SILENT_DBFS] * WINDOW, WINDOW)
        self._loudest = SILENT_DBFS
        """Of what may come back now."""
        self._bounds: deque[float] = deque(maxlen=_BLOCKS_KEPT)
        self._block = _FIRST_BLOCK + next(_gates) * _STRIDE % _FIRST_BLOCK
        self._said_block: list[float] = [SILENT_DBFS] * WINDOW
        self._heard_block: list[float] = []
        self._loud_ticks = 0
        self._since_loud = 0
        self._echo_ticks = 0

    def step(self, said_dbfs: float, heard_dbfs: float, probability: float) -> float:
        """The probability that the callee speaks. `said_dbfs`: what was sent since the last tick."""
        gone = self._said[0]
        self._said.append(said_dbfs)
        if said_dbfs >= self._loudest:
            self._loudest = said_dbfs
        elif gone == self._loudest:
            self._loudest = max(self._said)
        self.active = self._loudest > AUDIBLE_DBFS
        if not self.active:
            self._loud_ticks = self._echo_ticks = 0
            return probability
        self._learn(said_dbfs, heard_dbfs)
        self.floor_dbfs = self._loudest - self.loss_db + MARGIN_DB
        if heard_dbfs > self.floor_dbfs:
            self._since_loud = 0
            self._loud_ticks += probability >= _SPEECH
        else:
            self._since_loud += 1
            if self._since_loud > HANGOVER:
                self._loud_ticks = 0
        if self._since_loud and self._loud_ticks < CONFIRMED:
            self._count(probability)
            return 0.0
        self._echo_ticks = 0
        return probability

    def _count(self, probability: float) -> None:
        if probability < _SPEECH:
            self._echo_ticks = 0
            return
        self._echo_ticks += 1
        self.suppressed += self._echo_ticks == _UTTERANCE

    def _learn(self, said_dbfs: float, heard_dbfs: float) -> None:
        self._said_block.append(said_dbfs)
        self._heard_block.append(heard_dbfs)
        if len(self._heard_block) < self._block:
            return
        bound = loss_bound(np.array(self._said_block), np.array(self._heard_block))
        if bound is None and self._block < _LONGEST_BLOCK:
            self._block += _FIRST_BLOCK  # Hardly anything was said yet: look at more.
            return
        del self._said_block[:-WINDOW]
        self._heard_block.clear()
        self._block = _BLOCK
        if bound is not None:
            self._bounds.append(bound)
            self.loss_db = min(max(self._least_db, *self._bounds), MOST_LOSS_DB)


def loss_bound(said: NDArray[np.float64], heard: NDArray[np.float64]) -> float | None:
    """The least loss, in dB, that an echo on this line can have; None if too little was said.

    `heard` [n] and `said` [WINDOW + n] are levels of ticks that end together. An echo is never louder than
    what is heard, whoever else speaks: at the true delay the loss is at least the difference of the levels,
    at (nearly) every tick. Which delay that is does not matter: the least of all is taken.
    """
    delayed = np.lib.stride_tricks.sliding_window_view(said, heard.size)
    strong = delayed > max(said.max() - _STRONG_DB, AUDIBLE_DBFS)
    number = strong.sum(axis=1)
    if number.min() < _FEWEST_STRONG:
        return None  # The true delay may be that of which nothing is known.
    differences = np.sort(np.where(strong, delayed - heard, np.inf), axis=1)
    at = (number * _NOT_LOUDER).astype(np.intp).clip(0, heard.size - 1)
    return float(differences[np.arange(at.size), at].min())
