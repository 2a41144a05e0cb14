"""The files that recordings are written to and read from: two channels, 8 kHz. Everything here blocks."""

import wave
from fractions import Fraction
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from telephony.line import SAMPLE_RATE_HZ

RecordingFormat = Literal["wav", "opus"]

_OPUS_BITS_PER_S = 32_000
"""Both channels together. One channel is heard in the other 59 dB down, which is nowhere."""
_OPUS_EFFORT = "0"
"""Of 10. It takes 0.3 % of a core per call, 10 takes 1 %; both come equally near to the original (measured:
a correlation of 0.96 on speech)."""


class RecordingFile(Protocol):
    """An open file."""

    def write(self, chunk: NDArray[np.int16]) -> None:
        """Append samples [n, 2]."""

    def close(self) -> None:
        """Finish the file."""


class WavFile:
    """16-bit PCM."""

    def __init__(self, path: Path) -> None:
        self._file = wave.open(str(path), "wb")  # noqa: SIM115 - `close` closes it
        self._file.setparams((2, 2, SAMPLE_RATE_HZ, 0, "NONE", ""))

    def write(self, chunk: NDArray[np.int16]) -> None:
        """Append samples [n, 2]."""
        self._file.writeframes(chunk.astype("<i2").tobytes())

    def close(self) -> None:
        """Write the length into the header and close."""
        self._file.close()


class OpusFile:
    """Ogg Opus (RFC 7845) by libopus; the container says how much the encoder's delay is."""

    def __init__(self, path: Path) -> None:
        import av  # Not needed for WAV.

        self._container = av.open(str(path), "w", format="ogg")
        options = {"application": "voip", "compression_level": _OPUS_EFFORT}
        self._stream = self._container.add_stream("libopus", rate=SAMPLE_RATE_HZ, options=options)
        self._stream.layout = "stereo"
        self._stream.bit_rate = _OPUS_BITS_PER_S
        self._written = 0

    def write(self, chunk: NDArray[np.int16]) -> None:
        """Append samples [n, 2]."""
        from av import AudioFrame

        frame = AudioFrame.from_ndarray(
            np.ascontiguousarray(chunk).reshape(1, -1), format="s16", layout="stereo"
        )
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.time_base = Fraction(1, SAMPLE_RATE_HZ)
        frame.pts = self._written
        self._written += len(chunk)
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Write what the encoder holds back, and close."""
        try:
            self._container.mux(self._stream.encode(None))
        finally:
            self._container.close()


def create(path: Path) -> RecordingFile:
    """A new file in the format of its suffix."""
    return OpusFile(path) if path.suffix == ".opus" else WavFile(path)


def read_recording(path: Path) -> NDArray[np.int16]:
    """Samples [n, 2] of a finished recording: what was heard, what was said. Raises OSError or ValueError."""
    if path.suffix != ".opus":
        with wave.open(str(path), "rb") as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    else:
        samples = _decoded(path)
    return samples.reshape(-1, 2)


def _decoded(path: Path) -> NDArray[np.int16]:
    import av

    resampler = av.AudioResampler(format="s16", layout="stereo", rate=SAMPLE_RATE_HZ)
    with av.open(str(path)) as container:
        pieces = [
            piece.to_ndarray() for frame in container.decode(audio=0) for piece in resampler.resample(frame)
        ]
    return np.concatenate(pieces, axis=None).astype(np.int16) if pieces else np.zeros(0, np.int16)
