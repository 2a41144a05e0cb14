"""The documentation names what exists, and all of it."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel
from typer.core import TyperGroup
from typer.main import get_command

from dialogs.script.format import known_keys
from dialogs.script.load import check_script
from models.registry.catalogue import load_catalogue
from models.tts.service import MANDARIN_STYLE, MANDARIN_VOICE
from voicebot.campaign.plan import CampaignPlan, load_plan
from voicebot.cli import app
from voicebot.reports.definitions import DEFINITIONS
from voicebot.settings import Settings, load_settings

ROOT = Path(__file__).parent.parent


def page(name: str) -> str:
    return (ROOT / name).read_text()


def rows(name: str) -> dict[str, str]:
    """First cell -> second cell of every table row whose first cell is code."""
    return dict(re.findall(r"^\| `([^`]+)` \| (.*?) \|", page(name), re.MULTILINE))


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            yield from keys(type(field.default), f"{prefix}{name}.")
        elif isinstance(field.default, dict) and field.default:
            for key, entry in field.default.items():
                yield from keys(type(entry), f"{prefix}{name}.{key}.")
        else:
            yield prefix + name, field.default


def shown(default: object) -> str:
    if default is None or default in ("", (), {}):
        return "none"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, tuple):
        return f"`{', '.join(map(str, default))}`"
    if isinstance(default, float):
        return f"`{default:g}`"
    return f"`{str(default).replace(str(Path.home()), '~')}`"


def test_every_setting_is_explained_with_its_default() -> None:
    assert rows("docs/settings.md") == {name: shown(default) for name, default in keys(Settings)}


def test_every_metric_is_defined_in_the_words_of_the_report() -> None:
    assert rows("docs/metrics.md") == DEFINITIONS


def test_all_weights_are_named_with_their_licence() -> None:
    named = dict(
        re.findall(r"^\| [^|]+ \| `([^`]+)` \| [^|]+ \| ([^|]+) \|$", page("README.md"), re.MULTILINE)
    )
    assert named == {entry.name: entry.licence for entry in load_catalogue().entries}


def test_the_sources_of_the_mandarin_voice_are_named() -> None:
    note = load_catalogue().entry(MANDARIN_VOICE).note
    for voice in MANDARIN_STYLE:
        source = re.search(rf"- `{voice}`: \[[^]]+\]\(\S+/(tnc__\w+)\.txt\)", page("README.md"))
        assert source, f"README names no source of {voice}"
        assert f"{voice} from {source[1]}" in note


def test_every_key_of_a_script_is_explained() -> None:
    named = set(re.findall(r"`([a-z_]+)`", page("docs/scripts.md")))
    assert known_keys() - named == set()


def test_every_key_of_a_campaign_file_is_explained() -> None:
    named = set(re.findall(r"`([a-z_]+)`", page("docs/campaigns.md")))
    assert set(CampaignPlan.model_fields) - named == set()


def example(name: str, number: int, folder: Path) -> Path:
    """The numbered YAML block of a page, as a file."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", page(name), re.MULTILINE | re.DOTALL)
    file = folder / "example.yaml"
    file.write_text(blocks[number])
    return file


def test_example_script_has_no_fault_and_not_even_a_doubt(tmp_path: Path) -> None:
    assert check_script(example("docs/scripts.md", 0, tmp_path)) == []


def test_example_campaign_and_settings_load(tmp_path: Path) -> None:
    assert load_plan(example("docs/campaigns.md", 0, tmp_path)).name
    assert load_settings(example("docs/settings.md", 0, tmp_path)).trunks["main"].user == "callcentre"


_WITH_COMMANDS = ("scripts", "campaigns", "settings", "bench", "performance")


def test_commands_and_options_that_are_shown_exist() -> None:
    lines = [
        line
        for name in ("README.md", *(f"docs/{page}.md" for page in _WITH_COMMANDS))
        for line in re.findall(r"^(?:[A-Z_]+=\S+ )?voicebot (.*?)(?: +#.*)?$", page(name), re.MULTILINE)
    ]
    assert len(lines) > 8
    for line in lines:
        command = get_command(app)
        for word in shlex.split(line):
            if isinstance(command, TyperGroup) and word in command.commands:
                command = command.commands[word]
            elif word.startswith("--"):
                assert any(word in parameter.opts for parameter in command.params), line
        assert not isinstance(command, TyperGroup), line
