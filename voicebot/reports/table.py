"""The report for a terminal, with Rich."""

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from voicebot.reports.headline import Headline, headline
from voicebot.reports.report import CallDetail, CampaignReport, Quantiles, Rate
from voicebot.reports.wording import (
    DASH,
    in_vain,
    interval,
    milliseconds,
    moment,
    percent,
    printable,
    readable,
    seconds,
)

STYLES = {
    "goal": "green",
    "finished": "cyan",
    "refused": "yellow",
    "broken": "red",
    "machine": "magenta",
    "not_connected": "bright_black",
    "not_dialled": "bright_black",
    "open": "bright_black",
}
BAR_WIDTH = 10


def report_table(report: CampaignReport, *, calls: bool = True) -> RenderableType:
    """The whole report as one renderable; `calls=False` leaves out the row per call."""
    parts: list[RenderableType] = [
        Text(),
        Text.assemble((printable(report.campaign), "bold"), "  ", (_facts(report), "dim")),
        Text(),
        _headlines(headline(report)),
        Text(),
        _side_by_side(report),
        _heading("Rates"),
        _rates(report),
        _heading("Delays"),
        _delays(report),
    ]
    if calls and report.calls:
        parts += [_heading("Calls"), _calls(report.calls)]
    parts += [Text(), Text(_closing(report), style="dim")]
    return Padding(Group(*parts), (0, 1))


def _facts(report: CampaignReport) -> str:
    return printable(
        f"{readable(report.state)}, script {report.script} {report.script_version[:12]}, "
        f"{moment(report.started_at)}, took {seconds(report.wall_time_s)}"
    )


def _heading(words: str) -> RenderableType:
    return Padding(Text(words, style="bold"), (1, 0, 0, 0))


def _grid(*justify: str) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for side in justify:
        table.add_column(justify="right" if side == "right" else "left", no_wrap=side == "right")
    return table


def _headlines(figures: list[Headline]) -> Table:
    table = _grid("left", "right", "left", "left")
    for figure in figures:
        doubt = figure.interval.removeprefix("95% interval ")
        note = f"{doubt} (small n)" if figure.note else doubt
        table.add_row(figure.name, Text(figure.shown, style="bold"), figure.basis, Text(note, style="dim"))
    return table


def _bar(part: int, whole: int, style: str) -> Text:
    filled = round(BAR_WIDTH * part / whole) if whole else 0
    filled = max(filled, 1) if part else 0
    return Text.assemble(("█" * filled, style), ("░" * (BAR_WIDTH - filled), "bright_black"), no_wrap=True)


def _side_by_side(report: CampaignReport) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 4, 0, 0), header_style="bold")
    table.add_column("Contacts")
    table.add_column("Outcomes")
    table.add_row(_funnel(report), _outcomes(report))
    return table


def _funnel(report: CampaignReport) -> Table:
    table = _grid("right", "left", "right", "right")
    for step in report.funnel:
        share = percent(step.contacts / report.contacts) if report.contacts else DASH
        style = STYLES["goal"] if step is report.funnel[-1] else "blue"
        table.add_row(step.name, _bar(step.contacts, report.contacts, style), str(step.contacts), share)
    return table


def _outcomes(report: CampaignReport) -> Table:
    table = _grid("right", "left", "right")
    most = max(report.outcomes.values(), default=0)
    for word, count in report.outcomes.items():
        style = STYLES[report.outcome_groups[word]]
        table.add_row(printable(readable(word)), _bar(count, most, style), str(count))
    return table


def _rates(report: CampaignReport) -> Table:
    table = _grid("left", "right", "right", "right", "left")
    rows: tuple[tuple[str, Rate], ...] = (
        ("connection", report.connection_rate),
        ("live connection", report.live_connection_rate),
        ("conversion", report.conversion),
        ("right party", report.right_party),
        ("containment", report.containment),
        ("D1 dissatisfied, explicit", report.dissatisfaction.d1_explicit),
        ("D2 dissatisfied, expressed", report.dissatisfaction.d2_expressed),
        ("D3 dissatisfied, inferred", report.dissatisfaction.d3_inferred),
        ("opt-out", report.opt_out_rate),
        ("AI disclosure played", report.disclosure),
        ("abandoned", report.abandoned),
        ("satisfied (4 or 5)", report.survey.csat),
        ("survey response", report.survey.response_rate),
    )
    for name, rate in rows:
        bounds = interval(rate) if rate.denominator else ""
        table.add_row(
            name,
            Text(percent(rate.value), style="bold"),
            f"{rate.numerator}/{rate.denominator}",
            bounds,
            Text(rate.of, style="dim"),
        )
    return table


def _delays(report: CampaignReport) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("")
    for name in ("n", "p50", "p95", "p99", "longest"):
        table.add_column(name, justify="right")
    stages = report.reply_latency_by_stage_ms
    rows: list[tuple[str, Quantiles]] = [
        ("reply", report.reply_latency_ms),
        ("  endpoint", stages.endpoint),
        ("  recognise (asr)", stages.asr),
        ("  decide", stages.decide),
        ("  speak (tts)", stages.tts),
        ("answer to greeting", report.answer_to_greeting_ms),
    ]
    if report.caller_side:
        rows.append(("reply, as the callee heard it", report.caller_side.reply_latency_ms))
        rows.append(("greeting, as the callee heard it", report.caller_side.answer_to_greeting_ms))
    for name, q in rows:
        figures = [milliseconds(value) for value in (q.p50, q.p95, q.p99, q.most)]
        table.add_row(name, str(q.n), *figures)
    return table


def _calls(calls: list[CallDetail]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name, side in (("call", "right"), ("number", "left"), ("try", "right"), ("result", "left")):
        table.add_column(name, justify="right" if side == "right" else "left", no_wrap=True)
    for name in ("ringing", "talk", "turns", "reply median", "slowest"):
        table.add_column(name, justify="right", no_wrap=True)
    for call in calls:
        table.add_row(
            str(call.id),
            Text(call.label),
            str(call.attempt),
            Text(printable(readable(call.result)), style=STYLES[call.group]),
            seconds(call.ring_s),
            seconds(call.talk_s),
            str(call.customer_turns),
            milliseconds(call.reply_latency_p50_ms),
            milliseconds(call.reply_latency_max_ms),
        )
    return table


def _closing(report: CampaignReport) -> str:
    replies = ", ".join(f"{readable(who)} {n}" for who, n in report.replies_by.items()) or "none"
    return (
        f"{report.attempts} attempts, {report.dialled} dialled, {report.answered} answered, "
        f"{report.live} live, {report.machine} machine. "
        f"Replies by {replies}. Barge-ins {report.barge_ins}, false stops "
        f"{report.false_stops}. Media clock at most {report.max_tick_lateness_ms:.1f} ms late. "
        f"Begun before a turn was over: {in_vain(report.speculation)}. "
        "Intervals are 95%; with fewer than 30 in a denominator read the interval, not the value."
    )
