"""Each codec against a trace of its provider's messages, and against messages meant to break it."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.websocket.asterisk import AsteriskCodec
from telephony.websocket.browser import BrowserCodec
from telephony.websocket.codec import Codec, MediaEvent, Message, ProtocolFault, Started
from telephony.websocket.freeswitch import AudioForkCodec, AudioStreamCodec
from telephony.websocket.jambonz import JambonzCodec
from telephony.websocket.twilio import TwilioCodec

TRACES = Path(__file__).parent / "traces"
CODECS: dict[str, Callable[[], Codec]] = {
    "twilio": TwilioCodec,
    "asterisk": AsteriskCodec,
    "asterisk_plain": lambda: AsteriskCodec(plain=True),
    "audio_fork": AudioForkCodec,
    "audio_stream": lambda: AudioStreamCodec(binary=False),
    "jambonz": JambonzCodec,
    "browser": BrowserCodec,
}
every_codec = pytest.mark.parametrize("name", CODECS)


def trace(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (TRACES / f"{name}.jsonl").read_text().splitlines()]


def received(step: dict[str, Any]) -> Message:
    message: str | None = step.get("from")
    return bytes.fromhex(step["from_hex"]) if message is None else message


def shown(event: MediaEvent) -> list[Any]:
    if isinstance(event, Started):
        return ["Started", event.call_id, event.format.encoding, event.format.rate_hz, event.token]
    values = [getattr(event, name) for name in event.__dataclass_fields__]
    return [type(event).__name__, *(value.hex() if isinstance(value, bytes) else value for value in values)]


def comparable(message: Message) -> Any:
    return json.loads(message) if isinstance(message, str) and message.startswith("{") else message


@every_codec
def test_the_documented_messages_are_understood_and_written(name: str) -> None:
    codec = CODECS[name]()
    for step in trace(name):
        if "gives" in step:
            assert [shown(event) for event in codec.decode(received(step))] == step["gives"]
            continue
        given = [bytes.fromhex(step["with_hex"])] if "with_hex" in step else step["with"]
        sent = getattr(codec, step["call"])(*given)
        expected = [bytes.fromhex(step["sends_hex"])] if "sends_hex" in step else step["sends"]
        assert [comparable(message) for message in sent] == [comparable(message) for message in expected]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


@st.composite
def broken_message(draw: st.DrawFn, name: str) -> Message:
    """A message of the trace with one field anywhere replaced by anything; or anything at all."""
    steps: list[str] = [step["from"] for step in trace(name) if "from" in step]
    text: str = draw(st.sampled_from(steps))
    how = draw(st.sampled_from(["field", "cut", "text", "binary", "json"]))
    if how == "binary":
        return draw(st.binary(max_size=50))
    if how == "text":
        return draw(st.text(max_size=50))
    if how == "json":
        return json.dumps(draw(JSON))
    if how == "cut" or not text.startswith("{"):
        return text[: draw(st.integers(0, len(text)))]
    fields = inside = json.loads(text)
    while True:
        key = draw(st.sampled_from(sorted(inside)))
        if not isinstance(inside[key], dict) or not inside[key] or draw(st.booleans()):
            break
        inside = inside[key]
    inside[key] = draw(JSON)
    return json.dumps(fields)


@every_codec
def test_no_message_raises_anything_but_the_one_fault(name: str) -> None:
    opening = next(step["from"] for step in trace(name) if step.get("gives", [[None]])[:1] != [])

    @given(st.booleans(), st.lists(broken_message(name), max_size=5))
    def hostile(begun: bool, messages: list[Message]) -> None:
        codec = CODECS[name]()
        if begun:
            codec.decode(opening)
        for message in messages:
            with suppress(ProtocolFault):
                assert isinstance(codec.decode(message), tuple)

    hostile()


@every_codec
@pytest.mark.parametrize(
    "message",
    ["[" * 100_000, '{"event":' * 50_000, "9" * 10_000, '{"a":1}', "", "\x00", "\ud800", '"' + "x" * 70_000],
    ids=["deep", "deeper", "long number", "other", "empty", "nul", "surrogate", "long"],
)
def test_monsters_are_faults_or_nothing(name: str, message: str) -> None:
    codec = CODECS[name]()
    with suppress(ProtocolFault):
        assert codec.decode(message) == ()


@pytest.mark.parametrize("name", ["twilio", "audio_fork", "audio_stream", "jambonz", "browser"])
def test_audio_before_the_start_is_a_fault(name: str) -> None:
    with pytest.raises(ProtocolFault):
        CODECS[name]().decode(b"\0" * 320)


@every_codec
def test_no_codec_starts_twice(name: str) -> None:
    codec = CODECS[name]()
    step = next(step for step in trace(name) if step.get("gives") and step["gives"][0][0] == "Started")
    codec.decode(step["from"])
    try:
        again = codec.decode(step["from"])
    except ProtocolFault:
        again = ()
    assert again == ()


def test_bad_base64_is_a_fault() -> None:
    codec = TwilioCodec()
    for step in trace("twilio")[:2]:
        codec.decode(step["from"])
    media = json.loads(trace("twilio")[2]["from"])
    for payload in ("not base64!", "AAA", "é", 5, None, ["AAAA"]):
        media["media"]["payload"] = payload
        with pytest.raises(ProtocolFault):
            codec.decode(json.dumps(media))


JSON_VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 7, 1.5, "", "media", "inbound", "outbound", "MZ1", "AAAA", "A", "=", [], {}]
)
MEDIA_FIELDS = st.dictionaries(st.sampled_from(["payload", "track", "chunk"]), JSON_VALUES)


@given(
    st.dictionaries(st.sampled_from(["event", "streamSid", "media", "more"]), JSON_VALUES | MEDIA_FIELDS),
    st.fixed_dictionaries({"payload": st.sampled_from(["AAAA", "/w==", "/w=", "!"]), "track": JSON_VALUES}),
    st.booleans(),
)
def test_twilio_media_mean_the_same_the_quick_way_and_the_other(
    fields: dict[str, object], media: dict[str, object], nearly_right: bool
) -> None:
    if nearly_right:
        fields = {"event": "media", "streamSid": "MZ1", "media": media} | fields
    message = json.dumps(fields)
    outcomes = []
    for name in ("decode", "_decode_any"):
        codec = TwilioCodec()
        codec._stream = "MZ1"
        try:
            outcomes.append(getattr(codec, name)(message))
        except ProtocolFault as fault:
            outcomes.append(str(fault))
    assert outcomes[0] == outcomes[1]
