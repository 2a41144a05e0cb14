"""Taxonomy words and measurements as people read them."""

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime

from voicebot.reports.report import Rate

DASH = "\N{EN DASH}"

_WORDS = {
    "not_exist": "no such number",
    "blocklist": "do-not-call list",
    "window_closed": "outside calling hours",
    "no_interaction": "said nothing",
    "bot_hangup_after_silence": "silence",
    "bot_hangup_after_unrecognised": "not understood",
    "user_hangup": "hung up",
    "user_hangup_early": "hung up early",
    "sip_error": "SIP error",
    "llm": "language model",
    "ready": "done for now, someone is due later",
}


_DELAYS = {"jitter_ms": "jitter", "round_trip_ms": "round trip"}


def readable(word: str) -> str:
    """'no_answer' -> 'no answer'."""
    return _WORDS.get(word, word.replace("_", " "))


def percent(share: float | None) -> str:
    """0.8695 -> '87%'; one decimal below 10 %; a dash for nothing."""
    if share is None:
        return DASH
    return f"{share:.0%}" if share >= 0.0995 or share == 0 else f"{share:.1%}"


def interval(rate: Rate) -> str:
    """'68-95%', with an en dash."""
    if rate.low is None or rate.high is None:
        return "no interval"
    return f"{rate.low * 100:.0f}{DASH}{rate.high:.0%}"


def milliseconds(value: float | None) -> str:
    """723.3 -> '723 ms'."""
    return DASH if value is None else f"{value:,.0f} ms"


def seconds(value: float | None) -> str:
    """75.2 -> '1:15', 8.24 -> '8.2 s'."""
    if value is None:
        return DASH
    whole = round(value)
    return f"{value:.1f} s" if value < 59.95 else f"{whole // 60}:{whole % 60:02d}"


def line_quality(media: Mapping[str, float]) -> str:
    """Of a call's RTP and RTCP counters: 'MOS 4.4, 0.0% lost, jitter 2 ms'; nothing without packets."""
    received, lost = media.get("packets_received", 0), media.get("packets_lost", 0)
    if not received:
        return ""
    parts = [f"MOS {media['mos']:.1f}"] if "mos" in media else []
    parts.append(f"{lost / (received + lost):.1%} lost")
    parts += [f"{name} {media[key]:.0f} ms" for key, name in _DELAYS.items() if media.get(key)]
    return ", ".join(parts)


def in_vain(speculation: Mapping[str, float]) -> str:
    """Of a report's `speculation`: '3 of 40 recognitions and 1 of 5 requests to the model were in vain'."""
    counts = {name: round(value) for name, value in speculation.items()}
    parts = [f"{counts['guesses_void']} of {counts['guesses']} recognitions"]
    if counts["asked_ahead"]:
        parts.append(f"{counts['asked_ahead_void']} of {counts['asked_ahead']} requests to the model")
    return f"{' and '.join(parts)} were in vain, because the customer went on"


def moment(at: datetime | None) -> str:
    """UTC date and time, to the second."""
    if at is None:
        return DASH
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return aware.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def printable(text: str) -> str:
    """Without control characters: what people say must not steer the reader's terminal."""
    return "".join(" " if unicodedata.category(letter).startswith("C") else letter for letter in text)
