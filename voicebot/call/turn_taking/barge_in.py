"""Barge-in: may what is being said over the prompt stop it.

Pure. Long speech stops the prompt at once. Short speech is judged by its words: a
backchannel ("mm-hm") lets the bot go on, anything else stops it. A stop that turns out to
be a backchannel or no words at all is taken back; after two of them in a row the rest of the
prompt is harder to stop. Speech is what is louder than our own voice can be on its way back.
"""

import re
from difflib import SequenceMatcher
from enum import Enum, auto

from voicebot.call.turn_taking.echo import EchoGate
from voicebot.settings import BargeInSettings

_EN_BACKCHANNELS = (
    "mm, mmm, mhm, mmhm, mmhmm, mm hm, mm hmm, hm, hmm, uh, um, uhhuh, uh huh, huh, ah, aha, oh, wow, ok, "
    "okay, right, all right, alright, that's right, yeah, yep, yup, yes, sure, of course, good, great, "
    "fine, nice, cool, sounds good, makes sense, really, true, exactly, absolutely, interesting, "
    "i see, i know, i understand, understood, gotcha, got it, i got it, go on, go ahead, thanks, thank you"
)
_ZH_AGREEING = "不错, 没错, 沒錯, 没问题, 沒問題, 没有问题, 没事, 沒事, 没关系, 沒關係"
"""Begin like a refusal and are none."""
_ZH_BACKCHANNELS = (
    "ok, okay, mm, mmm, mhm, 嗯, 嗯哼, 啊, 哦, 噢, 喔, 唔, 呃, 哎, 诶, 好, 好的, 好吧, 那好, 好啊, 好呀, "
    "好嘞, 对, 对的, 对啊, 对呀, 對, 是, 是的, 是啊, 是呀, 是吗, 是嘛, 行, 行吧, 行啊, 可以, 知道, 知道了, "
    "我知道, 我知道了, 明白, 明白了, 我明白, 我明白了, 了解, 了解了, 懂了, 清楚, 这样, 这样啊, 是这样, "
    "原来如此, 真的, 真的吗, 然后呢, 你说, 您说, 请说, 你继续, 您继续, 请继续, 继续, 谢谢, "
) + _ZH_AGREEING
_EN_INTERRUPTERS = (
    "no, nope, nah, not, don't, dont, never, stop, quit, wait, hold, hang on, enough, hey, hello, listen, "
    "what, who, why, how, where, when, which, pardon, sorry, excuse, but, bye, goodbye, cancel, help"
)
_ZH_INTERRUPTERS = (
    "不, 别, 別, 没, 沒, 停, 等, 慢, 喂, 谁, 誰, 啥, 什么, 什麼, 怎么, 怎麼, 哪, 几, 多少, 打断, 打错, "
    "挂, 再见"
)
_LONGEST_BACKCHANNEL = {"en": 5, "zh": 8}
"""Words, in Chinese characters: whoever says more of them wants to be heard."""
_FALSE_STOPS_IN_A_ROW = 2
_ECHOED_WORDS = 12
_FEWEST_ECHOED = {"en": 3, "zh": 5}
"""Words, in Chinese characters: fewer are the same by chance."""
_MOSTLY = 0.5
"""Share of what was heard that is, in our order, what we said last."""
_IN_A_RUN = 2 / 3
"""Share of what we said, from the first to the last of these words, that was heard."""
_TICKS_PER_WORD = 5
"""Nobody says a word in so little time: a louder sound with so many of our words is a cough over them."""


def _phrases(table: str) -> str:
    """Alternatives, the longest first."""
    return "|".join(sorted(map(re.escape, table.split(", ")), key=len, reverse=True))


_BACKCHANNELS = {
    "en": re.compile(rf"(?:(?:{_phrases(_EN_BACKCHANNELS)})(?: |$))*"),
    "zh": re.compile(rf"(?:{_phrases(_ZH_BACKCHANNELS)})*"),
}
_INTERRUPTERS = {
    "en": re.compile(rf"\b(?:{_phrases(_EN_INTERRUPTERS)})\b"),
    "zh": re.compile(rf"(?!{_phrases(_ZH_AGREEING)})(?:{_phrases(_ZH_INTERRUPTERS)})"),
}
"""Words that want the turn however few they are."""


def is_backchannel(text: str, language: str = "en") -> bool:
    """True for words that only show that someone listens, and for no words at all."""
    words = _words(text, language)
    if len(words) > _LONGEST_BACKCHANNEL[language]:
        return False
    return _BACKCHANNELS[language].fullmatch(_joined(words, language)) is not None


class Judgement(Enum):
    """What the words that were said over a prompt ask for."""

    STOP = auto()
    GO_ON = auto()


class BargeIn:
    """Decides, tick by tick, whether speech over a prompt stops it."""

    def __init__(self, settings: BargeInSettings, language: str = "en") -> None:
        self._settings = settings
        self._language = language if language in _BACKCHANNELS else "en"
        self.echo = EchoGate(settings.least_echo_loss_db)
        self.stops = 0
        self.false_stops = 0
        self._prompt = 0
        self._false_in_a_row = 0

    @property
    def speech_ms(self) -> int:
        """How long speech must be to stop the prompt now."""
        if self._false_in_a_row < _FALSE_STOPS_IN_A_ROW:
            return self._settings.speech_ms
        return max(self._settings.speech_ms, self._settings.speech_ms_after_false_stops)

    def stops_now(self, *, audible: bool, locked: bool, speech_ms: int, prompt: int = 0) -> bool:
        """True in the tick in which the prompt must fall silent. `prompt`: its number."""
        if prompt != self._prompt:
            self._prompt, self._false_in_a_row = prompt, 0
        if audible and not locked and speech_ms >= self.speech_ms:
            self.stops += 1
            return True
        return False

    def judge(
        self, text: str, *, understood: bool, stopped: bool, remaining_ms: float, said: str = ""
    ) -> Judgement:
        """Weigh the words of an utterance that began while the bot was speaking.

        `understood`: they have a sure intent; `stopped`: the prompt was already halted;
        `remaining_ms`: what of it is left to say; `said`: what of it was heard.
        """
        answers_the_end = remaining_ms < self._settings.answer_window_ms and bool(text.strip())
        noise = not understood and (self._is_noise(text) or self._is_our_own(text, said))
        if not answers_the_end and (noise or is_backchannel(text, self._language)):
            if stopped:
                self.false_stops += 1
                self._false_in_a_row += 1
            return Judgement.GO_ON
        self.stops += not stopped
        self._false_in_a_row = 0
        return Judgement.STOP

    def figures(self) -> dict[str, float]:
        """For the record of the call: `echo_suppressed` utterances that were our own voice, and the loss
        of the line in dB; nothing if none was suppressed."""
        if not self.echo.suppressed:
            return {}
        return {"echo_suppressed": self.echo.suppressed, "echo_loss_db": round(self.echo.loss_db, 1)}

    def _is_our_own(self, text: str, said: str) -> bool:
        """On a line with an echo the recogniser hears our words beside a cough that passed the gate."""
        words, ours = _words(text, self._language), _words(said, self._language)[-_ECHOED_WORDS:]
        if not self.echo.found or self.echo.louder_ticks > _TICKS_PER_WORD * len(words):
            return False
        wishes = _INTERRUPTERS[self._language].findall
        if set(wishes(_joined(words, self._language))) - set(wishes(_joined(ours, self._language))):
            return False
        *alike, _ = SequenceMatcher(None, words, ours, autojunk=False).get_matching_blocks()
        if not alike:
            return False
        first, last = alike[0], alike[-1]
        # What we were saying when it was recognised is not among our words yet.
        under_way = last.b + last.size == len(ours) and last.a + last.size < len(words)
        same = sum(block.size for block in alike) + under_way
        run = last.b + last.size + under_way - first.b
        return same >= max(_FEWEST_ECHOED[self._language], _MOSTLY * len(words), _IN_A_RUN * run)

    def _is_noise(self, text: str) -> bool:
        """A lone word that nothing understands is more likely a cough than a wish."""
        words = _words(text, self._language)
        if len(words) >= self._settings.fewest_words:
            return False
        return _INTERRUPTERS[self._language].search(_joined(words, self._language)) is None


def _words(text: str, language: str) -> list[str]:
    """Words as they are listed above; in Chinese characters, and Latin words as they are."""
    if language == "zh":
        return re.findall(r"[a-z]+|\w", text.lower())
    return re.findall(r"[a-z']+", text.lower().replace("’", "'").replace("-", ""))


def _joined(words: list[str], language: str) -> str:
    return ("" if language == "zh" else " ").join(words)
