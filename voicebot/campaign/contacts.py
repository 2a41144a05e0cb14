"""Reads contact files and do-not-call files: CSV, UTF-8, one header line, one number per row."""

import csv
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import phonenumbers

from dialogs.problem import InputError, Problem
from voicebot.campaign.hours import is_zone
from voicebot.campaign.rules import Consent
from voicebot.campaign.whereabouts import country_of
from voicebot.records.tables import Contact

DIALLING_COLUMNS = ("number", "time_zone", "region", "consent")
"""Every other column is a variable of the script: `name` too."""
MAX_PROBLEMS = 50
"""Listed one by one; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it stands in the file."""

    line: int
    cells: list[str]
    values: dict[str, str]


@dataclass(slots=True)
class ContactImport:
    """Iterates over the contacts of a file, each number once, and counts what it saw.

    Raises InputError for a file that is no contact file and, while iterating, never for a row:
    broken rows go to `rejected`."""

    path: Path
    address: Callable[[str], str]
    """Number to SIP URI."""
    required_variables: Collection[str] = ()
    default_region: str = ""
    accepted: int = 0
    duplicates: int = 0
    rejected: list[tuple[Row, Problem]] = field(default_factory=list)

    def __iter__(self) -> Iterator[Contact]:
        seen: set[str] = set()
        self.accepted = self.duplicates = 0
        self.rejected.clear()
        for row in _rows(self.path, ("number", *self.required_variables), self.rejected):
            contact = self._contact(row)
            if isinstance(contact, Problem):
                self.rejected.append((row, contact))
            elif contact.number in seen:
                self.duplicates += 1
            else:
                seen.add(contact.number)
                self.accepted += 1
                yield contact

    def _contact(self, row: Row) -> Contact | Problem:
        values = row.values
        region = values.get("region", "").upper()
        country = region.partition("-")[0]
        number = _number(values["number"], country or self.default_region)
        if number is None:
            mend = "Write it in international form, e.g. +15550100123."
            return self._problem(row, f"'{values['number']}' is not a possible phone number", mend)
        if country and country not in phonenumbers.SUPPORTED_REGIONS:
            return self._problem(row, f"region '{region}' is unknown", "Write an ISO code: US, or US-CA.")
        zone = values.get("time_zone", "")
        if zone and not is_zone(zone):
            mend = "Write an IANA name such as America/New_York, or leave it empty."
            return self._problem(row, f"time zone '{zone}' is unknown", mend)
        consent = values.get("consent", "").lower()
        if consent not in {"", *Consent}:
            mend = "Write 'express' or 'written', or leave it empty."
            return self._problem(row, f"consent '{consent}' is unknown", mend)
        missing = sorted(name for name in self.required_variables if not values[name])
        if missing:
            mend = "Fill the cell: the script says it."
            return self._problem(row, f"no value for {', '.join(missing)}", mend)
        formatted = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        return Contact(
            campaign_id=0,
            number=formatted,
            address=self.address(formatted),
            name=values.get("name", ""),
            time_zone=zone,
            region=region or country_of(number),
            consent="" if consent == Consent.NONE else consent,
            variables={
                name: value for name, value in values.items() if value and name not in DIALLING_COLUMNS
            },
        )

    def _problem(self, row: Row, message: str, mend: str) -> Problem:
        return Problem(str(self.path), row.line, message, mend)


def check_rows(contacts: ContactImport) -> None:
    """Read the file once without keeping anything. Raises InputError naming every broken row."""
    for _ in contacts:
        pass
    if contacts.rejected:
        listed = [problem for _, problem in contacts.rejected[:MAX_PROBLEMS]]
        if (more := len(contacts.rejected) - len(listed)) > 0:
            mend = "Mend them all, or set 'skip_broken_rows: true' in the campaign file."
            listed.append(Problem(str(contacts.path), 0, f"{more} more broken rows", mend))
        raise InputError(listed)


def write_rejected(contacts: ContactImport) -> Path:
    """List the rows that were left out, with line and reason, beside the contact file."""
    path = contacts.path.with_suffix(".rejected.csv")
    with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["line", "reason", "mend", "row"])
        for row, problem in contacts.rejected:
            writer.writerow([row.line, problem.message, problem.mend, *row.cells])
    return path


def read_do_not_call(path: Path, default_region: str = "") -> list[str]:
    """The numbers (E.164) of a do-not-call file: column `number`. Raises InputError for any broken
    row: a number that cannot be read must not be dialled by mistake."""
    rejected: list[tuple[Row, Problem]] = []
    numbers: list[str] = []
    for row in _rows(path, ("number",), rejected):
        number = _number(row.values["number"], default_region)
        if number is None:
            message = f"'{row.values['number']}' is not a possible phone number"
            rejected.append((row, Problem(str(path), row.line, message, "Write it as +15550100123.")))
        else:
            numbers.append(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    if rejected:
        raise InputError([problem for _, problem in rejected[:MAX_PROBLEMS]])
    return numbers


def _number(text: str, region: str) -> phonenumbers.PhoneNumber | None:
    """Possible rather than valid: numbers reserved for fiction and tests are dialled too."""
    try:
        number = phonenumbers.parse(text, region or None)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_possible_number(number) and not number.extension else None


def _rows(path: Path, needed: Collection[str], rejected: list[tuple[Row, Problem]]) -> Iterator[Row]:
    try:
        # A byte that is not UTF-8 becomes a surrogate, so that its row can be named.
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            yield from _rows_of(file, str(path), needed, rejected)
    except OSError as error:
        raise _fault(path, 0, f"cannot be read: {error.strerror}", "Give the path of a CSV file.") from None


def _rows_of(
    file: TextIO, name: str, needed: Collection[str], rejected: list[tuple[Row, Problem]]
) -> Iterator[Row]:
    reader = csv.reader(file, strict=True)
    columns: list[str] = []
    line = 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise _fault(name, line, f"not CSV: {error}", "Check the quotes and save as UTF-8.") from None
        if cells is None:
            break
        start, line = line, reader.line_num + 1
        row = Row(start, cells, dict(zip(columns, (cell.strip() for cell in cells), strict=False)))
        if not any(cell.strip() for cell in cells):
            continue
        if not columns:
            columns = _header(name, start, cells, needed)
        elif len(cells) != len(columns):
            message = f"{len(cells)} cells where the header has {len(columns)}"
            rejected.append((row, Problem(name, start, message, "Put quotes around cells with commas.")))
        elif any("\udc80" <= letter <= "\udcff" for cell in cells for letter in cell):
            rejected.append((row, Problem(name, start, "not UTF-8 text", "Save the file as UTF-8.")))
        else:
            yield row
    if not columns:
        raise _fault(name, 0, "the file is empty", "Begin with a header line: number,name,...")


def _header(name: str, line: int, cells: list[str], needed: Collection[str]) -> list[str]:
    columns = [cell.strip() for cell in cells]
    present = f"the header has: {', '.join(columns)}"
    for column in needed:
        if column not in columns:
            mend = f"Add the column '{column}', separated by commas; {present}."
            raise _fault(name, line, f"there is no column '{column}'", mend)
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if twice or not all(columns):
        fault = f"column '{twice[0]}' is there twice" if twice and twice[0] else "a column has no name"
        raise _fault(name, line, fault, "Give every column a name of its own.")
    return columns


def _fault(path: Path | str, line: int, message: str, mend: str) -> InputError:
    return InputError([Problem(str(path), line, message, mend)])
