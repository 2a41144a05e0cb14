"""One call as the report shows it."""

from voicebot.masking import mask_number
from voicebot.records.tables import Turn
from voicebot.reports import statistics
from voicebot.reports.call_facts import CallFacts
from voicebot.reports.report import CallDetail, Said


def call_detail(fact: CallFacts, *, show_number: bool = False) -> CallDetail:
    """Detail of one call; the number is masked unless asked for."""
    call, latencies = fact.call, fact.reply_latencies_ms
    assert call.id is not None
    number = fact.contact.number if fact.contact else ""
    return CallDetail(
        id=call.id,
        contact_id=call.contact_id,
        label=number if show_number else mask_number(number),
        attempt=call.attempt,
        result=fact.result,
        group=fact.group,
        party=str(call.party) if call.party else "",
        outcome=call.outcome,
        connected=call.connected,
        not_connected=call.not_connected,
        sip_status=call.sip_status,
        q850_cause=call.q850_cause,
        trunk=call.trunk,
        codec=call.codec,
        media=dict(call.media),
        line_note=call.line_note,
        dialled_at=call.dialled_at,
        answered_at=call.answered_at,
        ended_at=call.ended_at,
        ring_s=fact.ring_s,
        talk_s=fact.talk_s,
        customer_turns=sum(turn.speaker == "customer" for turn in fact.turns),
        reply_latency_p50_ms=statistics.quantile(latencies, 0.50),
        reply_latency_max_ms=max(latencies, default=None),
        answer_to_greeting_ms=call.answer_to_greeting_ms,
        barge_ins=call.barge_ins,
        labels=sorted(call.labels),
        slots=dict(call.slots),
        survey={answer.question: answer.score for answer in fact.survey},
        recording=call.recording,
        transcript=f"transcripts/{call.id}.txt" if fact.turns else "",
        said=[_said(turn) for turn in fact.turns],
    )


def _said(turn: Turn) -> Said:
    return Said(
        speaker=turn.speaker,
        text=turn.text,
        start_ms=turn.start_ms,
        end_ms=turn.end_ms,
        interrupted=turn.interrupted,
        intent=turn.intent,
        confidence=turn.confidence,
        digits=turn.digits,
        answered_by=turn.answered_by,
        reply_latency_ms=turn.reply_latency_ms,
    )
