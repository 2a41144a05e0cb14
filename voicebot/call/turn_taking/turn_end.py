"""When the callee's turn ends: joins what the script expects, what was said and how this caller pauses."""

from dialogs.unfinished import ending_of
from voicebot.call.listening.hearing import Understood
from voicebot.call.turn_taking.endpointing import Endpointer
from voicebot.call.turn_taking.pause_learner import PauseLearner
from voicebot.call.turn_taking.turn_decision import SaidSoFar, is_short_answer, silence_that_ends
from voicebot.settings import EndpointingSettings


class TurnEnd:
    """Tells one call's endpointer how much silence ends the turn under way."""

    def __init__(self, endpointer: Endpointer, times: EndpointingSettings, language: str) -> None:
        self._endpointer = endpointer
        self._language = language
        self._times = times
        self.pauses = PauseLearner(times)
        self.silence_ms = times.end_ms
        """How much silence ends the turn, as far as it is known now."""

    def expect(self, *, dictation: bool) -> None:
        """Nothing is known of the words yet."""
        self._set(self._times.dictation_end_ms if dictation else self.pauses.end_ms)

    def weigh(self, words: Understood, *, answered: bool, dictation: bool) -> None:
        """The words so far are known; see `SaidSoFar`."""
        said = SaidSoFar(
            answered,
            is_short_answer(words.text, self._language),
            dictation,
            ending_of(words.text, self._language),
            words.completeness,
            intent=words.intent.intent is not None,
        )
        self._set(silence_that_ends(said, self.pauses.end_ms, self._times))

    def _set(self, silence_ms: int) -> None:
        self.silence_ms = silence_ms
        self._endpointer.end_after(silence_ms)
