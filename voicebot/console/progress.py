"""A running campaign on the terminal: a live picture, or one plain line per event elsewhere."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from types import TracebackType

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from voicebot.console.campaign_view import CallView, CampaignView
from voicebot.console.events import (
    CallAnswered,
    CallDialled,
    CallEnded,
    CallRinging,
    CampaignEnded,
    CampaignEvent,
    CampaignStarted,
    ContactRefused,
    DiallingStopped,
    TurnSaid,
)
from voicebot.reports.wording import printable, readable, seconds

REFRESHES_PER_S = 2
"""The picture is drawn in a thread of its own, but holds the interpreter lock that the media clock needs."""
MOST_CALLS_SHOWN = 12


class CampaignProgress:
    """Watches a campaign; use as a context manager and give `watch` (or the object) as its watcher."""

    def __init__(
        self,
        console: Console | None = None,
        *,
        live: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`live`: None finds out whether the console is a terminal that can redraw."""
        self.view = CampaignView()
        self._console = console or Console()
        self._clock = clock
        self._live: Live | None = None
        if live if live is not None else self._console.is_terminal and not self._console.is_dumb_terminal:
            self._live = Live(
                console=self._console,
                get_renderable=self.picture,
                refresh_per_second=REFRESHES_PER_S,
                vertical_overflow="crop",
            )

    def __enter__(self) -> "CampaignProgress":
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def __call__(self, event: CampaignEvent) -> None:
        self.watch(event)

    def watch(self, event: CampaignEvent) -> None:
        """Take one event; returns at once."""
        line = None if self._live else plain_line(event, self.view)
        self.view.take(event)
        if line is not None:
            self._console.print(Text(line), soft_wrap=True)

    def picture(self) -> RenderableType:
        """The campaign as it stands now."""
        return campaign_picture(self.view, self._clock())


def campaign_picture(view: CampaignView, now: float) -> RenderableType:
    """Head, calls in the air, results so far."""
    head = Text.assemble(
        (printable(view.name) or "campaign", "bold"),
        f"  {view.state or 'starting'}  {_clock_time(view.elapsed_s(now))}",
        ("  dialled ", "dim"),
        f"{view.dialled}",
        ("  answered ", "dim"),
        f"{view.answered}",
        ("  contacts left ", "dim"),
        f"{view.left}",
    )
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        ProgressBar(total=max(view.contacts, 1), completed=view.done, width=40),
        Text(f"{view.done} of {view.contacts} contacts", style="dim"),
    )
    latency = Text.assemble(("reply latency ", "dim"), _latency(view.latencies_ms))
    results = Text.assemble(("results ", "dim"), _counts(view.results, "none yet"))
    parts: list[RenderableType] = [
        head,
        bar,
        Text(),
        _calls(list(view.calls.values()), now),
        Text(),
        latency,
        results,
    ]
    if view.refused:
        parts.append(Text.assemble(("not dialled ", "dim"), _counts(view.refused, "")))
    return Group(*parts)


def plain_line(event: CampaignEvent, before: CampaignView) -> str | None:
    """One line for a log; `before` is the view without this event. None for events not worth a line."""
    text = _plain(event, before)
    if text is None:
        return None
    started = event.at if isinstance(event, CampaignStarted) else before.started_at
    return f"{event.at - started:7.1f} s  {printable(text)}"


def _plain(event: CampaignEvent, before: CampaignView) -> str | None:
    match event:
        case CampaignStarted():
            return f"campaign {event.name}: {event.contacts} contacts"
        case ContactRefused():
            return f"{event.label}  not dialled: {readable(event.reason)}"
        case CallDialled():
            return f"{event.label}  dialling{_again(event.attempt)}"
        case CallRinging():
            return None
        case CallAnswered():
            return f"{_label(event.call_id, before)}  answered"
        case TurnSaid():
            delay = f"  ({event.reply_latency_ms:.0f} ms)" if event.reply_latency_ms is not None else ""
            who = "bot" if event.speaker == "agent" else "customer"
            return f"{_label(event.call_id, before)}  {who}: {event.text}{delay}"
        case CallEnded():
            left = before.left - (not event.retry)
            again = ", will be tried again" if event.retry else ""
            result = readable(event.result)
            return f"{_label(event.call_id, before)}  ended: {result}{again}; {left} contacts left"
        case DiallingStopped():
            return f"dialling stopped: {event.reason}"
        case CampaignEnded():
            latency = _latency(before.latencies_ms)
            return f"campaign {event.state}: {before.dialled} calls, reply latency {latency}"


def _calls(calls: list[CallView], now: float) -> RenderableType:
    if not calls:
        return Text("no calls in the air", style="dim")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", expand=True)
    table.add_column("in the air", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("for", justify="right", no_wrap=True, min_width=6)
    table.add_column("last words", no_wrap=True, overflow="ellipsis", ratio=1)
    for call in calls[:MOST_CALLS_SHOWN]:
        style = "green" if call.state == "talking" else "yellow"
        table.add_row(
            Text(printable(call.label) + _again(call.attempt)),
            Text(call.state, style=style),
            seconds(max(0.0, now - call.since)),
            _words(call),
        )
    if len(calls) > MOST_CALLS_SHOWN:
        table.add_row(Text(f"and {len(calls) - MOST_CALLS_SHOWN} more", style="dim"), "", "", "")
    return table


def _words(call: CallView) -> Text:
    if not call.words:
        return Text("")
    who, style = ("bot: ", "cyan") if call.speaker == "agent" else ("customer: ", "magenta")
    return Text.assemble((who, style), printable(call.words))


def _again(attempt: int) -> str:
    return f" (try {attempt})" if attempt > 1 else ""


def _label(call_id: int, view: CampaignView) -> str:
    call = view.calls.get(call_id)
    return call.label if call else f"call {call_id}"


def _latency(values_ms: Sequence[float]) -> str:
    if not values_ms:
        return "not measured yet"
    p50, p95 = np.quantile(values_ms, (0.50, 0.95))
    return f"p50 {p50:.0f} ms, p95 {p95:.0f} ms (n {len(values_ms)})"


def _counts(counts: Counter[str], nothing: str) -> str:
    return ", ".join(f"{printable(readable(word))} {n}" for word, n in counts.most_common()) or nothing


def _clock_time(elapsed_s: float) -> str:
    return f"{int(elapsed_s) // 60}:{int(elapsed_s) % 60:02d}"
