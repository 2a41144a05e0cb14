"""Tells a machine's opening (voicemail, call screening, carrier announcement) from a person's by its words.

Weights are log-odds set by hand; phrases that only machines say are worth more than words that
people use too. A person's usual openings count against."""

import math
import re
from collections.abc import Mapping

_PRIOR = -2.5
"""Log-odds of a machine before a word is heard, for an opening without any known phrase."""
_SURE, _STRONG, _HINT, _AGAINST = 7.0, 4.5, 2.0, -2.5

_PHRASES: Mapping[str, Mapping[float, str]] = {
    "en": {
        _SURE: (
            r"leave (?:me |us )?(?:a |your |an? \w+ )?(?:short |brief |detailed )?(?:message|name and)"
            r"|(?:after|at|following) the (?:tone|beep|signal)|record your (?:message|name)"
            r"|(?:you have|you've|your call has been) (?:reached|forwarded|been forwarded|diverted)"
            r"(?: to)? (?:the )?(?:voice ?mail|an automat\w+|mailbox)|voice ?mail ?box|mailbox (?:is )?full"
            r"|the (?:person|subscriber|customer|party|number) (?:that )?you (?:are|have|'re|'ve)?"
            r" ?(?:calling|called|dialed|dialled|trying|reached)|(?:using|has) call screening"
            r"|google (?:assistant|voice)"
            r"|(?:state|say|record) your name (?:and|after|so)|why you(?:'re| are) calling"
            r"|not in service|has been disconnected|please hang up and|press (?:\d|one|two|the)"
            r"|finished recording|you may hang up|automated (?:voice )?messag"
        ),
        _STRONG: (
            r"(?:can't|cannot|can not|unable to|couldn't) (?:come|get|make it|take|answer)\w* ?(?:to )?"
            r"(?:the |your )?(?:phone|call)|(?:is|are|am) (?:not available|unavailable|currently unavailable)"
            r"|not available (?:to take|right now|at the moment)|(?:you have|you've) reached"
            r"|get back to you|return your call|please try (?:again|your call)|to (?:leave|page|continue in)"
            r"|your name (?:and|,)? ?(?:your )?(?:phone )?number"
            r"|office hours|our offices? (?:is|are)|see if (?:this|the) person is available"
        ),
        _HINT: (
            r"\bas soon as (?:i|we|possible)|(?:thank you|thanks) for calling|have a (?:great|nice)"
            r"|please hold|stay on the line|call you (?:right )?back|missed your call|\bmessage\b"
            r"|\bvoice ?mail\b|not here|away from"
        ),
        _AGAINST: (
            r"^(?:hello|hi|hey|yes|yeah|yep)\b[\s?!.,]*$|who(?:'s| is) (?:this|calling|that|speaking)"
            r"|\bspeaking\b|how can i help|\b(?:hello|hi)[?!., ]+(?:hello|hi)\b|what do you want"
            r"|wrong number|stop calling|not interested|i'm (?:busy|driving|at work)|are you|do you"
            r"|can you (?:call|hear|text)|what's this|hang on|hold on|take a message|what's up"
            r"|one (?:moment|second)"
        ),
    },
    "zh": {
        _SURE: (
            "您(?:所)?(?:拨打|呼叫)的(?:用户|电话|号码)|请?在(?:嘀|滴|哔|提示音|信号音)[^。]{0,12}留言|请?(?:您)?留言"
            "|语音信箱|留言信箱|提示音(?:之)?后|暂时无法接[通听]|已关机|是空号|正在通话中|已停机|来电提醒"
            "|(?:智能|语音|电话)(?:秘书|助理|助手)|请按[0-9一二三四五六七八九]|请说(?:出|明)(?:您的)?(?:姓名|来意|来电)"
        ),
        _STRONG: (
            "不方便接[听电]|无法接听|稍后(?:再拨|会?给?您?回)|请稍后再拨|机主|转告"
            "|有什么(?:事|需要)(?:我)?(?:可以)?(?:帮您|转达)"
        ),
        _HINT: "留言|您好[，,]?(?:这里是|欢迎)|感谢(?:您)?(?:的)?来电",
        _AGAINST: (
            r"^(?:喂|你好|您好|哎|嗯|是我|说)[\s，。？！,.?!]*$|哪位|谁啊|你是谁|(?<!有)什么事|打错|在(?:开会|开车|忙)"
            "|不需要|我就是"
        ),
    },
}
_COMPILED = {
    language: tuple((weight, re.compile(pattern)) for weight, pattern in groups.items())
    for language, groups in _PHRASES.items()
}
_LONG_WORDS = 14
"""A person's first words are few."""


def machine_phrase_score(text: str, language: str) -> float:
    """How likely these opening words are a machine's, 0..1. An unknown language is judged as English."""
    plain = " ".join(text.lower().replace("’", "'").split())
    if not plain:
        return 0.0
    odds = _PRIOR
    for weight, pattern in _COMPILED.get(language, _COMPILED["en"]):
        hits = {found[0] for found in pattern.finditer(plain)}
        odds += weight * min(len(hits), 2)
    if len(plain.split()) >= _LONG_WORDS and odds > _PRIOR:
        odds += 1.0
    return 1 / (1 + math.exp(-odds))
