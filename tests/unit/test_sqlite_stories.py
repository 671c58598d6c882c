"""What the store does to keep stories: by indexes alone, and over all records once, when a store has none yet."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from plugins.telling import NOON, record, sources, tell, told
from storage.sqlite import SqliteStore
from storage.sqlite.stories import begin

PAPER, GAZETTE = record("paper", "harbour"), record("gazette", "harbour")


def test_no_table_is_looked_through_when_a_record_joins_a_story(tmp_path: Path) -> None:
    with closing(SqliteStore.open(tmp_path)) as store:
        store.sync_sources(sources("paper", "gazette"), NOON)
        tell(store, PAPER)
        statements: list[str] = []
        connection = store._engine.writing
        store._engine.on_writer(lambda: connection.set_trace_callback(statements.append))
        tell(store, GAZETTE)
        store._engine.on_writer(lambda: connection.set_trace_callback(None))
        asked = [one for one in statements if "story" in one and one.startswith("SELECT")]
        with store._engine.reading() as reader:
            plan = [row[3] for one in asked for row in reader.execute(f"EXPLAIN QUERY PLAN {one}")]

    assert len(asked) > 5
    assert [step for step in plan if step.startswith("SCAN")] == []


def test_a_store_of_before_stories_gets_those_of_all_its_records(tmp_path: Path) -> None:
    with closing(SqliteStore.open(tmp_path)) as store:
        store.sync_sources(sources("paper", "gazette", "planet"), NOON)
        tell(store, PAPER, record("paper", "alone", "https://blog.example/2026/alone"))
        tell(store, GAZETTE)
    with closing(sqlite3.connect(tmp_path / "aggregator.db")) as connection, connection:
        connection.execute("UPDATE records SET story = 0, story_id = NULL")
        connection.execute("DELETE FROM story_names")

        begin(connection)

    with closing(SqliteStore.open(tmp_path)) as store:
        assert told(store) == {"paper harbour": ["gazette harbour"], "gazette harbour": ["paper harbour"]}
        assert {one.story_id for one in store.records()} == {None}
