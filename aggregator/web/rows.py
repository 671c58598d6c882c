"""How sources are, as rows: of all of them as JSON, a few at a time, or of some that are asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from heapq import merge

from aggregator.health import Row, State, Weather, paused_row, source_rows, weather_of
from aggregator.model import Settings, Source
from storage.contract import Store

MANY = 500
"""Of more sources than these all are read: that is quicker than naming each."""


def all_as_json(store: Store, settings: Settings, now: datetime) -> bytes:
    """
    Return the rows of all sources in the order of feeds.yaml, each on its line. Blocks: to be called in a thread.

    Of thirty-six thousand sources the rows would take 35 MB, and twice the text 40 MB more: neither stands as a whole.
    """
    lines = (json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") for row in _all(store, settings, now))
    return b"[\n" + b",\n".join(lines) + b"\n]\n"


def _all(store: Store, settings: Settings, now: datetime) -> Iterator[Row]:
    polled, counts = store.states(), store.counts()
    known, weather = {source.id: source for source in settings.sources}, weather_of(polled, now)

    def placed() -> Iterator[tuple[int, Row]]:
        for state in polled:
            written = known.get(state.source.id)
            (row,) = source_rows([state], counts, now, [written] if written else [], weather=weather)
            yield state.source.position, row

    paused = sorted(settings.paused, key=lambda source: source.position)
    rest = ((source.position, paused_row(source, counts.get(source.id, 0))) for source in paused)
    return (row for _, row in merge(placed(), rest, key=lambda one: one[0]))


def rows_of(store: Store, settings: Settings, sources: Sequence[Source], now: datetime) -> list[Row]:
    """Return the rows of these sources, as `all_as_json` has them; one that the store does not know yet is left out."""
    paused = {source.id for source in settings.paused}
    asked = {source.id for source in sources}
    polled = store.states(asked if len(asked) <= MANY else None)
    mine = [state for state in polled if state.source.id in asked]
    rest = [source for source in sources if source.id in paused]
    counts = store.counts()
    rows = source_rows(mine, counts, now, sources, rest, weather=Weather())
    if any(row["state"] in (State.LATE, State.SILENT) for row in rows):
        # Whether it is no fault of theirs, because all wait or rest, the others know.
        weather = weather_of(polled if len(asked) > MANY else store.states(), now)
        rows = source_rows(mine, counts, now, sources, rest, weather=weather)
    return rows
