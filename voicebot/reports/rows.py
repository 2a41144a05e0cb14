"""One campaign's rows, read in one go, so that the metrics are pure functions of plain lists."""

from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select

from dialogs.problem import InputError, Problem
from voicebot.records.tables import Call, Campaign, Contact, DoNotCall, Refusal, SurveyAnswer, Turn


@dataclass(frozen=True, slots=True)
class CampaignRows:
    """Everything the records hold of one campaign, in the order it was written."""

    campaign: Campaign
    contacts: tuple[Contact, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    calls: tuple[Call, ...] = ()
    turns: tuple[Turn, ...] = ()
    survey_answers: tuple[SurveyAnswer, ...] = ()
    opt_outs: tuple[DoNotCall, ...] = ()
    """Do-not-call entries that these calls made."""


def load_campaign(session: Session, name: str) -> CampaignRows:
    """Read the campaign called `name`. Raises InputError when there is none."""
    campaign = session.exec(select(Campaign).where(Campaign.name == name)).one_or_none()
    if campaign is None:
        known = ", ".join(session.exec(select(Campaign.name).order_by(Campaign.name))) or "none yet"
        raise InputError([Problem("records", 0, f"there is no campaign `{name}`", f"Campaigns: {known}")])

    def of_campaign(table: Any) -> Any:
        return session.exec(select(table).where(table.campaign_id == campaign.id).order_by(table.id)).all()

    def of_calls(table: Any) -> Any:
        ours = select(Call.id).where(Call.campaign_id == campaign.id)
        return session.exec(select(table).where(col(table.call_id).in_(ours))).all()

    return CampaignRows(
        campaign=campaign,
        contacts=tuple(of_campaign(Contact)),
        refusals=tuple(of_campaign(Refusal)),
        calls=tuple(of_campaign(Call)),
        turns=tuple(sorted(of_calls(Turn), key=lambda turn: (turn.call_id, turn.position))),
        survey_answers=tuple(
            sorted(of_calls(SurveyAnswer), key=lambda answer: (answer.call_id, answer.question))
        ),
        opt_outs=tuple(of_calls(DoNotCall)),
    )
