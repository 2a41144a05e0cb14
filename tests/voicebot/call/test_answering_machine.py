"""Who answered, by what is said and what tones are heard."""

import pytest

from telephony.tones import ToneKind
from voicebot.call.listening.answering_machine import AnsweringMachineDetector
from voicebot.call.result import Party

GREETING = "You have reached the voicemail of Sam. Please leave a message after the tone."


@pytest.mark.parametrize(
    "text", ["Hello?", "Sam speaking.", "Yes, who is this?", "He is not available right now."]
)
def test_a_person_is_a_person(text: str) -> None:
    assert AnsweringMachineDetector("en").heard(text, 900, 1200) is Party.LIVE


def test_a_greeting_is_a_machine() -> None:
    assert AnsweringMachineDetector("en").heard(GREETING, 4200, 4500) is Party.MACHINE


def test_a_person_can_turn_out_to_be_a_machine_but_only_soon() -> None:
    soon, late = AnsweringMachineDetector("en"), AnsweringMachineDetector("en")
    assert soon.heard("Hi, this is Sam.", 900, 1000) is Party.LIVE
    assert soon.heard("Please leave a message after the tone.", 1800, 4000) is Party.MACHINE
    assert late.heard("My machine says, please leave a message after the tone.", 2500, 60_000) is Party.LIVE


def test_nothing_said_stays_open() -> None:
    assert AnsweringMachineDetector("en").heard(" ", 500, 900) is Party.UNRESOLVED


def test_a_beep_out_of_silence_is_a_machine() -> None:
    detector = AnsweringMachineDetector("en")
    assert detector.heard_tone(ToneKind.VOICEMAIL_BEEP, 5000) is Party.MACHINE


def test_the_beep_of_a_persons_phone_is_no_machine() -> None:
    detector = AnsweringMachineDetector("en")
    detector.heard("Hello?", 600, 900)
    assert detector.heard_tone(ToneKind.VOICEMAIL_BEEP, 6000) is Party.LIVE
    assert detector.heard_tone(ToneKind.BUSY, 7000) is Party.LIVE


def test_a_fax_is_a_machine_whatever_was_said() -> None:
    detector = AnsweringMachineDetector("en")
    detector.heard("Hello?", 600, 900)
    assert detector.heard_tone(ToneKind.FAX_CALLING, 6000) is Party.MACHINE


def test_a_beep_late_in_the_call_says_nothing() -> None:
    assert AnsweringMachineDetector("en").heard_tone(ToneKind.VOICEMAIL_BEEP, 90_000) is Party.UNRESOLVED
