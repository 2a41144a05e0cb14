"""What is said over a prompt: do its words stop the prompt, and does its sound.

Joins the words, what the script can do with them, and what of the prompt was heard.
"""

import math

from voicebot.call.listening.hearing import Understood
from voicebot.call.media.channel import CallChannel
from voicebot.call.turn_taking.barge_in import Judgement

SAMPLES_PER_MS = 8
_NOISE_MS = 3000
"""Nobody speaks so long without one word that can be recognised."""


class OverPrompt:
    """Judges one call's utterances that were begun while the bot was speaking."""

    def __init__(self, channel: CallChannel) -> None:
        self._channel = channel
        self._playout = channel.playout
        self.begun = False
        """The utterance under way began over a prompt."""

    def speech_began(self) -> None:
        """A new utterance."""
        self.begun = self._playout.active

    def weigh_sound(self, words: Understood, *, cut: bool) -> None:
        """A long sound without a word stops no prompt from now on, nor does one whose turn was `cut`:
        it would go on over every answer. Words do, as ever."""
        if cut or not words.fault:
            self._channel.sound_ignored = cut or (not words.text and words.spoken_ms >= _NOISE_MS)

    @property
    def under_way(self) -> bool:
        """The utterance began over a prompt that is not over."""
        return self.begun and self._playout.active

    def wants_the_turn(self, text: str, *, understood: bool, more: bool) -> bool:
        """If so, the prompt is silent now. `understood`: the script can use the words as they are; `more`:
        they go on with a turn that is answered by the prompt, so that its end is not what they answer."""
        remaining_ms = math.inf if more else self._playout.remaining_samples / SAMPLES_PER_MS
        stopped = self._playout.paused
        said = self._playout.heard_words()
        judgement = self._channel.barge_in.judge(
            text, understood=understood, stopped=stopped, remaining_ms=remaining_ms, said=said
        )
        if judgement is Judgement.STOP and not stopped:
            self._channel.stop_prompt()
        return judgement is Judgement.STOP
