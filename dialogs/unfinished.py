"""Do the words so far sound as if more were to come: a number half dictated, "and", "my address is".

Pure, by the last words of a transcript, in English and Mandarin. It stands here and not with the
turn-taking of a call because it is knowledge of language: number words, conjunctions, how people spell.
"""

import re
from enum import Enum, auto

from dialogs.number_words import digits_for_words


class Ending(Enum):
    """What the last words promise."""

    WHOLE = auto()
    """Nothing says that more is to come."""
    OPEN = auto()
    """Could go on, and could be all: "at five", "I don't want to". Counts when nothing understands it."""
    UNFINISHED = auto()
    """Nobody stops here: "five five five", "yes but", "my address is"."""


def ending_of(text: str, language: str) -> Ending:
    """How the words so far end. No words are WHOLE: there is nothing to wait for."""
    return _ending_zh(text) if language == "zh" else _ending_en(text)


_LONG_RUN = 3
"""So many digits or letters in a row are a number or a name that is being dictated."""

# -- English ---------------------------------------------------------------------------------------

_HESITATIONS = "um uh er erm uhm ehm"
_CONJUNCTIONS = "and but because cause or nor if although unless since whereas whether"
_DETERMINERS = "the a an my your our their his its every"
_CONTRACTIONS = "i'm i've i'll i'd it's that's there's we're we've you're they're he's she's let's who's"
_NEVER_LAST = frozenset(" ".join((_HESITATIONS, _CONJUNCTIONS, _DETERMINERS, _CONTRACTIONS)).split())
_SELDOM_LAST = frozenset(
    "so i we to of in on at for from with by about near between under is was number street then well".split()
)
_COMPLETE_WITH = re.compile(
    r"(?:\b(?:think|thought|hope|guess|say|said|told you|believe|suppose|afraid|do|why|or|even|just|not) so"
    r"|\b(?:yes|no|sure|yeah|that|this|there|here|he|she|it|what|who|how) (?:it |that )?(?:is|was)"
    r"|\b(?:so|neither) (?:do|am|have|can|should|would) (?:i|we)"
    r"|\b(?:wrong|same|right|this|that|my|the) number"
    r"|\b(?:no|which|that|this|any|every|the|another|wrong|good) one"
    r"|\b(?:ok|okay|right|all right|alright|goodbye|bye|very|as|oh) (?:then|well)"
    r"|\b(?:go|come|hold|move|carry|later) on|\bthat's (?:it|for|about) on)$"
)
_DICTATED = (
    r"(?:address|number|e-?mail|post ?code|zip(?: code)?|date of birth|birthday|iban|extension|reference)"
)
_DICTATION = re.compile(rf"\b(?:my|our|the|it's|her|his)\s(?:\w+\s)?{_DICTATED}\s(?:is|it's|would be)\b")
_INTRODUCES = re.compile(
    rf"(?:\b{_DICTATED}|\b(?:name|surname|street))\s(?:is|it's|would be|was)(?:\s(?:at|on|the))?$"
    r"|\b(?:i live|we live|i'm|it's) (?:at|on)$|\b(?:called|spelled|spelt)$"
)
_ASKS_FOR_TIME = re.compile(
    r"\b(?:hold on|hang on|one (?:moment|second|sec|minute)|just a (?:moment|second|sec|minute)|wait"
    r"|let me (?:see|think|check|look)|let's see|you know|i mean)(?: please| then)?$"
)
_ABBREVIATED_HOUR = re.compile(r"\b([ap])\.?\s?m\b\.?")
_DIGIT_WORDS = frozenset({"oh", "o", "double", "triple", "dash", "hyphen", "slash", "dot", "underscore"})
_NOT_SPELLED = frozenset("ai")
"""Words of one letter: "I", "a"."""


def _ending_en(text: str) -> Ending:
    said = _ABBREVIATED_HOUR.sub(r"\1m", text.lower().replace("’", "'")).strip()
    words = re.findall(r"[a-z]+(?:'[a-z]+)?|\d+", said)
    if not words:
        return Ending.WHOLE
    plain = " ".join(words)
    complete = bool(_COMPLETE_WITH.search(plain))
    run = 0 if complete else _dictated_run(words)
    if run >= _LONG_RUN or _INTRODUCES.search(plain):
        return Ending.UNFINISHED
    if words[-1] in _NEVER_LAST and not complete and not said.endswith("?"):
        return Ending.UNFINISHED
    if said.endswith("?"):
        return Ending.WHOLE  # "Where are you calling from?"
    seldom = words[-1] in _SELDOM_LAST and not complete
    trails_off = re.search(r"(?:\.\.+|…|[,-])$", said)
    if run or seldom or trails_off or _DICTATION.search(plain) or _ASKS_FOR_TIME.search(plain):
        return Ending.OPEN
    return Ending.WHOLE


def _dictated_run(words: list[str]) -> int:
    """How many numbers and single letters stand at the end; a number of four digits or with a zero in
    front counts by its digits."""
    tail: list[str] = []
    for word in reversed(words):
        dictated = word.isdigit() or len(word) == 1 or word in _DIGIT_WORDS
        joins = tail and word in ("hundred", "thousand", "and")
        if not (dictated or joins or digits_for_words(word, "en") != word):
            break
        tail.insert(0, word)
    if tail and all(word in _NOT_SPELLED for word in tail):
        return 0
    # "One hundred and twenty" is one number, "five five five" are three.
    parts = digits_for_words(" ".join(tail), "en").split()
    by_digits = sum(len(part) if len(part) > 3 or part.startswith("0") else 1 for part in parts)
    letters = sum(len(part) == 1 and part.isalpha() for part in parts)
    # Two letters in a row are spelled already: no sentence ends in them.
    return max(by_digits, _LONG_RUN) if letters >= 2 else by_digits


# -- Mandarin --------------------------------------------------------------------------------------

_NEVER_LAST_ZH = re.compile(
    r"(?:呃|额|然后|因为|所以|但是|可是|不过|而且|还有|或者|如果|要是|虽然|比如|比如说|就是说|和|跟|与|以及|关于|对于)$"
)
_SELDOM_LAST_ZH = re.compile(
    r"(?:那个|这个|就是|我的|我们的|给|从|把|被|在|等一下|等等|稍等|等会儿?|我想想|我想一下|让我想想|我看看|我看一下)$"
)
_COMPLETE_WITH_ZH = re.compile(r"(?:[我你您他她人现正还不都实存自]在|[随暖温柔缓饱总调附平]和|^就是)$")
_DICTATED_ZH = r"(?:地址|号码|电话|手机号?|邮箱|邮编|卡号|门牌号?|生日|身份证号?码?)"
_INTRODUCES_ZH = re.compile(rf"(?:{_DICTATED_ZH}|名字|姓名)(?:就?是|叫)$|(?:住在|地址在|我叫|我姓)$")
_DICTATION_ZH = re.compile(rf"{_DICTATED_ZH}(?:就?是|在)|住在")
_DIGIT_ZH = r"[0-9〇零一二三四五六七八九两幺]"
_RUN_ZH = re.compile(rf"(?:{_DIGIT_ZH}|[十百千万])+$")
_NUMERAL_ZH = re.compile(rf"(?:(?:[0-9]+|{_DIGIT_ZH})?[十百千万]+[零〇]?)+{_DIGIT_ZH}?|{_DIGIT_ZH}")
"""One number, as "一百二十", or one digit of those that are said one by one."""
_SPELLED = re.compile(r"(?<![A-Za-z])[A-Za-z]\W*$")


def _ending_zh(text: str) -> Ending:
    said = text.strip()
    plain = "".join(re.findall(r"\w", said))
    if not plain:
        return Ending.WHOLE
    number = _RUN_ZH.search(plain)
    run = len(_NUMERAL_ZH.findall(number[0])) if number else 0
    spelled = _SPELLED.search(said)
    if run >= _LONG_RUN or _INTRODUCES_ZH.search(plain):
        return Ending.UNFINISHED
    complete = bool(_COMPLETE_WITH_ZH.search(plain))
    if _NEVER_LAST_ZH.search(plain) and not complete:
        return Ending.UNFINISHED
    if re.search(r"[?？]$", said):
        return Ending.WHOLE
    seldom = _SELDOM_LAST_ZH.search(plain) and not complete
    trails_off = re.search(r"(?:……|…|\.\.+|[,，、-])$", said)
    if run or spelled or seldom or trails_off or _DICTATION_ZH.search(plain):
        return Ending.OPEN
    return Ending.WHOLE
