"""Records in the order of their arrival, by ranges of arrival numbers, and the names of views that a store keeps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from plugins.telling import NOON, record, sources, tell
from storage.contract import Store
from storage.record import Record
from storage.sqlite import SqliteStore
from storage.values import RecordQuery


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(SqliteStore.open(tmp_path)) as store:
        store.sync_sources(sources("paper", "gazette", "planet"), NOON)
        for number in range(4):
            tell(store, *(a(source, f"{source} {number}{place}", place) for place in range(2) for source in ["paper"]))
            tell(store, a("gazette", f"gazette {number}", categories=("News", "g", "latest")))
        yield store


def a(source: str, name: str, position: int = 0, **changes: object) -> Record:
    return record(source, name, None, position=position, **changes)


def titles(store: Store, before: Record | None = None, **query: object) -> list[str]:
    return [one.title for one in store.arrived(RecordQuery(**query), before)]  # type: ignore[arg-type]


def test_the_last_that_arrived_comes_first_and_of_one_poll_the_last_of_the_document(store: Store) -> None:
    assert titles(store, limit=4) == ["gazette 3", "paper 31", "paper 30", "gazette 2"]


def test_a_range_of_arrivals_is_half_open(store: Store) -> None:
    assert titles(store, arrivals=(2, 4)) == ["paper 11", "paper 10", "gazette 0"]
    assert titles(store, arrivals=(0, 2)) == ["paper 01", "paper 00"]
    assert titles(store, arrivals=(9, 1 << 60)) == []
    assert titles(store, arrivals=(8, 1 << 60)) == ["gazette 3"]


def test_it_goes_on_before_a_record_that_is_stored_no_more(store: Store) -> None:
    last = store.arrived(RecordQuery(limit=1))[0]
    store.purge("gazette")

    assert titles(store, last, limit=3) == ["paper 31", "paper 30", "paper 21"]


def test_sources_categories_and_words_choose(store: Store) -> None:
    assert titles(store, sources=("gazette",), limit=2) == ["gazette 3", "gazette 2"]
    assert titles(store, categories=("News",), arrivals=(0, 5)) == ["gazette 1", "gazette 0"]
    assert titles(store, sources=("paper",), categories=("News",)) == []
    assert titles(store, sources=()) == []


def test_hidden_records_and_backlog_are_passed_over(store: Store) -> None:
    tell(store, a("planet", "old", backlog=True))
    store.mark_hidden({a("gazette", "gazette 3").key: "by hand"})

    assert titles(store, limit=1) == ["paper 31"]
    assert titles(store, limit=1, backlog=True) == ["old"]


def test_names_of_views_are_kept_for_good(tmp_path: Path) -> None:
    with closing(SqliteStore.open(tmp_path)) as store:
        store.note_views(["news", "产品"])
        store.note_views(["news"])
    with closing(SqliteStore.open_readonly(tmp_path)) as store:
        assert store.views() == {"news", "产品"}


@pytest.mark.parametrize("query", [{}, {"sources": ("paper", "gazette")}, {"categories": ("c", "News")}])
def test_of_records_by_their_keys_those_come_that_the_rest_of_the_query_asks_for(
    store: Store, query: dict[str, object]
) -> None:
    keys = frozenset((a("paper", "paper 20").key, a("gazette", "gazette 1").key, "unknown"))

    found = store.page(RecordQuery(keys=keys, limit=3, **query)).records  # type: ignore[arg-type]
    other = store.page(RecordQuery(keys=keys, sources=("planet",), limit=3)).records

    assert [one.title for one in found] == ["paper 20", "gazette 1"]
    assert other == ()
