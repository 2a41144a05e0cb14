"""The demo: a campaign of real calls to simulated people on this machine, ending in a report."""

import asyncio
import csv
import shutil
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from string import Template

from rich.console import Console

import dialogs.library
import voicebot.simulation
from dialogs.problem import InputError, Problem
from voicebot.campaign.run import run_campaign
from voicebot.console.steps import Steps
from voicebot.reports.show import report_campaign
from voicebot.reports.table import report_table
from voicebot.service import fetch_weights, weights_for
from voicebot.settings import Settings
from voicebot.simulation.crowd import people

ASSETS = Path(voicebot.simulation.__file__).parent / "demo"
LIBRARY = Path(dialogs.library.__file__).parent
SCRIPT = "retail-winback.en.yaml"
NIGHT = "Pacific/Kiritimati"
"""Marks the contact whom the demo finds asleep."""
SEED = 1
MARKER = ".voicebot-demo"
"""Marks a folder as a demo's, which the next one may clear."""


async def run_demo(settings: Settings, folder: Path) -> bool:
    """Phone 24 people, report into `folder`. True when the campaign was completed."""
    console = Console()
    console.print("[bold]Voicebot demo[/]: a campaign of real calls over SIP to simulated people\n")
    await asyncio.to_thread(_make_room, folder)
    settings = settings.model_copy(update={"database": f"sqlite:///{folder / 'demo.db'}"})
    log = folder / "people.jsonl"
    async with AsyncExitStack() as stack:
        with Steps(console) as steps:
            await fetch_weights(weights_for("en"), settings.weights, steps)
            with steps.step("Bring up the simulated people", total=100) as advance:
                crowd = people(
                    log=log,
                    weights=settings.weights,
                    cache=settings.cache,
                    seed=SEED,
                    on_progress=lambda done, of: advance(100 / of),
                )
                called = await stack.enter_async_context(crowd)
        plan = write_campaign(folder, called.port, datetime.now(UTC))
        run = await run_campaign(plan, settings, recordings=folder / "recordings", console=console)
    report = await asyncio.to_thread(report_campaign, run.campaign.name, settings, folder, log)
    console.print(report_table(report))
    console.print(f"\nReport: [bold]{folder / 'report.html'}[/]  recordings and transcripts beside it")
    return run.went_through


def _make_room(folder: Path) -> None:
    """Make the folder and take away what an earlier demo left in it; anything else is left alone.

    Raises InputError for a folder that holds something and is no demo's."""
    marker = folder / MARKER
    if folder.exists() and any(folder.iterdir()) and not marker.exists():
        mend = "Name another folder with --folder, or empty this one"
        raise InputError([Problem(str(folder), 0, "the folder is in use and is no demo's", mend)])
    folder.mkdir(parents=True, exist_ok=True)
    marker.touch()
    for left in (*folder.glob("demo.db*"), folder / "recordings", folder / "transcripts"):
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink(missing_ok=True)
    (folder / "people.jsonl").unlink(missing_ok=True)


def write_campaign(folder: Path, port: int, now: datetime) -> Path:
    """Put the campaign's files into `folder`: the people live where it is daytime, but for one."""
    text = (ASSETS / "campaign.yaml").read_text(encoding="utf-8")
    plan = folder / "campaign.yaml"
    plan.write_text(Template(text).substitute(port=port), encoding="utf-8")
    for source in (ASSETS / "do_not_call.csv", LIBRARY / SCRIPT):
        (folder / source.name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    with (ASSETS / "contacts.csv").open(encoding="utf-8", newline="") as source_file:
        rows = list(csv.DictReader(source_file))
    with (folder / "contacts.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        for row in rows:
            hour = 3 if row["time_zone"] == NIGHT else 13
            writer.writerow({**row, "time_zone": zone_where_it_is(hour, now)})
    return plan


def zone_where_it_is(hour: int, now: datetime) -> str:
    """A time zone in which the clock shows about this hour (0..23) now."""
    offset = (hour - now.astimezone(UTC).hour + 12) % 24 - 12
    # POSIX signs: Etc/GMT-5 is five hours ahead of Greenwich.
    return f"Etc/GMT{-offset:+d}" if offset else "Etc/GMT"
