"""Does a transcript look like what its audio can hold?

Whisper decoded on a short window sometimes runs away: it repeats itself or writes more than anybody can say
in the time. The guard notices, and the utterance is decoded again on the full 30 s window.
"""

import zlib
from collections.abc import Sequence

LEAST_LOG_PROBABILITY = -1.0
MOST_COMPRESSION = 2.4
MOST_TOKENS_PER_SECOND = 6.0
FREE_TOKENS = 4
NO_SPEECH = 0.6
NO_SPEECH_LOG_PROBABILITY = -0.8
LEAST_REPEATS = 3


def doubts(text: str, tokens: int, seconds: float, log_probability: float) -> str | None:
    """Why a decoding of `seconds` of audio into `tokens` tokens is not to be trusted; None if it may be."""
    if not text:
        return "nothing heard"
    if tokens > most_tokens(seconds):
        return "too many words for the time"
    if log_probability < LEAST_LOG_PROBABILITY:
        return "improbable"
    if _compression(text) > MOST_COMPRESSION or _repeats(text.lower().split()):
        return "repeats itself"
    return None


def most_tokens(seconds: float) -> int:
    """More tokens than this nobody says in that time."""
    return FREE_TOKENS + round(MOST_TOKENS_PER_SECOND * seconds)


def is_silence(no_speech_probability: float, log_probability: float) -> bool:
    """Whisper writes 'Thank you.' over silence, but doubts that there was speech while it does."""
    return no_speech_probability > NO_SPEECH and log_probability < NO_SPEECH_LOG_PROBABILITY


def _compression(text: str) -> float:
    data = text.encode()
    return len(data) / len(zlib.compress(data))


def _repeats(words: Sequence[str]) -> bool:
    """The whole is one phrase twice or more, or some phrase comes three times on end."""
    for length in range(1, len(words) // 2 + 1):
        for start in range(len(words) - 2 * length + 1):
            phrase = words[start : start + length]
            times = 1
            while words[start + times * length : start + (times + 1) * length] == phrase:
                times += 1
            if times >= LEAST_REPEATS or (times >= 2 and times * length == len(words)):
                return True
    return False
