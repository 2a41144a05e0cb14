"""Who answered: a person or a machine. Pure; fed with each utterance that is understood.

A machine is only acted on when its probability is at least 0.95: calling a person a machine
costs more than talking to a machine. A tie is a person. A verdict "person" can be corrected
while the first seconds last ("late correction").
"""

from dialogs.machine_phrases import machine_phrase_score
from telephony.tones import ToneKind
from voicebot.call.result import Party

ACT_AT = 0.95
RECHECK_MS = 20_000
"""Until so long after the answer a person may still prove to be a machine."""
_LONG_GREETING_MS = 3500
"""People answer in one short burst; a first utterance this long is rarely a person's."""
_LONG_GREETING_ODDS = 4.0
_BEEP_ODDS = 20.0
_NOTHING_SAID = 0.5
"""Whoever answers without a word may be either."""


class AnsweringMachineDetector:
    """Joins the evidence of one call: phrases of the greeting and its length."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._spoken = ""
        self._score = _NOTHING_SAID
        self.party = Party.UNRESOLVED

    def heard(self, text: str, speech_ms: float, since_answer_ms: float) -> Party:
        """Weigh an utterance that ended `since_answer_ms` after the answer."""
        if not text.strip() or self.party is Party.MACHINE:
            return self.party
        if since_answer_ms > RECHECK_MS:
            self.party = Party.LIVE
            return self.party
        score = self._weigh(text, speech_ms)
        self._spoken = f"{self._spoken} {text}".strip()
        self._score = max(score, self._score if self._score != _NOTHING_SAID else 0.0)
        self.party = Party.MACHINE if score >= ACT_AT else Party.LIVE
        return self.party

    def heard_partly(self, text: str, speech_ms: float, since_answer_ms: float) -> Party:
        """Weigh the words so far of an utterance that goes on: it can only prove to be a machine's."""
        if since_answer_ms <= RECHECK_MS and self._weigh(text, speech_ms) >= ACT_AT:
            self.party = Party.MACHINE
        return self.party

    def _weigh(self, text: str, speech_ms: float) -> float:
        all_words = f"{self._spoken} {text}".strip()
        score = max(machine_phrase_score(each, self._language) for each in (text, all_words))
        return _more_likely(score, _LONG_GREETING_ODDS) if speech_ms >= _LONG_GREETING_MS else score

    def heard_tone(self, kind: ToneKind, since_answer_ms: float) -> Party:
        """Weigh a tone: a fax is a machine, a beep makes one more likely (phones of people beep too)."""
        if since_answer_ms <= RECHECK_MS:
            fax = kind in (ToneKind.FAX_CALLING, ToneKind.FAX_ANSWERING)
            beep = kind is ToneKind.VOICEMAIL_BEEP
            if fax or (beep and _more_likely(self._score, _BEEP_ODDS) >= ACT_AT):
                self.party = Party.MACHINE
        return self.party


def _more_likely(probability: float, odds: float) -> float:
    """Bayes: the probability after evidence that is `odds` times likelier from a machine."""
    weighed = probability * odds
    return weighed / (weighed + 1 - probability)
