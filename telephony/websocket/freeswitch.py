"""FreeSWITCH modules that carry a call's audio over WebSocket: mod_audio_fork and mod_audio_stream.

Both send one text message of metadata, then 16-bit audio in binary messages.
https://github.com/drachtio/drachtio-freeswitch-modules, https://github.com/amigniter/mod_audio_stream;
`mark` and `killAudio` as mod_audio_fork/lws_glue.cpp of jambonz/freeswitch-modules reads them: 30 marks at
most, and a kill also drops what comes within the same 20 ms.
"""

import base64
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
)
from telephony.websocket.json_message import Fields


class AudioForkCodec:
    """mod_audio_fork with bidirectional streaming. Implements `telephony.websocket.codec.Codec`."""

    subprotocols: ClassVar[tuple[str, ...]] = ("audio.drachtio.org",)
    marks: ClassVar[bool] = True
    clears: bool = True

    def __init__(self, rate_hz: int = 8_000) -> None:
        """`rate_hz` is the rate that `uuid_audio_fork` was started with."""
        self._rate_hz = rate_hz
        self._started = False

    def decode(self, message: Message) -> MediaEvents:
        """What a message from FreeSWITCH tells. The first text is metadata, which has to come first."""
        if isinstance(message, bytes):
            if not self._started:
                raise ProtocolFault("audio before the metadata")
            return (AudioHeard(message),)
        fields = json_message.parse(message)
        if not self._started:
            started = self._start(fields)
            self._started = True
            return (started,)
        if fields.get("event") == "dtmf":
            return (DigitHeard(json_message.digit(fields, "dtmf")),)
        if fields.get("type") == "mark":
            return (MarkPlayed(json_message.text(json_message.inner(fields, "data"), "name")),)
        return ()

    def _start(self, metadata: Fields) -> Started:
        call_id = json_message.text(metadata, "callSid")
        token = json_message.optional_text(metadata, "token")
        return Started(call_id, AudioFormat(Encoding.L16, self._rate_hz), token)

    def encode_audio(self, audio: bytes) -> Messages:
        """16-bit audio for the far end."""
        return (audio,)

    def encode_clear(self) -> Messages:
        """Stops the sound and empties the buffer."""
        return (json_message.write(type="killAudio"),)

    def encode_mark(self, name: str) -> Messages:
        """The module sends the mark back when it is played."""
        return (json_message.write(type="mark", data={"name": name}),)

    def encode_digits(self, digits: str) -> Messages:
        """The module cannot; `uuid_send_dtmf` can."""
        return ()

    def encode_hang_up(self) -> Messages:
        """The module only reports this; `uuid_kill` or the application ends the call."""
        return (json_message.write(type="disconnect"),)


class AudioStreamCodec(AudioForkCodec):
    """mod_audio_stream. It can take nothing back, so that what it was sent is what is heard."""

    subprotocols: ClassVar[tuple[str, ...]] = ()
    marks: ClassVar[bool] = False
    clears: bool = False

    def __init__(self, rate_hz: int = 8_000, *, binary: bool = True) -> None:
        """`binary` sends audio as it is (release 1.0.3 on); otherwise as JSON, for its playback."""
        super().__init__(rate_hz)
        self._binary = binary

    def encode_audio(self, audio: bytes) -> Messages:
        """16-bit audio for the far end."""
        if self._binary:
            return (audio,)
        data = {
            "audioDataType": "raw",
            "sampleRate": self._rate_hz,
            "audioData": base64.b64encode(audio).decode("ascii"),
        }
        return (json_message.write(type="streamAudio", data=data),)

    def encode_clear(self) -> Messages:
        """There is no such message."""
        return ()

    def encode_mark(self, name: str) -> Messages:
        """There is no such message."""
        return ()

    def encode_hang_up(self) -> Messages:
        """There is no such message."""
        return ()
