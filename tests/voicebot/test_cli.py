"""The command: what people get wrong, and what it prints when all is well."""

import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import Session
from typer.testing import CliRunner, Result

from models.registry.catalogue import weights_path
from tests.embedded_weights import embedded_weights
from tests.voicebot.report_rows import six_contacts
from voicebot import __version__
from voicebot.cli import app
from voicebot.demo import LIBRARY, SCRIPT
from voicebot.records.database import open_database
from voicebot.reports.report import CampaignReport
from voicebot.service import DETECTOR, weights_for
from voicebot.settings import load_settings

PLAN = """\
name: small
script: {script}
contacts: {contacts}
caller: {{name: Shop, number: "+12125550199"}}
purpose: marketing
calling_window: {{from: "09:00", to: "20:00"}}
"""
CONTACTS = "number,first_name,last_purchase\n+12125550101,Maya,a lamp\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good campaign in the current folder; the tests break one thing each."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(LIBRARY / SCRIPT, "script.yaml")
    Path("contacts.csv").write_text(CONTACTS)
    Path("campaign.yaml").write_text(PLAN.format(script="script.yaml", contacts="contacts.csv"))
    return tmp_path


def run(*arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(app, arguments, input=typed)


def assert_refused(result: Result, *words: str) -> None:
    """Exit status 2, each of the words told, and no traceback. Nobody was called, so nothing was recorded."""
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    for word in words:
        assert word in result.stderr
    assert not Path("out").exists()


def break_script() -> int:
    """Point an answer to a node that is not there. Gives the line."""
    lines = Path("script.yaml").read_text().splitlines(keepends=True)
    (number,) = [index for index, line in enumerate(lines) if line == "      yes: reason\n"]
    lines[number] = "      yes: reson\n"
    Path("script.yaml").write_text("".join(lines))
    return number + 1


# -- scripts ---------------------------------------------------------------------------------------


def test_a_good_script_is_good() -> None:
    result = run("script", "check", str(LIBRARY / SCRIPT))
    assert result.exit_code == 0
    assert "0 errors, 0 warnings" in result.stderr


def test_an_unknown_node_is_named_with_line_and_mend(folder: Path) -> None:
    line = break_script()
    result = run("script", "check", "script.yaml")
    assert result.exit_code == 2
    (problem,) = result.stdout.splitlines()
    assert problem.startswith(f"script.yaml:{line}: ")
    assert "'reson'" in problem
    assert "'reason'" in problem, "the mend names the node that was meant"


@pytest.mark.parametrize(
    "arguments",
    [
        ("campaign", "run", "campaign.yaml"),
        ("call", "--to", "sip:1@127.0.0.1:9", "--script", "script.yaml"),
        ("chat", "--script", "script.yaml"),
    ],
)
def test_nobody_is_called_with_a_broken_script(folder: Path, arguments: tuple[str, ...]) -> None:
    line = break_script()
    result = run(*arguments)
    assert_refused(result, f"script.yaml:{line}: ", "'reson'")
    assert not Path("voicebot.db").exists()


# -- campaign files, contacts -------------------------------------------------------------------------


def test_every_broken_row_is_named_and_nothing_is_kept(folder: Path) -> None:
    Path("contacts.csv").write_text(CONTACTS + "12,Ann,a sofa\n+12125550102,,a rug\n+12125550103,Bo\n")
    result = run("campaign", "run", "campaign.yaml")
    assert_refused(
        result,
        "contacts.csv:3: '12' is not a possible phone number",
        "contacts.csv:4: no value for first_name",
        "contacts.csv:5: 2 cells where the header has 3",
    )
    assert len(result.stderr.splitlines()) == 3
    assert run("report", "small").exit_code == 2, "the campaign was not begun"


def test_a_key_of_the_campaign_file_that_nobody_knows(folder: Path) -> None:
    with Path("campaign.yaml").open("a") as file:
        file.write("max_call_at_once: 4\n")
    assert_refused(run("campaign", "run", "campaign.yaml"), "campaign.yaml:7: ", "max_calls_at_once")


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        (("campaign", "run", "absent.yaml"), "absent.yaml"),
        (("call", "--to", "sip:1@127.0.0.1:9", "--script", "absent.yaml"), "absent.yaml"),
        (("chat", "--script", "absent.yaml"), "absent.yaml"),
        (("report", "small", "--settings", "absent.yaml"), "absent.yaml"),
    ],
)
def test_a_missing_file_is_named(folder: Path, arguments: tuple[str, ...], missing: str) -> None:
    assert_refused(run(*arguments), missing)


@pytest.mark.parametrize("which", ["script.yaml", "contacts.csv"])
def test_a_missing_file_of_a_campaign_is_named(folder: Path, which: str) -> None:
    Path(which).unlink()
    assert_refused(run("campaign", "run", "campaign.yaml"), which)


def test_a_missing_script_is_no_traceback(folder: Path) -> None:
    result = run("script", "check", "absent.yaml")
    assert result.exit_code == 2
    assert "absent.yaml" in result.stdout


# -- settings ---------------------------------------------------------------------------------------


def test_a_bad_value_in_the_settings_file(folder: Path) -> None:
    Path("settings.yaml").write_text("trunks:\n  main:\n    local_port: 80\n")
    result = run("campaign", "run", "campaign.yaml", "--settings", "settings.yaml")
    assert_refused(result, "settings.yaml", "`trunks.main.local_port`", "1024", "(got 80)")
    assert not Path("voicebot.db").exists()


def test_a_bad_value_in_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEBOT_TRUNKS__MAIN__LOCAL_PORT", "many")
    assert_refused(
        run("doctor"), "environment:0: setting `trunks.main.local_port`", "VOICEBOT_TRUNKS__MAIN__LOCAL_PORT"
    )


def test_a_name_in_the_environment_that_sets_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEBOT_TRUNK__LOCAL_PORT", "6070")
    assert_refused(run("doctor"), "VOICEBOT_TRUNK__LOCAL_PORT is no setting", "Did you mean VOICEBOT_TRUNKS")


def test_a_list_in_the_environment_that_is_not_json(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEBOT_TRUNKS__MAIN__CODECS", "opus,pcmu")
    assert_refused(run("doctor"), "VOICEBOT_TRUNKS", "not JSON", '["opus", "pcmu"]')
    monkeypatch.setenv("VOICEBOT_TRUNKS__MAIN__CODECS", '["gsm"]')
    assert_refused(run("doctor"), "trunks.main.codecs")


def test_half_a_bridge_in_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEBOT_BRIDGES__TWILIO__AUTH_TOKEN", "s3cret")
    result = run("doctor")
    assert_refused(result, "bridges.twilio", "--settings")
    assert "s3cret" not in result.output


def test_the_environment_is_blamed_for_its_own_value(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("settings.yaml").write_text("engine_nice: 3\n")
    monkeypatch.setenv("VOICEBOT_TRUNKS__MAIN__LOCAL_PORT", "many")
    assert_refused(
        run("doctor", "--settings", "settings.yaml"), "environment:0: setting `trunks.main.local_port`"
    )


def test_a_database_that_is_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEBOT_DATABASE", "sqlite:///contacts.csv")
    assert_refused(run("campaign", "run", "campaign.yaml"), "contacts.csv", "not a database")
    assert Path("contacts.csv").read_text() == CONTACTS


def test_an_unknown_bridge(folder: Path) -> None:
    result = run("call", "--to", "+12025550100", "--script", "script.yaml", "--bridge", "acme")
    assert_refused(result, "bridges", "no bridge is called 'acme'")


def test_a_variable_without_a_value(folder: Path) -> None:
    result = run("chat", "--script", "script.yaml", "--var", "first_name")
    assert_refused(result, "--var", "'first_name' is not name=value")


def test_a_campaign_that_nobody_knows(folder: Path) -> None:
    assert_refused(run("report", "spring"), "spring")


# -- weights and ports ------------------------------------------------------------------------------


@pytest.fixture
def own_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of links to all weights but the detector's, which is a copy."""
    real = embedded_weights(*weights_for("en"))
    own = tmp_path / "weights"
    own.mkdir()
    for entry in real.iterdir():
        if entry.name != DETECTOR and not entry.name.startswith("."):
            (own / entry.name).symlink_to(entry)
    shutil.copytree(real / DETECTOR, own / DETECTOR)
    monkeypatch.setenv("VOICEBOT_WEIGHTS", str(own))
    return own


CALL = ("call", "--to", "sip:1@127.0.0.1:9", "--script", "script.yaml")


@pytest.mark.parametrize("arguments", [("campaign", "run", "campaign.yaml"), CALL])
def test_an_altered_weight_file_is_refused(
    folder: Path, own_weights: Path, arguments: tuple[str, ...]
) -> None:
    file = weights_path(DETECTOR, "silero_vad.onnx", own_weights)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert_refused(run(*arguments), f"{file}: altered: SHA-256", "voicebot doctor --fetch")
    assert not (folder / "voicebot.db").exists()


def test_a_missing_weight_file_is_named(folder: Path, own_weights: Path) -> None:
    file = weights_path(DETECTOR, "silero_vad.onnx", own_weights)
    file.unlink()
    assert_refused(run(*CALL), f"{file}: missing", "voicebot doctor --fetch")


@pytest.fixture
def taken_port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setenv("VOICEBOT_WEIGHTS", str(embedded_weights(*weights_for("en"))))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = int(taken.getsockname()[1])
        monkeypatch.setenv("VOICEBOT_TRUNKS__MAIN__LOCAL_PORT", str(port))
        yield port


def test_a_port_in_use_is_named(folder: Path, taken_port: int) -> None:
    result = run("campaign", "run", "campaign.yaml")
    assert result.exit_code == 2, result.output
    assert str(taken_port) in result.stderr
    assert "Traceback" not in result.output
    assert not (folder / "voicebot.db").exists()


def test_doctor_sees_a_port_in_use(folder: Path, taken_port: int) -> None:
    result = run("doctor")
    assert result.exit_code == 2
    assert str(taken_port) in result.output


# -- what it prints when all is well ------------------------------------------------------------------


def test_the_version() -> None:
    result = run("--version")
    assert (result.exit_code, result.stdout.strip()) == (0, __version__)


def test_a_report_as_json_is_nothing_but_json(folder: Path) -> None:
    rows = six_contacts()
    with Session(open_database(load_settings().database)) as session:
        for table in (
            [rows.campaign], rows.contacts, rows.refusals, rows.calls, rows.turns, rows.survey_answers,
        ):  # fmt: skip
            session.add_all(table)
            session.flush()
        session.commit()
    result = run("report", "win-back", "--format", "json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["contacts"] == 6
    assert CampaignReport.model_validate_json(result.stdout).campaign == "win-back"
    assert run("report", "win-back", "--format", "html").stdout.startswith("<!doctype html>")


def test_chat_holds_the_whole_conversation_with_the_real_classifier(folder: Path) -> None:
    embedded_weights(*weights_for("en"))
    said = [
        "yeah, who wants to know",
        "are you a robot?",
        "yes",
        "sure, go ahead",
        "yes please text it to me",
        "4",
    ]
    result = run("chat", "--script", "script.yaml", "--var", "first_name=Zoe", typed="\n".join(said) + "\n")
    assert result.exit_code == 0, result.output
    assert "Zoe" in result.stdout
    assert "automated AI assistant" in result.stdout
    assert "AI. I'm an automated assistant" in result.stdout.replace("\n", " ")
    assert "outcome interested" in result.stdout
    assert "{'satisfaction': 4}" in result.stdout


def test_chat_ends_with_its_input(folder: Path) -> None:
    embedded_weights(*weights_for("en"))
    result = run("chat", "--script", "script.yaml", typed="hello\n")
    assert result.exit_code == 0, result.output
    assert "outcome" not in result.stdout
