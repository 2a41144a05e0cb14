"""How an answered call ended, in the words of the `connected` taxonomy. Pure."""

from enum import StrEnum

from dialogs.turn import DialogueState, Heard
from telephony.line import EndKind


class Over(StrEnum):
    """Why the bot wanted the call to end."""

    FINISHED = "finished"
    MACHINE = "voicemail"
    TROUBLE = "system_error"
    TOO_LONG = "max_duration"
    LEFT_ON_HOLD = "no_interaction"


_EARLY_TURNS = 2


def connected_word(
    over: Over | None, end: EndKind, state: DialogueState, last: Heard | None, *, opted_out: bool
) -> str:
    """One word for an answered call. What the callee asked for counts before who hung up.

    `last`: what the bot answered last.
    """
    if over in (Over.MACHINE, Over.TROUBLE, Over.TOO_LONG, Over.LEFT_ON_HOLD):
        return over.value
    if opted_out:
        return "opt_out"
    if end is EndKind.TRANSFERRED:
        return "transferred_by_intent"
    if end is EndKind.MEDIA_LOST or (over is None and end is EndKind.LOCAL_HANGUP):
        return "system_error"  # We broke it off: the line died, or we were stopped.
    if over is None:
        return "user_hangup_early" if state.turns < _EARLY_TURNS else "user_hangup"
    if last and last.silence:
        return "bot_hangup_after_silence"
    if last and last.text and last.intent is None and "repeat_failure" in state.labels and not state.survey:
        return "bot_hangup_after_unrecognised"
    if state.outcome == "callback":
        return "callback_requested"
    return "finished"
