"""Choose which records stand in a merged feed, and in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from aggregator.model import View
from storage.record import Record
from storage.values import RecordQuery

MOST = 500
"""Records that a feed holds at most."""


def members(view: View) -> tuple[RecordQuery, ...]:
    """
    Return the queries whose records together are all that may stand in the view.

    They are also what to ask the store's `newest_arrival` with; the view's is the latest of the answers.
    """
    all_ = RecordQuery(backlog=view.backlog, limit=MOST, text=view.query)
    queries = []
    if view.sources:
        queries.append(replace(all_, sources=view.sources))
    if view.categories:
        queries.append(replace(all_, categories=view.categories))
    return tuple(queries) or (all_,)


def plan(view: View, newest_arrival: datetime | None) -> tuple[RecordQuery, ...]:
    """
    Return the queries of whose first pages `select` makes the feed.

    `newest_arrival` is the latest in the view, None where nothing has arrived. A cap per source lets older records
    of the others rise, so there a whole feed's worth is asked for.
    """
    newest = _entries(view) if view.per_source is None else MOST
    queries = [replace(query, limit=newest) for query in members(view)]
    if newest_arrival is None:
        return tuple(queries)
    # Backlog is what nobody waits for: it came with the source, and is no reason to make its feed longer.
    arrived_since = newest_arrival - view.window
    return (
        *queries,
        *(replace(query, backlog=False, arrived_since=arrived_since) for query in members(view)),
    )


def select(view: View, newest_arrival: datetime | None, records: Iterable[Record]) -> tuple[Record, ...]:
    """
    Return the records of the feed in its order, from those that `plan` asked for, in whatever order they come.

    The newest `entries` together with all that arrived within `window` before `newest_arrival`, at most 500, each
    source's newest `per_source` of them; no hidden ones, no record twice.
    """
    shown = {record.key: record for record in records if record.hidden is None and (view.backlog or not record.backlog)}
    ordered = _capped(sorted(shown.values(), key=order), view.per_source)
    if newest_arrival is None:
        return tuple(ordered[: _entries(view)])
    since = newest_arrival - view.window
    chosen = [
        record
        for place, record in enumerate(ordered)
        if place < _entries(view) or (record.first_seen >= since and not record.backlog)
    ]
    return tuple(chosen[:MOST])


def order(record: Record) -> tuple[timedelta, int, int, str]:
    """Return what sorts records: newest first by date shown, then later arrivals, the publisher's order, the key."""
    return _EPOCH - record.published, -record.arrival, record.position, record.key


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def _entries(view: View) -> int:
    return max(1, min(view.entries, MOST))


def _capped(ordered: Iterable[Record], per_source: int | None) -> list[Record]:
    """Return the first `per_source` records of each source."""
    if per_source is None:
        return list(ordered)
    seen: Counter[str] = Counter()
    kept = []
    for record in ordered:
        seen[record.source_id] += 1
        if seen[record.source_id] <= per_source:
            kept.append(record)
    return kept
