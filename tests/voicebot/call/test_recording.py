"""Recordings decoded again: both channels where they were heard, and faults that stay with their file."""

import logging
from pathlib import Path

import av
import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from telephony.line import FRAME_SAMPLES, SAMPLE_RATE_HZ
from voicebot.call.media.recording import RecordingWriter
from voicebot.call.media.recording_files import RecordingFile, RecordingFormat, create, read_recording

FORMATS = pytest.mark.parametrize("format", ["wav", "opus"])
TICKS = 50 * 7 + 13


def bursts(seed: int) -> NDArray[np.int16]:
    """Noise of the telephone band that swells and dies away, unlike any other seed's."""
    rng = np.random.default_rng(seed)
    noise = np.convolve(rng.normal(size=TICKS * FRAME_SAMPLES), np.hanning(9) / 4.5, "same")
    envelope = np.repeat(rng.random(TICKS // 5 + 1), 5 * FRAME_SAMPLES)[: noise.size]
    return (noise * envelope * 6000).astype(np.int16)


def decoded(path: Path) -> tuple[NDArray[np.float32], float]:
    """Both channels at 8 kHz, and the duration in seconds."""
    with av.open(str(path)) as file:
        rate = file.streams.audio[0].rate
        pieces = [frame.to_ndarray() for frame in file.decode(audio=0)]
    if pieces[0].shape[0] == 1:  # Packed.
        pieces = [piece.reshape(-1, 2).T for piece in pieces]
    both = np.concatenate(pieces, axis=1).astype(np.float32)
    return soxr.resample(both.T, rate, SAMPLE_RATE_HZ).T, both.shape[1] / rate


def lag_ms(original: NDArray[np.int16], copy: NDArray[np.float32]) -> float:
    """By how much the copy is late, where both are most alike."""
    size = min(original.size, copy.size)
    spectra = np.fft.rfft(original[:size].astype(float)), np.fft.rfft(copy[:size].astype(float))
    likeness = np.fft.irfft(np.conj(spectra[0]) * spectra[1], size)
    best = int(np.argmax(likeness))
    return (best if best < size // 2 else best - size) * 1000 / SAMPLE_RATE_HZ


@FORMATS
def test_both_channels_lie_where_they_were_heard(tmp_path: Path, format: RecordingFormat) -> None:
    heard, said = bursts(1), bursts(2)
    with RecordingWriter(tmp_path, format) as writer:
        call = writer.open("call-1")
        for tick in range(TICKS):
            span = slice(tick * FRAME_SAMPLES, (tick + 1) * FRAME_SAMPLES)
            call.sent(said[span])
            call.tick(heard[span])
        call.close()
    assert call.path.name == f"call-1.{format}"
    (left, right), duration_s = decoded(call.path)
    assert duration_s == pytest.approx(TICKS * 0.02, abs=0.02)
    assert abs(lag_ms(heard, left)) <= 5
    assert abs(lag_ms(said, right)) <= 5
    size = min(left.size, heard.size)
    assert np.corrcoef(heard[:size], left[:size])[0, 1] > 0.8
    assert abs(np.corrcoef(heard[:size], right[:size])[0, 1]) < 0.1


@FORMATS
def test_a_recording_is_read_as_it_was_written(tmp_path: Path, format: RecordingFormat) -> None:
    heard, said = bursts(1), bursts(2)
    with RecordingWriter(tmp_path, format) as writer:
        call = writer.open("call-1")
        for h, s in zip(heard.reshape(-1, FRAME_SAMPLES), said.reshape(-1, FRAME_SAMPLES), strict=True):
            call.sent(s)
            call.tick(h)
        call.close()
    both = read_recording(call.path)
    for channel, original in zip(both.T, (heard, said), strict=True):
        if format == "wav":
            assert np.array_equal(channel, original)
        else:
            assert abs(lag_ms(original, channel.astype(np.float32))) <= 5
            size = min(channel.size, original.size)
            assert np.corrcoef(channel[:size], original[:size])[0, 1] > 0.8


@FORMATS
def test_one_side_is_not_heard_in_the_other(tmp_path: Path, format: RecordingFormat) -> None:
    with RecordingWriter(tmp_path, format) as writer:
        call = writer.open("call-1")
        for frame in bursts(3).reshape(-1, FRAME_SAMPLES):
            call.tick(frame)
        call.close()
    (left, right), _ = decoded(call.path)
    assert np.std(right) < np.std(left) / 300


def test_opus_takes_an_eighth(tmp_path: Path) -> None:
    sizes = {}
    formats: tuple[RecordingFormat, ...] = ("wav", "opus")
    for format in formats:
        with RecordingWriter(tmp_path, format) as writer:
            call = writer.open("call")
            for frame in bursts(4).reshape(-1, FRAME_SAMPLES):
                call.sent(frame[::-1])
                call.tick(frame)
        # The call was not closed: the writer does it.
        sizes[format] = call.path.stat().st_size
        assert decoded(call.path)[1] == pytest.approx(TICKS * 0.02, abs=1.0)
    assert sizes["opus"] < sizes["wav"] / 7


@pytest.fixture
def complaints(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is logged, whatever other tests have done to the loggers."""
    said: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    logger = logging.Logger("recording", logging.ERROR)
    logger.addHandler(Keep())
    monkeypatch.setattr("voicebot.call.media.recording.logger", logger)
    return said


class _BreakingFile:
    """Takes one chunk."""

    def __init__(self, fault: Exception) -> None:
        self._fault, self._chunks = fault, 0

    def write(self, chunk: NDArray[np.int16]) -> None:
        self._chunks += 1
        if self._chunks > 1:
            raise self._fault

    def close(self) -> None:
        raise self._fault


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), av.error.ExternalError(1, "x")])
def test_a_fault_ends_its_recording_and_no_other(
    tmp_path: Path, fault: Exception, monkeypatch: pytest.MonkeyPatch, complaints: list[str]
) -> None:
    def breaking(path: Path) -> RecordingFile:
        return _BreakingFile(fault) if path.stem == "bad" else create(path)

    monkeypatch.setattr("voicebot.call.media.recording.create", breaking)
    with RecordingWriter(tmp_path) as writer:
        bad, good = writer.open("bad"), writer.open("good")
        for frame in bursts(5).reshape(-1, FRAME_SAMPLES):
            bad.tick(frame)
            good.tick(frame)
        bad.close()
        good.close()
    assert [complaint.split(":")[0] for complaint in complaints] == ["recording bad.wav stopped"]
    assert decoded(good.path)[1] == pytest.approx(TICKS * 0.02, abs=0.001)
    assert not (tmp_path / "bad.wav").exists()


def test_a_folder_that_cannot_be_written_to_costs_no_call(tmp_path: Path, complaints: list[str]) -> None:
    with RecordingWriter(tmp_path, "opus") as writer:
        call = writer.open("no-such-folder/call")
        for frame in bursts(6).reshape(-1, FRAME_SAMPLES):
            call.tick(frame)
        call.close()
    assert len(complaints) == 1
