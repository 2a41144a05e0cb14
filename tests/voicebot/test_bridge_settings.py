"""A bridge from the settings file to a line: complete, with clear faults and no secret shown."""

import re
from pathlib import Path

import pytest

from dialogs.problem import InputError
from telephony.line import DialRequest, LineError
from telephony.websocket.bridge import MediaBridge
from telephony.websocket.originator import MediaTarget
from voicebot.bridge_line import bridge_line, named_bridge, show_address
from voicebot.bridge_settings import PROVIDERS
from voicebot.settings import Settings, load_settings

TWILIO = """\
bridges:
  acme:
    provider: twilio
    account_sid: AC00000000000000000000000000000000
    public_url: wss://voice.example.com
    caller_ids: ["+15550001"]
"""
HIDDEN = "hidden-and-secret"


def load(folder: Path, text: str) -> Settings:
    file = folder / "settings.yaml"
    file.write_text(text)
    return load_settings(file)


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(InputError) as raised:
        load(folder, text)
    return "\n".join(map(str, raised.value.problems))


def documented() -> list[str]:
    page = (Path(__file__).parents[2] / "docs/telephony.md").read_text()
    blocks = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return [block for block in blocks if block.startswith("bridges:")]


SECRETS = {
    "asterisk": ("PASSWORD", "MEDIA_PASSWORD"),
    "freeswitch": ("PASSWORD", "MEDIA_PASSWORD"),
    "twilio": ("AUTH_TOKEN",),
    "jambonz": ("API_KEY", "MEDIA_PASSWORD"),
    "browser": (),
}


def test_every_documented_bridge_becomes_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = set()
    for block in documented():
        provider = re.findall(r"provider: (\w+)", block)[0]
        with monkeypatch.context() as environment:
            for key in SECRETS[provider]:
                environment.setenv(f"VOICEBOT_BRIDGES__{provider.upper()}__{key}", HIDDEN)
            settings = load(tmp_path, block)
        ((name, bridge),) = settings.bridges.items()
        assert HIDDEN not in repr(settings)
        assert isinstance(bridge_line(name, bridge), MediaBridge)
        seen.add(bridge.provider)
    assert seen == set(PROVIDERS)


def test_every_key_of_a_bridge_is_explained() -> None:
    page = (Path(__file__).parents[2] / "docs/telephony.md").read_text()
    named = set(re.findall(r"`([a-z_]+)`", page))
    models = [type(bridge) for bridge in _one_of_each().bridges.values()]
    keys = {key for model in models for key in model.model_fields}
    assert keys - named == set()


def _one_of_each() -> Settings:
    shared = {"public_url": "ws://192.0.2.1", "caller_ids": ("+15550001",)}
    login = {"account_sid": "AC1", "media_password": HIDDEN}
    bridges = {
        "a": {"provider": "twilio", "account_sid": "AC1", "auth_token": HIDDEN, **shared},
        "b": {"provider": "asterisk", "password": HIDDEN},
        "c": {"provider": "freeswitch", "password": HIDDEN},
        "d": {"provider": "jambonz", "api_url": "https://h", "api_key": HIDDEN, **login, **shared},
        "e": {"provider": "browser"},
    }
    return Settings.model_validate({"bridges": bridges})


def test_no_secret_is_shown_by_any_bridge() -> None:
    settings = _one_of_each()
    assert HIDDEN not in repr(settings)
    assert HIDDEN not in repr([bridge_line(name, bridge) for name, bridge in settings.bridges.items()])


def test_the_file_and_the_environment_complete_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEBOT_BRIDGES__ACME__AUTH_TOKEN", HIDDEN)
    monkeypatch.setenv("VOICEBOT_BRIDGES__ACME__CHANNELS", "7")
    bridge = load(tmp_path, TWILIO).bridges["acme"]
    assert (bridge.channels, bridge.calls_per_second) == (7, 1.0)
    monkeypatch.setenv("VOICEBOT_BRIDGES__ACME__CHANNELS", "none")
    assert "environment:0: setting `bridges.acme.channels`" in refusal(tmp_path, TWILIO)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TWILIO, ["`bridges.acme.auth_token`", "VOICEBOT_BRIDGES__ACME__AUTH_TOKEN"]),
        (TWILIO.replace("twilio", "acme-telecom"), ["`provider` must be one of twilio, asterisk"]),
        (TWILIO.replace("provider: twilio", f"auth_token: {HIDDEN}"), ["`provider` must be one of"]),
        (TWILIO + f"    auth_token: {HIDDEN}\n    auth_tokn: {HIDDEN}2\n", ["`bridges.acme.auth_tokn`"]),
        (TWILIO.replace("wss://voice.example.com", '""') + f"    auth_token: {HIDDEN}\n", ["public_url"]),
        (TWILIO.replace('"+15550001"', "") + f"    auth_token: {HIDDEN}\n", ["caller_ids"]),
        (TWILIO.replace("+15550001", "me") + f"    auth_token: {HIDDEN}\n", ["bridges.acme.caller_ids"]),
        (TWILIO.replace("acme", "Acme Corp") + f"    auth_token: {HIDDEN}\n", ["Acme Corp"]),
    ],
)
def test_a_faulty_bridge_is_named_without_its_secrets(tmp_path: Path, text: str, words: list[str]) -> None:
    message = refusal(tmp_path, text)
    for word in words:
        assert word in message
    assert HIDDEN not in message


def test_what_the_telephony_room_refuses_is_named_by_bridge() -> None:
    settings = Settings.model_validate(
        {"bridges": {"pbx": {"provider": "asterisk", "password": "p", "endpoint": "PJSIP/x"}}}
    )
    with pytest.raises(LineError, match=r"^bridges\.pbx: endpoint"):
        bridge_line("pbx", settings.bridges["pbx"])
    half = {"provider": "freeswitch", "password": "p", "media_user": "u"}
    settings = Settings.model_validate({"bridges": {"fs": half}})
    with pytest.raises(LineError, match="media_user and media_password belong together"):
        bridge_line("fs", settings.bridges["fs"])


def test_an_unknown_bridge_lists_those_there_are() -> None:
    with pytest.raises(InputError, match="settings name none"):
        named_bridge("x", {})
    with pytest.raises(InputError, match="there are: a, b, c, d, e"):
        named_bridge("x", _one_of_each().bridges)


def test_the_address_for_a_page_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    show_address(DialRequest("anna"), MediaTarget("t", "ws://127.0.0.1:8765/media/t", "", ""))
    shown = capsys.readouterr()
    assert "ws://127.0.0.1:8765/media/t" in shown.err
    assert shown.out == ""
