"""What the runs of a talking benchmark come to. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from voicebot.bench.machine import Machine
from voicebot.bench.talk.contenders import OURS
from voicebot.bench.talk.dialogue import understood
from voicebot.bench.talk.run import TalkResult

LATE_GENERATOR_MS = 10.0
"""A generator whose own schedule is later than this (p99) measures itself."""


@dataclass(frozen=True, slots=True)
class TalkRun:
    """One contender's turn in one round. Without a result, `fault` says why."""

    contender: str
    calls: int
    round: int
    load_average: float
    result: TalkResult | None = None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class TalkSummary:
    """One contender at one number of calls, all rounds together. Latencies in seconds, by nearest rank."""

    contender: str
    calls: int
    turns: int
    """That were to be spoken."""
    replied: int
    """Answered after the caller had finished, within eight seconds."""
    early: int
    doubled: int
    """Turns that were answered more than once."""
    understood: int
    """Questions that were transcribed word by word."""
    lost: int
    """Calls that ended before their caller hung up."""
    p50_s: float | None
    p95_s: float | None
    max_s: float | None
    ours_by_this: float | None
    """Our median latency by this one's; none for ours."""
    cpu_per_call_minute: float | None
    cpu_shares: dict[str, float]
    """Share (0..1) of that in each of its processes, by what it runs."""
    rss_mb: float | None
    generator_late_p99_ms: float | None
    generator_limited: bool
    generator_cpu_per_call: float | None
    """Per cent of one core."""
    nice: int | None
    """Nice level of its own process; the highest of all rounds."""
    endpoint_ms: float | None
    """Medians of the stages of our replies, as the service saw them; none for others."""
    asr_ms: float | None
    decide_ms: float | None
    tts_ms: float | None

    @property
    def unanswered(self) -> int:
        """Turns that nothing came of."""
        return self.turns - self.replied - self.early


@dataclass(frozen=True, slots=True)
class TalkReport:
    """What is written as JSON."""

    command: str
    began: str
    machine: Machine
    versions: dict[str, str]
    wire: str
    turns: int
    rounds: int
    live_speech: bool
    runs: tuple[TalkRun, ...]
    summary: tuple[TalkSummary, ...]


def nearest_rank(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least this share (0..1) does not exceed; none of nothing."""
    return float(np.quantile(values, share, method="inverted_cdf")) if values else None


def summaries(runs: Sequence[TalkRun], turns: int) -> tuple[TalkSummary, ...]:
    """By number of calls and contender, in the order of the runs. `turns` are those of one call."""
    places = dict.fromkeys((run.calls, run.contender) for run in runs)
    return tuple(
        _summary(
            [run for run in runs if (run.calls, run.contender) == place],
            turns,
            nearest_rank(
                _latencies(run for run in runs if (run.calls, run.contender) == (place[0], OURS.name)), 0.5
            ),
        )
        for place in places
    )


def _summary(runs: Sequence[TalkRun], turns: int, ours_p50_s: float | None) -> TalkSummary:
    name, calls = runs[0].contender, runs[0].calls
    results = [run.result for run in runs if run.result]
    latencies = _latencies(runs)
    spoken = [turn for result in results for call in result.heard.calls for turn in call.turns]
    p50_s = nearest_rank(latencies, 0.5)
    late_ms = [result.heard.late_p99_ms for result in results]
    stages = [stage for result in results if result.served for stage in result.served.stages]
    return TalkSummary(
        contender=name,
        calls=calls,
        turns=turns * calls * len(runs),
        replied=len(latencies),
        early=sum(turn.early for turn in spoken),
        doubled=sum(turn.answers + turn.early > 1 for turn in spoken),
        understood=sum(map(_understood, results)),
        lost=sum(call.lost for result in results for call in result.heard.calls),
        p50_s=p50_s,
        p95_s=nearest_rank(latencies, 0.95),
        max_s=max(latencies, default=None),
        ours_by_this=None if name == OURS.name or not p50_s or not ours_p50_s else ours_p50_s / p50_s,
        cpu_per_call_minute=_median([cpu_per_call_minute(result) for result in results]),
        cpu_shares=_shares(results),
        rss_mb=_median([result.rss_mb for result in results]),
        generator_late_p99_ms=max(late_ms, default=None),
        generator_limited=max(late_ms, default=0.0) > LATE_GENERATOR_MS,
        generator_cpu_per_call=_median([100 * r.generator_cpu_s / r.window_s / calls for r in results]),
        nice=max((result.nice for result in results), default=None),
        endpoint_ms=_median([stage.endpoint_ms for stage in stages]),
        asr_ms=_median([stage.asr_ms for stage in stages]),
        decide_ms=_median([stage.decide_ms for stage in stages]),
        tts_ms=_median([stage.tts_ms for stage in stages]),
    )


def cpu_per_call_minute(result: TalkResult) -> float:
    """CPU seconds for each minute that one call lasts."""
    return result.cpu_s / (sum(call.duration_s for call in result.heard.calls) / 60)


def _shares(results: Sequence[TalkResult]) -> dict[str, float]:
    totals = dict[str, float]()
    for result in results:
        for name, cpu_s in result.cpu_by_name.items():
            totals[name] = totals.get(name, 0.0) + cpu_s
    whole = sum(totals.values()) or 1.0
    return {name: cpu_s / whole for name, cpu_s in sorted(totals.items(), key=lambda entry: -entry[1])}


def _latencies(runs: Iterable[TalkRun]) -> list[float]:
    return [
        turn.latency_s
        for run in runs
        if run.result
        for call in run.result.heard.calls
        for turn in call.turns
        if turn.latency_s is not None
    ]


def _understood(result: TalkResult) -> int:
    """Calls come in the order in which they were begun, on both sides."""
    return sum(
        understood(call.questions, heard)
        for call, heard in zip(result.heard.calls, result.transcripts, strict=False)
    )


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None
