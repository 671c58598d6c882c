"""A source that is purged leaves nothing behind, and takes nothing of another one with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from plugins.records import plain_record
from storage.record import DateSource, Record, key_of
from storage.sqlite import SqliteStore
from storage.states import HostState, SourceRow
from storage.values import Changes, Poll, RecordFile, RecordQuery, Searchable

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """Two sources with an entry each, written and searchable."""
    with closing(SqliteStore.open(tmp_path)) as store:
        store.sync_sources([source("one"), source("two")], NOW)
        for claim in store.claim_due(NOW, limit=9, lease=timedelta(minutes=1)):
            new = record(claim.state.source.id)
            store.save_polls([Poll(claim.state, HostState(claim.state.source.host), Changes(new=(new,)))], NOW)
            store.wrote_files([RecordFile(new.key, f"{new.source_id}.md", "d", "c")])
        store.index([Searchable(one.record.key, one.change, "t", "a", "words") for one in store.unsearched()])
        yield store


def source(source_id: str) -> SourceRow:
    return SourceRow(source_id, source_id, f"https://{source_id}.example/", f"{source_id}.example", 0, 365, 5000, "d")


def record(source_id: str) -> Record:
    return plain_record(
        at=NOW,
        key=key_of(source_id, "1"),
        public_id=f"tag:{source_id}",
        source_id=source_id,
        identity="1",
        title="t",
        author="a",
        date_source=DateSource.FIRST_SEEN,
        html="<p>words</p>",
        digest="d",
    )


def test_records_files_and_state_go(store: SqliteStore) -> None:
    assert store.purge("one") == 1

    assert dict(store.counts()) == {"two": 1}
    assert [file.path for file in store.files()] == ["two.md"]
    assert [state.source.id for state in store.states()] == ["two"]
    assert [one.source_id for one in store.page(RecordQuery()).records] == ["two"]
    assert list(store.records_of("one")) == []


def test_a_source_that_comes_back_starts_anew(store: SqliteStore) -> None:
    store.purge("one")

    store.sync_sources([source("one"), source("two")], NOW)

    state = next(state for state in store.states() if state.source.id == "one")
    assert (state.last_attempt_at, state.validators.etag, state.next_poll_at) == (None, None, NOW)


def test_a_purge_is_seen_by_those_who_serve(store: SqliteStore) -> None:
    before = store.revision()

    store.purge("one")

    assert store.revision() > before


def test_a_source_that_never_was_takes_nothing_with_it(store: SqliteStore) -> None:
    before = store.revision()

    assert store.purge("three") == 0
    assert store.revision() == before
