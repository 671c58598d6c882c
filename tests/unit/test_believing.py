"""Which clock is believed when it says that records are old."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aggregator.calm import moved
from aggregator.daemon.believing import Belief, is_new
from storage.sqlite import SqliteStore
from storage.states import Attempt, HostState, PollState, SourceRow
from storage.values import Changes, Poll

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY, HOUR, YEAR = timedelta(days=1), timedelta(hours=1), timedelta(days=365)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore.open(tmp_path)) as opened:
        opened.sync_sources([SourceRow("a", "A", "https://a.example/", "a.example", 1, 365, 5000, "")], NOW - 30 * DAY)
        yield opened


def polled(store: SqliteStore, at: datetime) -> None:
    """Keep a poll that was made when the clock showed this."""
    [state] = store.states()
    [claim] = store.claim_due(at, limit=1, lease=HOUR, per_host=1, due=False)
    state = PollState(state.source, at + HOUR, last_attempt_at=at, last_success_at=at)
    store.save_polls([Poll(state, claim.host, Changes(), Attempt(at, HOUR / 3600, "unchanged", 304))], at)


def test_a_clock_at_whose_word_we_polled_yesterday_is_believed_at_once(store: SqliteStore) -> None:
    polled(store, NOW - 30 * HOUR)
    polled(store, NOW - HOUR)

    assert Belief().holds(store, NOW, 5.0)


def test_a_clock_a_year_ahead_is_not_believed_though_it_polled_since(store: SqliteStore) -> None:
    polled(store, NOW - 30 * HOUR)
    polled(store, NOW - HOUR)
    polled(store, NOW + YEAR)

    assert not Belief().holds(store, NOW + YEAR + HOUR, 5.0)


def test_what_is_moved_along_with_a_clock_that_jumps_is_no_reason_to_believe_it(store: SqliteStore) -> None:
    polled(store, NOW - 30 * HOUR)
    [state] = store.states()

    store.save_polls([Poll(moved(state, YEAR), HostState("a.example"))], NOW + YEAR)

    assert not Belief().holds(store, NOW + YEAR, 5.0)


def test_it_is_believed_after_it_has_gone_on_for_a_day(store: SqliteStore) -> None:
    belief = Belief()
    polled(store, NOW - 30 * HOUR)

    assert not belief.holds(store, NOW + YEAR, 0.0)
    assert not belief.holds(store, NOW + YEAR + 23 * HOUR, 23 * 3600.0)
    assert belief.holds(store, NOW + YEAR + 24 * HOUR, 24 * 3600.0)


def test_it_is_believed_after_a_day_of_new_starts(store: SqliteStore) -> None:
    polled(store, NOW - 30 * HOUR)
    polled(store, NOW + YEAR)
    polled(store, NOW + YEAR + 25 * HOUR)

    assert Belief().holds(store, NOW + YEAR + 25 * HOUR, 5.0)


def test_a_clock_that_jumps_while_we_run_is_believed_no_more(store: SqliteStore) -> None:
    belief = Belief()
    belief.holds(store, NOW, 0.0)

    assert belief.holds(store, NOW + DAY, 24 * 3600.0)
    assert not belief.holds(store, NOW + DAY + YEAR, 24 * 3600.0 + 60)


def test_one_that_comes_back_from_ahead_is_believed_again(store: SqliteStore) -> None:
    belief = Belief()
    polled(store, NOW - 30 * HOUR)
    polled(store, NOW + YEAR)

    assert not belief.holds(store, NOW + YEAR, 0.0)
    polled(store, NOW)
    assert belief.holds(store, NOW, 60.0)


def test_a_machine_that_was_off_for_long_waits_a_day(store: SqliteStore) -> None:
    polled(store, NOW - 20 * DAY)

    assert not Belief().holds(store, NOW, 5.0)


def test_a_store_that_was_polled_in_its_last_day_alone_is_new(store: SqliteStore) -> None:
    polled(store, NOW - HOUR)

    assert is_new(store, NOW)


def test_a_store_that_was_polled_long_ago_is_not_new_whatever_the_clock_says(store: SqliteStore) -> None:
    polled(store, NOW - HOUR)

    assert not is_new(store, NOW + YEAR)
