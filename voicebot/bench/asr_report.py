"""What `voicebot bench asr` measured."""

from dataclasses import dataclass

from voicebot.bench.machine import Machine
from voicebot.reports.statistics import Interval


@dataclass(frozen=True, slots=True)
class ErrorRateRow:
    """One network, window and condition. Times are CPU seconds of this process, one utterance at a time."""

    weights: str
    window: str
    condition: str
    words: int
    """Words said, or characters of Mandarin."""
    errors: int
    interval: Interval
    """95 %, bootstrap over utterances."""
    full_window: int
    """Utterances that were decoded on 30 s."""
    cpu_s: float
    """Mean of an utterance. On CUDA the time of the CPU alone."""


@dataclass(frozen=True, slots=True)
class ThroughputRow:
    """All utterances, queued without a pause."""

    batch: int
    processes: int
    utterances_per_s: float
    run_ms: float
    """Mean time of a batch: nobody in it is answered sooner."""


@dataclass(frozen=True, slots=True)
class AsrReport:
    """All figures of a run."""

    language: str
    device: str
    compute_type: str
    machine: Machine
    load: float
    errors: tuple[ErrorRateRow, ...]
    throughput: tuple[ThroughputRow, ...]
