"""What is told about a tone."""

from dataclasses import dataclass
from enum import StrEnum


class ToneKind(StrEnum):
    DTMF = "dtmf"
    RINGBACK = "ringback"
    BUSY = "busy"
    CONGESTION = "congestion"
    SPECIAL_INFORMATION = "special_information"
    FAX_CALLING = "fax_calling"
    FAX_ANSWERING = "fax_answering"
    VOICEMAIL_BEEP = "voicemail_beep"


@dataclass(frozen=True, slots=True)
class ToneEvent:
    """One tone or cadence of one call; ticks are those given to `ToneDetector.run`.

    `end_tick` is the end of the tone, or, of a tone that goes on, of what had been heard of it when
    it was told. `detail` is the digit of DTMF and the category of special information tones ("" where
    the network sends the plain three tones); `frequency_hz` is that of a single tone.
    """

    slot: int
    kind: ToneKind
    start_tick: int
    end_tick: int
    detail: str = ""
    frequency_hz: float | None = None
