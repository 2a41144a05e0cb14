"""Reading YAML that people wrote: values, lines, and faults that name their line."""

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from dialogs.problem import InputError
from dialogs.yaml_places import load_yaml, problems_from_validation


def write(folder: Path, text: str) -> Path:
    path = folder / "some.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_values_and_lines(tmp_path: Path) -> None:
    path = write(tmp_path, "# note\na: 1\nb:\n  - x: yes\n    y: 2\n  - z\n9: key\n")
    data, places = load_yaml(path)
    assert data == {"a": 1, "b": [{"x": "yes", "y": 2}, "z"], 9: "key"}
    assert places.line("a") == 2
    assert places.line("b", 0, "y") == 5
    assert places.line("b", 1) == 6
    assert places.line("9") == 7


def test_unknown_place_is_its_nearest_ancestor(tmp_path: Path) -> None:
    _, places = load_yaml(write(tmp_path, "a: 1\nb:\n  c: 2\n"))
    assert places.line("b", "nothing", "here") == 2
    assert places.line("nothing") == 1


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: 1\nb: [1,\nc: 2\n", 4, "not valid YAML"),
        ("a: 1\na: 2\n", 2, "duplicate key"),
        ("a: 1\nb: !!python/object:os.system x\n", 2, "not valid YAML"),
        ("a: 1\nb: !custom x\n", 2, "not valid YAML"),
        ("- 1\n- 2\n", 1, "not a mapping"),
        ("", 1, "not a mapping"),
        ("a: 1\n---\nb: 2\n", 2, "another document"),
        ("a:\n\tb: 1\n", 2, "cannot start any token"),
        ("a: \x00\n", 0, "not valid YAML"),
        ("a: &x\n  b: *x\n", 2, "nested"),
        ("a: " + "[" * 5000, 0, "nested too deeply"),
    ],
)
def test_bad_yaml_names_its_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    with pytest.raises(InputError) as caught:
        load_yaml(write(tmp_path, text))
    (problem,) = caught.value.problems
    assert problem.line == line
    assert said in problem.message
    assert problem.mend


def test_aliases_cannot_stand_for_billions_of_values(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(InputError, match="aliases"):
        load_yaml(write(tmp_path, "\n".join(lines)))


def test_a_file_that_is_missing_too_big_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_yaml(tmp_path / "nowhere.yaml")
    with pytest.raises(InputError, match="larger than 10 bytes"):
        load_yaml(write(tmp_path, "a: 1234567890\n"), max_bytes=10)
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"a: 1\nb: caf\xe9\n")
    with pytest.raises(InputError, match=r":2: not UTF-8"):
        load_yaml(path)


class Lamp(BaseModel):
    model_config = ConfigDict(extra="forbid")
    watts: int
    shade: str


class House(BaseModel):
    lamps: list[Lamp] | dict[str, Lamp]


def test_validation_faults_stand_at_their_line(tmp_path: Path) -> None:
    path = write(tmp_path, "lamps:\n  hall:\n    watts: many\n    shde: blue\n")
    data, places = load_yaml(path)
    with pytest.raises(ValidationError) as caught:
        House.model_validate(data)
    problems = problems_from_validation(path, places, caught.value, known_keys=Lamp.model_fields)
    found = {(problem.line, problem.message, problem.mend) for problem in problems}
    assert (4, "in lamps.hall.shde: 'shde' is not a known key", "Did you mean 'shade'?") in found
    assert (2, "in lamps.hall: 'shade' is missing", "Add 'shade:'.") in found
    assert any(line == 3 and "valid integer" in message for line, message, _ in found)
