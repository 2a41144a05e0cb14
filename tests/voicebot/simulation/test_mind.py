"""What a simulated person decides: rules, turns, interruptions, patience; no audio, no clock."""

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from voicebot.simulation.mind import Beep, Deed, HangUp, Mind, Press, Say
from voicebot.simulation.persona import Persona

NUMBER = "+12125550101"


def persona(**parts: Any) -> Persona:
    return Persona.model_validate(
        {"persona": "tester", "about": "x", "people": [{"number": NUMBER, "name": "Maya Ortiz"}], **parts}
    )


class Call:
    """A mind driven by hand: time goes on in ticks of 20 ms and every deed takes a second."""

    def __init__(self, who: Persona, seed: int = 1, attempt: int = 1) -> None:
        self.mind = Mind(who, who.people[0], seed=seed, attempt=attempt)
        self.now = 0.0
        self.deeds: list[tuple[float, Deed]] = []
        self._busy_until: float | None = None

    def pass_time(self, ms: float) -> None:
        for _ in range(int(ms // 20)):
            self.now += 20
            if self._busy_until is not None and self.now >= self._busy_until:
                self._busy_until = None
                self.mind.finished(self.now)
            deed = self.mind.due(self.now)
            if deed is not None:
                self.deeds.append((self.now, deed))
                self._busy_until = self.now + 1000

    def bot_says(self, text: str, *, for_ms: float = 2000, recognition_ms: float = 200) -> None:
        self.mind.bot_started(self.now)
        self.pass_time(for_ms)
        self.mind.bot_stopped(self.now)
        self.pass_time(recognition_ms)
        self.mind.heard(text, self.now)

    @property
    def done(self) -> list[Deed]:
        return [deed for _, deed in self.deeds]


def test_first_fitting_rule_answers_after_thinking() -> None:
    call = Call(
        persona(
            rules=[
                {"hears": ["price|cost"], "says": ["Too much."], "thinks_ms": [400, 400]},
                {"hears": ["offer"], "says": ["How much, {first_name} asks?"]},
            ]
        )
    )
    call.bot_says("An offer at a good PRICE.")
    heard_at = call.now
    call.pass_time(1000)
    assert call.deeds == [(heard_at + 400, Say("Too much."))]


def test_rule_is_used_so_many_times_and_otherwise_comes_after_the_rules() -> None:
    call = Call(
        persona(
            rules=[{"hears": ["offer"], "says": ["How much?"], "times": 2}],
            otherwise={"says": ["Sorry?"], "times": 1},
        )
    )
    for _ in range(4):
        call.bot_says("An offer.")
        call.pass_time(3000)
    assert call.done == [Say("How much?"), Say("How much?"), Say("Sorry?")]


def test_name_is_filled_in() -> None:
    call = Call(persona(rules=[{"hears": ["speaking"], "says": ["{first_name} here, {name}."]}]))
    call.bot_says("Am I speaking with you?")
    call.pass_time(1000)
    assert call.done == [Say("Maya here, Maya Ortiz.")]


def test_opening_is_dropped_when_the_bot_is_faster() -> None:
    who = persona(opening=["Hello?"])
    slow_bot, fast_bot = Call(who), Call(who)
    slow_bot.pass_time(2000)
    fast_bot.pass_time(100)
    fast_bot.bot_says("Good morning.")
    fast_bot.pass_time(2000)
    assert slow_bot.done == [Say("Hello?")]
    assert fast_bot.done == []


def test_reply_waits_while_the_bot_goes_on_and_answers_all_of_it() -> None:
    call = Call(
        persona(
            rules=[
                {"hears": ["voucher"], "says": ["Yes please."]},
                {"hears": ["hello"], "says": ["Who is it?"], "thinks_ms": [500, 500]},
            ]
        )
    )
    call.bot_says("Hello.")
    call.pass_time(300)
    call.bot_says("We have a voucher.")
    call.pass_time(2000)
    assert call.done == [Say("Yes please.")]
    call.bot_says("Hello again.")
    call.pass_time(1000)
    assert call.done[-1] == Say("Who is it?"), "a reply that was not given does not use up its rule"


def test_says_then_presses_then_hangs_up() -> None:
    call = Call(persona(rules=[{"hears": ["survey"], "says": ["Fine."], "presses": "5", "hangs_up": True}]))
    call.bot_says("A survey.")
    call.pass_time(6000)
    assert call.done == [Say("Fine."), Press("5"), HangUp()]


def test_farewell_comes_before_rules() -> None:
    call = Call(persona(rules=[{"hears": ["."], "says": ["Hm?"], "times": 9}]))
    call.bot_says("Thank you. Goodbye!")
    call.pass_time(3000)
    assert call.done == [HangUp()]


def test_interjection_speaks_over_the_bot_and_what_was_talked_over_is_not_answered() -> None:
    call = Call(
        persona(
            interjections=[{"turn": 2, "after_ms": 1500, "says": ["Wait. How much?"]}],
            rules=[
                {"hears": ["good morning"], "says": ["Yes?"]},
                {"hears": ["offer"], "says": ["Never."]},
                {"hears": ["ten dollars"], "says": ["Fine."]},
            ],
        )
    )
    call.bot_says("Good morning.")
    call.pass_time(3000)
    second = call.now
    call.bot_says("We have an offer of", for_ms=2000)
    call.pass_time(2000)
    call.bot_says("It is ten dollars.")
    call.pass_time(2000)
    assert call.done == [Say("Yes?"), Say("Wait. How much?"), Say("Fine.")]
    assert call.deeds[1][0] == second + 1500


def test_interjection_is_not_made_when_the_bot_has_finished() -> None:
    call = Call(persona(interjections=[{"turn": 1, "after_ms": 2500, "says": ["Wait."]}]))
    call.bot_says("Short.", for_ms=1000)
    call.pass_time(5000)
    assert call.done == []


def test_backchannel_leaves_the_turn_with_the_bot() -> None:
    call = Call(
        persona(
            interjections=[{"turn": 1, "after_ms": 500, "says": ["Mm-hm."], "backchannel": True}],
            rules=[{"hears": ["offer"], "says": ["Tell me more."]}],
        )
    )
    call.bot_says("We have an offer.", for_ms=3000)
    call.pass_time(2000)
    assert call.done == [Say("Mm-hm.", expects_reply=False), Say("Tell me more.")]


def test_voicemail_speaks_whatever_it_hears_beeps_and_records() -> None:
    call = Call(
        persona(opening=["Leave a message."], voicemail=True, patience={"silence_s": 4}),
    )
    call.pass_time(100)
    call.bot_says("Hello, is anybody there?", for_ms=4000)
    call.pass_time(2000)
    assert call.done == [Say("Leave a message.", expects_reply=False), Beep()]
    call.pass_time(4000)
    assert call.done[-1] == HangUp()


def test_silence_is_met_with_a_nudge_and_then_with_hanging_up() -> None:
    call = Call(persona(opening=["Hello?"], patience={"silence_s": 3, "nudge": ["Anyone there?"]}))
    call.pass_time(12_000)
    assert call.done == [Say("Hello?"), Say("Anyone there?"), HangUp()]


def test_recognition_does_not_count_as_silence() -> None:
    call = Call(persona(patience={"silence_s": 3}, rules=[{"hears": ["offer"], "says": ["Yes."]}]))
    call.bot_says("An offer.", recognition_ms=5000)
    call.pass_time(1000)
    assert call.done == [Say("Yes.")]


def test_patience_ends_after_so_many_turns() -> None:
    call = Call(persona(patience={"turns": 3}, rules=[{"hears": ["more"], "says": ["Yes."], "times": 99}]))
    for _ in range(5):
        call.bot_says("Do you want more?")
        call.pass_time(3000)
    assert call.done == [Say("Yes."), Say("Yes."), Say("Yes."), HangUp()]


def test_longest_call_is_ended_even_in_the_middle_of_a_line() -> None:
    call = Call(persona(opening=["Hello?"], patience={"call_s": 1}))
    call.pass_time(1100)
    assert call.done == [Say("Hello?"), HangUp()]


def test_choices_depend_on_seed_and_attempt_only() -> None:
    who = persona(rules=[{"hears": ["."], "says": [f"variant {n}" for n in range(50)], "times": 5}])

    def lines(seed: int, attempt: int, recognition_ms: float) -> list[Deed]:
        call = Call(who, seed, attempt)
        for _ in range(5):
            call.bot_says("Hm", recognition_ms=recognition_ms)
            call.pass_time(3000)
        return call.done

    assert lines(1, 1, 100) == lines(1, 1, 900)
    assert len({tuple(lines(seed, attempt, 100)) for seed in (1, 2, 3) for attempt in (1, 2)}) == 6


happenings = st.lists(
    st.one_of(
        st.tuples(st.just("time"), st.integers(20, 4000)),
        st.tuples(st.just("speech"), st.sampled_from(["offer", "goodbye", "", "survey", "noise"])),
    ),
    max_size=40,
)


@settings(max_examples=200, deadline=None)
@given(happenings=happenings, seed=st.integers(0, 9))
def test_never_two_deeds_at_once_nothing_after_hanging_up_and_every_call_ends(
    happenings: list[tuple[str, Any]], seed: int
) -> None:
    call = Call(
        persona(
            opening=["Hello?"],
            interjections=[
                {"turn": 1, "after_ms": 300, "says": ["Mm-hm."], "backchannel": True},
                {"turn": 2, "after_ms": 800, "says": ["Stop."]},
            ],
            rules=[
                {"hears": ["offer"], "says": ["A", "B"], "times": 3},
                {"hears": ["survey"], "presses": "4"},
            ],
            otherwise={"says": ["Sorry?"]},
            patience={"call_s": 60, "nudge": ["Hello?"]},
        ),
        seed,
    )
    for what, value in happenings:
        if what == "time":
            call.pass_time(value)
        else:
            call.bot_says(value)
    call.pass_time(70_000)
    times = [at for at, _ in call.deeds]
    assert call.done[-1] == HangUp()
    assert call.done.count(HangUp()) == 1
    assert times[-1] <= 60_000
    assert all(later - earlier >= 1000 for earlier, later in pairwise(times[:-1]))
