"""What is asked of stored records: what a document touches, pages in order, single records."""

from __future__ import annotations

import json
import sqlite3
from base64 import urlsafe_b64encode
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from storage.record import Record
from storage.sqlite import choosing, stories
from storage.sqlite.rows import KNOWN, MICROSECOND, SELECT_RECORD, Row, chunks, instant, known_entry, micros, record_of
from storage.values import Known, KnownEntry, Page, RecordFile, RecordQuery

_SELECT_KNOWN = f"SELECT id, {KNOWN} FROM records"  # noqa: S608 # own names only


_DAY = timedelta(days=1) // MICROSECOND

# --- known ------------------------------------------------------------------------------------------------------


def known(
    connection: sqlite3.Connection,
    source_id: str,
    identities: Collection[str],
    aliases: Collection[str],
    public_ids: Collection[str],
) -> Known:
    """Return what is stored of the source under these names, and all that is still listed."""
    row = connection.execute("SELECT n FROM sources WHERE id = ?", (source_id,)).fetchone()
    n = row[0] if row else -1
    names = [*{*identities, *aliases}]
    entries = list(map(known_entry, _entries(connection, n, names, list(aliases))))
    asked, also_asked = set(identities), set(aliases)
    return Known(
        entries=tuple(
            entry for entry in entries if entry.listed or entry.identity in asked or entry.alias in also_asked
        ),
        tombstones=frozenset(
            _column(connection, "SELECT name FROM tombstones WHERE source = ? AND name IN ({})", n, names)
        ),
        taken=frozenset(
            _column(
                connection,
                "SELECT public_id FROM records WHERE source <> ? AND public_id IN ({})",
                n,
                list(public_ids),
            )
        ),
        empty=all(entry.backlog for entry in entries) and _never_brought_any(connection, n),
    )


def _entries(connection: sqlite3.Connection, n: int, names: list[str], aliases: list[str]) -> list[Row]:
    """Return the rows that are listed or have one of the names, and a few more: an identity that equals an alias."""
    rows = connection.execute(f"{_SELECT_KNOWN} WHERE source = ? AND unlisted_at IS NULL", (n,)).fetchall()
    seen = {row[0] for row in rows}
    # The names are looked up in the indexes alone; in most polls all that is found is listed, and read already.
    # The index of aliases leaves out those that are the identity itself.
    others = {
        *_column(connection, "SELECT id FROM records WHERE source = ? AND identity IN ({})", n, names),
        *_column(
            connection, "SELECT id FROM records WHERE source = ? AND alias <> identity AND alias IN ({})", n, aliases
        ),
    }
    for id_ in sorted(others - seen):
        rows += connection.execute(f"{_SELECT_KNOWN} WHERE id = ?", (id_,)).fetchall()
    return rows


def _column(connection: sqlite3.Connection, sql: str, n: int, values: list[str]) -> Iterator[Any]:
    for marks, part in chunks(values):
        for (value,) in connection.execute(sql.format(marks), (n, *part)):
            yield value


def _never_brought_any(connection: sqlite3.Connection, n: int) -> bool:
    # Of a first document there is something that is no backlog; an old archive that was imported is backlog alone.
    return not connection.execute(
        "SELECT EXISTS (SELECT 1 FROM records WHERE source = ?1 AND backlog = 0) "
        "OR EXISTS (SELECT 1 FROM tombstones WHERE source = ?1)",
        (n,),
    ).fetchone()[0]


# --- pages ------------------------------------------------------------------------------------------------------


def page(connection: sqlite3.Connection, query: RecordQuery) -> Page:
    """Return the records that the query asks for, and where the next page starts."""
    if query.limit < 1:
        raise ValueError(f"a page has at least 1 record, not {query.limit}")
    ids = choosing.newest(connection, query)
    records = tuple(stories.settled(connection, _record(connection, id_)) for id_ in ids[: query.limit])
    more = len(ids) > query.limit
    return Page(records, cursor(records[-1]) if more else None)


def _record(connection: sqlite3.Connection, id_: int) -> Record:
    return record_of(connection.execute(f"{SELECT_RECORD} WHERE r.id = ?", (id_,)).fetchone())


def cursor(record: Record) -> str:
    """Return the place after the record, opaque to everybody else."""
    place = [micros(record.published), record.arrival, record.position, record.key]
    return urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).decode("ascii").rstrip("=")


# --- single facts -----------------------------------------------------------------------------------------------


def get(connection: sqlite3.Connection, key: str) -> Record | None:
    """Return the record, hidden or not."""
    row = connection.execute(f"{SELECT_RECORD} WHERE r.key = ?", (key,)).fetchone()
    return record_of(row) if row else None


def facts(connection: sqlite3.Connection, key: str) -> KnownEntry | None:
    """Return what is known of a record beside its content."""
    row = connection.execute(f"{_SELECT_KNOWN} WHERE key = ?", (key,)).fetchone()
    return known_entry(row) if row else None


def records(connection: sqlite3.Connection, since: datetime | None) -> Iterator[Record]:
    """Yield all records that are not hidden, in the order of their ids: arrival, publisher's order, key."""
    first, seen = 0, -(2**63)
    if since is not None:
        seen = micros(since)
        row = connection.execute(
            "SELECT min(+id) FROM records INDEXED BY records_first_seen WHERE hidden IS NULL AND first_seen >= ?",
            (seen,),
        ).fetchone()
        first = row[0] or 0
    for row in connection.execute(
        f"{SELECT_RECORD} WHERE r.id >= ? AND r.hidden IS NULL AND +r.first_seen >= ? ORDER BY r.id", (first, seen)
    ):
        yield record_of(row)


def records_of(connection: sqlite3.Connection, source_id: str) -> Iterator[Record]:
    """Yield all records of the source, hidden ones too, in the order of their ids."""
    ids = connection.execute(
        "SELECT id FROM records WHERE source = (SELECT n FROM sources WHERE id = ?) ORDER BY id", (source_id,)
    ).fetchall()
    for (id_,) in ids:
        yield _record(connection, id_)


def judged(connection: sqlite3.Connection) -> Mapping[str, str]:
    """Return by source id by what its records were judged."""
    return dict(connection.execute("SELECT id, judged FROM sources").fetchall())


def hidden_for(connection: sqlite3.Connection, reason: str) -> list[str]:
    """Return the keys of the records that are hidden for the reason."""
    return [key for (key,) in connection.execute("SELECT key FROM records WHERE hidden = ? ORDER BY id", (reason,))]


def file_of(connection: sqlite3.Connection, key: str) -> RecordFile | None:
    """Return the file that was written of a record."""
    row = connection.execute("SELECT key, path, digest, content FROM files WHERE key = ?", (key,)).fetchone()
    return RecordFile(*row) if row else None


def counts(connection: sqlite3.Connection) -> Mapping[str, int]:
    """Return how many records each source has."""
    return dict(
        connection.execute(
            "SELECT s.id, coalesce(c.records, 0) FROM sources s LEFT JOIN "
            "(SELECT source, count(*) AS records FROM records GROUP BY source) c ON c.source = s.n"
        ).fetchall()
    )


def days(connection: sqlite3.Connection, sources: Collection[str], since: date) -> Mapping[str, Mapping[date, int]]:
    """Return by source how many of its records have their date on each day from `since` on; a part of its index is read."""
    found: dict[str, dict[date, int]] = {}
    first = micros(datetime.combine(since, time(), UTC))
    for places, ids in chunks(sorted(sources)):
        rows = connection.execute(
            f"SELECT s.id, r.published / ? AS day, count(*) FROM sources s CROSS JOIN records r ON r.source = s.n "  # noqa: S608 # placeholders
            f"WHERE s.id IN ({places}) AND r.published >= ? AND NOT r.backlog AND r.hidden IS NULL GROUP BY s.id, day",
            (_DAY, *ids, first),
        )
        for source_id, day, count in rows:
            found.setdefault(source_id, {})[instant(day * _DAY).date()] = count
    return found


def unwritten(connection: sqlite3.Connection, limit: int, skip: int = 0) -> list[tuple[int, Record, RecordFile | None]]:
    """Return records whose file is missing or older than they are: the change that made it so, record, file."""
    rows = connection.execute(
        "SELECT u.id, u.change, f.key, f.path, f.digest, f.content FROM unwritten u CROSS JOIN records r ON r.id = u.id "
        "LEFT JOIN files f ON f.key = r.key WHERE r.hidden IS NULL OR f.key IS NOT NULL ORDER BY u.id LIMIT ? OFFSET ?",
        (limit, skip),
    ).fetchall()
    return [
        (change, _record(connection, id_), RecordFile(key, path, digest, content) if key else None)
        for id_, change, key, path, digest, content in rows
    ]


def files(connection: sqlite3.Connection) -> list[RecordFile]:
    """Return every file that was written, by path."""
    return [
        RecordFile(*row) for row in connection.execute("SELECT key, path, digest, content FROM files ORDER BY path")
    ]
