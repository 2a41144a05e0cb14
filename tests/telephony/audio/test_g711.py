"""G.711 against the values of the standard."""

import numpy as np
import pytest
from numpy.typing import NDArray

from telephony.audio import decode_alaw, decode_mulaw, encode_alaw, encode_mulaw

CODECS = pytest.mark.parametrize(
    ("encode", "decode"), [(encode_mulaw, decode_mulaw), (encode_alaw, decode_alaw)], ids=["mulaw", "alaw"]
)


def speech_like(seconds: float, rate_hz: int) -> NDArray[np.int16]:
    """A voiced sound: harmonics of 130 Hz with falling strength, swelling four times a second."""
    time = np.arange(int(seconds * rate_hz)) / rate_hz
    voice = sum(np.sin(2 * np.pi * 130 * k * time + k) / k for k in range(1, 24))
    return (voice * (0.55 + 0.45 * np.sin(2 * np.pi * 4 * time)) * 5000).astype(np.int16)


def snr_db(signal: NDArray[np.int16], copy: NDArray[np.int16]) -> float:
    noise = signal.astype(float) - copy
    return float(10 * np.log10(np.mean(signal.astype(float) ** 2) / np.mean(noise**2)))


@pytest.mark.parametrize(
    ("sample", "code"),
    # Ends, origin and segment borders of ITU-T G.711 table 2a, on the 16-bit scale (x4).
    [
        (0, 0xFF),
        (-1, 0x7F),
        (32767, 0x80),
        (-32768, 0x00),
        (4063 * 4, 0x8F),
        (2015 * 4, 0x9F),
        (30 * 4, 0xF0),
    ],
)
def test_mulaw_codes_are_those_of_the_standard(sample: int, code: int) -> None:
    assert encode_mulaw(np.array([sample], np.int16))[0] == code


@pytest.mark.parametrize(
    ("sample", "code"),
    # Ends, origin and segment borders of ITU-T G.711 table 1a with even bits inverted, x8.
    [
        (0, 0xD5),
        (-1, 0x55),
        (32767, 0xAA),
        (-32768, 0x2A),
        (2048 * 8, 0xA5),
        (1024 * 8, 0xB5),
        (32 * 16, 0xF5),
    ],
)
def test_alaw_codes_are_those_of_the_standard(sample: int, code: int) -> None:
    assert encode_alaw(np.array([sample], np.int16))[0] == code


def test_decoded_values_are_those_of_the_standard() -> None:
    # Quantised values y of G.711 tables 2a and 1a.
    assert decode_mulaw(np.array([0x80, 0x00, 0xFF, 0x7F, 0x8F], np.uint8)).tolist() == [
        8031 * 4,
        -8031 * 4,
        0,
        0,
        4191 * 4,
    ]
    assert decode_alaw(np.array([0xAA, 0x2A, 0xD5, 0x55], np.uint8)).tolist() == [32256, -32256, 8, -8]


@CODECS
def test_every_code_survives_the_round_trip(encode, decode) -> None:  # type: ignore[no-untyped-def]
    codes = np.arange(256, dtype=np.uint8)
    again = encode(decode(codes))
    # Mu-law has two zeros; its negative one comes back as the positive.
    assert np.array_equal(np.delete(again, 0x7F), np.delete(codes, 0x7F))


@CODECS
def test_decoding_is_the_nearest_code(encode, decode) -> None:  # type: ignore[no-untyped-def]
    samples = np.arange(-32768, 32768).astype(np.int16)
    error = np.abs(decode(encode(samples)).astype(int) - samples)
    magnitude = np.abs(samples.astype(int))
    assert np.all(error <= np.maximum(magnitude / 16, 16))


def test_tables_agree_with_the_standard_library() -> None:
    audioop = pytest.importorskip("audioop", reason="left the standard library with Python 3.13")
    codes, samples = np.arange(256, dtype=np.uint8), np.arange(-32768, 32768).astype(np.int16)
    assert decode_mulaw(codes).tobytes() == audioop.ulaw2lin(codes.tobytes(), 2)
    assert decode_alaw(codes).tobytes() == audioop.alaw2lin(codes.tobytes(), 2)
    assert encode_alaw(samples).tobytes() == audioop.lin2alaw(samples.tobytes(), 2)
    # audioop takes negative numbers in two's complement, so it differs by one code at some borders.
    reference = np.frombuffer(audioop.lin2ulaw(samples.tobytes(), 2), np.uint8)
    difference = np.abs(encode_mulaw(samples).astype(int) - reference)
    assert difference[samples >= 0].max() == 0
    assert difference.max() <= 1


@CODECS
def test_speech_keeps_its_quality_and_any_shape(encode, decode) -> None:  # type: ignore[no-untyped-def]
    speech = speech_like(2.0, 8000).reshape(10, 10, 160)
    coded = encode(speech)
    assert coded.shape == speech.shape
    assert coded.dtype == np.uint8
    assert snr_db(speech, decode(coded)) > 35
