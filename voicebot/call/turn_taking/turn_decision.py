"""How much silence ends the callee's turn, by what was said so far. Pure.

The words come first: what the script can answer needs little silence, what sounds half said needs much.
An end-of-turn detector only has a say where the words do not help, and only when it is sure; it can
neither hold up an answer that was understood nor cut a dictated number.
"""

import re
from dataclasses import dataclass

from dialogs.unfinished import Ending
from voicebot.settings import EndpointingSettings

_SHORT_ANSWER = {"en": 2, "zh": 3}
"""Words, in Mandarin characters: so few are often followed by more."""


def is_short_answer(text: str, language: str) -> bool:
    """Whether people often add to an answer as short as this."""
    parts = re.findall(r"\w", text) if language == "zh" else text.split()
    return len(parts) <= _SHORT_ANSWER.get(language, 2)


@dataclass(frozen=True, slots=True)
class SaidSoFar:
    """What is known of a turn at a pause. All False and None when recognition failed."""

    answered: bool = False
    """A sure intent, or a value that the script can use as it is."""
    short: bool = False
    dictation: bool = False
    """The script expects a number or a long answer here."""
    ending: Ending = Ending.WHOLE
    completeness: float | None = None
    """Probability (0..1) that it sounded finished; None when nobody judged it."""
    intent: bool = False
    """It was a sure intent that answered: the words as a whole, and not a value found among them."""


def silence_that_ends(said: SaidSoFar, learned_end_ms: int, times: EndpointingSettings) -> int:
    """Milliseconds of silence that end the turn. `learned_end_ms` is what this caller's pauses taught."""
    unfinished = said.ending is Ending.UNFINISHED
    if unfinished and (said.dictation or not said.answered):
        return times.dictation_end_ms
    if said.answered:
        if said.dictation or unfinished:
            # Whole as far as one can tell, or "Yes, and?": wait as long as for any other answer.
            return learned_end_ms
        # A value stands in half a sentence too: "Yes I would like to", "on Tuesday", and then "at five".
        if said.ending is Ending.OPEN and not said.intent:
            return learned_end_ms
        least = said.intent and said.ending is Ending.WHOLE and not said.short
        return times.commit_ms if least else min(times.short_end_ms, learned_end_ms)
    if said.dictation or said.ending is Ending.OPEN:
        return times.dictation_end_ms
    if said.completeness is None:
        return learned_end_ms
    if said.completeness >= times.complete_probability:
        return min(times.complete_end_ms, learned_end_ms)
    if said.completeness <= times.incomplete_probability:
        return times.most_end_ms
    return learned_end_ms
