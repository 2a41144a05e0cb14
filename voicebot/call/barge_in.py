"""Barge-in: may what is being said over the prompt stop it.

Pure. Long speech stops the prompt at once. Short speech is judged by its words: a
backchannel ("mm-hm") lets the bot go on, anything else stops it. A stop that turns out to
be a backchannel or no words at all is taken back.
"""

import re
from enum import Enum, auto

from voicebot.settings import BargeInSettings

BACKCHANNELS = {
    "en": frozenset(
        "mm mhm mmhm mmhmm hm hmm uh uhhuh huh ah aha oh okay ok right yeah yep yes sure "
        "i see alright good great really gotcha got it go on".split()
    ),
    "zh": frozenset("嗯 啊 哦 噢 好 好的 对 是 是的 行 知道 明白 然后 呢"),
}
_LONGEST_BACKCHANNEL_WORDS = 3
INTERRUPTERS = {
    "en": frozenset("wait stop hold no hey hello what who why how pardon sorry excuse but".split()),
    "zh": frozenset("等停别不喂谁啥"),
}
"""Words that want the turn however few they are."""


def is_backchannel(text: str, language: str = "en") -> bool:
    """True for words that only show that someone listens, and for no words at all."""
    vocabulary = BACKCHANNELS.get(language, BACKCHANNELS["en"])
    words = _words(text, language)
    few = language == "zh" or len(words) <= _LONGEST_BACKCHANNEL_WORDS
    return few and all(word in vocabulary for word in words)


class Judgement(Enum):
    """What the words that were said over a prompt ask for."""

    STOP = auto()
    GO_ON = auto()


class BargeIn:
    """Decides, tick by tick, whether speech over a prompt stops it."""

    def __init__(self, settings: BargeInSettings, language: str = "en") -> None:
        self._settings = settings
        self._language = language
        self.stops = 0
        self.false_stops = 0

    def stops_now(self, *, audible: bool, locked: bool, speech_ms: int) -> bool:
        """True in the tick in which the prompt must fall silent."""
        if audible and not locked and speech_ms >= self._settings.speech_ms:
            self.stops += 1
            return True
        return False

    def judge(self, text: str, *, understood: bool, stopped: bool, remaining_ms: float) -> Judgement:
        """Weigh the words of an utterance that began while the bot was speaking.

        `understood`: they have a sure intent; `stopped`: the prompt was already halted;
        `remaining_ms`: what of it is left to say.
        """
        answers_the_end = remaining_ms < self._settings.answer_window_ms and bool(text.strip())
        if not answers_the_end and (is_backchannel(text, self._language) or self._is_noise(text, understood)):
            self.false_stops += stopped
            return Judgement.GO_ON
        self.stops += not stopped
        return Judgement.STOP

    def _is_noise(self, text: str, understood: bool) -> bool:
        """A word or two that nothing understands is more likely a cough than a wish."""
        words = _words(text, self._language)
        wanted = INTERRUPTERS.get(self._language, INTERRUPTERS["en"])
        return not understood and len(words) < self._settings.fewest_words and not wanted & set(words)


def _words(text: str, language: str) -> list[str]:
    """Words as they are listed above; characters in Chinese."""
    if language == "zh":
        return re.findall(r"\w", text)
    return re.findall(r"[a-z']+", text.lower().replace("-", ""))
