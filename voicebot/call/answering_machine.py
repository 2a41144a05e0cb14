"""Who answered: a person or a machine. Pure; fed with each utterance that is understood.

A machine is only acted on when its probability is at least 0.95: calling a person a machine
costs more than talking to a machine. A tie is a person. A verdict "person" can be corrected
while the first seconds last ("late correction").
"""

from dialogs.machine_phrases import machine_phrase_score
from voicebot.call.result import Party

ACT_AT = 0.95
_RECHECK_MS = 20_000
"""Until so long after the answer a person may still prove to be a machine."""
_LONG_GREETING_MS = 3500
"""People answer in one short burst; a first utterance this long is rarely a person's."""
_LONG_GREETING_ODDS = 4.0


class AnsweringMachineDetector:
    """Joins the evidence of one call: phrases of the greeting and its length."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._spoken = ""
        self.party = Party.UNRESOLVED

    def heard(self, text: str, speech_ms: float, since_answer_ms: float) -> Party:
        """Weigh an utterance that ended `since_answer_ms` after the answer."""
        if not text.strip() or self.party is Party.MACHINE:
            return self.party
        if since_answer_ms > _RECHECK_MS:
            self.party = Party.LIVE
            return self.party
        self._spoken = f"{self._spoken} {text}".strip()
        score = max(
            machine_phrase_score(text, self._language), machine_phrase_score(self._spoken, self._language)
        )
        if score < 1.0 and speech_ms >= _LONG_GREETING_MS:
            odds = score / (1 - score) * _LONG_GREETING_ODDS
            score = odds / (1 + odds)
        self.party = Party.MACHINE if score >= ACT_AT else Party.LIVE
        return self.party
