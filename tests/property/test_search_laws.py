"""Search finds what a plain look through the texts finds, and takes any input."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugins.records import plain_record
from storage.record import DateSource, Record, key_of
from storage.search import fold, parse, snippet
from storage.sqlite import SqliteStore
from storage.states import HostState, PollState, SourceRow
from storage.values import Changes, Poll, RecordQuery, Searchable

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SOURCE = SourceRow("a", "A site", "https://a.example/", "a.example", 0, 365, 5000, "")
ALPHABET = "产品经理大模型后後台臺的，。 ab1!"
TEXTS = st.lists(st.text(ALPHABET, max_size=30), min_size=1, max_size=8)
once = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore.open(tmp_path)) as made:
        made.sync_sources([SOURCE], NOW)
        yield made


def fill(store: SqliteStore, texts: list[str]) -> None:
    """Let the store hold one record for each text, and no others."""
    have = {record.key for record in store.page(RecordQuery(limit=500)).records}
    records = [_record(number, text) for number, text in enumerate(texts)]
    new = tuple(record for record in records if record.key not in have)
    updated = tuple(record for record in records if record.key in have)
    state = PollState(SOURCE, next_poll_at=NOW)
    store.save_polls([Poll(state, HostState("a.example"), Changes(new=new, updated=updated))], NOW)
    while waiting := store.unsearched():
        store.index([Searchable(w.record.key, w.change, w.record.title, "", w.record.html) for w in waiting])


def _record(number: int, text: str) -> Record:
    key = key_of("a", str(number))
    return plain_record(
        at=NOW,
        key=key,
        public_id=f"tag:{key}",
        source_id="a",
        identity=str(number),
        date_source=DateSource.FIRST_SEEN,
        html=text,
        digest=text,
        position=number,
    )


@once
@given(texts=TEXTS, word=st.text("产品经理大模型后後台臺的", min_size=1, max_size=3))
def test_a_chinese_word_of_any_length_is_found_wherever_it_stands(
    store: SqliteStore, texts: list[str], word: str
) -> None:
    texts = [*texts, *[""] * (8 - len(texts))]
    fill(store, texts)

    found = {record.html for record in store.page(RecordQuery(text=word, limit=50)).records}

    assert {text for text in texts if fold(word) in fold(text)} <= found
    spaceless = {text: "".join(c for c in fold(text) if c.isalnum()) for text in texts}
    assert all(fold(word) in spaceless[text] for text in found)


@once
@given(text=st.text(max_size=60))
def test_no_input_is_an_error(store: SqliteStore, text: str) -> None:
    fill(store, ["产品 words", "another"])

    page = store.page(RecordQuery(text=text, limit=50))

    assert len(page.records) <= 8
    assert "".join(piece.text for piece in snippet("产品 words", parse(text))) == "产品 words"


def test_an_edited_record_is_found_by_what_it_says_now(store: SqliteStore) -> None:
    fill(store, ["before"])
    number = store.indexed()

    fill(store, ["after"])

    assert [record.html for record in store.page(RecordQuery(text="after")).records] == ["after"]
    assert store.page(RecordQuery(text="before")).records == ()
    assert store.indexed() > number


def test_what_is_hidden_or_unwanted_is_not_found(store: SqliteStore) -> None:
    fill(store, ["one two", "one", "one three"])
    [hidden] = [record for record in store.page(RecordQuery(limit=50)).records if record.html == "one three"]
    state = PollState(SOURCE, next_poll_at=NOW)
    changes = Changes(updated=(replace(hidden, hidden="by a rule"),))
    store.save_polls([Poll(state, HostState("a.example"), changes)], NOW)

    assert [record.html for record in store.page(RecordQuery(text="one -two")).records] == ["one"]


def test_a_record_that_is_removed_leaves_the_index(store: SqliteStore) -> None:
    fill(store, ["kept", "let go"])
    engine = store._engine
    engine.write(lambda connection, _: connection.execute("DELETE FROM records WHERE position = 1"))

    assert store.page(RecordQuery(text="go")).records == ()
    engine.write(lambda connection, _: connection.execute("INSERT INTO search (search) VALUES ('integrity-check')"))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("source:site", 1), ("source:A", 1), ("-source:site", 0), ("category:C", 1), ("category:s", 0),
        ("since:2026-03-01", 1), ("since:2026-03-02", 0), ("since:1d", 1), ("title:hello", 0), ("", 1), ("-hello", 0),
    ],
)  # fmt: skip
def test_what_is_no_word_chooses_too(store: SqliteStore, text: str, found: int) -> None:
    fill(store, ["hello"])

    assert len(store.page(RecordQuery(text=text)).records) == found
