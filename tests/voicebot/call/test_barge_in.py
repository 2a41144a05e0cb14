"""Who may stop a prompt: long speech and real words may, listening noises may not."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicebot.call.turn_taking.barge_in import BargeIn, Judgement, is_backchannel
from voicebot.settings import BargeInSettings

SETTINGS = BargeInSettings()


@pytest.mark.parametrize("text", ["Mm-hmm.", "Mhm", "Uh-huh.", "Yeah.", "Okay, right.", "I see.", ""])
def test_listening_noises(text: str) -> None:
    assert is_backchannel(text)


@pytest.mark.parametrize(
    "text", ["No, stop.", "Wait.", "How much?", "Stop!", "No", "yeah but how much is it"]
)
def test_words_that_want_the_turn(text: str) -> None:
    assert not is_backchannel(text)


@pytest.mark.parametrize(("text", "expected"), [("嗯嗯", True), ("好的。", True), ("别打了", False)])
def test_mandarin(text: str, expected: bool) -> None:
    assert is_backchannel(text, "zh") is expected


def test_long_speech_stops_in_its_tick_and_short_speech_does_not() -> None:
    barge_in = BargeIn(SETTINGS)
    assert not barge_in.stops_now(audible=True, locked=False, speech_ms=SETTINGS.speech_ms - 20)
    assert barge_in.stops_now(audible=True, locked=False, speech_ms=SETTINGS.speech_ms)
    assert barge_in.stops == 1


def test_the_disclosure_cannot_be_interrupted() -> None:
    assert not BargeIn(SETTINGS).stops_now(audible=True, locked=True, speech_ms=60_000)


def test_a_backchannel_that_stopped_the_prompt_is_a_false_stop() -> None:
    barge_in = BargeIn(SETTINGS)
    assert barge_in.judge("mm-hm", understood=False, stopped=True, remaining_ms=3000) is Judgement.GO_ON
    assert barge_in.false_stops == 1


def test_a_yes_into_the_last_words_is_an_answer() -> None:
    barge_in = BargeIn(SETTINGS)
    assert barge_in.judge("Yes.", understood=True, stopped=False, remaining_ms=300) is Judgement.STOP
    assert barge_in.judge("", understood=False, stopped=False, remaining_ms=300) is Judgement.GO_ON


@pytest.mark.parametrize(
    ("text", "understood", "stops"),
    [
        ("Out.", False, False),
        ("Park", False, False),
        ("Wait!", False, True),
        ("How much?", False, True),
        ("Deal.", True, True),
        ("I already told you that", False, True),
    ],
)
def test_a_word_that_nothing_understands_is_a_noise(text: str, understood: bool, stops: bool) -> None:
    judged = BargeIn(SETTINGS).judge(text, understood=understood, stopped=False, remaining_ms=3000)
    assert (judged is Judgement.STOP) is stops


# -- words -------------------------------------------------------------------------------------

EN_BACKCHANNELS = [
    "Mm-hm.",
    "Uh-huh",
    "Right.",
    "OK, right, I see.",
    "Oh, really?",
    "That’s right.",
    "Got it, go on.",
    "Yes, yes.",
    "Mmm, okay.",
]
ZH_BACKCHANNELS = [
    "嗯",
    "嗯嗯。",
    "对",
    "对对对",
    "好的好的",
    "好的，是的。",
    "是的",
    "知道了",
    "嗯，我明白了",
    "没错",
    "不错",
    "OK。",
    "ok，好的",
    "没问题",
    "沒問題。",
    "没事没事",
    "没关系",
    "那好",
    "好好",
    "Mmm，好。",
]
EN_WISHES = [
    "No",
    "Stop!",
    "No, stop.",
    "Wait",
    "Not interested",
    "I'm driving",
    "Who's this?",
    "Go away",
    "Don't",
    "Take me off",
]
ZH_WISHES = [
    "等一下",
    "不要",
    "不",
    "不是",
    "停",
    "对不起",
    "没空",
    "喂？",
    "是不是骗子",
    "打错了",
    "别打了",
    "没",
    "没时间",
    "OK不要",
]


@pytest.mark.parametrize(
    ("text", "language"),
    [*((text, "en") for text in EN_BACKCHANNELS), *((text, "zh") for text in ZH_BACKCHANNELS)],
)
@pytest.mark.parametrize("stopped", [True, False])
def test_who_only_listens_lets_the_bot_go_on(text: str, language: str, stopped: bool) -> None:
    barge_in = BargeIn(SETTINGS, language)
    assert barge_in.judge(text, understood=True, stopped=stopped, remaining_ms=5000) is Judgement.GO_ON
    assert (barge_in.stops, barge_in.false_stops) == (0, int(stopped))


@pytest.mark.parametrize(
    ("text", "language"), [*((text, "en") for text in EN_WISHES), *((text, "zh") for text in ZH_WISHES)]
)
def test_who_wants_the_turn_gets_it_however_short(text: str, language: str) -> None:
    """Even if nothing understands the words: few words are no backchannel for being few."""
    barge_in = BargeIn(SETTINGS, language)
    assert barge_in.judge(text, understood=False, stopped=False, remaining_ms=5000) is Judgement.STOP


@pytest.mark.parametrize("text", ["No.", "Yes.", "Yeah.", "Okay."])
def test_a_word_when_the_question_is_nearly_over_answers_it(text: str) -> None:
    left_ms = SETTINGS.answer_window_ms - 20
    judged = BargeIn(SETTINGS).judge(text, understood=True, stopped=False, remaining_ms=left_ms)
    assert judged is Judgement.STOP


def test_much_assent_is_more_than_a_backchannel() -> None:
    assert not is_backchannel("yes yes right okay sure great")
    assert not is_backchannel("好的" * 5, "zh")


# -- stops -------------------------------------------------------------------------------------


def false_stop(barge_in: BargeIn, prompt: int) -> None:
    assert barge_in.stops_now(audible=True, locked=False, speech_ms=5000, prompt=prompt)
    barge_in.judge("mm-hm", understood=False, stopped=True, remaining_ms=5000)


def test_two_false_stops_in_a_row_make_the_rest_of_the_prompt_harder_to_stop() -> None:
    barge_in = BargeIn(SETTINGS)
    hard = SETTINGS.speech_ms_after_false_stops

    def stops(speech_ms: int, prompt: int = 1) -> bool:
        return barge_in.stops_now(audible=True, locked=False, speech_ms=speech_ms, prompt=prompt)

    false_stop(barge_in, 1)
    assert barge_in.speech_ms == SETTINGS.speech_ms
    false_stop(barge_in, 1)
    assert not stops(hard - 20)
    assert stops(hard)
    assert stops(SETTINGS.speech_ms, prompt=2), "the next prompt begins anew"


def test_a_word_that_wants_the_turn_stops_a_hardened_prompt_too() -> None:
    barge_in = BargeIn(SETTINGS)
    false_stop(barge_in, 1)
    false_stop(barge_in, 1)
    assert barge_in.judge("no", understood=False, stopped=False, remaining_ms=5000) is Judgement.STOP
    assert barge_in.speech_ms == SETTINGS.speech_ms, "they are not in a row any more"


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("tick"), st.booleans(), st.booleans(), st.integers(0, 2000), st.integers(1, 3)),
            st.tuples(st.just("words"), st.sampled_from(["", "mm-hm", "no", "Out.", "how much is it"])),
        )
    )
)
def test_the_counters_are_consistent(story: list[tuple[Any, ...]]) -> None:
    barge_in, halted, stops, false_stops = BargeIn(SETTINGS), False, 0, 0
    for kind, *given_ in story:
        if kind == "tick":
            audible, locked, speech_ms, prompt = given_
            stopped = barge_in.stops_now(
                audible=audible and not halted, locked=locked, speech_ms=speech_ms, prompt=prompt
            )
            assert not (stopped and (locked or halted or speech_ms < SETTINGS.speech_ms))
            halted = halted or stopped
            stops += stopped
        else:
            judged = barge_in.judge(given_[0], understood=False, stopped=halted, remaining_ms=5000)
            false_stops += halted and judged is Judgement.GO_ON
            stops += not halted and judged is Judgement.STOP
            halted = False
        assert (barge_in.stops, barge_in.false_stops) == (stops, false_stops)
        assert 0 <= barge_in.false_stops <= barge_in.stops
        assert barge_in.speech_ms in (SETTINGS.speech_ms, SETTINGS.speech_ms_after_false_stops)


# -- our own words on a line with an echo ---------------------------------------------------------

SAID = "We have a lovely sofa for you at half the price. Would you like to have it"


def judged(text: str, said: str = SAID, language: str = "en", *, louder_ticks: int = 15) -> Judgement:
    """On a line whose echo was found, where so much was louder than the echo."""
    machine = BargeIn(SETTINGS, language)
    machine.echo.delay, machine.echo.suppressed, machine.echo.louder_ticks = 8, 1, louder_ticks
    return machine.judge(text, understood=False, stopped=True, remaining_ms=3000, said=said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lovely good for you", "We have a lovely sofa for you at half the price"),
        ("lovely good for you", "We have a lovely sofa for"),  # "you" was under way.
        ("you at the price", "We have a lovely sofa for you at half the"),
        ("would you like to have", SAID),
    ],
)
def test_a_cough_over_our_own_words_stops_nothing(text: str, said: str) -> None:
    assert judged(text, said) is Judgement.GO_ON
    machine = BargeIn(SETTINGS)
    spoken = machine.judge(text, understood=False, stopped=True, remaining_ms=3000, said=said)
    assert spoken is Judgement.STOP, "no echo was found: somebody said it"


def test_a_cough_over_our_own_words_stops_nothing_in_mandarin() -> None:
    said = "您好我们有一款沙发现在半价想要给您送"
    assert judged("现在半价想要", said, "zh", louder_ticks=12) is Judgement.GO_ON
    assert judged("现在半价吗", said, "zh", louder_ticks=12) is Judgement.STOP, "four characters of five"


@pytest.mark.parametrize(
    ("text", "said", "language"),
    [
        ("Stop it.", SAID, "en"),
        ("Who are you?", "Hello, this is Ann, how are you", "en"),
        ("No, not for you.", SAID, "en"),
        ("No, at half the price.", SAID, "en"),
        ("What would you like", SAID, "en"),
        ("what colour is it then", SAID, "en"),
        ("my lovely wife must decide that", SAID, "en"),
        ("a sofa like it", SAID, "en"),
        ("我不要", "我们要给您一个", "zh"),
        ("你是谁", "您好我是小安你是", "zh"),
        ("我们不要给您一个", "我们要给您一个", "zh"),
    ],
)
@pytest.mark.parametrize("louder_ticks", [5, 40])
def test_words_that_interrupt_are_not_taken_for_ours(
    text: str, said: str, language: str, louder_ticks: int
) -> None:
    assert judged(text, said, language, louder_ticks=louder_ticks) is Judgement.STOP


def test_who_repeats_our_words_as_a_question_is_heard() -> None:
    """A voice lasts longer than a cough does."""
    assert judged("Half the price?", louder_ticks=30) is Judgement.STOP


@pytest.mark.parametrize("noise_dbfs", [-70.0, -50.0, -45.0, -40.0])
def test_noise_on_the_line_is_no_echo(noise_dbfs: float) -> None:
    machine, rng = BargeIn(SETTINGS), np.random.default_rng(1)
    for _ in range(400):
        machine.echo.step(float(rng.uniform(-40, -15)), noise_dbfs, 0.1)
    heard = machine.judge("Half the price", understood=False, stopped=True, remaining_ms=3000, said=SAID)
    assert heard is Judgement.STOP
