"""Migrations make the tables that the code expects, and unusable files are refused in one line."""

import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, StatementError
from sqlmodel import Session, SQLModel, select

from dialogs.problem import InputError
from voicebot.records.database import open_database
from voicebot.records.tables import Campaign, CampaignState, Turn


def url(folder: Path) -> str:
    return f"sqlite:///{folder / 'records.db'}"


def test_the_migrated_schema_is_the_one_of_the_tables(tmp_path: Path) -> None:
    engine = open_database(url(tmp_path))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []
        assert context.get_current_revision() == "0003"


def test_opening_twice_keeps_what_is_there(tmp_path: Path) -> None:
    with Session(open_database(url(tmp_path))) as session:
        session.add(Campaign(name="a", script_id="s", script_version="1"))
        session.commit()
    with Session(open_database(url(tmp_path))) as session:
        assert session.exec(select(Campaign)).one().state is CampaignState.READY


def test_sqlite_runs_with_wal_foreign_keys_and_patience(tmp_path: Path) -> None:
    engine = open_database(url(tmp_path / "new" / "folder"))
    with engine.connect() as connection:
        pragmas = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 5000}
    with Session(engine) as session:
        session.add(Turn(call_id=77, position=0, speaker="agent"))
        with pytest.raises(IntegrityError):
            session.commit()


def test_moments_come_back_as_utc_and_naive_ones_are_refused(tmp_path: Path) -> None:
    engine = open_database(url(tmp_path))
    beijing = datetime(2026, 3, 2, 20, 0, tzinfo=timezone(timedelta(hours=8)))
    with Session(engine) as session:
        session.add(Campaign(name="a", script_id="s", script_version="1", started_at=beijing))
        session.commit()
    with Session(engine) as session:
        campaign = session.exec(select(Campaign)).one()
        assert campaign.started_at == beijing
        assert campaign.started_at is not None
        assert campaign.started_at.tzinfo is UTC
        campaign.started_at = datetime(2026, 3, 2)
        with pytest.raises(StatementError, match="no time zone"):
            session.commit()


def test_states_are_stored_as_their_words(tmp_path: Path) -> None:
    engine = open_database(url(tmp_path))
    with Session(engine) as session:
        session.add(Campaign(name="a", script_id="s", script_version="1"))
        session.commit()
        assert session.connection().execute(text("SELECT state FROM campaign")).scalar_one() == "ready"


def message_of(address: str) -> str:
    with pytest.raises(InputError) as caught:
        open_database(address)
    assert len(caught.value.problems) == 1
    return str(caught.value)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "records.db").write_text("these are notes, not a database\n" * 100)
    assert "file is not a database" in message_of(url(tmp_path))
    assert str(tmp_path / "records.db") in message_of(url(tmp_path))


def test_a_database_of_another_program(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "records.db") as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    assert "another program" in message_of(url(tmp_path))


def test_a_database_of_a_newer_version(tmp_path: Path) -> None:
    open_database(url(tmp_path)).dispose()
    with sqlite3.connect(tmp_path / "records.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert "newer version" in message_of(url(tmp_path))


@pytest.mark.parametrize("address", ["records.db", "sqlite://", "nosuch:///x"])
def test_an_unusable_url(address: str) -> None:
    assert "Write" in message_of(address)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "folder cannot be made" in message_of(f"sqlite:///{tmp_path}/file/records.db")
