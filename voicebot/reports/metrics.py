"""From a campaign's rows to its report: pure, and by the definitions in `definitions`."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import fields
from typing import Any

from voicebot.call.result import Speculation
from voicebot.records.tables import Contact, SurveyAnswer, Turn
from voicebot.reports import recognition
from voicebot.reports.call_details import call_detail
from voicebot.reports.call_facts import GOALS, CallFacts
from voicebot.reports.definitions import DEFINITIONS
from voicebot.reports.figures import quantiles, share
from voicebot.reports.report import (
    CampaignReport,
    Dissatisfaction,
    FunnelStep,
    Quantiles,
    Rate,
    Slice,
    Stages,
    Survey,
    SurveyQuestion,
)
from voicebot.reports.rows import CampaignRows
from voicebot.simulation.log import CallEntry

DEAD_AIR_MS = 3000
LIVE = "live calls"


def summarise(
    rows: CampaignRows, log: Iterable[CallEntry] | None = None, *, show_numbers: bool = False
) -> CampaignReport:
    """The report of one campaign. `log` is what the simulated people wrote down, if they did."""
    campaign = rows.campaign
    facts = gather(rows)
    live = [fact for fact in facts if fact.live]
    turns = [turn for fact in facts for turn in fact.turns]
    heard = recognition.by_call_id(log or ())
    return CampaignReport(
        campaign=campaign.name,
        script=campaign.script_id,
        script_version=campaign.script_version,
        language=campaign.language,
        state=str(campaign.state),
        started_at=campaign.started_at,
        ended_at=campaign.ended_at,
        wall_time_s=campaign.wall_time_s,
        **_volumes(rows, facts),
        **_rates(facts, live),
        opt_outs=sum(fact.opt_out for fact in live),
        survey=_survey(rows.survey_answers, live),
        dissatisfaction=_dissatisfaction(rows.survey_answers, live),
        handle_time_s=quantiles([fact.talk_s for fact in live if fact.talk_s is not None]),
        customer_turns_per_live_call=_customer_turns(live),
        reply_latency_ms=_of_turns(turns, lambda turn: turn.reply_latency_ms),
        reply_latency_by_stage_ms=_stages(turns),
        reply_latency_values_ms=[value for fact in facts for value in fact.reply_latencies_ms],
        answer_to_greeting_ms=quantiles(
            [f.call.answer_to_greeting_ms for f in facts if f.call.answer_to_greeting_ms is not None]
        ),
        late_greetings=sum(fact.late_greeting for fact in facts),
        dead_air=sum(value > DEAD_AIR_MS for fact in facts for value in fact.reply_latencies_ms),
        replies_by=_count(turn.answered_by for fact in facts for turn in fact.replies),
        barge_ins=sum(fact.call.barge_ins for fact in facts),
        false_stops=sum(fact.call.false_stops for fact in facts),
        interrupted_prompts=_interrupted(turns),
        speculation=_speculation(facts),
        max_tick_lateness_ms=campaign.max_tick_lateness_ms,
        tick_lateness_p99_ms=campaign.tick_lateness_p99_ms,
        asr_word_error_rate=recognition.error_rate(facts, heard, campaign.language),
        caller_side=recognition.caller_side(facts, heard),
        by_script_version=_slices(facts, lambda f: f"{f.call.script_id} @ {f.call.script_version}"),
        by_models=_slices(facts, _models),
        definitions=DEFINITIONS,
        calls=[call_detail(fact, show_number=show_numbers) for fact in facts],
    )


def _speculation(facts: Sequence[CallFacts]) -> dict[str, float]:
    names = [field.name for field in fields(Speculation)]
    return {name: sum(fact.call.media.get(name, 0.0) for fact in facts) for name in names}


def gather(rows: CampaignRows) -> list[CallFacts]:
    """Each call that was dialled, with its contact, turns and scores, in that order."""
    contacts = {contact.id: contact for contact in rows.contacts}
    turns, scores = defaultdict[int, list[Turn]](list), defaultdict[int, list[SurveyAnswer]](list)
    for turn in rows.turns:
        turns[turn.call_id].append(turn)
    for answer in rows.survey_answers:
        scores[answer.call_id].append(answer)
    goals = frozenset(rows.campaign.settings.get("goals") or GOALS)
    facts = list[CallFacts]()
    for call in filter(lambda call: call.dialled, rows.calls):
        assert call.id is not None
        contact = contacts.get(call.contact_id) if call.contact_id is not None else None
        said = tuple(sorted(turns[call.id], key=lambda turn: turn.position))
        facts.append(CallFacts(call, contact, said, tuple(scores[call.id]), goals))
    return sorted(facts, key=lambda fact: fact.call.dialled_at.replace(tzinfo=None))


def _volumes(rows: CampaignRows, facts: Sequence[CallFacts]) -> dict[str, Any]:
    steps: tuple[tuple[str, set[int | None]], ...] = (
        ("contacts", {contact.id for contact in rows.contacts}),
        ("dialled", _people(facts)),
        ("answered", _people(f for f in facts if f.answered)),
        ("reached live", _people(f for f in facts if f.live)),
        ("talk finished", _people(f for f in facts if f.finished or f.goal)),
        ("goal reached", _people(f for f in facts if f.goal)),
    )
    return {
        "contacts": len(rows.contacts),
        "attempts": len(rows.refusals) + len(rows.calls),
        "not_dialled": _count(refusal.reason for refusal in rows.refusals),
        "dialled": len(facts),
        "answered": sum(fact.answered for fact in facts),
        "live": sum(fact.live for fact in facts),
        "machine": sum(fact.machine for fact in facts),
        "unresolved": sum(fact.unresolved for fact in facts),
        "open_calls": sum(fact.call.ended_at is None for fact in facts),
        "most_calls_at_once": _most_at_once(facts),
        "funnel": [FunnelStep(name=name, contacts=len(people)) for name, people in steps],
        "outcomes": _count(contact.outcome or "open" for contact in rows.contacts),
        "outcome_groups": _outcome_groups(rows.contacts, facts),
        "connected": _count(fact.call.connected for fact in facts),
        "not_connected": _count(fact.call.not_connected for fact in facts),
    }


def _outcome_groups(contacts: Iterable[Contact], facts: Iterable[CallFacts]) -> dict[str, str]:
    last = {fact.call.contact_id: fact.group for fact in facts}
    return {contact.outcome or "open": last.get(contact.id, "not_dialled") for contact in contacts}


def _rates(facts: Sequence[CallFacts], live: Sequence[CallFacts]) -> dict[str, Any]:
    answered = [fact for fact in facts if fact.answered]
    people, people_live = _people(facts), _people(live)
    dialled_people, live_people = "contacts dialled", "contacts reached live"
    goal = _people(fact for fact in live if fact.goal)

    def of_live(name: str, counts: str) -> Rate:
        return share([fact for fact in live if getattr(fact, name)], live, counts, LIVE)

    return {
        "connection_rate": share(answered, facts, "answered calls", "dialled calls"),
        "connection_rate_by_contact": share(
            _people(answered), people, "contacts ever answered", dialled_people
        ),
        "live_connection_rate": share(live, facts, LIVE, "dialled calls"),
        "live_connection_rate_by_contact": share(people_live, people, live_people, dialled_people),
        "conversion": share(goal, people_live, "contacts that reached the goal", live_people),
        "right_party": of_live("right_party", "live calls with identity confirmed"),
        "containment": of_live("contained", "live calls finished without a person of ours"),
        "disclosure": of_live("disclosed", "live calls in which the AI disclosure was played"),
        "abandoned": of_live("abandoned", "live calls left in silence"),
        "opt_out_rate": of_live("opt_out", "live calls with a request never to be called again"),
    }


def _survey(answers: Sequence[SurveyAnswer], live: Sequence[CallFacts]) -> Survey:
    by_question = defaultdict[str, list[int]](list)
    for answer in answers:
        by_question[answer.question].append(answer.score)
    asked = [fact for fact in live if fact.survey_asked]
    return Survey(
        questions=[
            SurveyQuestion(
                question=question,
                n=len(scores),
                scores={score: scores.count(score) for score in range(1, 6)},
                mean=sum(scores) / len(scores),
                csat=_csat(scores),
            )
            for question, scores in sorted(by_question.items())
        ],
        csat=_csat([answer.score for answer in answers]),
        response_rate=share(
            [fact for fact in asked if fact.survey],
            asked,
            "calls with at least one score",
            "live calls in which the survey was begun",
        ),
    )


def _csat(scores: Sequence[int]) -> Rate:
    return share([score for score in scores if score >= 4], scores, "scores of 4 or 5", "scores given")


def _dissatisfaction(answers: Sequence[SurveyAnswer], live: Sequence[CallFacts]) -> Dissatisfaction:
    unhappy = [answer for answer in answers if answer.score <= 2]
    expressed = [fact for fact in live if fact.d2_reasons]
    return Dissatisfaction(
        d1_explicit=share(unhappy, answers, "survey scores of 1 or 2", "survey scores given"),
        d2_expressed=share(expressed, live, "live calls with expressed dissatisfaction", LIVE),
        d3_inferred=share([f for f in live if f.d3], live, "live calls with inferred dissatisfaction", LIVE),
        d2_reasons=_count(reason for fact in expressed for reason in fact.d2_reasons),
    )


def _interrupted(turns: Iterable[Turn]) -> Rate:
    agent = [turn for turn in turns if turn.speaker == "agent"]
    return share([turn for turn in agent if turn.interrupted], agent, "agent turns cut short", "agent turns")


def _stages(turns: Sequence[Turn]) -> Stages:
    return Stages(
        endpoint=_of_turns(turns, lambda turn: turn.endpoint_ms),
        asr=_of_turns(turns, lambda turn: turn.asr_ms),
        decide=_of_turns(turns, lambda turn: turn.decide_ms),
        tts=_of_turns(turns, lambda turn: turn.tts_ms),
    )


def _of_turns(turns: Iterable[Turn], take: Callable[[Turn], float | None]) -> Quantiles:
    return quantiles([value for turn in turns if (value := take(turn)) is not None])


def _customer_turns(live: Sequence[CallFacts]) -> float | None:
    spoken = sum(turn.speaker == "customer" for fact in live for turn in fact.turns)
    return spoken / len(live) if live else None


def _slices(facts: Sequence[CallFacts], name: Callable[[CallFacts], str]) -> list[Slice]:
    groups = defaultdict[str, list[CallFacts]](list)
    for fact in facts:
        groups[name(fact)].append(fact)
    slices = list[Slice]()
    for key, members in sorted(groups.items()):
        live = [fact for fact in members if fact.live]
        rates = _rates(members, live)
        slices.append(
            Slice(
                name=key,
                dialled=len(members),
                live=len(live),
                connection_rate=rates["connection_rate"],
                conversion=rates["conversion"],
                d2_expressed=_dissatisfaction((), live).d2_expressed,
                reply_latency_ms=quantiles([v for fact in members for v in fact.reply_latencies_ms]),
            )
        )
    return slices


def _models(fact: CallFacts) -> str:
    return ", ".join(f"{kind} {model}" for kind, model in sorted(fact.call.models.items())) or "not recorded"


def _people(facts: Iterable[CallFacts]) -> set[int | None]:
    return {fact.call.contact_id for fact in facts}


def _count(words: Iterable[str]) -> dict[str, int]:
    """Counts of the non-empty words, the most frequent first."""
    counts = Counter(word for word in words if word)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _most_at_once(facts: Collection[CallFacts]) -> int:
    """Most calls dialling or talking at the same moment; a call's end frees its line first."""
    changes = list[tuple[float, int]]()
    for fact in facts:
        start, end = fact.call.dialled_at, fact.call.ended_at
        changes.append((start.replace(tzinfo=None).timestamp(), 1))
        if end is not None:
            changes.append((end.replace(tzinfo=None).timestamp(), -1))
    now = most = 0
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most
