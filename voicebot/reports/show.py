"""A campaign's report from the records: on standard output, or as files."""

import re
from pathlib import Path

from rich.console import Console
from sqlmodel import Session

from voicebot.records.database import open_database
from voicebot.reports.html import render_html
from voicebot.reports.metrics import summarise
from voicebot.reports.report import CampaignReport
from voicebot.reports.rows import CampaignRows, load_campaign
from voicebot.reports.table import report_table
from voicebot.reports.write import write_report
from voicebot.settings import Settings
from voicebot.simulation.log import read_log


def report_campaign(name: str, settings: Settings, folder: Path, log: Path | None = None) -> CampaignReport:
    """Write the report of a campaign into `folder`. `log`: of simulated people, if they were called.

    Raises InputError when there is no such campaign.
    """
    return write_report(campaign_rows(name, settings), folder, read_log(log) if log else None)


def folder_of(name: str) -> Path:
    """Where a campaign's report and recordings go unless another folder is named."""
    return Path("out") / (re.sub(r"[^\w.-]+", "-", name).strip("-.") or "campaign")


def show_report(name: str, form: str, settings: Settings, console: Console) -> None:
    """Print the report as 'table', 'json' or 'html'. Raises InputError when there is no such campaign."""
    rows = campaign_rows(name, settings)
    report = summarise(rows)
    match form:
        case "json":
            console.file.write(report.model_dump_json(indent=2) + "\n")
        case "html":
            console.file.write(render_html(report, (folder_of(name) / "recordings").as_posix()))
        case _:
            console.print(report_table(report))


def campaign_rows(name: str, settings: Settings) -> CampaignRows:
    """Everything recorded of a campaign. Raises InputError when there is no such campaign."""
    engine = open_database(settings.database)
    try:
        with Session(engine) as session:
            return load_campaign(session, name)
    finally:
        engine.dispose()
