"""What must be heard whole is: whatever is said, pressed or held, and while it is still being rendered.

The greeting starts 0.6 s after the answer; its disclosure takes 3.25 s.
"""

import pytest

from models.tts import Speech
from tests.voicebot.call.scripted_call import Line, Played, SteadyVoice, play_call

pytestmark = pytest.mark.virtual_time

DISCLOSURE = "Hello, this is Ann, an automated assistant of Acme, on a recorded line."
GOODBYE = ("agent", "We will never call you again. Goodbye.")


def late(seconds: float = 2.0, *, broken: bool = False) -> SteadyVoice:
    """A voice that has yet to render the disclosure."""
    return SteadyVoice(uncached=frozenset({DISCLOSURE}), seconds=seconds, broken=broken)


def greeting(call: Played) -> str:
    return next(text for speaker, text in call.said if speaker == "agent")


@pytest.mark.parametrize("said", ["wait how much is it", "no stop", "who is this", "purple elephants"])
@pytest.mark.parametrize("seconds", [0.4, 1.6])
@pytest.mark.parametrize("at_s", [0.9, 1.4, 2.5])
async def test_the_disclosure_is_heard_whole_though_it_comes_late(
    said: str, seconds: float, at_s: float
) -> None:
    call = await play_call(Line(at_s, said, seconds), voice=late(), hang_up_s=20)
    assert greeting(call).startswith(DISCLOSURE)
    assert "disclosed" in call.result.labels


async def test_an_opt_out_while_it_is_rendered_is_answered_after_it() -> None:
    call = await play_call(Line(1.0, "stop calling me", 0.8), voice=late(), hang_up_s=25)
    assert call.result.connected == "opt_out"
    assert greeting(call) == DISCLOSURE
    assert call.said[-1] == GOODBYE


@pytest.mark.parametrize("hold", [(1.5, 4.0), (2.0, 2.3), (3.8, 6.0)])
async def test_a_hold_does_not_unlock_it(hold: tuple[float, float]) -> None:
    call = await play_call(Line(hold[1] + 0.1, "no stop", 0.6), holds=[hold], hang_up_s=25)
    assert greeting(call).startswith(DISCLOSURE)
    assert "disclosed" in call.result.labels


async def test_a_key_does_not_cut_it() -> None:
    call = await play_call(digits=[(1.5, "9")])
    assert greeting(call) == DISCLOSURE
    assert call.said[-1] == GOODBYE


async def test_a_disclosure_that_cannot_be_rendered_is_followed_by_no_offer() -> None:
    call = await play_call(Line(1.0, "no stop", 0.6), voice=late(broken=True), hang_up_s=25)
    agent = [text for speaker, text in call.said if speaker == "agent"]
    assert call.result.connected == "system_error"
    assert not any("sofa" in text for text in agent)
    assert "disclosed" not in call.result.labels


async def test_an_opt_out_over_a_locked_node_is_answered_right_after_it() -> None:
    """The goodbye to an opt-out is locked; here a person says it again, over a locked prompt."""
    call = await play_call(Line(9.5, "stop calling me"), Line(11.4, "stop calling me", 0.6))
    assert call.result.opted_out
    assert GOODBYE in call.said
    goodbye = next(turn for turn in call.result.turns if turn.planned_text == GOODBYE[1])
    assert not goodbye.interrupted


async def test_a_key_interrupts_what_may_be_interrupted_in_its_tick() -> None:
    quiet = await play_call(Line(9.5, "yes"), hang_up_s=16.5)
    asked = next(turn for turn in quiet.result.turns if "from one to five" in turn.planned_text)
    began_s = asked.start_ms / 1000 - quiet.result.turns[0].start_ms / 1000 + 0.6
    pressed_s = began_s + 2.2
    call = await play_call(Line(9.5, "yes"), digits=[(pressed_s, "4")])
    assert call.result.survey == {"service": 4}
    cut = next(turn for turn in call.result.turns if "from one to five" in turn.planned_text)
    assert cut.interrupted
    assert len(cut.text.split()) < len(cut.planned_text.split())


def test_the_voice_of_these_tests_has_the_words_of_the_script() -> None:
    spoken = SteadyVoice().cached(DISCLOSURE)
    assert isinstance(spoken, Speech)
    assert late().cached(DISCLOSURE) is None
