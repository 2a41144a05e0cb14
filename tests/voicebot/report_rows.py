"""A hand-made campaign of six contacts, small enough to count every figure by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

from voicebot.records.tables import (
    Call,
    Campaign,
    CampaignState,
    Contact,
    Party,
    Refusal,
    SurveyAnswer,
    Turn,
)
from voicebot.reports.rows import CampaignRows
from voicebot.simulation.log import CallEntry, SpokenLine

START = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
HOSTILE = "<script>alert('x')</script>\x1b[2J"


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def campaign(**settings: Any) -> Campaign:
    return Campaign(
        id=1,
        name="win-back",
        script_id="retail",
        script_version="abc123",
        state=CampaignState.COMPLETED,
        settings=settings,
        started_at=START,
        wall_time_s=60.0,
        max_tick_lateness_ms=3.5,
        tick_lateness_p99_ms=1.25,
    )


def contact(number: int, outcome: str) -> Contact:
    return Contact(
        id=number, campaign_id=1, number=f"+1555010010{number}", address="sip:x@y", outcome=outcome
    )


def call(number: int, contact_id: int, begin: float, answer: float | None, end: float, **values: Any) -> Call:
    return Call(
        id=number,
        campaign_id=1,
        contact_id=contact_id,
        leg_id=f"leg-{number}",
        script_id="retail",
        script_version="abc123",
        models={"asr": "tiny.en"},
        dialled_at=at(begin),
        answered_at=None if answer is None else at(answer),
        ended_at=at(end),
        **values,
    )


def agent(call_id: int, position: int, start: float, end: float, text: str, **values: Any) -> Turn:
    return Turn(
        call_id=call_id, position=position, speaker="agent", start_ms=start, end_ms=end, text=text, **values
    )


def customer(call_id: int, position: int, start: float, end: float, text: str, **values: Any) -> Turn:
    return Turn(
        call_id=call_id,
        position=position,
        speaker="customer",
        start_ms=start,
        end_ms=end,
        text=text,
        **values,
    )


def stages(endpoint: float, asr: float, decide: float, tts: float) -> dict[str, float]:
    return {
        "reply_latency_ms": endpoint + asr + decide + tts,
        "endpoint_ms": endpoint,
        "asr_ms": asr,
        "decide_ms": decide,
        "tts_ms": tts,
    }


MEDIA = {"packets_received": 990, "packets_lost": 10, "jitter_ms": 2.4, "round_trip_ms": 0.0, "mos": 4.31}
MEDIA |= {"guesses": 3, "guesses_void": 1, "decoded_s": 4.5, "asked_ahead": 2, "asked_ahead_void": 1}


def six_contacts() -> CampaignRows:  # long: it is a table
    """1 interested, 2 no answer then refused, 3 voicemail, 4 blocked, 5 opted out, 6 unresolved."""
    live = {"party": Party.LIVE, "sip_status": 200, "answer_to_greeting_ms": 500.0}
    return CampaignRows(
        campaign=campaign(),
        contacts=(
            contact(1, "interested"),
            contact(2, "refused"),
            contact(3, "voicemail"),
            contact(4, "blocklist"),
            contact(5, "opted_out"),
            contact(6, "no_interaction"),
        ),
        refusals=(Refusal(id=1, campaign_id=1, contact_id=4, reason="blocklist", rule="do_not_call"),),
        calls=(
            call(
                1, 1, 0, 2, 22, connected="finished", outcome="interested", recording="1.wav",
                labels=["disclosed", "identity_confirmed"], slots={"note": HOSTILE}, trunk="carrier-a",
                codec="opus/48000/2", line_note=f"{HOSTILE}; wants a refresh", media=MEDIA, **live,
            ),
            call(2, 2, 0, None, 12, not_connected="no_answer", sip_status=487, q850_cause=19),
            call(3, 3, 12, 14, 20, connected="voicemail", party=Party.MACHINE),
            call(
                4, 5, 20, 22, 30, connected="opt_out", outcome="opted_out", labels=["disclosed", "opt_out"],
                **live,
            ),
            call(5, 6, 22, 24, 40, connected="no_interaction", party=Party.UNRESOLVED),
            call(
                6, 2, 30, 33, 43, attempt=2, connected="user_hangup", outcome="refused",
                labels=["disclosed", "robot_question"], user_hangup_after_greeting_s=4.0, barge_ins=2,
                false_stops=1, **live,
            ),
        ),
        turns=(
            agent(1, 0, 500, 4000, "This is an AI."),
            customer(1, 1, 4500, 6000, "I'd like 4 of them", intent="yes", confidence=0.9),
            agent(1, 2, 6600, 9000, "Gladly.", answered_by="shortcut", **stages(400, 150, 30, 20)),
            customer(1, 3, 9500, 9500, "", digits="5"),
            agent(1, 4, 10000, 11000, "Thank you.", answered_by="script", node="survey.end"),
            agent(4, 0, 500, 3000, "This is an AI."),
            customer(4, 1, 3500, 5000, "Never call me again", intent="opt_out"),
            agent(4, 2, 6000, 8000, "Sorry.", answered_by="shortcut", **stages(600, 300, 50, 50)),
            agent(6, 0, 500, 3000, "This is an AI.", interrupted=True),
            customer(6, 1, 3200, 4000, HOSTILE),
            agent(6, 2, 5400, 7000, "Yes, I am.", answered_by="llm", **stages(800, 400, 180, 20)),
        ),
        survey_answers=(
            SurveyAnswer(id=1, call_id=1, question="clear", score=5),
            SurveyAnswer(id=2, call_id=1, question="happy", score=2),
        ),
    )  # fmt: skip


def callers_log() -> list[CallEntry]:
    """What the people of calls 1 and 4 really said."""
    return [
        CallEntry(
            number="+15550100101",
            attempt=1,
            sip_call_id="leg-1",
            answered=True,
            greeting_ms=520.0,
            replies_ms=(640.0,),
            lines=(
                SpokenLine("Hello?", 1000, 1500),
                SpokenLine("I'd like four of these.", 4480, 5980),
                SpokenLine("Oh and anoth", 9800, 10400, cut=True),
            ),
        ),
        CallEntry(
            number="+15550100105",
            attempt=1,
            sip_call_id="leg-4",
            answered=True,
            greeting_ms=530.0,
            replies_ms=(1060.0,),
            lines=(SpokenLine("Never, ever call me again!", 3490, 4990),),
        ),
    ]
