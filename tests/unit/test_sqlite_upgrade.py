"""A store of an older version is brought up to date in a transaction, and a copy of it is kept."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from storage.contract import StoreError
from storage.sqlite import SqliteStore
from storage.sqlite.engine import Engine
from storage.sqlite.polling import SOURCES_SINCE, sources
from storage.sqlite.schema import SCHEMA, Schema
from storage.states import SourceRow

NOW = datetime(2026, 3, 1, tzinfo=UTC)
THIS, NEXT = SCHEMA.version, SCHEMA.version + 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with closing(SqliteStore.open(tmp_path)) as store:
        store.sync_sources([SourceRow("kept", "", "", "", 0, 365, 5000, "")], NOW)
    return tmp_path


def next_version(*statements: str) -> Schema:
    """Return the schema of the next version: one step more."""

    def migrations() -> Migrations:
        steps = SCHEMA.migrations()

        @steps()
        def next_one(db: Database) -> None:
            for statement in statements:
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {NEXT}")

        return steps

    return Schema(NEXT, migrations)


def facts(path: Path, *questions: str) -> list[object]:
    with closing(sqlite3.connect(path)) as connection:
        return [connection.execute(question).fetchone()[0] for question in questions]


def test_the_sources_of_an_older_version_are_known_before_it_is_brought_up_to_date(folder: Path) -> None:
    later = next_version("ALTER TABLE hosts ADD COLUMN seen INTEGER")

    with closing(Engine.for_reading(folder, later, oldest=SOURCES_SINCE)) as engine, engine.reading() as connection:
        known = sources(connection)

    assert [one.id for one in known] == ["kept"]
    assert facts(folder / "aggregator.db", "PRAGMA user_version") == [THIS]


def test_an_upgrade_keeps_what_is_stored_and_a_copy_of_the_file(folder: Path) -> None:
    Engine.for_writing(folder, next_version("ALTER TABLE hosts ADD COLUMN seen INTEGER")).close()

    [copy] = (folder / "backups").iterdir()
    assert copy.name == f"aggregator-before-upgrade-from-{THIS}.db"
    assert facts(copy, "PRAGMA user_version", "SELECT id FROM sources") == [THIS, "kept"]
    assert facts(folder / "aggregator.db", "PRAGMA user_version", "SELECT id FROM sources") == [NEXT, "kept"]


def test_an_upgrade_that_fails_leaves_the_store_as_it_was(folder: Path) -> None:
    with pytest.raises(StoreError, match="no such table: nowhere"):
        Engine.for_writing(folder, next_version("DROP TABLE unwritten", "SELECT * FROM nowhere"))

    with closing(SqliteStore.open(folder)) as store:
        assert [state.source.id for state in store.states()] == ["kept"]
        assert store.unwritten() == []


def test_a_reader_does_not_upgrade(folder: Path) -> None:
    with pytest.raises(StoreError, match="`aggregator run` brings it up to date"):
        Engine.for_reading(folder, next_version())

    assert facts(folder / "aggregator.db", "PRAGMA user_version") == [THIS]


def test_an_older_program_refuses_the_newer_store(folder: Path) -> None:
    Engine.for_writing(folder, next_version()).close()

    with pytest.raises(StoreError, match=rf"\(schema {NEXT}, this one knows {THIS}\): install that"):
        SqliteStore.open(folder)


def test_a_new_store_needs_no_copy(folder: Path) -> None:
    assert not (folder / "backups").exists()


def test_a_store_of_the_first_version_keeps_its_sources_and_records(tmp_path: Path) -> None:
    steps = SCHEMA.migrations()
    with closing(sqlite3.connect(tmp_path / "aggregator.db")) as connection:
        steps.apply(Database(connection), stop_before="second")
        connection.execute(
            "INSERT INTO sources (id, name, url, host, position, keep_days, keep_entries, settings_digest, floor, "
            "next_poll_at, next_reason, failures, redirect_seen, without_validators, ingest_times, feed, polls, hints) "
            "VALUES ('old', 'Old', 'https://old.example/', 'old.example', 0, 365, 5000, '', 0, 0, '', 0, 0, 0, '[]', "
            "'{}', 7, '{}')"
        )
        connection.commit()

    with closing(SqliteStore.open(tmp_path)) as store:
        [state] = store.states()

    assert (state.source.id, state.polls) == ("old", 7)
    assert (state.source.tags, state.terms, state.address, state.gaps) == ((), (), None, 0)
