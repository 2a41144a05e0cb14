"""Brings a campaign file's people and numbers into the records, all or nothing."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from dialogs.problem import InputError, Problem
from voicebot.campaign.contacts import ContactImport, check_rows, read_do_not_call, write_rejected
from voicebot.campaign.plan import CampaignPlan
from voicebot.records.store import Records
from voicebot.records.tables import Campaign, Contact


@dataclass(frozen=True, slots=True)
class OpenedCampaign:
    """A campaign in the records, ready to be dialled, and what its contact file held."""

    campaign: Campaign
    accepted: int
    added: int
    """Contacts that the campaign did not have yet: fewer than `accepted` when it is resumed."""
    duplicates: int
    rejected: int
    rejected_file: Path | None


def open_campaign(
    records: Records,
    plan: CampaignPlan,
    *,
    script_id: str,
    script_version: str,
    language: str,
    required_variables: Collection[str] = (),
) -> OpenedCampaign:
    """Create the campaign of this name or resume it. Blocking.

    Raises InputError naming every broken row, and then nothing has changed."""
    do_not_call = read_do_not_call(plan.do_not_call, plan.default_region) if plan.do_not_call else []
    contacts = ContactImport(plan.contacts, plan.address, required_variables, plan.default_region)
    if not plan.skip_broken_rows:
        check_rows(contacts)
    campaign = Campaign(
        name=plan.name,
        script_id=script_id,
        script_version=script_version,
        language=language,
        settings=plan.model_dump(mode="json"),
    )
    campaign, added = records.open_campaign(campaign, _some(contacts), do_not_call)
    rejected_file = write_rejected(contacts) if contacts.rejected else None
    return OpenedCampaign(
        campaign, contacts.accepted, added, contacts.duplicates, len(contacts.rejected), rejected_file
    )


def _some(contacts: ContactImport) -> Iterator[Contact]:
    """The contacts; a file without any is a mistake, and raising here leaves the records alone."""
    yield from contacts
    if not contacts.accepted:
        message, mend = "there is nobody to call", "Add a row, or mend the broken ones."
        raise InputError([Problem(str(contacts.path), 0, message, mend)])
