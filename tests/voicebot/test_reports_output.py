"""The files a report leaves, the page, and the terminal."""

import json
import re
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from sqlmodel import Session, SQLModel, create_engine

from dialogs.problem import InputError
from tests.voicebot.report_rows import HOSTILE, callers_log, campaign, six_contacts
from voicebot.masking import mask_number
from voicebot.reports.html import render_html
from voicebot.reports.metrics import summarise
from voicebot.reports.rows import CampaignRows, load_campaign
from voicebot.reports.table import report_table
from voicebot.reports.write import write_report


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    write_report(six_contacts(), folder, callers_log(), recordings=folder / "sound")
    return folder


def test_report_json_has_what_was_promised(folder: Path) -> None:
    report = json.loads((folder / "report.json").read_text())
    promised = {
        "contacts", "attempts", "not_dialled", "dialled", "answered", "live", "machine", "connection_rate",
        "live_connection_rate", "outcomes", "survey", "dissatisfaction", "opt_outs", "reply_latency_ms",
        "reply_latency_by_stage_ms", "answer_to_greeting_ms", "replies_by", "asr_word_error_rate",
        "max_tick_lateness_ms", "wall_time_s", "definitions",
    }  # fmt: skip
    assert promised <= report.keys()
    assert {"n", "p50", "p95", "p99"} <= report["reply_latency_ms"].keys()
    assert report["reply_latency_by_stage_ms"].keys() == {"endpoint", "asr", "decide", "tts"}
    assert report["dissatisfaction"].keys() > {"d1_explicit", "d2_expressed", "d3_inferred"}
    assert {"numerator", "denominator", "value", "low", "high", "counts", "of"} <= report[
        "connection_rate"
    ].keys()
    assert report["reply_latency_ms"]["p95"] == 1360.0


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags, self.ids, self.links = list[str](), list[str](), list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.links += [value for name, value in attrs if name in ("href", "src") and value]


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing(folder: Path) -> None:
    text = (folder / "report.html").read_text()
    page = _Page()
    page.feed(text)
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert {"header", "main", "footer", "caption", "svg", "title", "desc"} <= set(page.tags)
    assert not [link for link in page.links if re.match(r"(?i)([a-z]+:|//)", link)]
    assert not re.search(r"url\((?!#)|@import|https?://", text)
    assert len(page.ids) == len(set(page.ids))
    assert "default-src 'none'" in text
    assert "{{" not in text


def test_what_people_said_is_escaped(folder: Path) -> None:
    text = (folder / "report.html").read_text()
    assert "<script" not in text
    assert text.count("&lt;script&gt;") == 3  # a slot's value, a note of the line and a turn


def test_how_the_line_carried_a_call_is_shown(folder: Path) -> None:
    text = (folder / "report.html").read_text()
    assert "carrier-a, opus/48000/2, MOS 4.3, 1.0% lost, jitter 2 ms, " in text
    assert "no answer, SIP 487, Q.850 cause 19" in text


def test_every_shape_the_plots_refer_to_is_there(folder: Path) -> None:
    text = (folder / "report.html").read_text()
    page = _Page()
    page.feed(text)
    inner = [link[1:] for link in page.links if link.startswith("#")] + re.findall(r"url\(#([^)]+)\)", text)
    assert inner
    assert set(inner) <= set(page.ids)


def test_links_of_a_call_lead_to_its_files(folder: Path) -> None:
    text = (folder / "report.html").read_text()
    assert 'href="sound/1.wav"' in text
    transcripts = set(re.findall(r'href="(transcripts/[^"]+)"', text))
    assert transcripts == {"transcripts/1.txt", "transcripts/4.txt", "transcripts/6.txt"}
    assert all((folder / name).is_file() for name in transcripts)


def test_transcripts_say_who_and_when_and_cannot_steer_a_terminal(folder: Path) -> None:
    first = (folder / "transcripts/1.txt").read_text()
    assert "    4.5 s  Customer  I'd like 4 of them" in first
    assert "[pressed 5]" in first
    sixth = (folder / "transcripts/6.txt").read_text()
    assert "\x1b" not in sixth
    assert "This is an AI. [interrupted]" in sixth
    assert not list(folder.rglob("*.part"))


def test_the_same_rows_give_the_same_page() -> None:
    report = summarise(six_contacts())
    assert render_html(report) == render_html(report)


def test_a_campaign_without_calls_still_has_a_page(tmp_path: Path) -> None:
    write_report(CampaignRows(campaign()), tmp_path)
    text = (tmp_path / "report.html").read_text()
    assert "no replies were measured" in text
    assert "No calls were dialled." in text


def test_terminal_table() -> None:
    console = Console(width=100, record=True, file=StringIO())
    console.print(report_table(summarise(six_contacts(), callers_log())))
    text = console.export_text()
    assert re.search(r"live connection +50% +3/6 +19\N{EN DASH}81%", text)
    assert re.search(r"reply +3 +1,000 ms +1,360 ms", text)
    assert "no answer" in text
    assert "\x1b[2J" not in text
    assert max(map(len, text.splitlines())) <= 100


def test_terminal_table_without_calls() -> None:
    console = Console(width=80, record=True, file=StringIO())
    console.print(report_table(summarise(CampaignRows(campaign()))))
    text = console.export_text()
    assert "0 replies; goal 800 ms" in text
    assert "Calls" not in text


def test_rows_are_read_back_from_the_records() -> None:
    rows = six_contacts()
    engine = create_engine("sqlite://")
    SQLModel.metadata.create_all(engine)
    with Session(engine) as session:
        everything = (
            rows.campaign,
            *rows.contacts,
            *rows.refusals,
            *rows.calls,
            *rows.turns,
            *rows.survey_answers,
        )
        session.add_all(everything)
        session.commit()
        report = summarise(load_campaign(session, "win-back"))
        with pytest.raises(InputError, match="win-back"):
            load_campaign(session, "win-bck")
    again = summarise(six_contacts())
    assert report.funnel == again.funnel
    assert [call.talk_s for call in report.calls] == [call.talk_s for call in again.calls]
    assert report.reply_latency_ms == again.reply_latency_ms
    assert HOSTILE in [turn.text for call in report.calls for turn in call.said]


@pytest.mark.parametrize(("number", "shown"), [("+15550100123", "···0123"), ("911", "···"), ("", "")])
def test_mask_number(number: str, shown: str) -> None:
    assert mask_number(number) == shown
