"""What was begun in a call before its turn was over, and how much of it was in vain."""

from dataclasses import replace

from voicebot.call.listening.hearing import Hearing
from voicebot.call.reply.asking_ahead import AskingAhead
from voicebot.call.result import Speculation


def speculation_of(hearing: Hearing, ahead: AskingAhead | None) -> Speculation:
    """What a call's hearing and asking have counted."""
    speculation = Speculation(
        guesses=hearing.guesses,
        guesses_void=hearing.guesses_void,
        decoded_s=hearing.decoded_s,
        decoded_void_s=hearing.decoded_void_s,
        partials=hearing.along.decoded,
        partials_s=hearing.along.decoded_s,
    )
    if ahead is None:
        return speculation
    return replace(
        speculation,
        asked_ahead=ahead.asked,
        asked_ahead_used=ahead.used,
        asked_ahead_void=ahead.dropped,
        pieces_void=ahead.pieces_dropped,
    )
