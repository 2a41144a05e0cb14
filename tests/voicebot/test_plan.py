"""Campaign files and rule files: what is accepted, and where a fault is shown."""

from pathlib import Path

import pytest

from dialogs.problem import InputError
from voicebot.campaign.plan import OnMachine, Purpose, load_plan
from voicebot.campaign.rules import house_rules, load_rules

PLAN = """\
name: Win-back
script: scripts/win-back.yaml
contacts: people.csv
do_not_call: never.csv
caller: {name: Green Grocer, number: "+15555550100"}
purpose: marketing
calling_window:
  days: [mon, tue, wed, thu, fri]
  from: "09:00"
  to: "20:30"
  time_zone: America/New_York
retry:
  no_answer: {after_s: 20, attempts: 2}
survey: true
"""


@pytest.fixture
def plan_file(tmp_path: Path) -> Path:
    path = tmp_path / "campaign.yaml"
    path.write_text(PLAN)
    return path


def faults(path: Path, text: str) -> list[str]:
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_plan(path)
    return [str(problem).removeprefix(str(path)) for problem in caught.value.problems]


def test_a_plan_is_read_with_paths_from_its_own_folder(plan_file: Path) -> None:
    plan = load_plan(plan_file)
    assert plan.script == plan_file.parent / "scripts/win-back.yaml"
    assert plan.contacts == plan_file.parent / "people.csv"
    assert plan.do_not_call == plan_file.parent / "never.csv"
    assert (plan.purpose, plan.machine, plan.survey) == (Purpose.MARKETING, OnMachine.HANG_UP, True)
    assert (plan.calling_window.opens, plan.calling_window.closes) == (540, 1230)
    assert plan.retry["no_answer"].attempts == 2
    assert plan.address("+15555550101") == "+15555550101"
    elsewhere = plan.model_copy(update={"dial": "sip:00{digits}@192.0.2.1"})
    assert elsewhere.address("+15555550101") == "sip:0015555550101@192.0.2.1"


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("survey: true", "survay: true", 14, "Did you mean 'survey'?"),
        ("marketing", "selling", 6, "purpose"),
        ('"20:30"', '"08:00"', 7, "'from' must be before 'to'"),
        ('"20:30"', "2030", 10, 'write the time of day in quotes, as "09:00"'),
        ('"20:30"', '"24:30"', 10, "less than or equal to 1440"),
        ("fri]", "friday]", 8, "'friday' is no day"),
        ("America/New_York", "New York", 11, "'New York' is no time zone"),
        ("attempts: 2", "attempts: 1", 13, "greater than or equal to 2"),
        ("no_answer:", "finished:", 13, "finished"),
        ("contacts: people.csv\n", "", 1, "'contacts' is missing"),
        ("+15555550100", "555", 5, "number"),
        ("survey: true", "machine: retry", 1, "needs a 'machine' rule"),
        ("survey: true", "trunk: one\nbridge: two", 1, "exclude each other"),
        ("survey: true", "dial: sip:x@127.0.0.1", 14, "or a SIP URI with {number}"),
    ],
)
def test_a_fault_is_shown_at_its_line(plan_file: Path, old: str, new: str, line: int, words: str) -> None:
    assert old in PLAN
    (fault,) = faults(plan_file, PLAN.replace(old, new))
    assert fault.startswith(f":{line}: ")
    assert words in fault


def test_all_faults_are_shown_at_once(plan_file: Path) -> None:
    text = PLAN.replace("marketing", "selling").replace("survey", "survay")
    assert [fault.split(":")[1] for fault in faults(plan_file, text)] == ["6", "14"]


def test_the_house_rules_are_valid_and_cover_the_regions_we_know() -> None:
    rules = house_rules()
    countries = [country for region in rules.regions.values() for country in region.countries]
    assert {"US", "GB", "CN", "DE", "FR"} <= set(countries)
    assert rules.longest_memory_h == 720


def test_a_country_in_two_regions_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    region = """{countries: [US], consent: {rule: C, marketing: none, service: none},
      hours: [{rule: H, open: [{from: "08:00", to: "21:00"}]}],
      frequency: [{rule: F, calls: 1, within_h: 24}]}"""
    path.write_text(f"version: '1'\nregions:\n  A: {region}\n  B: {region}\n")
    with pytest.raises(InputError, match="in two regions: US"):
        load_rules(path)
