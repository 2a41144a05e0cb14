"""From what callers heard to the figures of a table, and the search for a capacity."""

from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from voicebot.bench.error import BenchError
from voicebot.bench.machine import this_machine
from voicebot.bench.talk.caller import Turn
from voicebot.bench.talk.capacity import Capacity, CapacityReport, ours_by_this, print_capacity, went_well
from voicebot.bench.talk.capacity_search import CapacitySearch
from voicebot.bench.talk.contenders import OURS, PIPECAT
from voicebot.bench.talk.figures import TalkReport, TalkRun, nearest_rank, summaries
from voicebot.bench.talk.generator import CallHeard, Generated
from voicebot.bench.talk.our_service import Served, Stages
from voicebot.bench.talk.plot import plot_latency
from voicebot.bench.talk.preparation import talk_bench
from voicebot.bench.talk.run import TalkResult
from voicebot.bench.talk.silent import silent_summaries
from voicebot.bench.talk.table import print_report, print_speech_note


def result(
    *turns: Turn,
    served: Served | None = None,
    cpu_s: float = 3.0,
    late_ms: float = 1.0,
    calls: int = 1,
    lost: bool = False,
) -> TalkResult:
    call = CallHeard(turns, tuple(turn.utterance for turn in turns), 0.7, 30.0, lost=lost, cleared=0)
    transcripts = (("How much does the delivery cost?",),)
    heard = Generated((call,) * calls, late_ms, 2 * late_ms, 0)
    shares = {"itself": cpu_s / 3, "whisper-tiny.en": cpu_s * 2 / 3}
    return TalkResult(heard, transcripts, served, cpu_s, shares, 30.0, 500.0, 4, 20, 0.3, nice=-10)


def turn(latency_s: float | None, *, early: bool = False, answers: int = 1) -> Turn:
    return Turn(0, 10.0, latency_s, early, answers)


def run(name: str, talked: TalkResult | None, calls: int = 1) -> TalkRun:
    return TalkRun(name, calls, 1, 0.5, talked, "" if talked else "it did not start")


def test_percentiles_are_values_that_were_seen() -> None:
    assert nearest_rank([0.4, 0.5, 0.6, 2.0], 0.5) == 0.5
    assert nearest_rank([0.4, 0.5, 0.6, 2.0], 0.95) == 2.0
    assert nearest_rank([], 0.5) is None


def test_early_double_and_missing_answers_are_counted_and_have_no_part_in_the_latency() -> None:
    turns = [turn(0.4), turn(0.6, answers=2), turn(None, early=True, answers=0), turn(None, answers=0)]
    (row,) = summaries([run(OURS.name, result(*turns))], 4)
    assert (row.turns, row.replied, row.early, row.doubled, row.unanswered) == (4, 2, 1, 1, 1)
    assert (row.p50_s, row.p95_s, row.max_s) == (0.4, 0.6, 0.6)
    assert row.cpu_per_call_minute == pytest.approx(6.0)
    assert row.generator_cpu_per_call == pytest.approx(1.0)
    assert not row.generator_limited


def test_an_early_answer_that_is_given_again_counts_as_twice() -> None:
    (row,) = summaries([run(OURS.name, result(turn(None, early=True, answers=1)))], 1)
    assert (row.early, row.doubled) == (1, 1)


def test_a_late_generator_is_marked() -> None:
    (row,) = summaries([run(OURS.name, result(turn(0.4), late_ms=12.0))], 1)
    assert row.generator_limited


def test_the_ratio_is_ours_by_theirs_at_the_same_number_of_calls() -> None:
    rows = summaries([run(OURS.name, result(turn(0.4))), run(PIPECAT[0].name, result(turn(1.0)))], 1)
    assert rows[0].ours_by_this is None
    assert rows[1].ours_by_this == pytest.approx(0.4)


def test_table_and_picture_show_every_contender_and_every_fault(tmp_path: Path) -> None:
    served = Served((), (Stages(230.0, 100.0, 20.0, 5.0),), 1.0, 2.0, 0)
    runs = (
        run(OURS.name, result(turn(0.4), served=served)),
        run(PIPECAT[0].name, result(turn(1.0))),
        run(PIPECAT[1].name, None),
    )
    report = TalkReport(
        "voicebot bench latency",
        "now",
        this_machine(),
        {"voicebot": "1"},
        "websocket",
        1,
        1,
        False,
        runs,
        summaries(runs, 1),
    )
    out = StringIO()
    print_report(report, Console(file=out, width=200))
    for text in (
        "0.40",
        "230 + 100 + 20 + 5",
        PIPECAT[0].name,
        "it did not start",
        "0 of 1",
        "whisper-tiny.en 67",
        "nice level",
        "-10",
        "before it dialled",
    ):
        assert text in out.getvalue()
    plot_latency(report.summary, "title", tmp_path / "latency.png")
    assert (tmp_path / "latency.png").stat().st_size > 5_000


@pytest.mark.parametrize(
    ("live_speech", "names", "says"),
    [
        (False, [OURS.name, PIPECAT[0].name], "--live-speech has ours do so too"),
        (True, [OURS.name, PIPECAT[0].name], "Everybody renders"),
        (False, [OURS.name], ""),
    ],
)
def test_beside_others_it_is_told_whose_speech_was_rendered_before(
    live_speech: bool, names: list[str], says: str
) -> None:
    out = StringIO()
    print_speech_note(live_speech, names, Console(file=out, width=300))
    assert says in out.getvalue()
    assert bool(out.getvalue()) is bool(says)


def test_silent_calls_cost_is_by_the_measured_time_and_paired_round_by_round() -> None:
    ours, theirs = (
        run(OURS.name, result(cpu_s=1.0, calls=10), 10),
        run(PIPECAT[0].name, result(cpu_s=4.0, calls=10), 10),
    )
    rows = silent_summaries([ours, theirs])
    assert rows[0].cpu_per_call_minute is not None
    assert rows[0].cpu_per_call_minute.median == pytest.approx(0.2)
    assert rows[1].ours_by_this is not None
    assert rows[1].ours_by_this.median == pytest.approx(0.25)


def test_silent_calls_that_were_lost_have_no_cost() -> None:
    ours = run(OURS.name, result(cpu_s=1.0, calls=10), 10)
    for theirs in (result(calls=10, lost=True), result(calls=9)):
        rows = silent_summaries([ours, run(PIPECAT[0].name, theirs, 10)])
        assert rows[0].cpu_per_call_minute is not None
        assert rows[1].cpu_per_call_minute is None
        assert rows[1].ours_by_this is None


@pytest.mark.parametrize(
    ("turns", "well"),
    [
        ([turn(1.4)] * 20, True),
        ([turn(1.4)] * 19 + [turn(None, answers=0)], True),
        ([turn(1.4)] * 18 + [turn(None, answers=0)] * 2, False),
        ([turn(1.4)] * 18 + [turn(None, early=True)] * 2, False),
        ([turn(1.4)] * 18 + [turn(None, early=True), turn(None, answers=0)], False),
        ([turn(1.4)] * 19 + [turn(None, early=True)], True),
        ([turn(1.4)] * 18 + [turn(1.6)] * 2, False),
        ([turn(None, answers=0)] * 20, False),
    ],
)
def test_what_going_well_means(turns: list[Turn], well: bool) -> None:
    (row,) = summaries([run(OURS.name, result(*turns))], 20)
    assert went_well(row) is well


@pytest.mark.parametrize(
    ("ours", "theirs", "says"),
    [
        ((24, 26, True), (8, 9, True), "3.0"),
        ((24, None, True), (8, 9, True), "at least 3.0"),
        ((24, None, False), (8, 9, True), "at least 3.0"),
        ((24, 32, False), (8, 9, True), "at least 3.0"),
        ((24, 26, True), (8, 16, False), "-"),
        ((24, 26, True), (8, None, True), "-"),
        ((24, None, False), (8, None, False), "-"),
        ((24, 26, True), (0, 1, True), "-"),
    ],
)
def test_a_ratio_of_capacities_needs_theirs_to_be_found(
    ours: tuple[int, int | None, bool], theirs: tuple[int, int | None, bool], says: str
) -> None:
    one, other = Capacity(OURS.name, *ours, ()), Capacity(PIPECAT[0].name, *theirs, ())
    assert ours_by_this(one, other) == says
    out = StringIO()
    report = CapacityReport("", "", this_machine(), {}, "websocket", 1, False, (one, other), ())
    print_capacity(report, Console(file=out, width=200))
    (row,) = [line for line in out.getvalue().splitlines() if PIPECAT[0].name in line]
    assert [cell.strip() for cell in row.split("│")[3:4]] == [says]


@given(st.integers(0, 130), st.integers(1, 120))
def test_the_search_finds_the_capacity_within_a_tenth_in_few_tries(capacity: int, most: int) -> None:
    search, tries = CapacitySearch(most), 0
    while (calls := search.next_calls) is not None:
        assert 1 <= calls <= most
        search.tell(calls, calls <= capacity)
        tries += 1
        assert tries <= 16
    assert search.passed <= min(capacity, most)
    assert min(capacity, most) - search.passed <= max(1, search.passed // 10)
    assert (search.failed is None) == (capacity >= most)


@pytest.mark.parametrize(
    ("wire", "peer", "says"),
    [
        ("smoke", "", "--wire 'smoke'"),
        ("rtp", "pipecat", "no SIP"),
        ("websocket", "nobody", "--peer 'nobody'"),
    ],
)
def test_what_cannot_be_measured_is_refused_with_the_mend(wire: str, peer: str, says: str) -> None:
    with pytest.raises(BenchError, match=says):
        talk_bench(None, wire, peer, 1)


def test_without_pipecat_one_message_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("voicebot.bench.talk.contenders._ROOT", tmp_path)
    with pytest.raises(BenchError, match="make pipecat"):
        talk_bench(None, "websocket", "pipecat", 1)
