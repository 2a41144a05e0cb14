"""How well callees were heard, and how fast they found us: our records against their own log."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import jiwer

from voicebot.records.tables import Turn
from voicebot.reports import statistics
from voicebot.reports.call_facts import CallFacts
from voicebot.reports.figures import quantiles
from voicebot.reports.report import CallerSide, ErrorRate
from voicebot.reports.spoken_form import counts_characters, tokens
from voicebot.simulation.log import CallEntry, SpokenLine

RULE = (
    "Joined by SIP Call-ID. Lower case, no punctuation, contractions opened, fillers dropped, numbers in "
    "words. Left out: lines broken off, lines that want no reply ('mm-hm', a voicemail's greeting), "
    "and lines of which at least half fell on a prompt that was played to its end (the bot was locked, or "
    "took them for a backchannel), with whatever was heard of them. Everything else that was heard counts, "
    "also what nobody said."
)


@dataclass(frozen=True, slots=True)
class _Pairing:
    """One call's counted words on both sides."""

    said: list[str]
    heard: list[str]
    counted: int
    cut: int
    no_reply_expected: int
    over_prompt: int


def by_call_id(log: Iterable[CallEntry]) -> dict[str, CallEntry]:
    """The log by SIP Call-ID; attempts that never reached a person leave none."""
    return {entry.sip_call_id: entry for entry in log if entry.sip_call_id}


def error_rate(facts: Sequence[CallFacts], log: Mapping[str, CallEntry], language: str) -> ErrorRate | None:
    """Errors over all answered calls that the log knows; None when it knows none of them."""
    answered = [fact for fact in facts if fact.answered]
    joined = [(fact, log[fact.call.leg_id]) for fact in answered if fact.call.leg_id in log]
    if not joined:
        return None
    pairs = [_pair(fact.turns, entry.lines, language) for fact, entry in joined]
    outputs = [jiwer.process_words(" ".join(pair.said), " ".join(pair.heard)) for pair in pairs]
    errors = [o.substitutions + o.deletions + o.insertions for o in outputs]
    lengths = [len(pair.said) for pair in pairs]
    interval = statistics.ratio_interval(errors, lengths)
    return ErrorRate(
        unit="characters" if counts_characters(language) else "words",
        value=sum(errors) / sum(lengths) if sum(lengths) else None,
        low=interval.low,
        high=interval.high,
        reference_length=sum(lengths),
        substitutions=sum(o.substitutions for o in outputs),
        deletions=sum(o.deletions for o in outputs),
        insertions=sum(o.insertions for o in outputs),
        calls=len(joined),
        lines_counted=sum(pair.counted for pair in pairs),
        lines_cut=sum(pair.cut for pair in pairs),
        lines_no_reply_expected=sum(pair.no_reply_expected for pair in pairs),
        lines_over_prompt=sum(pair.over_prompt for pair in pairs),
        calls_not_joined=len(answered) - len(joined),
        rule=RULE,
    )


def caller_side(facts: Sequence[CallFacts], log: Mapping[str, CallEntry]) -> CallerSide | None:
    """Delays as the callees measured them; None when the log knows no answered call."""
    ours = [log[fact.call.leg_id] for fact in facts if fact.answered and fact.call.leg_id in log]
    if not ours:
        return None
    return CallerSide(
        reply_latency_ms=quantiles(list(chain.from_iterable(entry.replies_ms for entry in ours))),
        answer_to_greeting_ms=quantiles([e.greeting_ms for e in ours if e.greeting_ms is not None]),
    )


def _pair(turns: Sequence[Turn], lines: Sequence[SpokenLine], language: str) -> _Pairing:
    prompts = [turn for turn in turns if turn.speaker == "agent" and not turn.interrupted]
    kinds = [_kind(line, prompts) for line in lines]
    counted = [kind == "counted" for kind in kinds]
    said, heard = list[str](), list[str]()
    for line, counts in zip(lines, counted, strict=True):
        said += tokens(line.text, language) if counts else []
    for turn in turns:
        if turn.speaker == "customer" and turn.text:
            source = _source(turn, lines)
            heard += tokens(turn.text, language) if source is None or counted[source] else []
    kind = Counter(kinds)
    return _Pairing(said, heard, kind["counted"], kind["cut"], kind["no_reply_expected"], kind["over_prompt"])


def _kind(line: SpokenLine, prompts: Iterable[Turn]) -> str:
    if line.cut:
        return "cut"
    if not line.expects_reply:
        return "no_reply_expected"
    return "over_prompt" if _covered(line, prompts) >= 0.5 else "counted"


def _covered(line: SpokenLine, prompts: Iterable[Turn]) -> float:
    """Share of the line during which one of the prompts was playing."""
    length = line.end_ms - line.start_ms
    return sum(_overlap_ms(line, prompt) for prompt in prompts) / length if length > 0 else 0.0


def _source(turn: Turn, lines: Sequence[SpokenLine]) -> int | None:
    """Which line a heard turn comes from: the one it shares most time with."""
    shares = [_overlap_ms(line, turn) for line in lines]
    best = max(range(len(lines)), key=shares.__getitem__, default=None)
    return best if best is not None and shares[best] > 0 else None


def _overlap_ms(line: SpokenLine, turn: Turn) -> float:
    return max(0.0, min(line.end_ms, turn.end_ms) - max(line.start_ms, turn.start_ms))
