"""Records that come back from an archive: each under its own names, in the order in which they once arrived."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from storage.record import Record
from storage.sqlite.polling import add_removed
from storage.sqlite.saving import Batch, append, free_id, rewrite, wrote_files
from storage.states import SourceRow
from storage.values import Archived, Restored

_NEVER = -1
"""Before every change: what is written so stays to be written."""

_Place = tuple[int, int, str]
"""Arrival, position, key: what the ids of records follow (schema)."""


@dataclass(slots=True)
class _Coming:
    """What one transaction brings back, and where the order of what is stored ends."""

    batch: Batch
    last: _Place
    update: bool
    new: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    given: dict[int, int] = field(default_factory=dict)
    """New arrival numbers by those that could not be kept."""


def restore(
    connection: sqlite3.Connection,
    archived: Sequence[Archived],
    sources: Sequence[SourceRow],
    now: datetime,
    change: int,
    *,
    update: bool,
) -> Restored:
    """Take the records back; `change` is the number of the commit that this becomes."""
    for source in sources:
        add_removed(connection, source, now)
    numbers = {id_: (n, url) for n, id_, url in connection.execute("SELECT n, id, url FROM sources")}
    if unknown := next((one.record.source_id for one in archived if one.record.source_id not in numbers), None):
        raise LookupError(f"the store knows no source {unknown!r}")
    coming = _begun(connection, now, change, update=update)
    before = coming.batch.arrival
    for one in sorted(archived, key=lambda one: (one.record.arrival or 2**63, one.record.position, one.record.key)):
        _take(connection, one, *numbers[one.record.source_id], coming)
    batch = coming.batch
    if batch.arrival != before or batch.changed:
        connection.execute(
            "UPDATE counters SET arrival = ?, revision = revision + ?", (batch.arrival, int(batch.changed))
        )
    return Restored(tuple(coming.new), tuple(coming.known), tuple(coming.updated), tuple(coming.gone))


def _begun(connection: sqlite3.Connection, now: datetime, change: int, *, update: bool) -> _Coming:
    arrival = connection.execute("SELECT arrival FROM counters").fetchone()[0]
    row = connection.execute("SELECT id, arrival, position, key FROM records ORDER BY id DESC LIMIT 1").fetchone()
    last_id, last = (row[0], row[1:]) if row else (0, (0, -1, ""))
    # A number below the counter is free only where nothing was ever given it: in the order, that is behind the last.
    return _Coming(Batch(now, change, arrival, last_id), last, update)


def _take(connection: sqlite3.Connection, one: Archived, n: int, url: str, coming: _Coming) -> None:
    record = one.record
    stored = connection.execute(
        "SELECT key, source FROM records WHERE key = ?1 UNION ALL "
        "SELECT key, source FROM records WHERE source = ?2 AND identity = ?3 LIMIT 1",
        (record.key, n, record.identity),
    ).fetchone()
    if stored is not None:
        written = rewrite(connection, record, n, coming.batch) if coming.update and stored == (record.key, n) else None
        (coming.updated if written else coming.known).append(stored[0])
    elif connection.execute(
        "SELECT 1 FROM tombstones WHERE source = ? AND name IN (?, ?)", (n, record.identity, record.alias)
    ).fetchone():
        coming.gone.append(record.key)
    else:
        _insert(connection, one, n, url, coming)


def _insert(connection: sqlite3.Connection, one: Archived, n: int, url: str, coming: _Coming) -> None:
    record, batch = one.record, coming.batch
    free = free_id(connection, record.public_id, url, record.first_seen, record.key)
    record = replace(record, public_id=free)
    arrival = _arrival(record, coming)
    # What has a number was shown before, under the ids that it brings.
    append(connection, [record], n, replace(batch, arrival=arrival - 1), join=not one.record.arrival)
    coming.last = (arrival, record.position, record.key)
    batch.last_id += 1
    batch.arrival = max(batch.arrival, arrival)
    batch.changed = True
    coming.new.append(record.key)
    if one.file is not None:
        as_it_was = record == one.record and arrival == (record.arrival or arrival)
        wrote_files(connection, [(one.file, None if one.written and as_it_was else _NEVER)])


def _arrival(record: Record, coming: _Coming) -> int:
    """Return the record's own arrival number where its place is behind all that is stored, else the next one."""
    wanted = coming.given.get(record.arrival, record.arrival)
    if wanted and (wanted, record.position, record.key) > coming.last:
        return wanted
    coming.given[record.arrival] = coming.batch.arrival + 1
    return coming.given[record.arrival]
