"""The runs of `voicebot bench media` and what they come to. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from voicebot.bench.machine import Machine
from voicebot.bench.media_contenders import OURS
from voicebot.bench.media_drive import MediaResult
from voicebot.bench.packet_gaps import PacketGaps
from voicebot.bench.spread import Spread, paired_ratio, spread


@dataclass(frozen=True, slots=True)
class MediaRun:
    """One contender's turn in one round. Without a result, `fault` says why."""

    contender: str
    calls: int
    round: int
    load_average: float
    """When its turn began."""
    result: MediaResult | None = None
    gaps: PacketGaps | None = None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class MediaSummary:
    """One contender at one number of calls, over all rounds."""

    contender: str
    calls: int
    cpu_per_call: Spread | None
    """Per cent of one core."""
    ours_by_this: Spread | None
    """Our CPU per call by this one's, round by round; none for ours."""
    tones_heard: int
    tones_due: int
    frames_missing: Spread | None
    rss_mb: Spread | None
    threads: int
    processes: int
    gap_p50_ms: Spread | None
    gap_p99_ms: Spread | None
    gap_max_ms: Spread | None
    tick_late_p99_ms: Spread | None
    tick_late_max_ms: Spread | None


@dataclass(frozen=True, slots=True)
class MediaReport:
    """What is written as JSON."""

    command: str
    began: str
    machine: Machine
    versions: dict[str, str]
    left_out: dict[str, str]
    """Contenders that did not take part, and why."""
    seconds: float
    rounds: int
    runs: tuple[MediaRun, ...]
    summary: tuple[MediaSummary, ...]


def summaries(runs: Sequence[MediaRun]) -> tuple[MediaSummary, ...]:
    """By number of calls, in the order of the runs."""
    places = dict.fromkeys((run.calls, run.contender) for run in runs)
    return tuple(
        _summary(
            [run for run in runs if (run.calls, run.contender) == place], _cpu(runs, place[0], OURS.name)
        )
        for place in places
    )


def _summary(runs: Sequence[MediaRun], ours: Sequence[float | None]) -> MediaSummary:
    name, calls = runs[0].contender, runs[0].calls
    results = [run.result for run in runs if run.result]
    gaps = [run.gaps for run in runs if run.gaps]
    cpu = _cpu(runs, calls, name)
    return MediaSummary(
        contender=name,
        calls=calls,
        cpu_per_call=_spread(value for value in cpu if value is not None),
        ours_by_this=None if name == OURS.name else paired_ratio(ours, cpu),
        tones_heard=sum(result.tones_heard for result in results),
        tones_due=calls * len(runs),
        frames_missing=_spread(result.frames_missing for result in results),
        rss_mb=_spread(result.rss_mb for result in results),
        threads=max((result.threads for result in results), default=0),
        processes=max((result.processes for result in results), default=0),
        gap_p50_ms=_spread(gap.p50_ms for gap in gaps),
        gap_p99_ms=_spread(gap.p99_ms for gap in gaps),
        gap_max_ms=_spread(gap.max_ms for gap in gaps),
        tick_late_p99_ms=_spread(result.tick_late_p99_ms for result in results),
        tick_late_max_ms=_spread(result.tick_late_max_ms for result in results),
    )


def _cpu(runs: Sequence[MediaRun], calls: int, contender: str) -> list[float | None]:
    """CPU per call in the order of the rounds."""
    return [
        run.result.cpu_per_call if run.result else None
        for run in sorted(runs, key=lambda run: run.round)
        if run.calls == calls and run.contender == contender
    ]


def _spread(values: Iterable[float]) -> Spread | None:
    return spread(list(values))
