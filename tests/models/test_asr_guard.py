"""The guard in front of short-window transcripts."""

import pytest

from models.asr.guard import doubts, is_silence


@pytest.mark.parametrize(
    ("text", "tokens", "seconds", "log_probability"),
    [
        ("Yes.", 2, 0.6, -0.75),
        ("No, no, I really said no.", 9, 2.0, -0.3),
        ("Take me off your list and never call this number again.", 13, 2.7, -0.2),
        ("555 555 0123", 8, 4.0, -0.4),
    ],
)
def test_plausible_transcripts_pass(text: str, tokens: int, seconds: float, log_probability: float) -> None:
    assert doubts(text, tokens, seconds, log_probability) is None


@pytest.mark.parametrize(
    ("text", "tokens", "seconds", "log_probability", "why"),
    [
        ("", 0, 1.0, 0.0, "nothing heard"),
        ("Sounds good. Sounds good.", 6, 1.0, -0.3, "repeats itself"),
        ("I don't know. I don't know. I don't know. Well.", 16, 4.0, -0.3, "repeats itself"),
        ("the the the", 3, 2.0, -0.5, "repeats itself"),
        ("and so we went on and then I thought about what she said", 14, 1.0, -0.4, "too many words"),
        ("f", 1, 1.4, -4.5, "improbable"),
        ("na" * 60, 20, 9.0, -0.3, "repeats itself"),
    ],
)
def test_runaways_are_doubted(
    text: str, tokens: int, seconds: float, log_probability: float, why: str
) -> None:
    assert (doubts(text, tokens, seconds, log_probability) or "").startswith(why)


def test_an_improbable_answer_to_probable_silence_is_silence() -> None:
    assert is_silence(no_speech_probability=0.95, log_probability=-1.2)
    assert not is_silence(no_speech_probability=0.95, log_probability=-0.2)
    assert not is_silence(no_speech_probability=0.3, log_probability=-1.2)
