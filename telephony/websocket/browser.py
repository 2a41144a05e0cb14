"""Our own protocol, for a browser or any other program: JSON text for control, binary for audio.

    client  {"type":"hello","version":1,"token":"...","encoding":"l16","rate":8000}   first, once
    both    <binary>                             20 ms of mono audio in that format
    client  {"type":"dtmf","digit":"5"}          a key was pressed
    server  {"type":"dtmf","digits":"12#"}       keys for the client to show or sound
    server  {"type":"mark","name":"..."}         a place in the audio
    client  {"type":"mark","name":"..."}         that place has been played
    server  {"type":"clear"}                     drop the audio not played yet, and its marks
    both    {"type":"hangup"}                    the call is over

Encodings: l16 (signed, little-endian), mulaw. Rates: 8000, 16000 (l16 only).
"""

from typing import ClassVar

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

_VERSION = 1
_FORMATS = {
    ("l16", 8_000): AudioFormat(Encoding.L16),
    ("l16", 16_000): AudioFormat(Encoding.L16, 16_000),
    ("mulaw", 8_000): AudioFormat(Encoding.MULAW),
}


class BrowserCodec:
    """Implements `telephony.websocket.codec.Codec`, the server's side."""

    subprotocols: ClassVar[tuple[str, ...]] = ("audio.voicebot",)
    marks: ClassVar[bool] = True
    clears: bool = True

    def __init__(self) -> None:
        self._started = False

    def decode(self, message: Message) -> MediaEvents:
        """What a message from the client tells."""
        if isinstance(message, bytes):
            if not self._started:
                raise ProtocolFault("audio before the hello")
            return (AudioHeard(message),)
        fields = json_message.parse(message)
        kind = json_message.text(fields, "type")
        if not self._started:
            return self._hello(kind, fields)
        if kind == "dtmf":
            return (DigitHeard(json_message.digit(fields, "digit")),)
        if kind == "mark":
            return (MarkPlayed(json_message.text(fields, "name")),)
        if kind == "hangup":
            return (Stopped(),)
        raise ProtocolFault("a message of unknown type")

    def _hello(self, kind: str, fields: Fields) -> MediaEvents:
        if kind != "hello":
            raise ProtocolFault("a message before the hello")
        if json_message.number(fields, "version") != _VERSION:
            raise ProtocolFault(f"a version other than {_VERSION}")
        token = json_message.text(fields, "token")
        wanted = json_message.text(fields, "encoding"), json_message.number(fields, "rate")
        if wanted not in _FORMATS:
            raise ProtocolFault("an audio format other than l16 at 8000 or 16000 and mulaw at 8000")
        self._started = True
        return (Started("browser", _FORMATS[wanted], token),)

    def encode_audio(self, audio: bytes) -> Messages:
        """Audio for the client."""
        return (audio,)

    def encode_clear(self) -> Messages:
        """Drop what is not played yet."""
        return (json_message.write(type="clear"),)

    def encode_mark(self, name: str) -> Messages:
        """A place in the audio."""
        return (json_message.write(type="mark", name=name),)

    def encode_digits(self, digits: str) -> Messages:
        """Keys for the client."""
        return (json_message.write(type="dtmf", digits=digits),)

    def encode_hang_up(self) -> Messages:
        """The call is over."""
        return (json_message.write(type="hangup"),)
