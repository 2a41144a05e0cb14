"""A campaign that calls a few of the demo's people, for tests over real SIP with real engines."""

import csv
import json
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlmodel import Session, select

from tests.embedded_weights import embedded_weights
from tests.system.sipp import free_udp_ports
from voicebot.demo import ASSETS, LIBRARY, SCRIPT, zone_where_it_is
from voicebot.records.database import open_database
from voicebot.records.tables import Call, Campaign, Contact, DoNotCall, Refusal, SurveyAnswer, Turn
from voicebot.service import weights_for
from voicebot.settings import Settings
from voicebot.simulation.persona import PERSONAS, load_personas
from voicebot.trunk_settings import TrunkSettings

NAME = "small"


def pick_personas(folder: Path, names: Collection[str]) -> dict[str, str]:
    """Copy these persona files into a folder of their own. Gives persona -> number of its first person."""
    folder.mkdir()
    for name in names:
        shutil.copy(PERSONAS / f"{name}.yaml", folder)
    return {persona.persona: persona.people[0].number for persona in load_personas(folder)}


def small_settings(folder: Path) -> Settings:
    """Real weights, a database in the folder, a free SIP port."""
    return Settings(
        database=f"sqlite:///{folder / 'small.db'}",
        weights=embedded_weights(*weights_for("en")),
        trunks={"main": TrunkSettings(local_port=free_udp_ports())},
    )


def write_small_campaign(
    folder: Path, port: int, numbers: Collection[str], *, asleep: Collection[str] = (), **changes: Any
) -> Path:
    """Write the campaign file: these of the demo's contacts, in this order; for `asleep` it is night."""
    with (ASSETS / "contacts.csv").open(encoding="utf-8", newline="") as source:
        rows = {row["number"]: row for row in csv.DictReader(source)}
    now = datetime.now(UTC)
    with (folder / "contacts.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[next(iter(rows))]))
        writer.writeheader()
        for number in numbers:
            hour = 3 if number in asleep else 13
            writer.writerow({**rows[number], "time_zone": zone_where_it_is(hour, now)})
    plan: dict[str, Any] = {
        "name": NAME,
        "script": str(LIBRARY / SCRIPT),
        "contacts": "contacts.csv",
        "dial": f"sip:{{number}}@127.0.0.1:{port}",
        "default_region": "US",
        "caller": {"name": "Northwind Home", "number": "+12125550199"},
        "purpose": "marketing",
        "calling_window": {"from": "09:00", "to": "20:00"},
        "max_calls_at_once": 4,
        "calls_per_second": 2,
        "ring_timeout_s": 15,
        "survey": True,
        "wait_for_due_s": 0,
        **changes,
    }
    file_of_plan = folder / "campaign.yaml"
    file_of_plan.write_text(json.dumps(plan, indent=2), encoding="utf-8")  # JSON is YAML
    return file_of_plan


@dataclass(frozen=True)
class Kept:
    """All that the records hold, read at once."""

    campaign: Campaign
    contacts: Mapping[str, Contact]
    """By number."""
    calls: list[Call]
    turns: list[Turn]
    refusals: list[Refusal]
    scores: list[SurveyAnswer]
    do_not_call: Mapping[str, DoNotCall]
    """By number."""

    def calls_of(self, number: str) -> list[Call]:
        """The calls to a number, in order."""
        contact = self.contacts[number]
        return [call for call in self.calls if call.contact_id == contact.id]

    def turns_of(self, call: Call) -> list[Turn]:
        return [turn for turn in self.turns if turn.call_id == call.id]


def read_records(settings: Settings) -> Kept:
    engine = open_database(settings.database)
    try:
        with Session(engine, expire_on_commit=False) as session:
            return Kept(
                session.exec(select(Campaign).where(Campaign.name == NAME)).one(),
                {contact.number: contact for contact in session.exec(select(Contact))},
                list(session.exec(select(Call))),
                list(session.exec(select(Turn))),
                list(session.exec(select(Refusal))),
                list(session.exec(select(SurveyAnswer))),
                {entry.number: entry for entry in session.exec(select(DoNotCall))},
            )
    finally:
        engine.dispose()
