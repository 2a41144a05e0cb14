"""Whole timelines of speech, pauses and words that come when they come: a turn begins once and ends once.

A small `Conversation` of its own drives the endpointer here, so that thousands of timelines can be played.
"""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from models.asr import Transcript
from models.intent import IntentResult
from voicebot.call.listening.hearing import Understood
from voicebot.call.turn_taking.endpointing import Endpointer, Paused, Resumed, SpeechStarted, TurnEnded
from voicebot.call.turn_taking.turn_end import TurnEnd
from voicebot.settings import EndpointingSettings

TICK_MS = 20
TIMES = EndpointingSettings()
TEXTS = ["", "yes", "yes I have time", "purple elephants", "my number is five five", "yes but", "um"]


@dataclass(frozen=True)
class Stretch:
    """Speech, then a pause; if it is guessed at, the words come `words_ms` later."""

    speech_ms: int
    pause_ms: int
    text: str
    answered: bool
    intent: bool
    completeness: float | None
    words_ms: int
    recogniser_wait_ms: float


@dataclass
class Ended:
    utterance: int
    at_ms: int
    start_ms: int
    silent_ms: int
    """Since the speaker was last heard talking; a click is no talking."""
    audible: bool
    cut: bool


@dataclass
class Player:
    """Plays stretches; notes when turns begin and end."""

    dictation: bool
    endpointer: Endpointer = field(default_factory=lambda: Endpointer(TIMES))
    started: list[int] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    learned_ms: list[int] = field(default_factory=list)
    now_ms: int = 0
    _talked_ms: int = 0
    _due: tuple[int, int, int, Stretch] | None = None
    """(when the words come, utterance, end of its speech, what it was)."""

    def __post_init__(self) -> None:
        self.turn_end = TurnEnd(self.endpointer, TIMES, "en")
        self.turn_end.expect(dictation=self.dictation)

    def play(self, stretch: Stretch) -> None:
        for length_ms, probability in ((stretch.speech_ms, 0.9), (stretch.pause_ms, 0.0)):
            for _ in range(length_ms // TICK_MS):
                self._tick(probability, stretch)

    def _tick(self, probability: float, stretch: Stretch) -> None:
        self.now_ms += TICK_MS
        for event in self.endpointer.step(self.now_ms, probability, stretch.recogniser_wait_ms):
            match event:
                case SpeechStarted(utterance):
                    self.started.append(utterance)
                    self.turn_end.expect(dictation=self.dictation)
                case Paused(utterance, _, end_ms):
                    assert utterance == self.started[-1]
                    self._due = (self.now_ms + stretch.words_ms, utterance, end_ms, stretch)
                case Resumed(utterance, pause_ms):
                    assert utterance == self.started[-1]
                    self._due = None
                    self.turn_end.pauses.went_on(pause_ms)
                    self.turn_end.expect(dictation=self.dictation)
                case TurnEnded(utterance, start_ms, _, cut):
                    self._end(utterance, start_ms, probability, cut=cut)
        if self._due and self._due[0] <= self.now_ms:
            self._take(*self._due[1:], probability)
        if self.endpointer.talking:
            self._talked_ms = self.now_ms

    def _take(self, utterance: int, end_ms: int, said: Stretch, probability: float) -> None:
        self._due = None
        if not self.endpointer.pausing or utterance != self.endpointer.utterance:
            return
        words = Understood(
            *(1, utterance, 0, end_ms, self.now_ms, self.now_ms),
            transcript=Transcript(said.text, -0.2, 0.0, "short_window"),
            intent=IntentResult("yes" if said.intent else None, 0.9),
            completeness=said.completeness,
        )
        answered = said.answered or said.intent
        self.turn_end.weigh(words, answered=answered, dictation=self.dictation)
        if self.now_ms - end_ms >= self.turn_end.silence_ms and not self.endpointer.rising:
            self._end(utterance, self.endpointer.start_ms, probability, cut=False)
            self.endpointer.finish()

    def _end(self, utterance: int, start_ms: int, probability: float, *, cut: bool) -> None:
        self._due = None
        silent_ms = self.now_ms - self._talked_ms
        self.ended.append(Ended(utterance, self.now_ms, start_ms, silent_ms, probability > 0.5, cut))


STRETCHES = st.lists(
    st.builds(
        Stretch,
        speech_ms=st.integers(20, 3000) | st.integers(3000, 25_000),
        pause_ms=st.integers(0, 1500),
        text=st.sampled_from(TEXTS),
        answered=st.booleans(),
        intent=st.booleans(),
        completeness=st.none() | st.floats(0, 1),
        words_ms=st.integers(0, 900),
        recogniser_wait_ms=st.just(0.0) | st.floats(0, 2000),
    ),
    max_size=12,
)
QUIET = Stretch(
    0, 2000, "", answered=False, intent=False, completeness=None, words_ms=0, recogniser_wait_ms=0
)


@given(STRETCHES, st.booleans())
def test_every_turn_begins_once_and_ends_once_and_nobody_is_cut_off(
    stretches: list[Stretch], dictation: bool
) -> None:
    player = Player(dictation)
    for stretch in [*stretches, QUIET]:
        player.play(stretch)
    assert player.started == list(range(1, len(player.started) + 1))
    assert [end.utterance for end in player.ended] == player.started
    for end in player.ended:
        assert end.cut or not end.audible
        assert end.cut or end.silent_ms >= TIMES.commit_ms
        assert end.at_ms - end.start_ms <= TIMES.longest_ms + TIMES.dictation_end_ms
    assert not player.endpointer.speaking
    assert TIMES.least_end_ms <= player.turn_end.pauses.end_ms <= TIMES.most_end_ms
