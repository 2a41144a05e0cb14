"""Tones heard on a call: call progress, special information, fax, voicemail beep and in-band DTMF."""

from telephony.tones.detector import ToneDetector
from telephony.tones.event import ToneEvent, ToneKind

__all__ = ["ToneDetector", "ToneEvent", "ToneKind"]
