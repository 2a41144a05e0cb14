"""The few figures that come first, in the page and in the terminal."""

from dataclasses import dataclass

from voicebot.reports.plots import P50_GOAL_MS, P95_GOAL_MS
from voicebot.reports.report import CampaignReport, ErrorRate, Quantiles, Rate
from voicebot.reports.wording import DASH, interval, milliseconds, percent


@dataclass(frozen=True, slots=True)
class Headline:
    """One big figure. `low`, `value`, `high` are fractions for the interval's picture, if there is one."""

    name: str
    shown: str
    basis: str
    interval: str = ""
    note: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None


def headline(report: CampaignReport) -> list[Headline]:
    """Six figures: reached, won, displeased, fast, prompt, understood."""
    return [
        _rate("Live connection rate", report.live_connection_rate),
        _rate("Conversion", report.conversion),
        _rate("Dissatisfaction (D2)", report.dissatisfaction.d2_expressed),
        _latency("Reply latency, median", report.reply_latency_ms, 0.50, P50_GOAL_MS),
        _latency("Reply latency, p95", report.reply_latency_ms, 0.95, P95_GOAL_MS),
        _errors(report.asr_word_error_rate),
    ]


def _rate(name: str, rate: Rate) -> Headline:
    return Headline(
        name=name,
        shown=percent(rate.value),
        basis=f"{rate.numerator} of {rate.denominator} {rate.of}",
        interval=f"95% interval {interval(rate)}" if rate.denominator else "",
        note="n too small to compare" if rate.note else "",
        value=rate.value,
        low=rate.low,
        high=rate.high,
    )


def _latency(name: str, quantiles: Quantiles, share: float, goal_ms: float) -> Headline:
    middle = share == 0.50
    value = quantiles.p50 if middle else quantiles.p95
    low = quantiles.p50_low if middle else quantiles.p95_low
    high = quantiles.p50_high if middle else quantiles.p95_high
    verdict = "" if value is None else (" met" if value <= goal_ms else " missed")
    return Headline(
        name=name,
        shown=milliseconds(value),
        basis=f"{quantiles.n} replies; goal {goal_ms:,.0f} ms{verdict}",
        interval=_bounds(low, high) if quantiles.n else "",
        note="n too small for p95" if "p95" in quantiles.note and not middle else "",
    )


def _errors(errors: ErrorRate | None) -> Headline:
    if errors is None:
        return Headline("Word error rate", DASH, "no record of what was really said")
    bounds = (
        f"95% interval {errors.low * 100:.0f}{DASH}{errors.high:.0%}"
        if errors.low is not None and errors.high is not None
        else ""
    )
    wrong = errors.substitutions + errors.deletions + errors.insertions
    return Headline(
        name="Word error rate" if errors.unit == "words" else "Character error rate",
        shown=percent(errors.value),
        basis=f"{wrong} errors in {errors.reference_length} {errors.unit}, {errors.calls} calls",
        interval=bounds,
        value=errors.value,
        low=errors.low,
        high=errors.high,
    )


def _bounds(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"95% interval {low:,.0f}{DASH}{high:,.0f} ms"
    if low is not None:
        return f"95% interval from {low:,.0f} ms, open above"
    return f"95% interval to {high:,.0f} ms, open below" if high is not None else "no interval"
