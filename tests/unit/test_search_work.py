"""What a search costs in a store of 20,000 records: how much of it is read, not how long that takes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from storage.sqlite import SqliteStore, choosing, searching
from storage.sqlite.searching import Effort
from storage.values import RecordQuery

sys.path.append(str(Path(__file__).parents[2]))  # `bench` stands beside `tests`
from bench.search import SOURCES, make

RECORDS = 20_000
STEP = 100
"""Instructions of SQLite's machine between two counts."""


@dataclass
class Work:
    instructions: int = 0
    asked_the_index: bool = False


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteStore]:
    folder = tmp_path_factory.mktemp("big")
    make(folder, RECORDS, first=1000)
    with closing(SqliteStore.open_readonly(folder)) as opened:
        yield opened


def work_of(store: SqliteStore, query: RecordQuery) -> Work:
    """Return what a page costs beyond loading its records; the store has one reader, which is used again."""
    work = Work()

    def count() -> int:
        work.instructions += STEP
        return 0

    def heard(statement: str) -> None:
        work.asked_the_index |= "search MATCH" in statement

    with store._engine.reading() as connection:
        connection.set_progress_handler(count, STEP)
        connection.set_trace_callback(heard)
    try:
        store.page(query)
    finally:
        with store._engine.reading() as connection:
            connection.set_progress_handler(None, STEP)
            connection.set_trace_callback(None)
    return work


@pytest.mark.parametrize(
    ("name", "query", "most"),
    [
        ("newest", RecordQuery(), 15_000),
        ("of a source", RecordQuery(sources=["s7"]), 15_000),
        ("of a category", RecordQuery(categories=["c3"]), 15_000),
        ("of all sources", RecordQuery(sources=[f"s{n}" for n in range(SOURCES)]), 25_000),
    ],
)
def test_the_newest_are_read_and_no_others(store: SqliteStore, name: str, query: RecordQuery, most: int) -> None:
    first = work_of(store, query)
    before = None
    for _ in range(20):
        before = store.page(RecordQuery(before=before)).next

    deep = work_of(store, RecordQuery(before=before))

    assert first.instructions < most
    assert deep.instructions < 20_000
    assert not first.asked_the_index


@pytest.mark.parametrize("text", ["的", "百万", "title:百万", "百万 tag:eng", "-罕见"])
def test_a_common_word_is_found_in_the_newest_texts(store: SqliteStore, text: str) -> None:
    work = work_of(store, RecordQuery(text=text))

    assert not work.asked_the_index
    assert work.instructions < 60_000


@pytest.mark.parametrize("text", ["罕见", "不见于此处", "年糕 罕见", "罕见 -年糕"])
def test_a_rare_word_is_found_by_the_index(store: SqliteStore, text: str) -> None:
    work = work_of(store, RecordQuery(text=text))

    assert work.asked_the_index
    assert work.instructions < 450_000  # the ids of all 20,000 are the most that is read


def test_a_category_is_found_without_reading_every_record(store: SqliteStore) -> None:
    work = work_of(store, RecordQuery(text="category:c3"))

    assert work.instructions < 20_000


@pytest.mark.parametrize(
    "text",
    [
        *("的", "年糕", "罕见", "-百万", "百万 年糕", "的不", "不见于此处", "title:年糕", "-的"),
        "百万 " + " ".join(f"-{n}" for n in range(12)),
        "的 百 万 年 糕 百万 年糕 title:年 title:糕 title:的 title:年糕",
        "-罕 -见 -罕见 -a -b -c -d -e -f -年糕",
    ],
)
@pytest.mark.parametrize("narrowed", [{}, {"categories": ["c7"]}, {"sources": ["s7", "s11"]}])
def test_however_it_is_found_it_is_the_same(store: SqliteStore, text: str, narrowed: dict[str, list[str]]) -> None:
    query = RecordQuery(text=text, limit=30, **narrowed)
    ways = {
        "as it is": Effort(),
        "by the texts": Effort(RECORDS, 1, 1),
        "by the index of the newest": Effort(1, RECORDS, 1),
        "by all hits, sorted": Effort(1, 1, RECORDS),
        "by all hits, walked": Effort(1, 1, 0),
    }

    with store._engine.reading() as connection:
        found = {name: choosing.newest(connection, query, effort) for name, effort in ways.items()}
        newest = {name: choosing.newest_arrival(connection, query, effort) for name, effort in ways.items()}

    assert found == dict.fromkeys(ways, found["by the texts"])
    assert newest == dict.fromkeys(ways, newest["by the texts"])


@pytest.mark.parametrize("sign", ["", "-"])
def test_of_many_words_the_index_is_asked_for_the_longest(store: SqliteStore, sign: str) -> None:
    with store._engine.reading() as connection:
        asked = searching.asked(connection, " ".join(f"{sign}{'w' * n}" for n in range(1, 41)))

    assert (asked.match or asked.refuse).count('"') == 16
    assert "w" * 40 in (asked.match or asked.refuse)
    assert not asked.exact


def test_what_arrived_of_late_and_holds_a_word_is_found_in_the_texts(store: SqliteStore) -> None:
    newest = store.newest_arrival()
    assert newest is not None

    work = work_of(store, RecordQuery(text="百万", arrived_since=newest - timedelta(hours=2), limit=500))

    assert not work.asked_the_index
    assert work.instructions < 20_000
