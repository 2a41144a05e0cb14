"""Writes the end of a call: once, and all of it in the session's one transaction."""

import logging
from dataclasses import fields
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session

from voicebot.call.result import CallResult
from voicebot.records.spool import CallClosing
from voicebot.records.tables import Call, Contact, ContactState, DoNotCall, SurveyAnswer, Turn

logger = logging.getLogger(__name__)

_SAME_IN_CALL = sorted(
    {field.name for field in fields(CallResult)}
    & set(Call.model_fields) - {"labels", "slots", "media", "ended_at", "dialled"}
)


class Closing(StrEnum):
    """What became of a `close_call`."""

    WRITTEN = "written"
    ALREADY_CLOSED = "already_closed"
    SPOOLED = "spooled"
    """The database could not take it: it waits in a file and is written at the next start."""


def close(session: Session, closing: CallClosing) -> Closing:
    """Write it, unless the call is closed already. Raises LookupError when there is no such call."""
    call = session.get(Call, closing.call_id, with_for_update=True)
    if call is None:
        raise LookupError(f"there is no call {closing.call_id}")
    if call.ended_at is not None:
        logger.warning("call %d is closed already; its second end is ignored", closing.call_id)
        return Closing.ALREADY_CLOSED
    result = closing.result
    call.ended_at = result.ended_at or closing.closed_at
    call.dialled = result.dialled
    for name in _SAME_IN_CALL:
        value = getattr(result, name)
        if value or getattr(call, name) is None:  # what was journalled is not blanked
            setattr(call, name, value)
    call.labels, call.slots, call.media = sorted(result.labels), dict(result.slots), dict(result.media)
    if result.speculation:
        call.media |= result.speculation.figures()
    for position, turn in enumerate(result.turns):
        values = {field.name: getattr(turn, field.name) for field in fields(turn)}
        session.add(Turn(call_id=closing.call_id, position=position, **values))
    for question, score in result.survey.items():
        session.add(SurveyAnswer(call_id=closing.call_id, question=question, score=score))
    contact = session.get(Contact, call.contact_id) if call.contact_id is not None else None
    if contact is not None:
        _settle(contact, closing)
    if result.opted_out and contact is not None:
        forbid(session, contact.number, "opt_out", closing.call_id)
    return Closing.WRITTEN


def _settle(contact: Contact, closing: CallClosing) -> None:
    result = closing.result
    contact.lease_until = None
    if closing.retry_at is not None and not result.opted_out:
        contact.state, contact.due_at = ContactState.PENDING, closing.retry_at
    else:
        contact.state = ContactState.DONE
        contact.outcome = result.outcome or result.connected or result.not_connected


def lost_call(call: Call, now: datetime) -> CallResult:
    """How a call ended whose process died: all that its journal row tells."""
    if call.answered_at is not None:
        return CallResult(ended_at=now, connected="system_error")
    return CallResult(ended_at=now, not_connected="cancelled")


def forbid(session: Session, number: str, reason: str, call_id: int | None) -> bool:
    """Put a number on the do-not-call list. False when it was there."""
    if session.get(DoNotCall, number) is not None:
        return False
    session.add(DoNotCall(number=number, reason=reason, call_id=call_id))
    return True
