"""Who is let in, what addresses mean, and how settings are refused."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.line import LineError
from telephony.websocket.admission import BasicPassword, BearerToken, TwilioSigned
from telephony.websocket.config import BridgeConfig
from telephony.websocket.originate_asterisk import AsteriskConfig
from telephony.websocket.originate_freeswitch import AudioModule, FreeSwitchConfig, media_credentials
from telephony.websocket.originate_jambonz import JambonzConfig
from telephony.websocket.originate_twilio import TwilioConfig
from telephony.websocket.originator import called_number
from telephony.websocket.rate_limit import RateLimit
from telephony.websocket.route import parse_route
from telephony.websocket.twilio_signature import is_valid, sign


def test_the_signature_of_twilios_documentation() -> None:
    """The example of its security page."""
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+12349013030",
        "Digits": "1234",
        "From": "+12349013030",
        "To": "+18005551212",
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert sign("12345", url, form) == "0/KCTR6DLpKmkAf8muzZqo1nDgQ="
    assert is_valid("0/KCTR6DLpKmkAf8muzZqo1nDgQ=", "12345", url, form)
    assert not is_valid("0/KCTR6DLpKmkAf8muzZqo1nDgQ=", "12346", url, form)
    assert not is_valid("", "12345", url, form)
    assert not is_valid("\udcff é", "12345", url, form)


def test_logins() -> None:
    bearer, basic = BearerToken("t" * 16), BasicPassword("u", "p")
    assert bearer.admits("", {"authorization": "Bearer " + "t" * 16})
    assert not bearer.admits("", {"authorization": "Bearer "})
    assert basic.admits("", {"authorization": "Basic dTpw"})
    assert not basic.admits("", {})
    assert not TwilioSigned("secret").admits("wss://x/media/y", {})
    for secret in (bearer, basic, TwilioSigned("hidden")):
        assert "tttt" not in repr(secret)
        assert "hidden" not in repr(secret)
    with pytest.raises(LineError, match="16"):
        BearerToken("short")


def test_what_freeswitch_is_told_to_present_is_what_is_admitted() -> None:
    config = FreeSwitchConfig(password="p", media_user="voicebot", media_password="pass")
    fork = media_credentials(config)
    assert fork == {"MOD_AUDIO_BASIC_AUTH_USERNAME": "voicebot", "MOD_AUDIO_BASIC_AUTH_PASSWORD": "pass"}
    stream = media_credentials(replace(config, module=AudioModule.STREAM))
    headers = json.loads(stream["STREAM_EXTRA_HEADERS"])
    assert BasicPassword("voicebot", "pass").admits("", {"authorization": headers["Authorization"]})
    assert media_credentials(FreeSwitchConfig(password="p")) == {}
    with pytest.raises(LineError, match="blanks"):
        FreeSwitchConfig(password="p", media_user="a b", media_password="c")


def test_addresses() -> None:
    token = "A" * 20
    for target in (f"/media/{token}", f"/behind/a-proxy/media/{token}", f"/media?token={token}"):
        route = parse_route(target)
        assert route
        assert (route.name, route.token) == ("media", token)
        assert route.tail.startswith("/media")
    for target in (
        "/",
        "/media",
        "/media/short",
        f"/other/{token}",
        f"/media/{token}/x",
        "/media?" + "a&" * 99,
    ):
        assert parse_route(target) is None


@given(st.text(max_size=80))
def test_no_address_is_an_accident(target: str) -> None:
    parse_route(target)
    parse_route("/media" + target)


@pytest.mark.parametrize("to", ["+4930123", "sip:+4930123@h.example", "sip:4930123@h.example:5060"])
def test_called_numbers(to: str) -> None:
    assert called_number(to).endswith("4930123")


@pytest.mark.parametrize("to", ["", "sip:alice@h", "+49 30", "1;DROP", "sip:123@h\r\n", "123@h}originate"])
def test_what_is_no_number_is_refused(to: str) -> None:
    with pytest.raises(LineError, match="no telephone number"):
        called_number(to)


def test_the_limit_lets_bursts_through_and_floods_not() -> None:
    limit = RateLimit(100, 0.0)
    assert all(limit.take(0.0) for _ in range(500))
    assert not limit.take(0.0)
    assert limit.take(0.01)
    assert not limit.take(0.011)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (lambda: BridgeConfig(local_address="here"), "local_address"),
        (lambda: BridgeConfig(local_port=0), "local_port"),
        (lambda: BridgeConfig(public_url="https://x"), "public_url"),
        (lambda: BridgeConfig(longest_message=1), "longest_message"),
        (lambda: BridgeConfig(most_messages_per_s=5), "most_messages_per_s"),
        (lambda: BridgeConfig(idle_timeout_s=0), "idle_timeout_s"),
        (lambda: TwilioConfig("x", "t", "+15550001"), "account_sid"),
        (lambda: TwilioConfig("AC1", "", "+15550001"), "auth_token"),
        (lambda: TwilioConfig("AC1", "t", "me"), "number"),
        (lambda: AsteriskConfig(), "password"),
        (lambda: AsteriskConfig(password="p", endpoint="PJSIP/x"), "endpoint"),
        (lambda: AsteriskConfig(password="p", media_format="opus"), "media_format"),
        (lambda: FreeSwitchConfig(), "password"),
        (lambda: FreeSwitchConfig(password="p", dial_string="x{number} &evil()"), "dial_string"),
        (lambda: JambonzConfig("ftp://x", "a", "k", "+15550001"), "address"),
        (lambda: JambonzConfig("https://x", "a", "", "+15550001"), "api_key"),
    ],
)
def test_bad_settings_are_named(wrong: object, field: str) -> None:
    assert callable(wrong)
    with pytest.raises(LineError, match=field):
        wrong()


def test_no_secret_is_shown() -> None:
    configs = (
        TwilioConfig("AC1", "hidden", "+15550001"),
        AsteriskConfig(password="hidden"),
        FreeSwitchConfig(password="hidden"),
        JambonzConfig("https://x", "a", "hidden", "+15550001", media_password="hidden"),
    )
    assert "hidden" not in repr(configs)
