"""A store of an older version is brought up to date in a transaction, and a copy of it is kept."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from storage.contract import SourceRow, StoreError
from storage.sqlite import SqliteStore
from storage.sqlite.engine import Engine
from storage.sqlite.schema import SCHEMA, Schema

NOW = datetime(2026, 3, 1, tzinfo=UTC)


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
        def second(db: Database) -> None:
            for statement in statements:
                db.execute(statement)
            db.execute("PRAGMA user_version = 2")

        return steps

    return Schema(2, migrations)


def facts(path: Path, *questions: str) -> list[object]:
    with closing(sqlite3.connect(path)) as connection:
        return [connection.execute(question).fetchone()[0] for question in questions]


def test_an_upgrade_keeps_what_is_stored_and_a_copy_of_the_file(folder: Path) -> None:
    Engine.for_writing(folder, next_version("ALTER TABLE hosts ADD COLUMN seen INTEGER")).close()

    [copy] = (folder / "backups").iterdir()
    assert copy.name == "aggregator-before-upgrade-from-1.db"
    assert facts(copy, "PRAGMA user_version", "SELECT id FROM sources") == [1, "kept"]
    assert facts(folder / "aggregator.db", "PRAGMA user_version", "SELECT id FROM sources") == [2, "kept"]


def test_an_upgrade_that_fails_leaves_the_store_as_it_was(folder: Path) -> None:
    with pytest.raises(StoreError, match="no such table: nowhere"):
        Engine.for_writing(folder, next_version("DROP TABLE unwritten", "SELECT * FROM nowhere"))

    with closing(SqliteStore.open(folder)) as store:
        assert [state.source.id for state in store.states()] == ["kept"]
        assert store.unwritten() == []


def test_a_reader_does_not_upgrade(folder: Path) -> None:
    with pytest.raises(StoreError, match="`aggregator run` brings it up to date"):
        Engine.for_reading(folder, next_version())

    assert facts(folder / "aggregator.db", "PRAGMA user_version") == [1]


def test_an_older_program_refuses_the_newer_store(folder: Path) -> None:
    Engine.for_writing(folder, next_version()).close()

    with pytest.raises(StoreError, match=r"newer version of this program \(schema 2, this one knows 1\): install that"):
        SqliteStore.open(folder)


def test_a_new_store_needs_no_copy(folder: Path) -> None:
    assert not (folder / "backups").exists()
