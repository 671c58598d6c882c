"""What polls and time do to records: saving, ageing out, the files that are to be written."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain, count
from urllib.parse import urlsplit

from storage.record import Record, key_of, minted_id
from storage.sqlite import histories, stories
from storage.sqlite.polling import end_lease, save_host
from storage.sqlite.rows import BODY, CONTENT, FIXED, body_row, content_row, fixed_row, micros
from storage.sqlite.state_rows import STATE, state_row
from storage.values import Poll, RecordFile, Saved

_INSERT_RECORD = (
    f"INSERT INTO records (id, {', '.join(FIXED + CONTENT)}) VALUES (?, {','.join('?' * len(FIXED + CONTENT))})"  # noqa: S608 # own names only
)
_INSERT_BODY = f"INSERT INTO bodies (id, {', '.join(BODY)}) VALUES (?, {','.join('?' * len(BODY))})"  # noqa: S608 # own names only
_STORED = (
    f"SELECT r.id, {', '.join(f'r.{column}' for column in CONTENT)}, {', '.join(f'b.{column}' for column in BODY)} "  # noqa: S608 # own names only
    "FROM records r JOIN bodies b ON b.id = r.id WHERE r.key = ? AND r.source = ?"
)
_UPDATE_RECORD = f"UPDATE records SET {', '.join(f'{column} = ?' for column in CONTENT)} WHERE id = ?"  # noqa: S608 # own names only
_UPDATE_BODY = f"UPDATE bodies SET {', '.join(f'{column} = ?' for column in BODY)} WHERE id = ?"  # noqa: S608 # own names only
_UPDATE_STATE = f"UPDATE sources SET {', '.join(f'{column} = ?' for column in STATE)} WHERE n = ?"  # noqa: S608 # own names only
_FEED = STATE.index("feed")
_TAKEN = "SELECT 1 FROM records WHERE public_id = ?"
_LINK, _GUID = CONTENT.index("link"), CONTENT.index("guid")

_FAULTS_OF_ONE = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,
)
"""What a poll's own values can bring about; anything else is the store's fault, and the whole batch waits."""


@dataclass(slots=True)
class Batch:
    """What the polls of one transaction share: the numbers that they count on, and whether a reader sees a change."""

    now: datetime
    change: int
    """Number of this commit."""
    arrival: int
    """The newest arrival number given out."""
    last_id: int
    changed: bool = False


def save_polls(connection: sqlite3.Connection, polls: Sequence[Poll], now: datetime, change: int) -> list[Saved]:
    """Save each poll within a savepoint of its own; `change` is the number of the commit that this becomes."""
    arrival = connection.execute("SELECT arrival FROM counters").fetchone()[0]
    last_id = connection.execute("SELECT coalesce(max(id), 0) FROM records").fetchone()[0]
    batch = Batch(now, change, arrival, last_id)
    saved = [_save_alone(connection, poll, batch) for poll in polls]
    if batch.arrival != arrival or batch.changed:
        connection.execute(
            "UPDATE counters SET arrival = ?, revision = revision + ?", (batch.arrival, int(batch.changed))
        )
    return saved


def _save_alone(connection: sqlite3.Connection, poll: Poll, batch: Batch) -> Saved:
    before = replace(batch)
    connection.execute("SAVEPOINT poll")
    try:
        saved = _save(connection, poll, batch)
    except _FAULTS_OF_ONE as error:
        connection.execute("ROLLBACK TO poll")
        batch.arrival, batch.last_id, batch.changed = before.arrival, before.last_id, before.changed
        saved = Saved(poll.state.source.id, error=f"{type(error).__name__}: {error}")
    connection.execute("RELEASE poll")
    return saved


def _save(connection: sqlite3.Connection, poll: Poll, batch: Batch) -> Saved:
    source_id = poll.state.source.id
    row = connection.execute("SELECT n, url, settings_digest, feed FROM sources WHERE id = ?", (source_id,)).fetchone()
    if row is None:
        raise LookupError(f"the store knows no source {source_id!r}")
    n, url, settings_digest, feed = row

    state = poll.state
    if url == state.source.url:
        if settings_digest != state.source.settings_digest:
            state = replace(state, validators=type(state.validators)())
        values = state_row(state if state.lease_until is None else replace(state, lease_until=None))
        connection.execute(_UPDATE_STATE, (*values, n))
        batch.changed |= values[_FEED] != feed
    else:  # when to poll, redirects, failures: all of that is of an address that is not the source's any more
        end_lease(connection, source_id)
    if poll.attempt is not None:
        histories.note(connection, n, poll.attempt)
    for host in (poll.host, *poll.also_held):
        save_host(connection, host, batch.now)

    changes = poll.changes
    # Older pages first: what stands in the document itself is what arrived last.
    older = _insert(connection, [r for r in changes.new if r.key in changes.unlisted], n, url, batch)
    new = _insert(connection, [r for r in changes.new if r.key not in changes.unlisted], n, url, batch)
    updated = [key for record in changes.updated if (key := rewrite(connection, record, n, batch))]
    for record in changes.rekeyed:
        rewrite(connection, record, n, batch)
    _keep_marked(connection, changes.marked, n, batch)
    if changes.listed is not None:
        _mark_listed(connection, changes.listed | set(new), changes.withdrawn, n, batch.now)
    if changes.withdrawn:
        _mark_withdrawn(connection, changes.withdrawn, n, batch.now)
    return Saved(source_id, new=(*new, *older), updated=tuple(updated))


def _insert(connection: sqlite3.Connection, new: Sequence[Record], n: int, url: str, batch: Batch) -> list[str]:
    if not new:
        return []
    # Ids rise by the publisher's order, then key: the order of pages rests on it (schema).
    records = sorted(new, key=lambda record: (record.position, record.key))
    connection.execute("SAVEPOINT new")
    try:
        append(connection, records, n, batch)
    except sqlite3.IntegrityError:
        connection.execute("ROLLBACK TO new")
        records = []
        for record in sorted(new, key=lambda record: (record.position, record.key)):
            if free := _with_free_names(connection, record, n, url):
                records.append(free)
                append(connection, [free], n, replace(batch, last_id=batch.last_id + len(records) - 1))
    connection.execute("RELEASE new")
    if records:
        batch.last_id += len(records)
        batch.arrival += 1
        batch.changed = True
    return [record.key for record in records]


def append(
    connection: sqlite3.Connection, records: Sequence[Record], n: int, batch: Batch, *, join: bool = True
) -> None:
    """
    Insert records of one source behind all others, in the order given, under the arrival number that comes next.

    With `join` one that joins a story takes on the id under which that was shown.
    """
    ids = range(batch.last_id + 1, batch.last_id + 1 + len(records))
    arrival = batch.arrival + 1
    connection.executemany(
        _INSERT_RECORD,
        [(i, *fixed_row(record, n, arrival), *content_row(record)) for i, record in zip(ids, records, strict=True)],
    )
    connection.executemany(_INSERT_BODY, [(i, *body_row(record)) for i, record in zip(ids, records, strict=True)])
    changes = [(i, batch.change) for i in ids]
    connection.executemany("INSERT INTO unwritten (id, change) VALUES (?, ?)", changes)
    connection.executemany("INSERT INTO unsearched (id, change) VALUES (?, ?)", changes)
    named = [stories.Naming(i, record.link, record.guid) for i, record in zip(ids, records, strict=True)]
    stories.enter(connection, named, join=join)


def _with_free_names(connection: sqlite3.Connection, record: Record, n: int, url: str) -> Record | None:
    """Return the record under a key and a public id that nothing else has; None where it is stored already."""
    key, attempt = record.key, 0
    while row := connection.execute("SELECT source, identity FROM records WHERE key = ?", (key,)).fetchone():
        if row == (n, record.identity):
            return None
        attempt += 1
        key = key_of(record.source_id, f"{record.identity}\0{attempt}")
    wanted = None if key != record.key and record.key in record.public_id else record.public_id
    return replace(record, key=key, public_id=free_id(connection, wanted, url, record.first_seen, key))


def free_id(connection: sqlite3.Connection, wanted: str | None, url: str, first_seen: datetime, key: str) -> str:
    """Return the public id that is wanted where no record has it, else the first minted one that none has."""
    host = urlsplit(url).hostname or "localhost"
    minted = (minted_id(host, first_seen, key, attempt) for attempt in count())
    ids = chain([wanted] if wanted else [], minted)
    return next(one for one in ids if connection.execute(_TAKEN, (one,)).fetchone() is None)


def rewrite(connection: sqlite3.Connection, record: Record, n: int, batch: Batch) -> str | None:
    """Bring a stored record to new content; return its key where that changed anything."""
    row = connection.execute(_STORED, (record.key, n)).fetchone()
    if row is None:
        return None
    id_, content, body = row[0], content_row(record), body_row(record)
    if row[1:] == content + body:
        return None
    connection.execute(_UPDATE_RECORD, (*content, id_))
    if row[1 + len(CONTENT) :] != body:
        connection.execute(_UPDATE_BODY, (*body, id_))
    if (record.link, record.guid) != (row[1 + _LINK], row[1 + _GUID]):
        was = stories.Naming(id_, row[1 + _LINK], row[1 + _GUID])
        stories.rename(connection, was, stories.Naming(id_, record.link, record.guid))
    for table in ("unwritten", "unsearched"):
        connection.execute(f"INSERT OR REPLACE INTO {table} (id, change) VALUES (?, ?)", (id_, batch.change))  # noqa: S608 # own names only
    batch.changed = True
    return record.key


def _keep_marked(connection: sqlite3.Connection, marked: Sequence[tuple[str, str]], n: int, batch: Batch) -> None:
    for key, html in marked:
        row = connection.execute(
            "UPDATE bodies SET marked_html = ? WHERE marked_html IS NULL AND id = "
            "(SELECT id FROM records WHERE key = ? AND source = ?) RETURNING id",
            (html, key, n),
        ).fetchone()
        if row is not None:
            connection.execute("INSERT OR REPLACE INTO unwritten (id, change) VALUES (?, ?)", (row[0], batch.change))
            batch.changed = True


def _mark_listed(connection: sqlite3.Connection, keys: Set[str], withdrawn: Set[str], n: int, now: datetime) -> None:
    rows = connection.execute(
        "SELECT key, id, withdrawn_at FROM records WHERE source = ? AND unlisted_at IS NULL", (n,)
    ).fetchall()
    listed = {key for key, _, _ in rows}
    gone = [(micros(now), id_) for key, id_, _ in rows if key not in keys]
    connection.executemany("UPDATE records SET unlisted_at = ? WHERE id = ?", gone)
    back = [(key, n) for key in keys if key not in listed]
    connection.executemany(
        "UPDATE records SET unlisted_at = NULL, withdrawn_at = NULL WHERE key = ? AND source = ?", back
    )
    again = [(id_,) for key, id_, at in rows if at is not None and key in keys and key not in withdrawn]
    connection.executemany("UPDATE records SET withdrawn_at = NULL WHERE id = ?", again)


def _mark_withdrawn(connection: sqlite3.Connection, keys: Set[str], n: int, now: datetime) -> None:
    connection.executemany(
        "UPDATE records SET withdrawn_at = ? WHERE key = ? AND source = ? AND withdrawn_at IS NULL",
        [(micros(now), key, n) for key in keys],
    )


# --- keep -------------------------------------------------------------------------------------------------------

# A removed source's records were listed until it was removed (NULL where it is polled: the comparison is never true).
_PRUNABLE = """
    SELECT id FROM records
    WHERE source = :n AND unlisted_at IS NOT NULL AND unlisted_at < :too_old
    UNION
    SELECT id FROM records
    WHERE source = :n AND unlisted_at IS NOT NULL AND :count > :keep AND id NOT IN (
        SELECT id FROM records WHERE source = :n ORDER BY published DESC, arrival DESC, id LIMIT :keep
    )
    UNION
    SELECT id FROM records
    WHERE source = :n AND unlisted_at IS NULL AND :removed_at < :too_old
"""


def prune(connection: sqlite3.Connection, now: datetime) -> int:
    """Remove what each source's `keep` lets go, leaving tombstones; return how many."""
    counts = dict(connection.execute("SELECT source, count(*) FROM records GROUP BY source").fetchall())
    sources = connection.execute("SELECT n, keep_days, keep_entries, removed_at FROM sources").fetchall()
    removed, names = 0, set[bytes]()
    for n, days, keep, removed_at in sources:
        if n not in counts:
            continue
        bounds = {
            "n": n,
            "too_old": micros(now - timedelta(days=days)),
            "keep": keep,
            "count": counts[n],
            "removed_at": removed_at,
        }
        ids = connection.execute(_PRUNABLE, bounds).fetchall()
        connection.executemany(
            "INSERT OR IGNORE INTO tombstones (source, name) "
            "SELECT source, identity FROM records WHERE id = ?1 UNION SELECT source, alias FROM records WHERE id = ?1",
            ids,
        )
        names |= stories.leave(connection, (id_ for (id_,) in ids))
        connection.executemany("DELETE FROM records WHERE id = ?", ids)
        removed += len(ids)
    histories.prune(connection)
    if removed:
        stories.regroup(connection, names)
        connection.execute("UPDATE counters SET revision = revision + 1")
    return removed


def purge(connection: sqlite3.Connection, source_id: str) -> int:
    """Remove the source with its records, tombstones and state; return how many records went."""
    found = connection.execute("SELECT n FROM sources WHERE id = ?", (source_id,)).fetchone()
    if found is None:
        return 0
    connection.execute("DELETE FROM files WHERE key IN (SELECT key FROM records WHERE source = ?)", found)
    ids = connection.execute("SELECT id FROM records WHERE source = ?", found).fetchall()
    names = stories.leave(connection, (id_ for (id_,) in ids))
    removed = connection.execute("DELETE FROM records WHERE source = ?", found).rowcount
    stories.regroup(connection, names)
    connection.execute("DELETE FROM tombstones WHERE source = ?", found)
    histories.forget(connection, found[0], source_id)
    connection.execute("DELETE FROM sources WHERE n = ?", found)
    connection.execute("UPDATE counters SET revision = revision + 1")
    return removed


# --- files ------------------------------------------------------------------------------------------------------


def wrote_files(connection: sqlite3.Connection, files: Sequence[tuple[RecordFile, int | None]]) -> None:
    """Remember files, each with the change of its record that it holds (None: the newest)."""
    connection.executemany(
        "INSERT OR REPLACE INTO files (key, path, digest, content) VALUES (?, ?, ?, ?)",
        [(file.key, file.path, file.digest, file.content) for file, _ in files],
    )
    connection.executemany(
        "DELETE FROM unwritten WHERE id = (SELECT id FROM records WHERE key = ?1) AND (?2 IS NULL OR change <= ?2)",
        [(file.key, change) for file, change in files],
    )


def forget_files(connection: sqlite3.Connection, source_id: str | None, change: int) -> None:
    """Take the file of every record (of the source) as unwritten."""
    connection.execute(
        "INSERT OR REPLACE INTO unwritten (id, change) SELECT id, ?1 FROM records "
        "WHERE hidden IS NULL AND (?2 IS NULL OR source = (SELECT n FROM sources WHERE id = ?2))",
        (change, source_id),
    )


def forget_file(connection: sqlite3.Connection, key: str) -> None:
    """Forget the record's file."""
    connection.execute("DELETE FROM files WHERE key = ?", (key,))


# --- hidden -----------------------------------------------------------------------------------------------------


def mark_hidden(
    connection: sqlite3.Connection, marks: Mapping[str, str | None], judged: Mapping[str, str], change: int
) -> int:
    """Hide records for the reasons given, show again those without one; note by what their sources were judged."""
    changed = 0
    for key, reason in marks.items():
        row = connection.execute(
            "UPDATE records SET hidden = ?1 WHERE key = ?2 AND hidden IS NOT ?1 RETURNING id", (reason, key)
        ).fetchone()
        if row is not None:
            changed += 1
            # A file that is there is to say so too: a store that is built anew from it would show the entry.
            connection.execute("INSERT OR REPLACE INTO unwritten (id, change) VALUES (?, ?)", (row[0], change))
    if changed:
        connection.execute("UPDATE counters SET revision = revision + 1")
    connection.executemany(
        "UPDATE sources SET judged = ?1 WHERE id = ?2 AND judged <> ?1", [(how, id_) for id_, how in judged.items()]
    )
    return changed
