"""What is said for what is written."""

import pytest

from models.tts.spoken_form import spoken_forms


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("It costs $25.50, Mr. Smith.", "It costs 25 dollars and 50 cents, mister Smith."),
        ("$1 or $0.12/kWh?", "1 dollar or 12 cents per kilowatt hour?"),
        ("£1,200 and €3.01", "1200 pounds and 3 euros and 1 cent"),
        ("about 300 kWh, 1kWh", "about 300 kilowatt hours, 1 kilowatt hour"),
        ("Call (212) 555-0123.", "Call 2 1 2, 5 5 5, 0 1 2 3."),
        ("1-800-555-0199", "1, 8 0 0, 5 5 5, 0 1 9 9"),
        ("account 12345678", "account 1 2 3 4 5 6 7 8"),
        ("We are here 24/7!", "We are here 24 7!"),
        ("20% of 10.50 in 2026, at 3:30 pm", "20% of 10.50 in 2026, at 3:30 pm"),
    ],
)
def test_spoken_form(written: str, said: str) -> None:
    assert " ".join(spoken_forms(written.split())) == said


def test_there_is_one_form_for_each_word() -> None:
    words = "Hi Mr. Smith - that is $5.20 for 12 kWh .".split()
    assert len(spoken_forms(words)) == len(words)
