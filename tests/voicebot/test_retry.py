"""Who is called again, and when."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.line import EndKind
from voicebot.call.result import CallResult, Party
from voicebot.campaign.retry import Done, Retry, RetryKind, RetryPolicy, RetryRule, after

NOW = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)
POLICY: RetryPolicy = {
    "no_answer": RetryRule(after_s=600, attempts=2),
    "busy": RetryRule(after_s=60, attempts=4),
    "machine": RetryRule(after_s=7200, attempts=2),
    "system_error": RetryRule(after_s=30, attempts=2),
}


@pytest.mark.parametrize(
    ("result", "attempts", "following"),
    [
        (CallResult(not_connected="no_answer"), 1, Retry(NOW + timedelta(seconds=600))),
        (CallResult(not_connected="no_answer"), 2, Done("no_answer")),
        (CallResult(not_connected="busy"), 3, Retry(NOW + timedelta(seconds=60))),
        (CallResult(not_connected="busy"), 4, Done("busy")),
        (CallResult(not_connected="not_exist"), 1, Done("not_exist")),
        (CallResult(not_connected="cancelled"), 1, Done("cancelled")),
        (CallResult(connected="voicemail", party=Party.MACHINE), 1, Retry(NOW + timedelta(hours=2))),
        (CallResult(connected="voicemail", party=Party.MACHINE), 2, Done("voicemail")),
        (CallResult(connected="finished", outcome="interested"), 1, Done("interested")),
        (CallResult(connected="user_hangup"), 1, Done("user_hangup")),
        (CallResult(not_connected="busy", opted_out=True), 1, Done("busy")),
        (CallResult(connected="system_error"), 1, Retry(NOW + timedelta(seconds=30))),
        (CallResult(connected="system_error", party=Party.LIVE), 1, Done("system_error")),
        (CallResult(connected="system_error", outcome="refused"), 1, Done("refused")),
    ],
)
def test_what_follows_a_call(result: CallResult, attempts: int, following: Retry | Done) -> None:
    assert after(result, attempts, POLICY, NOW) == following


@given(
    ends=st.lists(st.sampled_from(get_args(RetryKind)), min_size=60, max_size=60),
    limits=st.dictionaries(st.sampled_from(get_args(RetryKind)), st.integers(2, 50)),
)
def test_retries_always_end_and_stay_within_the_limit(
    ends: list[RetryKind], limits: dict[RetryKind, int]
) -> None:
    policy: RetryPolicy = {kind: RetryRule(after_s=1, attempts=limit) for kind, limit in limits.items()}
    calls = 0
    for end in ends:
        calls += 1
        result = CallResult(party=Party.MACHINE) if end == "machine" else CallResult(not_connected=end)
        following = after(result, calls, policy, NOW)
        if isinstance(following, Done):
            break
        assert following.at > NOW
        assert calls < limits[end]
    assert calls <= max(limits.values(), default=1)


def test_every_retryable_end_of_an_unanswered_call_is_one_a_line_can_report() -> None:
    assert set(get_args(RetryKind)) - {"system_error", "machine"} <= set(EndKind)
