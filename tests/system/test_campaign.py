"""A small campaign over real SIP and RTP with real engines, from contact list to report."""

import asyncio
import json
import wave
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from tests.system.small_campaign import (
    NAME,
    Kept,
    pick_personas,
    read_records,
    small_settings,
    write_small_campaign,
)
from voicebot.campaign.run import CampaignRun, run_campaign
from voicebot.records.tables import CampaignState, ContactState, Party
from voicebot.reports.report import CampaignReport
from voicebot.reports.show import report_campaign
from voicebot.simulation.crowd import people
from voicebot.simulation.log import CallEnd, CallEntry, read_log

OUTCOMES = {
    "interested": "interested",
    "voicemail_mobile": "voicemail",
    "opts_out": "opted_out",
    "wrong_person": "wrong_person",
    "line_busy": "busy",
    "number_unassigned": "not_exist",
}
"""Persona to what the records say of them in the end."""
TALKED = ("interested", "opts_out", "wrong_person")
MAY_NOT_CALL = ("+15055550123", "+18085550124")
"""On the do-not-call list; asleep."""


@dataclass(frozen=True)
class Finished:
    """A campaign that has run, and all it left."""

    run: CampaignRun
    kept: Kept
    report: CampaignReport
    log: tuple[CallEntry, ...]
    numbers: Mapping[str, str]
    """Persona to number."""
    folder: Path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return asyncio.run(run_to_its_end(tmp_path_factory.mktemp("campaign")))


async def run_to_its_end(folder: Path) -> Finished:
    settings = small_settings(folder)
    numbers = pick_personas(folder / "personas", [*OUTCOMES, "must_not_be_called"])
    (folder / "do_not_call.csv").write_text(f"number\n{MAY_NOT_CALL[0]}\n")
    log = folder / "people.jsonl"
    async with people(
        log=log, weights=settings.weights, cache=settings.cache, personas=folder / "personas"
    ) as crowd:
        plan = write_small_campaign(
            folder,
            crowd.port,
            [*MAY_NOT_CALL, *(numbers[persona] for persona in OUTCOMES)],
            asleep=MAY_NOT_CALL[1:],
            do_not_call="do_not_call.csv",
        )
        with (folder / "console.txt").open("w") as terminal:
            run = await run_campaign(
                plan, settings, recordings=folder / "recordings", console=Console(file=terminal)
            )
    report = report_campaign(NAME, settings, folder, log)
    return Finished(run, read_records(settings), report, read_log(log), numbers, folder)


def test_every_contact_gets_the_outcome_that_they_stand_for(finished: Finished) -> None:
    contacts, numbers = finished.kept.contacts, finished.numbers
    assert {persona: contacts[numbers[persona]].outcome for persona in OUTCOMES} == OUTCOMES
    assert all(contacts[numbers[persona]].state is ContactState.DONE for persona in OUTCOMES)


def test_the_campaign_is_ready_for_the_one_who_sleeps(finished: Finished) -> None:
    sleeper = finished.kept.contacts[MAY_NOT_CALL[1]]
    assert finished.run.went_through
    assert finished.kept.campaign.state is CampaignState.READY
    assert (sleeper.state, sleeper.attempts) == (ContactState.PENDING, 0)
    assert finished.run.end.next_due_at == sleeper.due_at


def test_who_may_not_be_called_is_refused_before_dialling(finished: Finished) -> None:
    contacts = finished.kept.contacts
    refused = {refusal.contact_id: refusal.reason for refusal in finished.kept.refusals}
    assert refused == {
        contacts[MAY_NOT_CALL[0]].id: "blocklist",
        contacts[MAY_NOT_CALL[1]].id: "window_closed",
    }
    assert not any(finished.kept.calls_of(number) for number in MAY_NOT_CALL)
    assert all(refusal.rule for refusal in finished.kept.refusals)


def test_every_number_was_rung_once_and_nobody_else(finished: Finished) -> None:
    rung = Counter(entry.number for entry in finished.log)
    assert rung == {finished.numbers[persona]: 1 for persona in OUTCOMES}


def test_every_call_has_one_closed_record(finished: Finished) -> None:
    calls = finished.kept.calls
    assert len(calls) == len(OUTCOMES)
    assert all(call.ended_at for call in calls)
    assert all(bool(call.connected) != bool(call.not_connected) for call in calls)
    assert {call.sip_status for call in calls if call.not_connected} == {486, 404}
    assert not list(finished.folder.glob("*.spool/*"))


def test_both_sides_agree_on_how_the_calls_ended(finished: Finished) -> None:
    """The other side is another process with a log of its own, joined by SIP Call-ID."""
    by_id = {entry.sip_call_id: entry for entry in finished.log}
    answered = [call for call in finished.kept.calls if call.answered_at]
    assert {by_id[call.leg_id].persona for call in answered} == {*TALKED, "voicemail_mobile"}
    for call in answered:
        assert by_id[call.leg_id].answered
        ours_ms = (call.ended_at - call.answered_at).total_seconds() * 1000  # type: ignore[operator]
        assert ours_ms == pytest.approx(by_id[call.leg_id].duration_ms, abs=1000)
    (machine,) = finished.kept.calls_of(finished.numbers["voicemail_mobile"])
    assert by_id[machine.leg_id].end is CallEnd.BOT_HUNG_UP


def test_an_opt_out_is_on_the_do_not_call_list(finished: Finished) -> None:
    number = finished.numbers["opts_out"]
    (call,) = finished.kept.calls_of(number)
    assert set(finished.kept.do_not_call) == {number, MAY_NOT_CALL[0]}
    assert finished.kept.do_not_call[number].reason == "opt_out"
    assert finished.kept.do_not_call[number].call_id == call.id


def test_every_live_person_was_told_that_a_machine_calls(finished: Finished) -> None:
    live = [call for call in finished.kept.calls if call.party is Party.LIVE]
    assert {call.contact_id for call in live} == {
        finished.kept.contacts[finished.numbers[persona]].id for persona in TALKED
    }
    assert all("disclosed" in call.labels for call in live)
    for call in live:
        first = next(turn for turn in finished.kept.turns_of(call) if turn.speaker == "agent")
        assert "automated AI assistant" in first.text


def test_the_survey_is_answered_with_a_key(finished: Finished) -> None:
    (call,) = finished.kept.calls_of(finished.numbers["interested"])
    assert [(answer.call_id, answer.score) for answer in finished.kept.scores] == [(call.id, 5)]
    assert "5" in [turn.digits for turn in finished.kept.turns_of(call)]


def channels(path: Path) -> NDArray[np.int16]:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 8000)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2).T


def loud_s(samples: NDArray[np.int16]) -> float:
    """Seconds in which somebody is heard: frames of 20 ms above -40 dBFS."""
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160).astype(float)
    return float((np.sqrt((frames**2).mean(axis=1)) > 328).sum() * 0.02)


def overlap_of_turns(turns: list[tuple[float, float]], samples: NDArray[np.int16]) -> float:
    """The share of a channel's loud time that lies within its turns."""
    within = np.zeros(len(samples), bool)
    for start_ms, end_ms in turns:
        within[max(0, int((start_ms - 200) * 8)) : int((end_ms + 200) * 8)] = True
    return loud_s(np.where(within, samples, 0)) / loud_s(samples)


@pytest.mark.parametrize("persona", TALKED)
def test_each_side_is_on_its_own_channel_where_the_transcript_says(finished: Finished, persona: str) -> None:
    (call,) = finished.kept.calls_of(finished.numbers[persona])
    customer, agent = channels(finished.folder / "recordings" / call.recording)
    talk_s = (call.ended_at - call.answered_at).total_seconds()  # type: ignore[operator]
    assert len(agent) / 8000 == pytest.approx(talk_s, abs=1.0)
    turns = finished.kept.turns_of(call)
    for speaker, samples, least_s in (("customer", customer, 1.0), ("agent", agent, 5.0)):
        assert loud_s(samples) > least_s
        times = [(turn.start_ms, turn.end_ms) for turn in turns if turn.speaker == speaker]
        assert overlap_of_turns(times, samples) > 0.9


def test_the_report_counts_what_happened(finished: Finished) -> None:
    report = finished.report
    assert (report.contacts, report.attempts, report.dialled) == (8, 8, 6)
    assert (report.answered, report.live, report.machine, report.open_calls) == (4, 3, 1, 0)
    assert report.not_dialled == {"blocklist": 1, "window_closed": 1}
    assert (report.connection_rate.numerator, report.connection_rate.denominator) == (4, 6)
    assert (report.live_connection_rate.numerator, report.live_connection_rate.denominator) == (3, 6)
    assert (report.disclosure.numerator, report.disclosure.denominator) == (3, 3)
    assert report.opt_outs == 1
    assert report.most_calls_at_once >= 2
    (question,) = report.survey.questions
    assert {score: count for score, count in question.scores.items() if count} == {5: 1}
    assert (finished.folder / "report.html").stat().st_size > 10_000
    assert json.loads((finished.folder / "report.json").read_text()) == json.loads(report.model_dump_json())


def test_callees_are_understood_and_answered_soon(finished: Finished) -> None:
    """Wide limits: test machines are slow and shared. The report of the demo is where to look for figures."""
    report = finished.report
    errors = report.asr_word_error_rate
    assert errors is not None
    assert errors.value is not None
    assert (errors.calls, errors.calls_not_joined) == (4, 0)
    assert errors.reference_length > 20
    assert errors.value < 0.35
    assert report.reply_latency_ms.n >= 6
    assert report.reply_latency_ms.p50 is not None
    assert report.reply_latency_ms.p50 < 2500
    assert report.caller_side is not None
    assert report.caller_side.reply_latency_ms.p50 is not None
    stages = report.reply_latency_by_stage_ms
    assert all(stage.n for stage in (stages.endpoint, stages.asr, stages.decide, stages.tts))
