"""The frames heard and not yet read: evens out uneven arrival and keeps delay from building up."""

import numpy as np

from telephony.line import FRAME_SAMPLES, Frame

_FRAME_BYTES = FRAME_SAMPLES * 2
RTP_MOST_FRAMES = 5
"""100 ms: more than this cannot be jitter of RTP, the reader was away."""
TCP_MOST_FRAMES = 25
"""500 ms: a lost segment holds back all that follow, which then come at once and are all speech."""
_KEPT_FRAMES = 2
_SURPLUS_READS = 50
"""A frame that has lain unused for a second of reads is delay, not protection."""
_QUIET_PEAK = 256


class HeardQueue:
    """Pieces of 16-bit mono audio in, frames of 160 samples out. Drops the oldest when behind."""

    def __init__(self, most_frames: int = RTP_MOST_FRAMES) -> None:
        self._most_frames = most_frames
        self._pcm = bytearray()
        self._surplus_reads = 0
        self.dropped_frames = 0

    def push(self, pcm: bytes) -> None:
        """Append native-order 16-bit samples."""
        self._pcm += pcm
        waiting = len(self._pcm) // _FRAME_BYTES
        if waiting > self._most_frames:
            self._drop(waiting - _KEPT_FRAMES)

    def pop(self, into: Frame) -> bool:
        """Fill `into` with the oldest 160 samples; zeros and False when there are fewer."""
        if len(self._pcm) < _FRAME_BYTES:
            self._surplus_reads = 0
            into[:] = 0
            return False
        into[:] = np.frombuffer(self._pcm, np.int16, FRAME_SAMPLES)
        del self._pcm[:_FRAME_BYTES]
        self._shed_surplus()
        return True

    def _shed_surplus(self) -> None:
        """After one late tick every later frame is late too, until a quiet frame is left out."""
        if len(self._pcm) < _FRAME_BYTES:
            self._surplus_reads = 0
            return
        self._surplus_reads += 1
        if self._surplus_reads < _SURPLUS_READS:
            return
        oldest = np.frombuffer(self._pcm, np.int16, FRAME_SAMPLES).copy()
        if oldest.max() < _QUIET_PEAK and oldest.min() > -_QUIET_PEAK:
            self._drop(1)
            self._surplus_reads = 0

    def _drop(self, frames: int) -> None:
        del self._pcm[: frames * _FRAME_BYTES]
        self.dropped_frames += frames
