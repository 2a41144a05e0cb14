"""Every figure of a six-contact campaign, counted by hand."""

import pytest

from tests.voicebot.report_rows import call, campaign, contact, six_contacts
from voicebot.records.tables import Party
from voicebot.reports.metrics import summarise
from voicebot.reports.report import CampaignReport, Rate
from voicebot.reports.rows import CampaignRows
from voicebot.reports.wording import in_vain


@pytest.fixture(scope="module")
def report() -> CampaignReport:
    return summarise(six_contacts())


def counts(rate: Rate) -> tuple[int, int]:
    return rate.numerator, rate.denominator


def test_volumes(report: CampaignReport) -> None:
    assert report.contacts == 6
    assert report.attempts == 7
    assert report.not_dialled == {"blocklist": 1}
    assert (report.dialled, report.answered) == (6, 5)
    assert (report.live, report.machine, report.unresolved) == (3, 1, 1)
    assert report.open_calls == 0
    assert report.most_calls_at_once == 2


def test_connection_rates(report: CampaignReport) -> None:
    assert counts(report.connection_rate) == (5, 6)
    assert counts(report.connection_rate_by_contact) == (5, 5)
    assert counts(report.live_connection_rate) == (3, 6)
    assert counts(report.live_connection_rate_by_contact) == (3, 5)
    rate = report.live_connection_rate
    assert rate.value == 0.5
    assert rate.low == pytest.approx(0.1876, abs=1e-4)
    assert rate.high == pytest.approx(0.8124, abs=1e-4)
    assert "too small" in rate.note


def test_results_of_live_calls(report: CampaignReport) -> None:
    assert counts(report.conversion) == (1, 3)
    assert counts(report.right_party) == (1, 3)
    assert counts(report.containment) == (2, 3)
    assert counts(report.disclosure) == (3, 3)
    assert counts(report.abandoned) == (0, 3)
    assert report.opt_outs == 1
    assert counts(report.opt_out_rate) == (1, 3)
    assert report.handle_time_s.n == 3
    assert report.handle_time_s.p50 == 10.0
    assert report.handle_time_s.mean == pytest.approx((20 + 8 + 10) / 3)


def test_dissatisfaction_tiers_are_kept_apart(report: CampaignReport) -> None:
    tiers = report.dissatisfaction
    assert counts(tiers.d1_explicit) == (1, 2)
    assert counts(tiers.d2_expressed) == (2, 3)
    assert counts(tiers.d3_inferred) == (1, 3)
    assert tiers.d2_reasons == {"opt_out": 1, "robot_question_then_refusal": 1}


def test_survey(report: CampaignReport) -> None:
    assert counts(report.survey.csat) == (1, 2)
    assert counts(report.survey.response_rate) == (1, 1)
    clear, happy = report.survey.questions
    assert (clear.question, clear.n, clear.mean) == ("clear", 1, 5.0)
    assert happy.scores == {1: 0, 2: 1, 3: 0, 4: 0, 5: 0}


def test_delays(report: CampaignReport) -> None:
    latency = report.reply_latency_ms
    assert (latency.n, latency.p50, latency.most) == (3, 1000.0, 1400.0)
    assert latency.p95 == pytest.approx(1360.0)
    assert "too small" in latency.note
    stages = report.reply_latency_by_stage_ms
    medians = (stages.endpoint.p50, stages.asr.p50, stages.decide.p50, stages.tts.p50)
    assert medians == (600.0, 300.0, 50.0, 20.0)
    assert (report.answer_to_greeting_ms.n, report.answer_to_greeting_ms.p50) == (3, 500.0)
    assert (report.max_tick_lateness_ms, report.tick_lateness_p99_ms) == (3.5, 1.25)


def test_turns(report: CampaignReport) -> None:
    assert report.replies_by == {"shortcut": 2, "llm": 1, "script": 1}
    assert (report.barge_ins, report.false_stops) == (2, 1)
    assert counts(report.interrupted_prompts) == (1, 7)
    assert (report.speculation["guesses"], report.speculation["decoded_s"]) == (3, 4.5)
    assert in_vain(report.speculation) == (
        "1 of 3 recognitions and 1 of 2 requests to the model were in vain, because the customer went on"
    )
    assert report.customer_turns_per_live_call == pytest.approx(4 / 3)


def test_funnel_only_narrows(report: CampaignReport) -> None:
    steps = [(step.name, step.contacts) for step in report.funnel]
    assert steps == [
        ("contacts", 6),
        ("dialled", 5),
        ("answered", 5),
        ("reached live", 3),
        ("talk finished", 2),
        ("goal reached", 1),
    ]


def test_outcomes_are_counted_by_contact(report: CampaignReport) -> None:
    assert sum(report.outcomes.values()) == report.contacts
    assert report.outcome_groups["blocklist"] == "not_dialled"
    assert report.outcome_groups["interested"] == "goal"
    assert report.outcome_groups["refused"] == "refused"
    assert report.not_connected == {"no_answer": 1}


def test_one_slice_per_version(report: CampaignReport) -> None:
    (script,) = report.by_script_version
    assert (script.name, script.dialled, script.live) == ("retail @ abc123", 6, 3)
    (models,) = report.by_models
    assert models.name == "asr tiny.en"
    assert counts(models.d2_expressed) == (2, 3)


def test_numbers_are_masked(report: CampaignReport) -> None:
    assert "55501001" not in report.model_dump_json()
    assert report.calls[0].label.endswith("0101")
    assert summarise(six_contacts(), show_numbers=True).calls[0].label == "+15550100101"


def test_settings_say_what_the_goal_is() -> None:
    rows = six_contacts()
    rows.campaign.settings = {"goals": ["opted_out"]}
    assert summarise(rows).calls[3].group == "goal"
    assert counts(summarise(rows).conversion) == (1, 3)


def test_a_live_person_left_in_silence_is_abandoned() -> None:
    silent = call(1, 1, 0, 2, 5, connected="user_hangup", party=Party.LIVE)
    brief = call(2, 2, 0, 2, 3, connected="user_hangup", party=Party.LIVE)
    late = call(3, 3, 0, 2, 9, connected="finished", party=Party.LIVE, answer_to_greeting_ms=2400.0)
    rows = CampaignRows(campaign(), tuple(contact(n, "") for n in (1, 2, 3)), calls=(silent, brief, late))
    report = summarise(rows)
    assert counts(report.abandoned) == (1, 3)
    assert report.late_greetings == 1
    assert report.outcomes == {"open": 3}


def test_a_call_that_leaves_work_for_a_person_is_finished_but_not_contained() -> None:
    asked = call(1, 1, 0, 2, 9, connected="finished", outcome="human_requested", party=Party.LIVE)
    report = summarise(CampaignRows(campaign(), (contact(1, "human_requested"),), calls=(asked,)))
    assert counts(report.containment) == (0, 1)
    assert report.calls[0].group == "finished"


def test_an_early_hang_up_after_an_understood_intent_is_not_d3() -> None:
    rows = six_contacts()
    for turn in rows.turns:
        if turn.call_id == 6 and turn.speaker == "customer":
            turn.intent = "robot"
    assert counts(summarise(rows).dissatisfaction.d3_inferred) == (0, 3)


@pytest.mark.parametrize("dialled", [False, True])
def test_nothing_to_count(dialled: bool) -> None:
    calls = (call(1, 1, 0, None, 9, not_connected="no_answer"),) if dialled else ()
    report = summarise(CampaignRows(campaign(), (contact(1, ""),), calls=calls))
    assert (report.dialled, report.answered, report.live) == (len(calls), 0, 0)
    assert report.live_connection_rate.value == (0.0 if dialled else None)
    assert report.conversion.value is None
    assert report.conversion.note == "nothing to count"
    assert report.reply_latency_ms.n == 0
    assert report.reply_latency_ms.p95 is None
    assert report.asr_word_error_rate is None


def test_a_call_that_a_dead_process_left_open_is_counted_as_such() -> None:
    left = call(1, 1, 0, 2, 9)
    left.ended_at = None
    report = summarise(CampaignRows(campaign(), (contact(1, ""),), calls=(left,)))
    assert (report.open_calls, report.calls[0].result, report.calls[0].talk_s) == (1, "open", None)
