"""The demo's contact list and its people belong together."""

from voicebot.campaign.contacts import ContactImport, read_do_not_call
from voicebot.simulation import DEMO
from voicebot.simulation.persona import Pickup, load_personas

PERSONAS = {persona.persona: persona for persona in load_personas()}
CONTACTS = ContactImport(DEMO / "contacts.csv", str, ("first_name", "last_purchase"))


def test_contacts_are_the_simulated_people_and_nobody_else() -> None:
    listed = {contact.number: contact.name for contact in CONTACTS}
    assert CONTACTS.rejected == []
    assert CONTACTS.duplicates == 0
    assert listed == {human.number: human.name for each in PERSONAS.values() for human in each.people}
    assert len(listed) == 24


def test_two_are_refused_before_dialling_one_by_the_list_and_one_by_the_clock() -> None:
    never_rung = {human.number for human in PERSONAS["must_not_be_called"].people}
    on_the_list = set(read_do_not_call(DEMO / "do_not_call.csv"))
    far_away = {contact.number for contact in CONTACTS if not contact.time_zone.startswith("America/")}
    assert len(on_the_list) == len(far_away) == 1
    assert on_the_list | far_away == never_rung


def test_every_kind_of_telephone_is_there() -> None:
    pickups = {pickup for persona in PERSONAS.values() for pickup in persona.phone.attempts}
    assert pickups == set(Pickup)
    assert sum(persona.voicemail for persona in PERSONAS.values()) == 2
