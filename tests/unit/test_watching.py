"""What is kept of the health of sources, in a real store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aggregator.model import Polling, Server, Settings, Storage
from aggregator.watching import watch
from storage.sqlite import SqliteStore
from storage.states import HostState, SourceRow
from storage.values import Poll

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PAPER = SourceRow("paper", "Paper", "https://paper.example/feed", "paper.example", 0, 365, 5000, "d")

SETTINGS = Settings(Path("feeds.yaml"), Server(), Storage(Path()), Polling(), ())


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """A store with one source that failed twice."""
    made = SqliteStore.open(tmp_path)
    made.sync_sources([PAPER], NOW)
    yield made
    made.close()


def polled(store: SqliteStore, at: datetime, **changes: object) -> None:
    """Save a poll after which the source is so."""
    (state,) = store.states()
    told = replace(state, next_poll_at=at + HOUR, last_attempt_at=at, **changes)  # type: ignore[arg-type]  # fields
    store.save_polls([Poll(told, HostState("paper.example"))], at)


def fail(store: SqliteStore, at: datetime, kind: str = "timeout") -> None:
    """Save the second failure in a row."""
    polled(store, at, failures=2, failure_kind=kind, failure_detail="no answer", failing_since=at - HOUR)


def test_an_incident_begins_is_kept_and_ends(store: SqliteStore) -> None:
    fail(store, NOW)
    begun = watch(store, SETTINGS, NOW).told
    again = watch(store, SETTINGS, NOW + timedelta(minutes=1)).told
    polled(store, NOW + HOUR, failures=0, failure_kind=None, failing_since=None, last_success_at=NOW + HOUR)

    ended = watch(store, SETTINGS, NOW + HOUR).told

    assert [(one.source_id, one.state, one.began_at) for one in begun] == [("paper", "failing", NOW - HOUR)]
    assert again == ()
    assert [one.ended_at for one in ended] == [NOW + HOUR]
    assert store.incidents() == list(ended)


def test_without_a_network_nothing_begins(store: SqliteStore) -> None:
    fail(store, NOW, kind="offline")

    assert watch(store, SETTINGS, NOW).told == ()
    assert store.incidents() == []


def test_the_line_for_the_service_manager_names_the_worst_first(store: SqliteStore) -> None:
    polled(store, NOW, last_success_at=NOW)
    well = watch(store, SETTINGS, NOW).line
    fail(store, NOW)

    failing = watch(store, SETTINGS, NOW).line

    assert well == "polling 1 source, all well"
    assert failing == "polling 1 source: 1 failing"


def test_the_line_says_that_there_is_no_network(store: SqliteStore) -> None:
    fail(store, NOW, kind="offline")

    assert watch(store, SETTINGS, NOW).line == "polling 1 source: offline, no host can be reached"
