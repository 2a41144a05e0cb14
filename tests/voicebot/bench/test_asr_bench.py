"""What the bench of the recogniser does to speech, and how it counts."""

import numpy as np
import pytest

from models.asr import Transcript
from voicebot.bench.asr import _numbers, _row, with_recogniser
from voicebot.bench.end_of_turn import cuts
from voicebot.bench.error import BenchError
from voicebot.bench.line_conditions import Samples, conditions
from voicebot.bench.synthetic_speech import sentences
from voicebot.settings import Settings


def tone(hertz: float, seconds: float) -> Samples:
    wave: Samples = np.rint(8000 * np.sin(2 * np.pi * hertz * np.arange(8000 * seconds) / 8000)).astype(
        np.int16
    )
    return wave


def decibels(samples: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    return float(10 * np.log10(np.mean(np.square(samples))))


@pytest.mark.parametrize("kind", ["white noise", "babble"])
@pytest.mark.parametrize("wanted", [20, 10])
def test_noise_has_the_level_that_its_name_says(kind: str, wanted: int) -> None:
    speech = tone(440, 2.0)
    make = conditions([tone(hertz, 1.3) for hertz in (300, 700, 1100)])[f"{kind} {wanted} dB"]
    clean = conditions([])["clean"](speech, 0)
    noise = make(speech, 5).astype(np.float64) - clean
    assert decibels(speech.astype(np.float64)) - decibels(noise) == pytest.approx(wanted, abs=0.5)


def test_each_condition_is_the_same_each_time_and_another_for_another_seed() -> None:
    speech = tone(440, 2.0)
    for name, make in conditions([tone(300, 1.0), tone(700, 1.0)]).items():
        np.testing.assert_array_equal(make(speech, 3), make(speech, 3))
        if name not in ("clean", "mu-law"):
            assert not np.array_equal(make(speech, 3), make(speech, 4)), name


def test_one_packet_in_fifty_is_lost_and_filled() -> None:
    speech = tone(440, 60.0)
    made = conditions([])
    whole, lossy = made["mu-law"](speech, 0), made["2% of packets lost"](speech, 0)
    frames = whole.size // 160
    changed = (whole != lossy)[: frames * 160].reshape(-1, 160).any(axis=1)
    # A lost frame also colours the beginning of the next.
    assert 0.02 < changed.mean() < 0.06
    assert (lossy != 0)[1920:-2800].mean() > 0.95, "no holes"


def heard(text: str, mode: str = "short_window") -> Transcript:
    return Transcript(text, -0.2, 0.0, mode)


def test_errors_are_counted_over_all_words_with_an_interval() -> None:
    said = [["yes", "speaking"], ["no"], ["four", "of", "them"]]
    row = _row(said, [heard("Yes, speaking."), heard("No", "full_window"), heard("four them")], "en")
    assert (row.words, row.errors, row.full_window) == (6, 1, 1)
    assert row.interval.low == 0.0
    assert row.interval.high is not None
    assert row.interval.high >= 1 / 6


def test_nothing_heard_is_every_word_missing() -> None:
    assert _row([["yes"], ["no", "thanks"]], [heard("", "empty"), heard("", "empty")], "en").errors == 3


def test_cuts_end_where_they_say() -> None:
    made = {cut.kind: cut.text.split()[: cut.words] for cut in cuts(["No, I like the blue one."])}
    assert made["complete"] == "No, I like the blue one.".split()
    assert made["after a word in the middle"] == ["No,", "I", "like"]
    assert made["before the last phrase"] == ["No,"]
    assert made['after "and"'][-2:] == ["one", "and"]
    assert made['after "um"'][-2:] == ["one,", "um,"]


def test_what_cannot_be_used_is_named() -> None:
    assert _numbers("--batch", "1,32", 64) == (1, 32)
    with pytest.raises(BenchError, match="--batch '1,x'"):
        _numbers("--batch", "1,x", 64)
    with pytest.raises(BenchError, match="'de'"):
        sentences("de")
    with pytest.raises(BenchError, match="--device"):
        with_recogniser(Settings(), "tpu", "")


def test_a_gpu_computes_with_half_precision_unless_told_otherwise() -> None:
    assert with_recogniser(Settings(), "cuda", "").recogniser.compute_type == "float16"
    assert with_recogniser(Settings(), "cuda", "int8_float16").recogniser.compute_type == "int8_float16"
    assert with_recogniser(Settings(), "", "") == Settings()
