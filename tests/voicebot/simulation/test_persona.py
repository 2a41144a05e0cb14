"""Persona files: what is accepted, and that a fault is named with its line."""

from pathlib import Path

import pytest

from dialogs.problem import InputError
from voicebot.simulation.persona import Pickup, load_personas

GOOD = """\
persona: tester
about: A person for tests.
people:
  - {number: "+12125550101", name: Maya Ortiz}
opening: ["Hello?"]
rules:
  - hears: [offer]
    says: ["Yes."]
"""


def problems(folder: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        load_personas(folder)
    return [f"{Path(each.file).name}:{each.line}: {each.message}" for each in caught.value.problems]


def test_good_file(tmp_path: Path) -> None:
    (tmp_path / "tester.yaml").write_text(GOOD)
    (persona,) = load_personas(tmp_path)
    assert persona.people[0].fill("{first_name}, that is {name}") == "Maya, that is Maya Ortiz"
    assert list(persona.lines()) == ["Hello?", "Yes."]


@pytest.mark.parametrize(
    ("old", "new", "line", "part"),
    [
        ("opening:", "openning:", 5, "openning"),
        ("[offer]", '["(offer"]', 7, "regular expression"),
        ('"+12125550101"', '"12125550101"', 4, "not an E.164 number"),
        ('    says: ["Yes."]', "    times: 2", 7, "'says', 'presses', 'hangs_up'"),
        ("[offer]", "[]", 7, "list is empty"),
        ("about:", "phone: {rings_s: [3, 1]}\nabout:", 2, "least value first"),
        ("about:", "phone: {attempts: [unassigned, answer]}\nabout:", 2, "unassigned"),
        ('opening: ["Hello?"]', "voicemail: true", 1, "greeting"),
    ],
)
def test_fault_is_named_with_its_line(tmp_path: Path, old: str, new: str, line: int, part: str) -> None:
    assert old in GOOD
    (tmp_path / "tester.yaml").write_text(GOOD.replace(old, new))
    (problem,) = problems(tmp_path)
    assert problem.startswith(f"tester.yaml:{line}: ")
    assert part in problem


def test_number_belongs_to_one_person(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yaml").write_text(GOOD)
    assert problems(tmp_path) == ["b.yaml:4: number +12125550101 is already used in a.yaml"]


def test_faults_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("persona: a\n")
    (tmp_path / "b.yaml").write_text(GOOD.replace("tester", "Tester"))
    assert {problem.partition(":")[0] for problem in problems(tmp_path)} == {"a.yaml", "b.yaml"}


def test_empty_folder(tmp_path: Path) -> None:
    assert "no persona file" in problems(tmp_path)[0]


def test_last_attempt_holds_for_all_later_ones(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD + "phone: {attempts: [no_answer, answer]}\n")
    (persona,) = load_personas(tmp_path)
    pickups = [persona.phone.pickup(attempt) for attempt in (1, 2, 3)]
    assert pickups == [Pickup.NO_ANSWER, Pickup.ANSWER, Pickup.ANSWER]
