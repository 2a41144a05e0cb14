"""The campaign file: what to say, whom to call, when, how fast, how often."""

from enum import StrEnum
from pathlib import Path
from string import Formatter
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from dialogs.problem import InputError
from dialogs.yaml_places import load_yaml, problems_from_validation
from telephony.line import LineError
from telephony.sip.invitation import check_uri
from voicebot.campaign.hours import Hours, ZoneName
from voicebot.campaign.retry import RetryKind, RetryRule


class Purpose(StrEnum):
    """Why people are called; the law asks for more consent to marketing."""

    MARKETING = "marketing"
    SERVICE = "service"


class OnMachine(StrEnum):
    """What to do about an answering machine."""

    HANG_UP = "hang_up"
    RETRY = "retry"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Caller(_Part):
    """Who calls: said to the callee, and checked by the compliance gate."""

    name: str = Field(min_length=1)
    number: str = Field(pattern=r"^\+[1-9]\d{4,14}$")
    """E.164: a number of ours that can be called back."""
    registered_for: frozenset[Purpose] = frozenset()
    """Purposes the number is registered for, where a country asks for that."""


class CallingWindow(Hours):
    """The campaign's own calling hours; the law's hours hold as well."""

    time_zone: ZoneName | None = None
    """For contacts whose zone neither their row nor their number tells."""


class CampaignPlan(_Part):
    """A campaign, as its YAML file says. Relative paths start at the file's folder."""

    name: str = Field(min_length=1, max_length=100)
    script: Path
    contacts: Path
    do_not_call: Path | None = None
    default_region: str = Field(default="", pattern=r"^([A-Z]{2})?$")
    """ISO country of numbers that are written without '+'."""
    skip_broken_rows: bool = False
    """Call the good rows of a contact file that has broken ones; those go to a .rejected.csv file."""
    dial: str = "{number}"
    """What is dialled: the number, of which the trunk makes an address, or a SIP URI with `{number}` (E.164
    with '+') or `{digits}` (without) in it."""
    trunk: str = ""
    """Name of the trunk to call over; all of them, by priority, if neither trunk nor bridge is named."""
    bridge: str = ""
    """Name of the bridge to call over."""
    caller: Caller
    purpose: Purpose
    calling_window: CallingWindow
    max_calls_at_once: int = Field(default=4, ge=1, le=10_000)
    calls_per_second: float = Field(default=1.0, gt=0, le=1_000)
    ring_timeout_s: float = Field(default=30.0, ge=5, le=180)
    retry: dict[RetryKind, RetryRule] = Field(default_factory=dict)
    machine: OnMachine = OnMachine.HANG_UP
    survey: bool = False
    wait_for_due_s: float = Field(default=3600.0, ge=0)
    """A run waits this long for contacts that are due later; for the others, run it again."""

    @field_validator("dial")
    @classmethod
    def _dial_uses_the_number(cls, dial: str) -> str:
        fields = {name for _, name, _, _ in Formatter().parse(dial) if name is not None}
        if dial == "{number}":
            return dial
        if not dial.startswith("sip:") or not fields or fields - {"number", "digits"}:
            raise ValueError("must be {number}, or a SIP URI with {number} or {digits} in it")
        try:
            check_uri(dial.format(number="+12125550100", digits="12125550100"))
        except LineError as error:
            raise ValueError(str(error)) from None
        return dial

    @model_validator(mode="after")
    def _one_way_out(self) -> Self:
        if self.trunk and self.bridge:
            raise ValueError("'trunk' and 'bridge' exclude each other: name the one to call over")
        return self

    @model_validator(mode="before")
    @classmethod
    def _machine_retry_has_a_rule(cls, data: Any) -> Any:
        if isinstance(data, dict):
            has_rule = isinstance(data.get("retry"), dict) and "machine" in data["retry"]
            if data.get("machine") == OnMachine.RETRY and not has_rule:
                raise ValueError("'machine: retry' needs a 'machine' rule under 'retry'")
            if data.get("machine", OnMachine.HANG_UP) == OnMachine.HANG_UP and has_rule:
                raise ValueError("the 'machine' rule under 'retry' needs 'machine: retry'")
        return data

    def address(self, number: str) -> str:
        """What is dialled to reach an E.164 number."""
        return self.dial.format(number=number, digits=number.removeprefix("+"))


def load_plan(path: Path) -> CampaignPlan:
    """Read a campaign file. Raises InputError with the line of each fault."""
    data, places = load_yaml(path)
    try:
        plan = CampaignPlan.model_validate(data)
    except ValidationError as error:
        known = [name for part in (CampaignPlan, CallingWindow, Caller, RetryRule) for name in _keys(part)]
        raise InputError(problems_from_validation(path, places, error, known)) from None
    folder = path.parent
    return plan.model_copy(
        update={
            "script": folder / plan.script,
            "contacts": folder / plan.contacts,
            "do_not_call": folder / plan.do_not_call if plan.do_not_call else None,
        }
    )


def _keys(part: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in part.model_fields.items()]
