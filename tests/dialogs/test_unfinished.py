"""Which words sound as if more were to come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialogs.unfinished import Ending, ending_of

WHOLE_EN = [
    "", "...", "Yes.", "no thanks", "um, no", "I think so.", "I don't think so", "so do I", "not even so",
    "Where are you calling from?", "Who are you with?", "what it is", "wrong number", "no one", "come on",
    "call me tomorrow at five p.m.", "tomorrow at 5 o'clock", "twenty five percent", "I have time",
    "my name is Anna", "stop calling me", "purple elephants", "yes it is", "okay then", "I am an AI",
]  # fmt: skip
OPEN_EN = [
    "five", "four", "tomorrow at five", "one hundred and twenty", "it was nineteen eighty four", "plan B",
    "my number is 5 5", "my address is 12 Elm Street", "I don't want to", "yes well", "the one I am with",
    "I would like...", "no, thanks,", "hold on", "just a second please", "let me see",
    "my email is anna at example dot com", "my number is on the do not call list",
]  # fmt: skip
UNFINISHED_EN = [
    "five five five", "555-0123", "it's oh two oh", "double four seven", "my address is", "the postcode is",
    "My phone number is", "my name is", "I live at", "S-M-I", "that is spelled", "it's S. M.", "A B",
    "yes but", "yes, and", "well because", "um", "I, uh", "no it's", "I'm", "how much is it for the",
]  # fmt: skip
WHOLE_ZH = [
    "", "是的", "对。", "嗯", "好的", "没有", "可以的", "知道了", "就是", "我在", "现在", "收到", "五点",
    "你是谁？", "不需要了", "明天下午三点半", "别再打电话了", "很暖和", "叫我小王",
]  # fmt: skip
OPEN_ZH = [
    "五", "明天下午五", "打八十", "我住在北京", "我的地址是北京市朝阳区", "我想想", "等一下", "这个",
    "不需要，", "那个", "S M", "方案B",
    "二十五", "一百二十", "我今年三十五", "三千五百零八", "十五", "一百万", "35万",
]  # fmt: skip
UNFINISHED_ZH = [
    "我的电话是", "一三八", "电话是幺三八零零", "138", "我的地址是", "我住在", "我叫", "但是",
    "要买，可是", "因为", "呃", "我和", "好，然后", "还有",
    "三八二十五", "幺三八零", "二零二五",
]  # fmt: skip


@pytest.mark.parametrize("text", WHOLE_EN)
def test_whole_in_english(text: str) -> None:
    assert ending_of(text, "en") is Ending.WHOLE


@pytest.mark.parametrize("text", OPEN_EN)
def test_open_in_english(text: str) -> None:
    assert ending_of(text, "en") is Ending.OPEN


@pytest.mark.parametrize("text", UNFINISHED_EN)
def test_unfinished_in_english(text: str) -> None:
    assert ending_of(text, "en") is Ending.UNFINISHED


@pytest.mark.parametrize("text", WHOLE_ZH)
def test_whole_in_mandarin(text: str) -> None:
    assert ending_of(text, "zh") is Ending.WHOLE


@pytest.mark.parametrize("text", OPEN_ZH)
def test_open_in_mandarin(text: str) -> None:
    assert ending_of(text, "zh") is Ending.OPEN


@pytest.mark.parametrize("text", UNFINISHED_ZH)
def test_unfinished_in_mandarin(text: str) -> None:
    assert ending_of(text, "zh") is Ending.UNFINISHED


@pytest.mark.parametrize("punctuation", [".", "!", ""])
@pytest.mark.parametrize("text", ["five five five", "yes but", "My Address Is"])
def test_neither_case_nor_a_full_stop_finishes_it(text: str, punctuation: str) -> None:
    """Recognisers write sentences, whatever was said."""
    assert ending_of(text.title() + punctuation, "en") is Ending.UNFINISHED


@given(st.text(max_size=60), st.sampled_from(["en", "zh"]))
def test_any_text_has_an_ending(text: str, language: str) -> None:
    assert isinstance(ending_of(text, language), Ending)
