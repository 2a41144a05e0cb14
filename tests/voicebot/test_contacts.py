"""Contact files: who is accepted, who is not and why, and that a broken file changes nothing."""

import csv
from pathlib import Path

import pytest
from sqlmodel import Session, select

from dialogs.problem import InputError
from tests.voicebot.campaigns import make_plan, make_records
from voicebot.campaign.contacts import MAX_PROBLEMS, ContactImport, read_do_not_call
from voicebot.campaign.opening import OpenedCampaign, open_campaign
from voicebot.campaign.plan import CampaignPlan
from voicebot.records.store import Records
from voicebot.records.tables import Campaign, Contact, DoNotCall

GOOD = "number,name,time_zone,region,consent,product\n+1 555 555 0101,Ann,America/New_York,US,written,tea\n"


def imported(tmp_path: Path, text: str | bytes, **options: object) -> tuple[list[Contact], ContactImport]:
    path = tmp_path / "contacts.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    contacts = ContactImport(path, lambda number: f"sip:{number}@x", **options)  # type: ignore[arg-type]
    return list(contacts), contacts


def test_a_row_becomes_a_contact(tmp_path: Path) -> None:
    ((contact,), _) = imported(tmp_path, GOOD, required_variables=["name", "product"])
    assert (contact.number, contact.address) == ("+15555550101", "sip:+15555550101@x")
    assert (contact.name, contact.time_zone, contact.region) == ("Ann", "America/New_York", "US")
    assert (contact.consent, contact.variables) == ("written", {"name": "Ann", "product": "tea"})


def test_an_empty_cell_is_no_variable(tmp_path: Path) -> None:
    ((contact,), _) = imported(tmp_path, "number,name,city\n+15555550101,, \n")
    assert (contact.name, contact.variables) == ("", {})


def test_bom_crlf_quotes_blank_lines_and_several_lines_in_a_cell(tmp_path: Path) -> None:
    text = b'\xef\xbb\xbfnumber,name\r\n\r\n+15555550101,"Ann, or ""Annie"""\r\n'
    text += b'+15555550102,"Bo\r\nb"\r\nx,Z\xc3\xa9\r\n'
    contacts, report = imported(tmp_path, text)
    assert [contact.name for contact in contacts] == ['Ann, or "Annie"', "Bo\r\nb"]
    assert [problem.line for _, problem in report.rejected] == [6]


@pytest.mark.parametrize(
    ("written", "region", "number"),
    [
        ("+1 (555) 555-0101", "", "+15555550101"),
        ("212 555 0100", "US", "+12125550100"),
        ("0044 20 7946 0123", "GB", "+442079460123"),
        ("138 1234 5678", "CN", "+8613812345678"),
        ("+44 7700 900123", "", "+447700900123"),
    ],
)
def test_numbers_are_kept_in_one_form(tmp_path: Path, written: str, region: str, number: str) -> None:
    ((contact,), _) = imported(tmp_path, f"number,region\n{written},{region}\n")
    assert contact.number == number


def test_the_region_comes_from_the_number_when_the_file_does_not_say(tmp_path: Path) -> None:
    contacts, _ = imported(tmp_path, "number\n+15555550101\n+447700900123\n+8613812345678\n")
    assert [contact.region for contact in contacts] == ["US", "GB", "CN"]


def test_a_number_is_taken_once_however_it_is_written(tmp_path: Path) -> None:
    contacts, report = imported(
        tmp_path, "number,name\n+15555550101,Ann\n+1 555-555-0101,Bob\n+15555550102,C\n"
    )
    assert [contact.name for contact in contacts] == ["Ann", "C"]
    assert (report.accepted, report.duplicates) == (2, 1)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("12,Ann,,,written,tea", "'12' is not a possible phone number"),
        ("5555550101,Ann,,,written,tea", "not a possible phone number"),
        (",Ann,,,written,tea", "'' is not a possible phone number"),
        ("+15555550101,Ann,Mars/Base,,written,tea", "time zone 'Mars/Base' is unknown"),
        ("+15555550101,Ann,,XX,written,tea", "region 'XX' is unknown"),
        ("+15555550101,Ann,,,sure,tea", "consent 'sure' is unknown"),
        ("+15555550101,Ann,,,written, ", "no value for product"),
        ("+15555550101,Ann,,,written", "5 cells where the header has 6"),
        ("+15555550101,Ann,,,written,tea,milk", "7 cells where the header has 6"),
        ("+15555550101,An\udce9,,,written,tea", "not UTF-8 text"),
    ],
)
def test_a_broken_row_is_named_with_line_and_mend(tmp_path: Path, row: str, words: str) -> None:
    text = (GOOD + row + "\n").encode("utf-8", "surrogateescape")
    contacts, report = imported(tmp_path, text, required_variables=["product"])
    assert len(contacts) == 1
    ((_, problem),) = report.rejected
    assert problem.line == 3
    assert words in problem.message
    assert problem.mend


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"),
        ("name,product\nAnn,tea\n", "there is no column 'number'"),
        ("number;name\n+15555550101;Ann\n", "there is no column 'number'"),
        ("number,name\n+15555550101,Ann\n", "there is no column 'product'"),
        ("number,product,product\n", "column 'product' is there twice"),
        ("number,product,\n", "a column has no name"),
        ('number,product\n"+15555550101,tea\n', "not CSV"),
    ],
)
def test_a_file_that_is_no_contact_file(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        imported(tmp_path, text, required_variables=["product"])


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        list(ContactImport(tmp_path / "none.csv", str))


def test_do_not_call_files_must_be_readable_to_the_last_row(tmp_path: Path) -> None:
    path = tmp_path / "never.csv"
    path.write_text("number,since\n+1 555 555 0101,2024\n(212) 555-0100,2025\n")
    assert read_do_not_call(path, "US") == ["+15555550101", "+12125550100"]
    with pytest.raises(InputError, match=r"never\.csv:3: '\(212\) 555-0100' is not a possible"):
        read_do_not_call(path)


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return make_records(tmp_path)


def plan_for(folder: Path, text: str, **changes: object) -> CampaignPlan:
    (folder / "contacts.csv").write_text(text)
    return make_plan(contacts=folder / "contacts.csv", **changes)


def opened(records: Records, plan: CampaignPlan) -> OpenedCampaign:
    return open_campaign(records, plan, script_id="s", script_version="1", language="en")


def stored(records: Records) -> tuple[int, int, int]:
    with Session(records.engine) as session:
        return tuple(len(session.exec(select(table)).all()) for table in (Campaign, Contact, DoNotCall))  # type: ignore[return-value]


def test_a_broken_file_names_every_row_and_changes_nothing(tmp_path: Path, records: Records) -> None:
    with pytest.raises(InputError) as caught:
        opened(records, plan_for(tmp_path, "number\n+15555550101\n12\n+15555550102\nabc\n"))
    assert [problem.line for problem in caught.value.problems] == [3, 5]
    assert stored(records) == (0, 0, 0)


def test_a_very_broken_file_is_not_listed_without_end(tmp_path: Path, records: Records) -> None:
    with pytest.raises(InputError) as caught:
        opened(records, plan_for(tmp_path, "number\n" + "12\n" * 500))
    assert len(caught.value.problems) == MAX_PROBLEMS + 1
    assert "450 more broken rows" in str(caught.value)


def test_a_broken_do_not_call_file_changes_nothing(tmp_path: Path, records: Records) -> None:
    (tmp_path / "never.csv").write_text("number\n+15555550101\n12\n")
    with pytest.raises(InputError, match=r"never\.csv:3"):
        opened(records, plan_for(tmp_path, GOOD, do_not_call=tmp_path / "never.csv"))
    assert stored(records) == (0, 0, 0)


def test_broken_rows_can_be_left_out_and_are_listed(tmp_path: Path, records: Records) -> None:
    (tmp_path / "never.csv").write_text("number\n+15555550101\n")
    text = "number,name\n+15555550101,Ann\n12,Bob\n+15555550101,Ann\n+15555550102,C\n"
    plan = plan_for(tmp_path, text, skip_broken_rows=True, do_not_call=tmp_path / "never.csv")
    result = opened(records, plan)
    assert (result.accepted, result.added, result.duplicates, result.rejected) == (2, 2, 1, 1)
    assert result.rejected_file == tmp_path / "contacts.rejected.csv"
    with result.rejected_file.open(newline="") as file:
        header, row = csv.reader(file)
    assert header == ["line", "reason", "mend", "row"]
    assert (row[0], row[1], row[3:]) == ("3", "'12' is not a possible phone number", ["12", "Bob"])
    assert stored(records) == (1, 2, 1)
    assert opened(records, plan).added == 0


def test_a_file_without_anybody(tmp_path: Path, records: Records) -> None:
    with pytest.raises(InputError, match="there is nobody to call"):
        opened(records, plan_for(tmp_path, "number\n12\n", skip_broken_rows=True))
    assert stored(records) == (0, 0, 0)
