"""jambonz `listen` with streaming bidirectional audio. Its wire is that of mod_audio_fork.

https://docs.jambonz.org/verbs/verbs/listen
"""

from typing import ClassVar

from telephony.websocket import json_message
from telephony.websocket.codec import AudioFormat, Encoding, ProtocolFault, Started
from telephony.websocket.freeswitch import AudioForkCodec
from telephony.websocket.json_message import Fields

_RATES_HZ = (8_000, 16_000)


class JambonzCodec(AudioForkCodec):
    """Implements `telephony.websocket.codec.Codec`. The first message says rate and mix."""

    subprotocols: ClassVar[tuple[str, ...]] = ("audio.jambonz.org",)

    def _start(self, metadata: Fields) -> Started:
        rate_hz = json_message.number(metadata, "sampleRate")
        if rate_hz not in _RATES_HZ:
            raise ProtocolFault("a sample rate other than 8000 and 16000")
        if metadata.get("mixType", "mono") != "mono":
            raise ProtocolFault("a mixType other than mono")
        ours = metadata.get("metadata")
        token = json_message.optional_text(ours, "token") if isinstance(ours, dict) else None
        return Started(json_message.text(metadata, "callSid"), AudioFormat(Encoding.L16, rate_hz), token)
