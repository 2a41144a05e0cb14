"""Small campaigns for the tests of records and dialling."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.virtual_time import VIRTUAL_EPOCH
from voicebot.campaign.plan import CampaignPlan
from voicebot.records.database import open_database
from voicebot.records.store import Records
from voicebot.records.tables import Campaign, Contact


def make_plan(**changes: Any) -> CampaignPlan:
    return CampaignPlan.model_validate(
        {
            "name": "win-back",
            "script": Path("script.yaml"),
            "contacts": Path("contacts.csv"),
            "caller": {"name": "Shop", "number": "+15555550100"},
            "purpose": "marketing",
            "calling_window": {"from": "00:00", "to": "24:00"},
            "calls_per_second": 10,
            **changes,
        }
    )


def number(person: int) -> str:
    return f"+1555555{person:04}"


def make_contact(person: int, **changes: Any) -> Contact:
    values: dict[str, Any] = {
        "campaign_id": 0,
        "number": number(person),
        "address": f"sip:{number(person)}@127.0.0.1:5080",
        "region": "US-NY",
        "time_zone": "America/New_York",
        "consent": "written",
        "due_at": VIRTUAL_EPOCH,
    }
    return Contact(**{**values, **changes})


def make_records(folder: Path) -> Records:
    return Records(open_database(f"sqlite:///{folder / 'records.db'}"))


def make_campaign(records: Records, contacts: Iterable[Contact], do_not_call: Iterable[str] = ()) -> Campaign:
    campaign = Campaign(name="win-back", script_id="s", script_version="1")
    return records.open_campaign(campaign, contacts, do_not_call)[0]
