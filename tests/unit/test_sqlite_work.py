"""What the store does not do: write what did not change, sort or scan what an index gives, import what it needs not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from plugins.records import plain_record
from storage.record import Record
from storage.sqlite import SqliteStore
from storage.states import Claim, HostState, PollState, SourceRow
from storage.values import Changes, Poll, RecordQuery

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def record(n: int) -> Record:
    return plain_record(
        at=NOW,
        key=f"key{n}",
        public_id=f"https://s.example/{n}",
        identity=f"https://s.example/{n}",
        alias=f"//s.example/{n}",
        categories=("a", "b", "c"),
        title=f"title {n}",
        author="s",
        published=NOW - n * HOUR,
        html="<p>text</p>" * 500,
        position=n,
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """A store with one source whose three entries were brought."""
    with closing(SqliteStore.open(tmp_path)) as store:
        store.sync_sources([SourceRow("s", "s", "https://s.example/feed", "s.example", 0, 365, 5000, "")], NOW)
        [claim] = store.claim_due(NOW, limit=1, lease=HOUR)
        new = tuple(record(n) for n in range(3))
        listed = frozenset(entry.key for entry in new)
        store.save_polls([Poll(claim.state, claim.host, Changes(new=new, listed=listed))], NOW)
        yield store


def changes(store: SqliteStore) -> int:
    return store._engine.on_writer(lambda: store._engine.writing.total_changes)


def test_a_poll_that_changed_nothing_writes_two_rows(store: SqliteStore) -> None:
    [state] = store.states()
    before = changes(store)
    listed = frozenset(record(n).key for n in range(3))
    same = tuple(replace(record(n), first_seen=NOW + HOUR) for n in range(3))
    poll = Poll(
        replace(state, next_poll_at=NOW + HOUR), store.claim_due(NOW, limit=1, lease=HOUR)[0].host,
        Changes(updated=same, rekeyed=same, listed=listed),
    )  # fmt: skip
    claimed = changes(store)
    store.save_polls([poll], NOW + HOUR)

    assert claimed - before == 2  # the lease, the number of the commit
    assert changes(store) - claimed == 2  # the state, the number of the commit


@pytest.mark.parametrize("what", ["sync", "claim", "release", "prune", "wrote"])
def test_what_changes_nothing_commits_nothing(store: SqliteStore, what: str, tmp_path: Path) -> None:
    store.release(store.claim_due(NOW, limit=9, lease=HOUR), NOW)
    store.claim_due(NOW, limit=9, lease=HOUR)
    before = changes(store)
    marker = (tmp_path / "aggregator.marker").read_bytes()
    match what:
        case "sync":
            store.sync_sources([store.states()[0].source], NOW + HOUR)
        case "claim":
            assert store.claim_due(NOW, limit=9, lease=HOUR) == []
        case "release":
            store.release([Claim(PollState(replace(store.states()[0].source, id="unknown"), NOW), HostState(""))], NOW)
        case "prune":
            assert store.prune(NOW + 9999 * HOUR) == 0
        case "wrote":
            store.wrote_files([])

    assert changes(store) == before
    assert (tmp_path / "aggregator.marker").read_bytes() == marker


def plans(store: SqliteStore, query: RecordQuery) -> str:
    """Return how SQLite comes by a page, all statements together."""
    with store._engine.reading() as connection:
        statements: list[str] = []
        connection.set_trace_callback(statements.append)
    store.page(query)
    with store._engine.reading() as connection:
        connection.set_trace_callback(None)
        return "\n".join(
            row[3]
            for statement in statements
            if statement.startswith("SELECT")
            for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")
        )


@pytest.mark.parametrize(
    ("query", "index"),
    [
        pytest.param(RecordQuery(), "SCAN records USING COVERING INDEX records_newest", id="all"),
        pytest.param(RecordQuery(since=NOW - 9 * HOUR), "COVERING INDEX records_newest (published>?)", id="since"),
        pytest.param(RecordQuery(sources=["s"]), "INDEX records_of_source (source=?)", id="a source"),
        pytest.param(RecordQuery(categories=["a"]), "INDEX records_of_category (category=?)", id="a category"),
        pytest.param(
            RecordQuery(arrived_since=NOW), "INDEX records_first_seen (first_seen>?)", id="what arrived lately"
        ),
    ],
)
def test_a_page_comes_from_an_index(store: SqliteStore, query: RecordQuery, index: str) -> None:
    plan = plans(store, query)

    assert index in plan
    assert "SCAN r\n" not in plan


def test_a_page_after_a_cursor_starts_at_its_place_in_the_index(store: SqliteStore) -> None:
    before = store.page(RecordQuery(limit=1)).next
    plan = plans(store, RecordQuery(before=before))

    assert "SEARCH records USING INDEX records_newest (published<?)" in plan
    assert "TEMP B-TREE" not in plan


def test_a_claim_goes_through_what_is_due_in_order(store: SqliteStore) -> None:
    statements: list[str] = []
    connection = store._engine.writing
    store._engine.on_writer(lambda: connection.set_trace_callback(statements.append))
    store.claim_due(NOW + HOUR, limit=1, lease=HOUR)
    store._engine.on_writer(lambda: connection.set_trace_callback(None))
    with store._engine.reading() as reader:
        plan = "\n".join(
            row[3]
            for statement in statements
            if "sources_due" in statement
            for row in reader.execute(f"EXPLAIN QUERY PLAN {statement}")
        )

    assert "SEARCH sources USING INDEX sources_due (<expr>=? AND next_poll_at<?)" in plan
    assert "TEMP B-TREE" not in plan


def test_a_store_that_is_up_to_date_opens_without_sqlite_utils(tmp_path: Path) -> None:
    SqliteStore.open(tmp_path).close()
    code = (
        "import sys; from pathlib import Path; from storage.sqlite import SqliteStore; "
        "SqliteStore.open(Path(sys.argv[1])).close(); sys.exit('sqlite_utils' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code, tmp_path], check=False).returncode == 0


def test_readers_are_lent_again(store: SqliteStore) -> None:
    for _ in range(50):
        store.get("key1")
        with pytest.raises(ValueError, match="not a place"):
            store.page(RecordQuery(before="nonsense"))

    assert len(store._engine._idle) == 1
