"""Puts a report on disk: report.json, report.html and one transcript per call."""

import os
from collections.abc import Iterable
from pathlib import Path

from voicebot.reports.html import render_html
from voicebot.reports.metrics import summarise
from voicebot.reports.report import CallDetail, CampaignReport
from voicebot.reports.rows import CampaignRows
from voicebot.reports.wording import printable, readable
from voicebot.simulation.log import CallEntry


def write_report(
    rows: CampaignRows,
    folder: Path,
    log: Iterable[CallEntry] | None = None,
    *,
    recordings: Path | None = None,
) -> CampaignReport:
    """Write the whole report into `folder` and return it.

    `recordings`: the folder that `Call.recording` is relative to; `folder/recordings` if not given.
    Each file appears complete or not at all.
    """
    report = summarise(rows, log)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "transcripts").mkdir(exist_ok=True)
    for call in report.calls:
        if call.transcript:
            _write(folder / call.transcript, transcript(call))
    recordings = recordings or folder / "recordings"
    _write(folder / "report.json", report.model_dump_json(indent=2) + "\n")
    _write(folder / "report.html", render_html(report, Path(os.path.relpath(recordings, folder)).as_posix()))
    return report


def transcript(call: CallDetail) -> str:
    """One call as plain text: a head, then one line per utterance with its time since the answer."""
    lines = [f"Call {call.id}, {call.label}, attempt {call.attempt}: {readable(call.result)}", ""]
    for turn in call.said:
        who = "Bot     " if turn.speaker == "agent" else "Customer"
        words = f"[pressed {turn.digits}] {turn.text}".strip() if turn.digits else turn.text
        cut = " [interrupted]" if turn.interrupted else ""
        lines.append(f"{turn.start_ms / 1000:7.1f} s  {who}  {printable(words)}{cut}")
    return "\n".join(lines) + "\n"


def _write(file: Path, text: str) -> None:
    part = file.with_name(file.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(file)
