"""Twilio Media Streams, bidirectional (<Connect><Stream>): JSON text, mu-law in base64.

https://www.twilio.com/docs/voice/media-streams/websocket-messages
"""

import base64
from typing import ClassVar, Literal

import msgspec

from telephony.websocket import json_message
from telephony.websocket.codec import (
    AudioFormat,
    AudioHeard,
    DigitHeard,
    Encoding,
    MarkPlayed,
    MediaEvents,
    Message,
    Messages,
    ProtocolFault,
    Started,
    Stopped,
)
from telephony.websocket.json_message import Fields


class _Media(msgspec.Struct):
    payload: bytes
    track: str = "inbound"


class _MediaMessage(msgspec.Struct):
    """All that is read of a `media` message, which is nearly every one."""

    event: Literal["media"]
    media: _Media
    stream: str = msgspec.field(name="streamSid")


_read_media = msgspec.json.Decoder(_MediaMessage).decode
"""Six times as quick as reading any JSON and looking into it; what does not fit goes that way."""


class TwilioCodec:
    """Implements `telephony.websocket.codec.Codec`."""

    subprotocols: ClassVar[tuple[str, ...]] = ()
    marks: ClassVar[bool] = True
    clears: bool = True

    def __init__(self) -> None:
        self._stream: str | None = None

    def decode(self, message: Message) -> MediaEvents:
        """What a message from Twilio tells. Events that are new to us are ignored."""
        if isinstance(message, bytes):
            raise ProtocolFault("a binary message, where Twilio sends text only")
        try:
            media = _read_media(message)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return self._decode_any(message)
        if self._stream is None or media.stream != self._stream:
            raise ProtocolFault("'media' of a stream that was not started")
        # A stream of both tracks would send us our own voice.
        return (AudioHeard(media.media.payload),) if media.media.track == "inbound" else ()

    def _decode_any(self, message: str) -> MediaEvents:
        fields = json_message.parse(message)
        event = json_message.text(fields, "event")
        if event == "start":
            return self._start(fields)
        if event not in ("media", "dtmf", "mark", "stop"):
            return ()
        if self._stream is None or fields.get("streamSid") != self._stream:
            raise ProtocolFault(f"{event!r} of a stream that was not started")
        if event == "stop":
            return (Stopped(),)
        inside = json_message.inner(fields, event)
        if event == "dtmf":
            return (DigitHeard(json_message.digit(inside, "digit")),)
        if event == "mark":
            return (MarkPlayed(json_message.text(inside, "name")),)
        if inside.get("track", "inbound") != "inbound":
            return ()
        return (AudioHeard(json_message.audio(inside, "payload")),)

    def _start(self, fields: Fields) -> MediaEvents:
        if self._stream is not None:
            raise ProtocolFault("a second start")
        start = json_message.inner(fields, "start")
        media = json_message.inner(start, "mediaFormat")
        if media.get("encoding") != "audio/x-mulaw" or json_message.number(media, "sampleRate") != 8_000:
            raise ProtocolFault("audio that is not mu-law at 8 kHz")
        stream, call_id = json_message.text(fields, "streamSid"), json_message.text(start, "callSid")
        parameters = start.get("customParameters")
        token = json_message.optional_text(parameters, "token") if isinstance(parameters, dict) else None
        self._stream = stream
        return (Started(call_id, AudioFormat(Encoding.MULAW), token),)

    def encode_audio(self, audio: bytes) -> Messages:
        """Mu-law audio for the far end."""
        payload = base64.b64encode(audio).decode("ascii")
        return self._write("media", media={"payload": payload})

    def encode_clear(self) -> Messages:
        """Twilio drops its buffer and sends back the marks in it."""
        return self._write("clear")

    def encode_mark(self, name: str) -> Messages:
        """Twilio sends the mark back when it is played."""
        return self._write("mark", mark={"name": name})

    def encode_digits(self, digits: str) -> Messages:
        """Media Streams cannot send DTMF."""
        return ()

    def encode_hang_up(self) -> Messages:
        """The REST API ends the call."""
        return ()

    def _write(self, event: str, **fields: object) -> Messages:
        if self._stream is None:
            raise ProtocolFault("the stream was not started")
        return (json_message.write(event=event, streamSid=self._stream, **fields),)
