"""`python -m bench.store`: what claiming and saving polls costs, by the number of sources, over a store on disk."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import TypeVar

from storage.sqlite import SqliteStore
from storage.states import SourceRow
from storage.values import Poll

T = TypeVar("T")

ROUNDS = 5
BATCH = 32
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LEASE = timedelta(minutes=6)


def rows(count: int) -> list[SourceRow]:
    """Return sources on as many hosts."""
    return [
        SourceRow(f"s{at}", f"Source {at}", f"https://h{at}.example/feed", f"h{at}.example", at, 365, 5000, "x")
        for at in range(count)
    ]


def one_round(store: SqliteStore, now: datetime) -> dict[str, float]:
    """Return milliseconds by what was done, once."""
    found: dict[str, float] = {}

    def timed(name: str, work: Callable[[], T], per: int = 1) -> T:
        began = time.perf_counter()
        result = work()
        found[name] = found.get(name, 0.0) + 1000 * (time.perf_counter() - began) / per
        return result

    timed("claim, nothing due", lambda: store.claim_due(NOON, limit=2 * BATCH, lease=LEASE))
    claims = timed(f"claim {2 * BATCH} of all", lambda: store.claim_due(now, limit=2 * BATCH, lease=LEASE))
    polls = [
        Poll(replace(claim.state, lease_until=None, next_poll_at=NOON + timedelta(days=30), polls=1), claim.host)
        for claim in claims
    ]
    timed("save a poll, each alone", lambda: [store.save_polls([poll], now) for poll in polls[:BATCH]], BATCH)
    timed(f"save a poll, {BATCH} together", lambda: store.save_polls(polls[BATCH:], now), BATCH)
    return found


def measured(count: int, folder: Path) -> dict[str, float]:
    """Return milliseconds by what was done, medians."""
    store = SqliteStore.open(folder)
    try:
        store.sync_sources(rows(count), NOON + timedelta(hours=1))  # nobody is due at noon
        rounds = [one_round(store, NOON + timedelta(hours=2 + at)) for at in range(ROUNDS)]
    finally:
        store.close()
    return {name: median(one[name] for one in rounds) for name in rounds[0]}


def main() -> None:
    """Print the medians, a column for each number of sources."""
    columns = {}
    for count in (1_000, 10_000, 100_000):
        with tempfile.TemporaryDirectory() as folder:
            columns[count] = measured(count, Path(folder))
    print(f"{'ms, medians':32}" + "".join(f"{count:>12,}" for count in columns))
    for name in columns[1_000]:
        print(f"{name:32}" + "".join(f"{column[name]:12.3f}" for column in columns.values()))


if __name__ == "__main__":
    main()
