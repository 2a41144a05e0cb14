"""Asterisk chan_websocket: binary media, text control as JSON (20.18, 22.8, 23.2 on) or in plain words.

https://docs.asterisk.org/Configuration/Channel-Drivers/WebSocket/; the plain forms of events are those of
channels/chan_websocket.c. A release older than MARK_MEDIA (asterisk pull request 1577) sends no mark back:
the clock alone tells the played position then.
"""

from typing import ClassVar

from telephony.websocket import json_message
from telephony.websocket.codec import (
    AudioFormat,
    AudioHeard,
    DigitHeard,
    Encoding,
    FlowPaused,
    FlowResumed,
    MarkPlayed,
    MediaEvent,
    MediaEvents,
    Message,
    Messages,
    ProtocolFault,
    Started,
)
from telephony.websocket.json_message import Fields

_FORMATS = {
    "ulaw": AudioFormat(Encoding.MULAW),
    "alaw": AudioFormat(Encoding.ALAW),
    "slin": AudioFormat(Encoding.L16),
    "slin16": AudioFormat(Encoding.L16, 16_000),
}
_PLAIN: dict[str, tuple[str, ...]] = {"MEDIA_MARK_PROCESSED": ("correlation_id",)}
"""Events whose plain form is positional; all others write name:value."""


class AsteriskCodec:
    """Implements `telephony.websocket.codec.Codec`. Events are read in both forms."""

    subprotocols: ClassVar[tuple[str, ...]] = ("media",)
    marks: ClassVar[bool] = True
    clears: bool = True

    def __init__(self, *, plain: bool = False) -> None:
        """`plain` writes commands as words, for servers where control messages are not JSON."""
        self._plain = plain
        self._started = False

    def decode(self, message: Message) -> MediaEvents:
        """What a message from Asterisk tells. Events that concern nobody here are ignored."""
        if isinstance(message, bytes):
            # Asterisk may send audio before MEDIA_START says what it is: it cannot be read.
            return (AudioHeard(message),) if self._started else ()
        fields = json_message.parse(message) if message.startswith("{") else _parse_words(message)
        event = json_message.text(fields, "event")
        if event == "MEDIA_START":
            return self._start(fields)
        simple: dict[str, MediaEvent] = {"MEDIA_XOFF": FlowPaused(), "MEDIA_XON": FlowResumed()}
        if event in simple:
            return (simple[event],)
        if event == "DTMF_END":
            return (DigitHeard(json_message.digit(fields, "digit")),)
        if event == "MEDIA_MARK_PROCESSED":
            return (MarkPlayed(json_message.text(fields, "correlation_id")),)
        return ()

    def _start(self, fields: Fields) -> MediaEvents:
        if self._started:
            raise ProtocolFault("a second MEDIA_START")
        # Releases before the field appeared use what the channel was dialled with, here always ulaw.
        name = json_message.optional_text(fields, "format") or "ulaw"
        if name not in _FORMATS:
            raise ProtocolFault("a media format other than ulaw, alaw, slin and slin16")
        call_id = json_message.text(fields, "connection_id")
        self._started = True
        return (Started(json_message.optional_text(fields, "channel_id") or call_id, _FORMATS[name]),)

    def encode_audio(self, audio: bytes) -> Messages:
        """Audio of any length; Asterisk cuts it into frames and drops a part of one at the end."""
        return (audio,)

    def encode_clear(self) -> Messages:
        """Asterisk drops its queue, and the marks in it without a word."""
        return self._write("FLUSH_MEDIA")

    def encode_mark(self, name: str) -> Messages:
        """Asterisk says MEDIA_MARK_PROCESSED when it is played."""
        return self._write("MARK_MEDIA", name)

    def encode_digits(self, digits: str) -> Messages:
        """chan_websocket cannot send DTMF; ARI can."""
        return ()

    def encode_hang_up(self) -> Messages:
        """Ends the media channel; ARI ends the call."""
        return self._write("HANGUP")

    def _write(self, command: str, correlation_id: str | None = None) -> Messages:
        if self._plain:
            return (f"{command} {correlation_id}" if correlation_id else command,)
        if correlation_id:
            return (json_message.write(command=command, correlation_id=correlation_id),)
        return (json_message.write(command=command),)


def _parse_words(text: str) -> Fields:
    """`EVENT name:value ...` or `EVENT value` in the shape of the JSON form."""
    words = text.split()
    if not words:
        raise ProtocolFault("an empty text message")
    event, values = words[0], words[1:]
    if event in _PLAIN:
        return {"event": event, **dict(zip(_PLAIN[event], values, strict=False))}
    pairs = (word.partition(":") for word in values)
    return {**{name: value for name, colon, value in pairs if colon}, "event": event}
