"""Ten thousand hostile queries: none is an error, none takes long, and each finds what its own words say."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from unit import feed_rules_samples as samples

from aggregator import indexing
from storage.search import both, parse, snippet
from storage.sqlite import SqliteStore
from storage.values import RecordQuery

QUERIES = 100_000 if os.environ.get("LONG") == "1" else 10_000
MOST = 5_000
"""Milliseconds that a query may take on a busy machine; it takes about one."""
TEXTS = (
    "产品经理，大模型 AI",
    "Open source \"quotes\" and 'more'",
    "café 5G时代 C++",
    "かな 한국어 😀 𠮷野家",
    "a b c AND OR NOT NEAR",
)
PARTS = (
    '"', "'", "*", "^", "(", ")", "((((", "))))", "NEAR(", "NEAR/3", " AND ", " OR ", " NOT ", "-", "--", "+", ":", "{", "}", "[", "]",
    "title:", "author:", "text :", "{title text} :", "- title:", "source:", "category:", "tag:", "since:", "since:7d", "since:9999w",
    "since:2026-01-01", "since:0001-01-01T00:00:00+23:59", "rowid:1", "search", "rank", ";", "--x", "/*", "%", "_", "\\", "\0", "\x01",
    "\ud800", "\udfff", "\ufffe", "\u202e", "\u200b", "\u00ad", "\u0301", "\u3099", "ﾞ", "ﷺ", "ß", "İ", "ǅ", "𠮷", "😀", "👨‍👩‍👧", "产", "品",
    "大模型", "臺", "ＡＩ", "AI", "a", "b", "C++", "café", "かな", "한", "ก็", "हि", "0", "9" * 30, "x" * 200, "产" * 200, " ", "\n", "\t", "　",
)  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteStore]:
    """A store with a record for each of the texts, and some more."""
    rows = [replace(row, html=f"<p>{TEXTS[n % len(TEXTS)]}</p>") for n, row in enumerate(samples.numbered(25))]
    with closing(samples.a_store(tmp_path_factory.mktemp("fuzz"), *rows)) as made:
        indexing.bring_up_to_date(made)
        yield made


def queries() -> Iterator[str]:
    """Yield queries made of what means something to somebody, the same ones at every run."""
    dice = random.Random(20260301)
    for number in range(QUERIES):
        many = dice.choice((1, 2, 3, 5, 8, 20)) if number % 100 else 600
        parts = dice.choices(PARTS, k=many)
        if number % 7 == 0:
            parts.insert(dice.randrange(len(parts) + 1), "".join(chr(dice.randrange(1, 0x11000)) for _ in range(5)))
        yield dice.choice(("", " ")).join(parts)


def test_no_query_is_an_error_and_none_takes_long(store: SqliteStore) -> None:
    slow: dict[str, float] = {}
    for query in queries():
        began = time.perf_counter()
        page = store.page(RecordQuery(text=query, limit=3))
        snippet(TEXTS[0], parse(query))
        took = 1000 * (time.perf_counter() - began)
        assert len(page.records) <= 3
        if took > MOST:
            slow[query] = took

    assert slow == {}


def test_every_piece_alone_is_no_error_to_the_index_either(store: SqliteStore) -> None:
    from storage.sqlite import choosing
    from storage.sqlite.searching import Effort

    with store._engine.reading() as connection:
        for part in PARTS:
            for text in (part, f"产品 -{part}", f'-{part} -"{part} 产"', f"title:{part}"):
                query = RecordQuery(text=text, limit=3)
                found = choosing.newest(connection, query, Effort(1, 1, 100))
                assert found == choosing.newest(connection, query), text


def test_what_two_ask_for_is_what_both_find(store: SqliteStore) -> None:
    dice = random.Random(7)
    for _ in range(300):
        first, second = ("".join(dice.choices(PARTS, k=dice.choice((1, 2, 3)))) for _ in range(2))

        found = {record.key for record in store.page(RecordQuery(text=both(first, second), limit=50)).records}

        apart = [{r.key for r in store.page(RecordQuery(text=one, limit=50)).records} for one in (first, second)]
        assert found == apart[0] & apart[1], (first, second)
