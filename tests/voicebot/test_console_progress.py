"""The live picture and its plain fallback, from the same events."""

from io import StringIO

import pytest
from rich.console import Console

from voicebot.console.campaign_view import CampaignView
from voicebot.console.events import (
    CallAnswered,
    CallDialled,
    CallEnded,
    CallRinging,
    CampaignEnded,
    CampaignEvent,
    CampaignStarted,
    ContactRefused,
    TurnSaid,
    contact_label,
)
from voicebot.console.progress import CampaignProgress
from voicebot.console.steps import Steps

EVENTS: tuple[CampaignEvent, ...] = (
    CampaignStarted("demo", 4, 100.0),
    ContactRefused("Ann ···0104", "blocklist", 100.1),
    ContactRefused("Zoe ···0109", "window_closed", 100.1, final=False),
    CallDialled(1, "Ben ···0101", 101.0),
    CallRinging(1, 101.2),
    CallAnswered(1, 103.0),
    TurnSaid(1, "agent", "This is an AI.", 103.5),
    TurnSaid(1, "customer", "[bold]What?\x1b[2J\r", 106.0),
    TurnSaid(1, "agent", "An AI.", 107.0, 650.0),
    CallDialled(2, "Eve ···0102", 107.0, 2),
    CallEnded(1, "interested", 110.0),
    CallDialled(3, "Al ···0103", 110.5),
    CallEnded(3, "no_answer", 120.0, retry=True),
)


def plain(events: tuple[CampaignEvent, ...]) -> list[str]:
    out = StringIO()
    with CampaignProgress(Console(file=out, width=40)) as progress:
        for event in events:
            progress(event)
    return out.getvalue().splitlines()


def test_view_adds_up_the_events() -> None:
    view = CampaignView()
    for event in EVENTS:
        view.take(event)
    assert (view.dialled, view.answered, view.done, view.left) == (3, 1, 2, 2)
    assert view.results == {"interested": 1, "no_answer": 1}
    assert view.refused == {"blocklist": 1, "window_closed": 1}
    assert list(view.calls) == [2]
    assert list(view.latencies_ms) == [650.0]
    assert view.elapsed_s(130.0) == 30.0
    view.take(CampaignEnded("completed", 125.0))
    assert view.elapsed_s(130.0) == 25.0


def test_events_of_unknown_calls_do_no_harm() -> None:
    view = CampaignView()
    view.take(CallAnswered(9, 1.0))
    view.take(TurnSaid(9, "agent", "Hello", 2.0))
    assert view.calls == {}


def test_one_plain_line_per_event_when_nobody_can_redraw() -> None:
    lines = plain((*EVENTS, CampaignEnded("completed", 130.0)))
    assert lines[0] == "    0.0 s  campaign demo: 4 contacts"
    assert lines[1] == "    0.1 s  Ann ···0104  not dialled: do-not-call list"
    assert lines[3] == "    1.0 s  Ben ···0101  dialling"
    assert lines[4] == "    3.0 s  Ben ···0101  answered"
    assert lines[6] == "    6.0 s  Ben ···0101  customer: [bold]What? [2J "
    assert lines[7] == "    7.0 s  Ben ···0101  bot: An AI.  (650 ms)"
    assert lines[8] == "    7.0 s  Eve ···0102  dialling (try 2)"
    assert lines[9] == "   10.0 s  Ben ···0101  ended: interested; 2 contacts left"
    assert lines[11] == "   20.0 s  Al ···0103  ended: no answer, will be tried again; 2 contacts left"
    assert lines[12] == "   30.0 s  campaign completed: 3 calls, reply latency p50 650 ms, p95 650 ms (n 1)"
    assert len(lines) == 13


def test_picture_shows_calls_in_the_air_and_what_was_said_last() -> None:
    console = Console(file=StringIO(), width=100, record=True)
    progress = CampaignProgress(console, live=False, clock=lambda: 109.0)
    for event in EVENTS[:10]:
        progress.view.take(event)
    console.print(progress.picture())
    text = console.export_text()
    assert "Ben ···0101" in text
    assert "talking" in text
    assert "6.0 s" in text
    assert "bot: An AI." in text
    assert "Eve ···0102 (try 2)" in text
    assert "p50 650 ms" in text
    assert "0:09" in text


def test_live_display_starts_and_stops_on_a_terminal() -> None:
    out = StringIO()
    console = Console(file=out, width=100, force_terminal=True, _environ={"TERM": "xterm"})
    with CampaignProgress(console) as progress:
        for event in EVENTS:
            progress(event)
    shown = out.getvalue()
    assert "contacts left" in shown
    assert shown.rstrip().endswith("\x1b[?25h")  # the cursor is back
    assert "\x1b[2J" not in shown


def test_label_tells_no_more_than_needed() -> None:
    assert contact_label("Maria Santos", "+15550100123") == "Maria ···0123"
    assert contact_label("", "+15550100123") == "···0123"


def test_steps_in_plain_lines() -> None:
    out = StringIO()
    with Steps(Console(file=out)) as steps:
        with steps.step("Fetch weights", total=10) as advance:
            advance(10)
        with pytest.raises(OSError, match="full"), steps.step("Render [prompts]"):
            raise OSError("disk full")
    lines = out.getvalue().splitlines()
    assert lines[0] == "Fetch weights ..."
    assert lines[1].startswith("Fetch weights: done, 0.")
    assert lines[2:] == ["Render [prompts] ...", "Render [prompts]: failed"]


def test_steps_on_a_terminal() -> None:
    out = StringIO()
    console = Console(file=out, width=100, force_terminal=True, _environ={"TERM": "xterm"})
    with Steps(console) as steps:
        with steps.step("Fetch weights", total=4) as advance:
            advance(4)
        with pytest.raises(OSError, match="full"), steps.step("Render"):
            raise OSError("disk full")
    assert "100%" in out.getvalue()
    assert "Render: failed" in out.getvalue()
