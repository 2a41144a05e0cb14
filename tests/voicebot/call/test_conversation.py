"""Whole calls under virtual time: who speaks when, and what the bot does about it.

The greeting starts 0.6 s after the answer and takes 7.8 s: the locked disclosure until 3.9 s,
then the offer and the question until about 8.4 s.
"""

import asyncio

import pytest

from models.tts import Speech
from tests.voicebot.call.scripted_call import (
    ASR_S,
    INTENT_S,
    KnowsTheLines,
    Line,
    LoudnessDetector,
    ScriptedLeg,
    SteadyVoice,
    make_session,
    play_call,
)
from voicebot.call.media.media_clock import MediaClock
from voicebot.call.turn_taking.endpointing import Paused, TurnEnded
from voicebot.records.tables import Party
from voicebot.settings import Settings

pytestmark = pytest.mark.virtual_time

OFFER = "We have a lovely sofa for you at half the price."
QUESTION = "Would you like to have it"
GREETING_ENDS_S = 8.6
SETTINGS = Settings()


async def test_a_yes_leads_to_the_survey_and_the_goodbye() -> None:
    call = await play_call(Line(9.5, "yes"), digits=[(16.0, "4")])
    assert call.result.connected == "finished"
    assert call.result.outcome == "interested"
    assert call.result.survey == {"service": 4}
    assert call.result.party is Party.LIVE
    assert call.said[-1] == ("agent", "Thank you and goodbye to you.")
    assert "disclosed" in call.result.labels


async def test_a_sure_answer_does_not_wait_for_the_full_silence_and_the_stages_add_up() -> None:
    call = await play_call(Line(9.5, "yes of course"), hang_up_s=20)
    reply = next(turn for turn in call.result.turns if turn.reply_latency_ms is not None)
    guess_s = (SETTINGS.endpointing.speculate_ms + 60) / 1000
    assert reply.reply_latency_ms is not None
    assert reply.reply_latency_ms <= (guess_s + ASR_S + INTENT_S) * 1000
    stages = (reply.endpoint_ms, reply.asr_ms, reply.decide_ms, reply.tts_ms)
    assert all(stage is not None and stage >= 0 for stage in stages)
    assert sum(stage or 0 for stage in stages) == pytest.approx(reply.reply_latency_ms)
    assert reply.answered_by == "shortcut"


async def test_a_single_sure_word_waits_a_little_for_what_may_follow() -> None:
    call = await play_call(Line(9.5, "yes"), Line(10.6, "of course", 0.5), digits=[(17.5, "4")])
    assert ("customer", "yes of course") in call.said
    assert not any(turn.interrupted for turn in call.result.turns)
    alone = await play_call(Line(9.5, "yes"), hang_up_s=20)
    reply = next(turn for turn in alone.result.turns if turn.reply_latency_ms is not None)
    assert reply.endpoint_ms == pytest.approx(SETTINGS.endpointing.short_end_ms)


async def test_an_unsure_answer_waits_for_the_full_silence_and_is_asked_again() -> None:
    call = await play_call(Line(9.5, "purple elephants"), hang_up_s=20)
    reply = next(turn for turn in call.result.turns if turn.reply_latency_ms is not None)
    assert reply.endpoint_ms is not None
    assert reply.endpoint_ms >= SETTINGS.endpointing.end_ms
    assert reply.text.startswith("Sorry what was that")


async def test_going_on_after_a_pause_is_one_turn() -> None:
    call = await play_call(Line(9.5, "well you know"), Line(10.8, "no", 0.5), hang_up_s=20)
    customer = [text for speaker, text in call.said if speaker == "customer"]
    assert customer == ["well you know no"]


async def test_the_bot_falls_silent_within_a_tick_of_the_decision() -> None:
    call = await play_call(Line(5.0, "wait how much is it", 1.2), hang_up_s=15)
    decided_s = 5.0 + SETTINGS.barge_in.speech_ms / 1000 + 0.08
    assert call.leg.heard_between(5.0, 5.2)
    assert not call.leg.heard_between(decided_s + 0.02, 6.3)
    cut = next(turn for turn in call.result.turns if turn.interrupted)
    assert cut.planned_text.startswith(cut.text)
    assert OFFER not in cut.text
    assert ("agent", f"It costs one hundred dollars. {QUESTION}") in call.said


async def test_the_disclosure_is_heard_to_its_end() -> None:
    call = await play_call(Line(1.5, "wait how much is it", 1.2), hang_up_s=15)
    assert all(call.leg.heard_between(0.8 + n / 10, 0.9 + n / 10) for n in range(29))
    assert "disclosed" in call.result.labels


async def test_an_opt_out_during_the_disclosure_is_obeyed_right_after_it() -> None:
    call = await play_call(Line(1.5, "stop calling me", 1.2))
    assert call.result.connected == "opt_out"
    assert call.result.opted_out
    assert OFFER not in call.said[0][1]
    assert call.said[-1] == ("agent", "We will never call you again. Goodbye.")


async def test_a_listening_noise_changes_nothing_of_what_is_played() -> None:
    with_noise = await play_call(Line(5.0, "mm-hm", 0.3), hang_up_s=12)
    without = await play_call(hang_up_s=12)
    played = [[(round(at, 3), loud) for at, loud in call.leg.sound] for call in (with_noise, without)]
    assert played[0] == played[1]
    assert with_noise.result.false_stops == 0


async def test_a_false_stop_is_taken_back_and_nothing_is_lost() -> None:
    call = await play_call(Line(5.0, "mm-hm", 0.9), hang_up_s=15)
    assert call.result.false_stops == 1
    greeting = next(turn for turn in call.result.turns if turn.speaker == "agent")
    assert greeting.text.endswith(f"{OFFER} {QUESTION}")


async def test_a_short_no_stops_the_prompt_by_its_words() -> None:
    call = await play_call(Line(5.0, "no stop", 0.4), hang_up_s=15)
    assert call.result.outcome == "refused"
    assert call.result.barge_ins == 1


async def test_silence_is_met_twice_in_other_words_then_goodbye() -> None:
    call = await play_call()
    agent = [text for speaker, text in call.said if speaker == "agent"]
    assert agent[1].startswith("Are you still there")
    assert agent[2].startswith("Can you hear me")
    assert agent[3].startswith("I will leave you now")
    assert call.result.connected == "bot_hangup_after_silence"
    assert call.result.party is Party.UNRESOLVED


async def test_nobody_is_greeted_over_their_own_hello() -> None:
    call = await play_call(Line(0.3, "hello", 0.6), hang_up_s=12)
    assert not call.leg.heard_between(0.0, 1.0)
    assert call.result.answer_to_greeting_ms is not None
    assert call.result.answer_to_greeting_ms < 1500
    assert call.said[0] == ("customer", "hello")


async def test_a_machine_is_left_alone() -> None:
    greeting = "you have reached sam please leave a message after the tone"
    call = await play_call(Line(0.2, greeting, 4.0))
    assert call.result.party is Party.MACHINE
    assert call.result.connected == "voicemail"
    assert not call.leg.sound


async def test_a_machine_that_pauses_is_recognised_late() -> None:
    call = await play_call(Line(0.2, "hi", 0.6), Line(2.0, "please leave a message after the beep", 2.5))
    assert call.result.party is Party.MACHINE


async def test_the_hearing_fails_once_and_the_bot_asks_again() -> None:
    call = await play_call(
        Line(9.5, "yes"), Line(15.0, "yes"), recogniser=KnowsTheLines([], broken=1), digits=[(25, "5")]
    )
    assert call.result.outcome == "interested"


async def test_the_hearing_is_away_and_the_bot_says_goodbye() -> None:
    lines = [Line(9.5 + 8 * n, "yes") for n in range(6)]
    call = await play_call(*lines, recogniser=KnowsTheLines([], broken=99))
    assert call.result.connected == "system_error"
    assert call.said[-1][1].startswith("I am sorry, something is wrong")


async def test_the_voice_is_away_and_a_cached_goodbye_is_said() -> None:
    voice = SteadyVoice(broken=True, uncached=frozenset(["It costs one hundred dollars."]))
    call = await play_call(Line(9.5, "wait how much is it"), voice=voice)
    assert call.result.connected == "system_error"
    assert call.said[-1][1].startswith("I am sorry, something is wrong")


async def test_what_was_not_heard_before_the_hang_up_was_not_said() -> None:
    call = await play_call(hang_up_s=4.6)
    assert call.result.connected == "user_hangup_early"
    assert call.said == [
        ("agent", "Hello, this is Ann, an automated assistant of Acme, on a recorded line. We have")
    ]


async def test_a_cancelled_call_is_hung_up_and_keeps_its_record() -> None:
    leg = ScriptedLeg([])
    clock = MediaClock(LoudnessDetector())
    session = make_session(leg, clock)
    async with asyncio.TaskGroup() as group:
        ticking = group.create_task(clock.run())
        call = group.create_task(session.run())
        await asyncio.sleep(5)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        ticking.cancel()
    assert leg.ended
    result = session.result()
    assert result.answered_at is not None
    assert result.turns[0].text.startswith("Hello, this is Ann")
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


@pytest.mark.parametrize("recognition_s", [ASR_S, 0.4, 2.0])
async def test_endless_speech_ends_its_turn(recognition_s: float) -> None:
    """Somebody, or a television, talks on: every 20 s the bot answers, and its answer is heard."""
    ears = KnowsTheLines([], seconds=recognition_s)
    call = await play_call(Line(9.5, "blah", 90.0), hang_up_s=60, recogniser=ears)
    longest_s = SETTINGS.endpointing.longest_ms / 1000
    for turn_ends_s in (9.5 + longest_s, 9.5 + 2 * longest_s):
        answered_s = turn_ends_s + recognition_s + 0.2
        assert all(call.leg.heard_between(answered_s + n / 2, answered_s + n / 2 + 0.5) for n in range(4))
    asked_again = [turn for turn in call.result.turns if turn.text.startswith("Sorry what was that")]
    assert not asked_again[0].interrupted


@pytest.mark.parametrize("recognition_s", [0.4, 2.0])
async def test_what_is_said_after_the_watchdog_is_heard_too(recognition_s: float) -> None:
    """The turn is cut at 29.5 s; the words of it are known before or after the speaker has ended."""
    ears = KnowsTheLines([], seconds=recognition_s)
    lines = Line(9.5, "blah", 20.0), Line(29.6, "stop calling me", 0.6)
    call = await play_call(*lines, hang_up_s=60, recogniser=ears)
    customer = " ".join(text for speaker, text in call.said if speaker == "customer")
    assert "blah" in customer
    assert "stop calling me" in customer
    assert call.leg.heard_between(29.5, 30.9 + recognition_s + 0.2)


async def test_a_turn_answered_too_soon_is_taken_back_when_the_speaker_goes_on() -> None:
    call = await play_call(Line(9.5, "yes"), Line(11.2, "no", 0.7), hang_up_s=25)
    customer = [text for speaker, text in call.said if speaker == "customer"]
    assert customer == ["yes no"]
    # "yes" alone would have ended in `interested`; both together are not understood, so it is asked again.
    assert call.result.outcome == ""
    assert [turn.interrupted for turn in call.result.turns if turn.speaker == "agent"][1]
    assert any(text.startswith("Sorry what was that") for _, text in call.said)


async def test_a_noise_after_the_turn_does_not_take_it_back() -> None:
    call = await play_call(Line(9.5, "yes"), Line(11.0, "", 0.3), digits=[(16.0, "4")])
    assert call.result.outcome == "interested"
    assert next(text for speaker, text in call.said if speaker == "customer") == "yes"


@pytest.mark.parametrize("gap_s", [0.6, 0.8, 1.0])
@pytest.mark.parametrize("noise", ["", "okay", "khm"])
async def test_a_cough_or_an_okay_after_the_turn_does_not_begin_its_answer_anew(
    gap_s: float, noise: str
) -> None:
    price = f"It costs one hundred dollars. {QUESTION}"
    asked = Line(9.0, "wait how much is it")
    call = await play_call(asked, Line(9.8 + gap_s, noise, 0.25), hang_up_s=16)
    assert [text for speaker, text in call.said if speaker == "agent"][1:] == [price]
    assert not any(turn.interrupted for turn in call.result.turns)
    assert (call.result.barge_ins, call.result.false_stops) == (0, 0)


async def test_a_cough_when_the_answer_is_over_does_not_begin_it_anew() -> None:
    """A voice so quick that the answer is over when the cough is understood."""
    asked = Line(9.0, "wait how much is it")
    quick = SteadyVoice(word_s=0.02)
    call = await play_call(asked, Line(10.6, "", 0.3), voice=quick, hang_up_s=13)
    assert sum(text.startswith("It costs") for _, text in call.said) == 1


async def test_what_is_added_to_an_answered_turn_is_answered_with_it() -> None:
    call = await play_call(Line(9.0, "yes"), Line(10.6, "but is it blue or green", 1.0), hang_up_s=22)
    assert ("customer", "yes but is it blue or green") in call.said
    assert call.result.outcome == ""


async def test_words_over_the_goodbye_end_the_call_soon() -> None:
    call = await play_call(Line(9.5, "no"), Line(11.9, "well goodbye then my friend"))
    assert call.result.connected == "finished"
    assert call.leg.ended_s < 20


async def test_a_turn_that_waits_for_its_words_is_joined_by_what_follows() -> None:
    slow = KnowsTheLines([], seconds=1.5)
    call = await play_call(Line(9.5, "no"), Line(11.2, "stop", 0.6), recogniser=slow, hang_up_s=30)
    customer = [text for speaker, text in call.said if speaker == "customer"]
    assert customer == ["no stop"]
    assert call.result.outcome == "refused"


async def test_a_fault_of_ours_ends_the_call_and_keeps_its_record() -> None:
    class Broken(SteadyVoice):
        async def speak(self, text: str, *, deadline_s: float) -> Speech:
            raise ValueError("a fault of ours")

    voice = Broken(uncached=frozenset(["It costs one hundred dollars."]))
    call = await play_call(Line(9.5, "wait how much is it"), voice=voice)
    assert call.result.connected == "system_error"
    assert call.leg.ended
    assert [speaker for speaker, _ in call.said] == ["agent", "customer"]


async def test_someone_who_talks_without_a_pause_is_greeted_in_the_end() -> None:
    call = await play_call(Line(0.3, "so I told him and then he said", 8.0), hang_up_s=25)
    assert call.result.answer_to_greeting_ms is not None
    assert call.result.answer_to_greeting_ms < 6000


async def test_what_comes_late_of_an_answered_utterance_is_ignored() -> None:
    call = await play_call(Line(9.5, "yes"), hang_up_s=14)
    talk = call.session.conversation
    assert talk is not None
    before = talk.bot.state
    talk.handle(TurnEnded(1, 9500, 10300), 15_000)
    talk.handle(Paused(1, 9500, 10300), 15_000)
    assert talk.bot.state == before


async def test_a_hang_up_during_the_greeting_is_right_after_it() -> None:
    call = await play_call(hang_up_s=6.0)
    assert call.result.user_hangup_after_greeting_s == pytest.approx(0, abs=0.05)
