"""Echo: is what is heard somebody, or our own voice on its way back.

Telephone lines have no echo cancellation: what the bot says returns up to half a second later,
some 6 to 40 dB weaker, and a voice detector takes it for speech. While the bot can be heard,
only what is louder than its echo could be counts as speech. That is Geigel's double-talk
detector (Duttweiler 1978) on levels of 20 ms, with a threshold that this call teaches. Once it also
knows the delay, whoever answers us is heard as soon as the last of our words has come back.

Pure: levels in dBFS and the speech probability come in once per 20 ms tick.
"""

from collections import deque
from itertools import count, islice

import numpy as np
from numpy.typing import NDArray

from voicebot.call.media.levels import SILENT_DBFS

WINDOW = 25
"""Ticks that our voice may take to come back: what is queued on the wire, the line, the jitter buffer."""
AUDIBLE_DBFS = -45.0
"""Quieter frames of ours bring back nothing that would be taken for speech."""
FIRST_LOSS_DB = 15.0
"""Until the line has taught its loss: most lose more, and people say hello over the first words."""
MOST_LOSS_DB = 40.0
"""No more than this is believed of any line."""
MARGIN_DB = 3.0
"""The echo of one frame may be so much louder than the loss that was measured tells."""
HANGOVER = 12
"""Ticks that the gate stays open after the callee was louder than the echo: words have quiet parts."""
CONFIRMED = 4
"""Loud ticks that open it so long; before that each tick passes by itself."""
_APART = 50
"""Ticks without anything louder than the echo after which the next is another sound."""
_SPEECH = 0.5
_UTTERANCE = 5
"""Ticks of speech that the endpointer would have taken for an utterance."""
_BLOCK, _FIRST_BLOCK, _LONGEST_BLOCK = 50, 25, 125
"""Ticks from which the loss is measured."""
_STRIDE = 19
"""Calls that begin together are measured in different ticks: so much shorter is the next first block."""
_BLOCKS_KEPT = 8
_BLOCKS_THAT_SHOW = 4
_STRONG_DB = 12.0
"""Frames so far below the loudest of a block tell nothing: their echo drowns in the noise of the line."""
_FEWEST_STRONG = 8
_NOT_LOUDER = 0.75
"""Share of the strong frames whose echo must have been no louder than what was heard."""
_PROFILES_KEPT = 4
_FEWEST_PROFILES = 3
"""Blocks that must speak for a delay: the levels of one alone may be alike at two places."""
_CLEAR_DB = 2.5
"""So much less is lost at the delay of an echo than at any other; noise alone is within 1 dB at all."""
_REACH = 3
"""Ticks that an echo may be late: jitter, and what of a frame falls into the next."""
_FADE_DB = 6.0
"""So much less per tick is taken for echo when all has come back: rooms reverberate."""
_FAINT_DBFS = -50.0
"""What is quieter stays held back until then: voice detectors go on for a while in the noise of the line."""
_gates = count()


class EchoGate:
    """One call's gate between the voice detector and the machines that take turns."""

    def __init__(self, least_loss_db: float, first_loss_db: float = FIRST_LOSS_DB) -> None:
        """`least_loss_db`: the echo is at least so much weaker than what was said, on any line.
        `first_loss_db`: so much weaker it is taken to be until the line has taught its loss."""
        self._least_db = least_loss_db
        self._first_db = first_loss_db
        self._known = False
        """The line has taught whether its loss is less than what was assumed of it at first."""
        self.loss_db = max(least_loss_db, first_loss_db)
        """How much weaker our voice comes back on this line, as far as it is known."""
        self.suppressed = 0
        """Utterances that were all echo."""
        self.active = False
        """True while what is heard may be our own voice."""
        self.floor_dbfs = SILENT_DBFS
        """What is not louder counts as echo, while active."""
        self._said: deque[float] = deque([SILENT_DBFS] * WINDOW, WINDOW)
        self._loudest = SILENT_DBFS
        """Of what may come back now, at the longest delay."""
        self.delay: int | None = None
        """Ticks that the echo takes on this line; None while that is not known, and where there is none."""
        self._profiles: deque[NDArray[np.float64]] = deque(maxlen=_PROFILES_KEPT)
        self.mistaken = False
        """True in the tick in which what was taken for speech since we could be heard proves to be echo."""
        self.active_ticks = 0
        """How long `active` has been true."""
        self._passed: list[float] = []
        """How far above our voice the speech was that passed before the line had taught anything, in dB."""
        self._bounds: deque[float] = deque(maxlen=_BLOCKS_KEPT)
        self._block = _FIRST_BLOCK + next(_gates) * _STRIDE % _FIRST_BLOCK
        self._said_block: list[float] = [SILENT_DBFS] * WINDOW
        self._heard_block: list[float] = []
        self._loud_ticks = 0
        self._since_loud = 0
        self.louder_ticks = 0
        """How long the newest sound that passed was itself louder than the echo, hangover not counted."""
        self._echo_ticks = 0

    @property
    def found(self) -> bool:
        """True when there certainly is an echo: it came back after a steady delay and sounded like speech."""
        return self.delay is not None and self.suppressed > 0

    def step(self, said_dbfs: float, heard_dbfs: float, probability: float) -> float:
        """The probability that the callee speaks. `said_dbfs`: what was sent since the last tick."""
        gone = self._said[0]
        self._said.append(said_dbfs)
        if said_dbfs >= self._loudest:
            self._loudest = said_dbfs
        elif gone == self._loudest:
            self._loudest = max(self._said)
        self.active = self._loudest > AUDIBLE_DBFS
        self.mistaken = False
        if not self.active:
            self._loud_ticks = self._echo_ticks = self.active_ticks = 0
            self._since_loud = _APART
            return probability
        self.active_ticks += 1
        self._learn(said_dbfs, heard_dbfs)
        floor_dbfs = self._loudest - self.loss_db + MARGIN_DB
        if self._all_came_back():
            floor_dbfs = max(self.floor_dbfs - _FADE_DB, min(floor_dbfs, _FAINT_DBFS))
        self.floor_dbfs = floor_dbfs
        if heard_dbfs > self.floor_dbfs:
            if self._since_loud >= _APART:
                self.louder_ticks = 0
            self._since_loud = 0
            self._loud_ticks += probability >= _SPEECH
            self.louder_ticks += probability >= _SPEECH
        else:
            self._since_loud += 1
            if self._since_loud > HANGOVER:
                self._loud_ticks = 0
        if self._since_loud and self._loud_ticks < CONFIRMED:
            self._count(probability)
            return 0.0
        self._echo_ticks = 0
        if not self._known and probability >= _SPEECH:
            self._passed.append(heard_dbfs - self._loudest)
        return probability

    def _all_came_back(self) -> bool:
        """True when the delay is known and we have been silent for longer."""
        if self.delay is None:
            return False
        newest = islice(self._said, max(WINDOW - 1 - self.delay - _REACH, 0), None)
        return max(newest) <= AUDIBLE_DBFS

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
        bounds = loss_bounds(np.array(self._said_block), np.array(self._heard_block))
        if bounds is None and self._block < _LONGEST_BLOCK:
            self._block += _FIRST_BLOCK  # Hardly anything was said yet: look at more.
            return
        del self._said_block[:-WINDOW]
        self._heard_block.clear()
        self._block = _BLOCK
        if bounds is not None:
            self._bounds.append(float(bounds.min()))
            self._find_delay(bounds)
            self._take_loss()

    def _find_delay(self, bounds: NDArray[np.float64]) -> None:
        """Take the delay that the last blocks agree on; forget it where the newest clearly shows another."""
        newest = clear_delay(bounds)
        if newest is not None and self.delay is not None and abs(newest - self.delay) > _REACH:
            self._profiles.clear()
        self._profiles.append(bounds)
        enough = len(self._profiles) >= _FEWEST_PROFILES
        self.delay = clear_delay(np.mean(self._profiles, axis=0)) if enough else None

    def _take_loss(self) -> None:
        """A bound says that the loss is no less; while somebody talks over us it says little. That it is
        not much more is shown by a clear delay, or by several blocks."""
        loss_db = max(self._least_db, *self._bounds)
        was_known = self._known
        shown = self.delay is not None or len(self._bounds) >= _BLOCKS_THAT_SHOW
        self._known = was_known or shown or loss_db >= self._first_db
        self.loss_db = min(loss_db if self._known else max(loss_db, self._first_db), MOST_LOSS_DB)
        if self._known and not was_known:
            self._think_again()

    def _think_again(self) -> None:
        """Now the loss is known: was what passed before nothing but echo?"""
        loudest_echo = MARGIN_DB - self.loss_db
        weak = sum(passed <= loudest_echo for passed in self._passed)
        self.mistaken = weak > _NOT_LOUDER * len(self._passed)
        self.suppressed += self.mistaken
        self._loud_ticks = 0 if self.mistaken else self._loud_ticks
        self._passed.clear()


def loss_bounds(said: NDArray[np.float64], heard: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The least loss, in dB, that an echo can have which takes 0, 1, ... WINDOW ticks; None if too little
    was said.

    `heard` [n] and `said` [WINDOW + n] are levels of ticks that end together. An echo is never louder than
    what is heard, whoever else speaks: at the true delay the loss is at least the difference of the levels,
    at (nearly) every tick. While the delay is not known, the least of all bounds the loss.
    """
    delayed = np.lib.stride_tricks.sliding_window_view(said, heard.size)[::-1]
    strong = delayed > max(said.max() - _STRONG_DB, AUDIBLE_DBFS)
    number = strong.sum(axis=1)
    if number.min() < _FEWEST_STRONG:
        return None  # The true delay may be that of which nothing is known.
    differences = np.sort(np.where(strong, delayed - heard, np.inf), axis=1)
    at = (number * _NOT_LOUDER).astype(np.intp).clip(0, heard.size - 1)
    bounds: NDArray[np.float64] = differences[np.arange(at.size), at]
    return bounds


def clear_delay(bounds: NDArray[np.float64]) -> int | None:
    """The delay, in ticks, whose `loss_bounds` are clearly below all that are not next to it, or None."""
    best = int(bounds.argmin())
    others = np.concatenate((bounds[: max(best - _REACH, 0)], bounds[best + _REACH + 1 :]))
    return best if others.min() - bounds[best] >= _CLEAR_DB else None
