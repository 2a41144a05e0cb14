"""Tones, packet gaps, spreads and the summary of the media benchmark."""

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from telephony.audio import decode_mulaw, encode_mulaw
from telephony.line import Frame
from voicebot.bench.error import BenchError
from voicebot.bench.machine import processor_name, this_machine
from voicebot.bench.media import MOST_CALLS, call_counts
from voicebot.bench.media_drive import MediaDrive, MediaResult
from voicebot.bench.media_report import MediaReport, MediaRun, summaries
from voicebot.bench.media_table import print_report
from voicebot.bench.packet_gaps import PacketGaps, packet_gaps
from voicebot.bench.spread import Spread, paired_ratio, spread
from voicebot.bench.tone import is_heard, tone_frames, tone_hz

RESULT = MediaResult(
    calls=20,
    tones_heard=20,
    frames_missing=0.001,
    cpu_s=1.0,
    window_s=10.0,
    rss_mb=60.0,
    threads=66,
    processes=1,
    tick_late_p99_ms=1.0,
    tick_late_max_ms=2.0,
    start_s=100.0,
    end_s=110.0,
)


def test_every_call_hears_its_own_tone_and_no_other() -> None:
    heard = decode_mulaw(encode_mulaw(np.tile(tone_frames(7).ravel(), 2)))
    assert [call for call in range(MOST_CALLS) if is_heard(heard, tone_hz(call))] == [7]


def test_a_tone_may_miss_a_frame_or_two_but_not_most() -> None:
    heard = np.tile(tone_frames(3).ravel(), 2)
    gone = np.delete(heard, np.s_[4000:4160])
    assert is_heard(gone, tone_hz(3))
    heard[6000:] = 0
    assert not is_heard(heard, tone_hz(3))


def test_noise_and_silence_are_no_tone() -> None:
    noise = np.random.default_rng(1).normal(0, 3000, 16_000).astype(np.int16)
    assert not is_heard(noise, 1000)
    assert not is_heard(np.zeros(16_000, np.int16), 1000)
    assert not is_heard(np.zeros(0, np.int16), 1000)


def test_gaps_are_those_within_the_window_and_within_a_stream() -> None:
    steady = [0.02 * number for number in range(100)]
    late = [10 + gap for gap in (0.0, 0.02, 0.07)]
    gaps = packet_gaps([steady, late], start_s=0.99, end_s=10.5)
    assert gaps.packets == 50 + 3
    assert gaps.p50_ms == pytest.approx(20)
    assert gaps.max_ms == pytest.approx(50)


def test_no_packets_no_gaps() -> None:
    assert packet_gaps([], 0, 1) == PacketGaps()
    assert packet_gaps([[0.5]], 0, 1) == PacketGaps(packets=1)


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_a_spread_is_in_order(values: list[float]) -> None:
    of = spread(values)
    assert of is not None
    assert of.least <= of.median <= of.most


def test_ratios_are_of_rounds_that_have_both() -> None:
    assert paired_ratio([1.0, None, 3.0, 4.0], [2.0, 1.0, 0.0, 1.0]) == Spread(2.25, 0.5, 4.0)
    assert paired_ratio([None], [1.0]) is None


def rounds() -> list[MediaRun]:
    gaps = PacketGaps(1000, 20.0, 21.0, 25.0)
    theirs = replace(RESULT, cpu_s=0.5)
    return [
        MediaRun("voicebot", 20, 1, 0.5, RESULT, gaps),
        MediaRun("aiortp", 20, 1, 0.5, theirs, gaps),
        MediaRun("voicebot", 20, 2, 0.5, replace(RESULT, cpu_s=2.0), gaps),
        MediaRun("aiortp", 20, 2, 0.5, fault="[it] broke"),
    ]


def test_summary_pairs_ours_with_theirs_and_counts_tones_of_rounds_that_failed() -> None:
    ours, theirs = summaries(rounds())
    assert ours.cpu_per_call == Spread(0.75, 0.5, 1.0)
    assert ours.ours_by_this is None
    assert theirs.ours_by_this == Spread(2.0, 2.0, 2.0)
    assert (theirs.tones_heard, theirs.tones_due) == (20, 40)


def test_the_table_shows_figures_and_faults() -> None:
    report = MediaReport(
        command="voicebot bench media",
        began="2026-01-01T00:00:00+00:00",
        machine=this_machine(),
        versions={"voicebot": "1"},
        left_out={},
        seconds=10,
        rounds=2,
        runs=tuple(rounds()),
        summary=summaries(rounds()),
    )
    text = io.StringIO()
    print_report(report, Console(file=text, width=120))
    assert "0.750 (0.500-1.000)" in text.getvalue()
    assert "20 of 40" in text.getvalue()
    assert "aiortp, 20 calls, round 2: [it] broke" in text.getvalue()


@pytest.mark.parametrize("text", ["", "x", "0", "20,", "251", "1,2,3,4,5,6", "-1", "1.5"])
def test_numbers_of_calls_are_bounded(text: str) -> None:
    with pytest.raises(BenchError, match="--calls"):
        call_counts(text)


def test_numbers_of_calls() -> None:
    assert call_counts("20,100, 20") == (20, 100)


def test_a_processor_with_a_bare_number_is_named_by_its_vendor() -> None:
    assert processor_name("vendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel name\t: 17\n") == (
        "AuthenticAMD family 25 model 17"
    )
    assert processor_name("model name\t: AMD EPYC\nmodel name\t: other\n") == "AMD EPYC"
    assert processor_name("") == "unknown"


class Loopback:
    """Hears what it said one frame ago, or nothing."""

    def __init__(self, *, deaf: bool = False) -> None:
        self._deaf = deaf
        self._last: list[Frame] = []

    def read_frame(self, into: Frame) -> bool:
        into[:] = 0
        if self._deaf or not self._last:
            return False
        into[:] = self._last.pop(0)
        return True

    def write_frame(self, frame: Frame) -> None:
        self._last.append(frame.copy())


@pytest.mark.virtual_time
async def test_the_drive_tells_calls_that_hear_their_tone_from_those_that_do_not() -> None:
    legs = [Loopback(), Loopback(deaf=True), Loopback()]
    result = await MediaDrive(legs, lead_frames=1).run(seconds=3)
    assert (result.calls, result.tones_heard) == (3, 2)
    assert result.frames_missing == pytest.approx(1 / 3)
    assert result.tick_late_max_ms == pytest.approx(0, abs=0.01)
