"""Bringing the record files up to date, on a disk and a store that refuse now and then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aggregator.filing import BATCH, FEW, Filer
from aggregator.intake import read
from aggregator.model import Fetched, Polling, Server, Settings, Source, Storage
from aggregator.reconcile import asked, reconcile
from aggregator.rows import source_row
from storage.contract import StoreFullError
from storage.posts import Posts
from storage.sqlite import SqliteStore
from storage.states import HostState, PollState, Validators
from storage.values import Poll, RecordFile

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SOURCE = Source(id="a", url="https://a.example/feed", name="A")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore.open(tmp_path / "data")
    yield made
    made.close()


def settings(folder: Path) -> Settings:
    return Settings(folder / "feeds.yaml", Server(), Storage(folder), Polling(), (SOURCE,))


def fill(store: SqliteStore, count: int) -> None:
    items = "".join(f"<item><guid>urn:x:{n}</guid><title>Title {n}</title></item>" for n in range(count))
    body = f"<rss version='2.0'><channel><title>F</title>{items}</channel></rss>".encode()
    reading = read(SOURCE, Fetched(SOURCE.url, 200, {}, body, Validators()), NOON)
    row = source_row(SOURCE)
    store.sync_sources([row], NOON)
    changes = reconcile(store.known("a", *asked(reading)), reading, SOURCE, NOON)
    store.save_polls([Poll(PollState(row, next_poll_at=NOON), HostState(row.host), changes)], NOON)


def test_a_store_that_is_full_is_told_and_the_next_pass_goes_on(store: SqliteStore, tmp_path: Path) -> None:
    fill(store, 3)
    filer = Filer(store, Posts(tmp_path / "records", sync=False))
    remember = store.wrote_files

    def full(files: list[RecordFile]) -> None:
        raise StoreFullError("no space left in /data")

    store.wrote_files = full  # type: ignore[method-assign,assignment]  # a disk that fills up in between
    filer.bring_up_to_date(settings(tmp_path))
    trouble = filer.trouble
    store.wrote_files = remember  # type: ignore[method-assign]
    filer.bring_up_to_date(settings(tmp_path))

    assert trouble == "no space left in /data"
    assert filer.trouble is None
    assert store.unwritten() == []
    assert len(list((tmp_path / "records").rglob("*.md"))) == 3


def test_a_pass_that_is_told_to_stop_leaves_the_rest_for_the_next(store: SqliteStore, tmp_path: Path) -> None:
    fill(store, BATCH + 10)
    filer = Filer(store, Posts(tmp_path / "records", sync=False))
    answers = iter([True, False])

    first = filer.bring_up_to_date(settings(tmp_path), lambda: next(answers))
    second = filer.bring_up_to_date(settings(tmp_path))

    assert (first.written, second.written) == (BATCH, 10)
    assert filer.trouble is None


def test_it_gives_way_before_a_few_at_a_time(store: SqliteStore, tmp_path: Path) -> None:
    gave = []
    fill(store, FEW + 1)

    Filer(store, Posts(tmp_path / "records", sync=False)).bring_up_to_date(
        settings(tmp_path), give_way=lambda: gave.append(1)
    )

    assert len(gave) == 2


def test_how_files_are_written_is_looked_up_once_for_many(store: SqliteStore, tmp_path: Path) -> None:
    fill(store, 50)
    looked = 0

    class Counted(tuple[Source, ...]):
        def __iter__(self) -> Iterator[Source]:
            nonlocal looked
            looked += 1
            return super().__iter__()

    many = replace(settings(tmp_path), sources=Counted((SOURCE,)))
    Filer(store, Posts(tmp_path / "records", sync=False)).bring_up_to_date(many)

    assert looked == 2  # for the forms, and for the rules
