"""Between 8 kHz frames and the bytes of a wire format, for one call."""

import numpy as np
from numpy.typing import NDArray

from telephony.audio import StreamResampler, decode_alaw, decode_mulaw, encode_alaw, encode_mulaw
from telephony.line import SAMPLE_RATE_HZ, Frame
from telephony.websocket.codec import AudioFormat, Encoding, ProtocolFault


class WireAudio:
    """Keeps the state of both directions' resamplers."""

    def __init__(self, format: AudioFormat) -> None:
        self._encoding = format.encoding
        rate_hz = format.rate_hz
        other = rate_hz != SAMPLE_RATE_HZ
        self._inwards = StreamResampler(rate_hz, SAMPLE_RATE_HZ) if other else None
        self._outwards = StreamResampler(SAMPLE_RATE_HZ, rate_hz) if other else None

    def decode(self, audio: bytes) -> bytes:
        """Native 16-bit samples at 8 kHz. Raises ProtocolFault for half a sample."""
        samples: NDArray[np.int16]
        if self._encoding is Encoding.MULAW:
            samples = decode_mulaw(np.frombuffer(audio, np.uint8))
        elif self._encoding is Encoding.ALAW:
            samples = decode_alaw(np.frombuffer(audio, np.uint8))
        elif len(audio) % 2:
            raise ProtocolFault("16-bit audio with an odd number of bytes")
        else:
            samples = np.frombuffer(audio, "<i2").astype(np.int16)
        return (self._inwards.push(samples) if self._inwards else samples).tobytes()

    def encode(self, frame: Frame) -> bytes:
        """The wire's bytes of one frame."""
        samples = self._outwards.push(frame) if self._outwards else frame
        if self._encoding is Encoding.MULAW:
            return encode_mulaw(samples).tobytes()
        if self._encoding is Encoding.ALAW:
            return encode_alaw(samples).tobytes()
        return samples.astype("<i2").tobytes()
