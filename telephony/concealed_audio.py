"""What a call hears without holes: the frames of a queue, and a filling where one is missing."""

from collections.abc import Callable

from telephony.audio.loss_concealment import LossConcealment
from telephony.line import Frame


class ConcealedAudio:
    """Stands between a leg's queue and `Leg.read_frame`; once per 20 ms.

    Recognition, tones and recording get the filled frame. It cannot pass for speech for long: it fades out
    within 60 ms and is comfort noise after that. Before the first frame there are zeros.
    """

    def __init__(self, pop: Callable[[Frame], bool]) -> None:
        """`pop` is the queue's: fills a frame, or says False."""
        self._pop = pop
        self._concealment = LossConcealment()
        self._began = False
        self.concealed_frames = 0
        """Frames filled with what was heard before; noise does not count, silence is not a loss."""

    def pop(self, into: Frame) -> bool:
        """Fill `into` with the next 160 samples; False when they were not heard but filled in."""
        if self._pop(into):
            self._began = True
            self._concealment.heard(into)
            return True
        if self._began:
            self.concealed_frames += self._concealment.conceal(into)
        return False
