"""The tables of `voicebot bench asr`."""

from collections.abc import Sequence

from rich.table import Table

from voicebot.bench.asr_report import ErrorRateRow, ThroughputRow


def error_table(rows: Sequence[ErrorRateRow]) -> Table:
    """Errors with their 95 % interval, in per cent of what was said."""
    table = Table("weights", "window", "condition", "said", "errors %", "95 %", "on 30 s", "CPU ms")
    for row in rows:
        low, high = row.interval.low, row.interval.high
        interval = f"{100 * low:.1f}-{100 * high:.1f}" if low is not None and high is not None else ""
        share = f"{100 * row.errors / row.words:.1f}"
        cost = f"{1000 * row.cpu_s:.0f}"
        table.add_row(
            row.weights,
            row.window,
            row.condition,
            str(row.words),
            share,
            interval,
            str(row.full_window),
            cost,
        )
    return table


def throughput_table(rows: Sequence[ThroughputRow]) -> Table:
    """Utterances a second, and how long a batch takes."""
    table = Table("processes", "batch", "utterances/s", "batch ms")
    for row in rows:
        table.add_row(str(row.processes), str(row.batch), f"{row.utterances_per_s:.1f}", f"{row.run_ms:.0f}")
    return table
