"""The traffic of finished calls: what each callee said, when, and how long the rest of the reply took."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from telephony.line import SAMPLE_RATE_HZ
from voicebot.bench.error import BenchError
from voicebot.call.media.recording_files import read_recording
from voicebot.records.tables import Call, Turn
from voicebot.reports.rows import CampaignRows

BEFORE_S, AFTER_S = 0.24, 0.12
"""Audio around an utterance that the recogniser is given too, as in a call."""
_CALLEE = 0
"""The channel of a recording that holds what was heard."""


@dataclass(frozen=True, slots=True)
class ReplayedTurn:
    """An utterance and the times of its reply that do not depend on the engines under test."""

    samples: NDArray[np.int16]
    """8 kHz mono."""
    ends_s: float
    """End of speech, since the answer."""
    waited_s: float
    """Silence after which the words were asked for."""
    voiced_s: float
    """From the decision to the first sample of the reply."""


@dataclass(frozen=True, slots=True)
class ReplayedCall:
    """One call's utterances in order."""

    turns: tuple[ReplayedTurn, ...]
    length_s: float


def traffic_of(rows: CampaignRows, recordings: Path) -> tuple[ReplayedCall, ...]:
    """Every call with an answered utterance and a recording. Raises BenchError if there is none."""
    turns_of: dict[int, list[Turn]] = {}
    for turn in rows.turns:
        turns_of.setdefault(turn.call_id, []).append(turn)
    calls = (
        _replayed(call, turns_of.get(call.id or 0, []), recordings / call.recording)
        for call in rows.calls
        if call.recording and (recordings / call.recording).is_file()
    )
    traffic = tuple(call for call in calls if call.turns)
    if not traffic:
        raise BenchError(
            f"{recordings} holds no recording of an answered turn of campaign {rows.campaign.name!r}. "
            "Name the folder of its recordings with --recordings"
        )
    return traffic


def _replayed(call: Call, turns: Sequence[Turn], recording: Path) -> ReplayedCall:
    heard = read_recording(recording)[:, _CALLEE]
    replayed = []
    for said, reply in pairwise(turns):
        if said.speaker == "customer" and said.text and reply.endpoint_ms is not None:
            samples = heard[_sample(said.start_ms / 1000 - BEFORE_S) : _sample(said.end_ms / 1000 + AFTER_S)]
            waited_s, voiced_s = reply.endpoint_ms / 1000, (reply.tts_ms or 0) / 1000
            replayed.append(ReplayedTurn(samples, said.end_ms / 1000, waited_s, voiced_s))
    return ReplayedCall(tuple(replayed), len(heard) / SAMPLE_RATE_HZ)


def _sample(seconds: float) -> int:
    return max(0, round(seconds * SAMPLE_RATE_HZ))
