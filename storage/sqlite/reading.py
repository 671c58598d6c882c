"""What is asked of stored records: what a document touches, pages in order, single records."""

from __future__ import annotations

import json
import sqlite3
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from storage.record import Record
from storage.sqlite import searching
from storage.sqlite.rows import KNOWN, SELECT_RECORD, Row, chunks, instant, known_entry, micros, record_of
from storage.values import Known, KnownEntry, Page, RecordFile, RecordQuery

_SELECT_KNOWN = f"SELECT id, {KNOWN} FROM records"  # noqa: S608 # own names only
_NEWEST_FIRST = "published DESC, arrival DESC, id"
_MERGED = 64
"""Up to so many sources or categories are read apart and merged; of more, the newest of all are sifted."""


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
    ids = _ids(connection, query)
    records = tuple(_record(connection, id_) for id_ in ids[: query.limit])
    more = len(ids) > query.limit
    return Page(records, cursor(records[-1]) if more else None)


def _record(connection: sqlite3.Connection, id_: int) -> Record:
    return record_of(connection.execute(f"{SELECT_RECORD} WHERE r.id = ?", (id_,)).fetchone())


def _ids(connection: sqlite3.Connection, query: RecordQuery) -> list[int]:
    """Return the ids of the page's records and of one more, in order."""
    conditions, values = _conditions(connection, query)
    values["limit"] = query.limit + 1
    sources = None if query.sources is None else _numbers(connection, query.sources)
    values["sources"] = json.dumps(sources)
    categories = None if query.categories is None else sorted(set(query.categories))
    values["categories"] = json.dumps(categories)
    if sources is not None and len(sources) <= _MERGED:
        index, column, few = "records_of_source", "source", "sources"
    elif categories is not None and len(categories) <= _MERGED and query.arrived_since is None:
        index, column, few = "records_of_category", "category", "categories"
    else:
        index, column, few = "records_newest", "", ""
    if query.arrived_since is not None and not column:
        index = "records_first_seen"
    # The unary plus keeps a condition from choosing an index of its own.
    if sources is not None and column != "source":
        conditions.append("+source IN (SELECT value FROM json_each(:sources))")
    if categories is not None and column != "category":
        conditions.append("+category IN (SELECT value FROM json_each(:categories))")

    sql = f"SELECT id FROM records INDEXED BY {index} WHERE {' AND '.join(conditions)}"  # noqa: S608 # own text only
    if column:
        sql = (
            f"SELECT r.id FROM json_each(:{few}) one CROSS JOIN records r ON r.id IN "  # noqa: S608 # own text only
            f"({sql} AND {column} = one.value ORDER BY {_NEWEST_FIRST} LIMIT :limit) "
            "ORDER BY r.published DESC, r.arrival DESC, r.id LIMIT :limit"
        )
    else:
        sql += f" ORDER BY {_NEWEST_FIRST} LIMIT :limit"
    return [id_ for (id_,) in connection.execute(sql, values)]


def _conditions(connection: sqlite3.Connection, query: RecordQuery) -> tuple[list[str], dict[str, int | str]]:
    conditions = ["hidden IS NULL"]
    values: dict[str, int | str] = {}
    if not query.backlog:
        conditions.append("backlog = 0")
    if query.since is not None:
        conditions.append("published >= :since")
        values["since"] = micros(query.since)
    if query.arrived_since is not None:
        conditions.append("first_seen >= :arrived_since")
        values["arrived_since"] = micros(query.arrived_since)
    if query.keys is not None:
        conditions.append("+key IN (SELECT value FROM json_each(:keys))")
        values["keys"] = json.dumps(sorted(query.keys))
    if query.arrivals is not None:
        conditions.append("+arrival >= :arrival_from AND +arrival < :arrival_to")
        values |= {"arrival_from": query.arrivals[0], "arrival_to": query.arrivals[1]}
    if query.before is not None:
        conditions.append(_AFTER_CURSOR)
        values |= _read_cursor(query.before)
    if query.text is not None:
        more, asked = searching.conditions(connection, query.text)
        conditions += more
        values |= asked
    return conditions, values


def _numbers(connection: sqlite3.Connection, sources: Collection[str]) -> list[int]:
    return sorted(
        {
            n
            for marks, part in chunks(list(sources))
            for (n,) in connection.execute(f"SELECT n FROM sources WHERE id IN ({marks})", part)  # noqa: S608 # question marks only
        }
    )


# The first line narrows the index; the others leave out what of the same date stood on earlier pages.
_AFTER_CURSOR = """published <= :published
    AND (published < :published OR arrival < :arrival
        OR (arrival = :arrival AND (position > :position OR (position = :position AND key > :key))))"""


def cursor(record: Record) -> str:
    """Return the place after the record, opaque to everybody else."""
    place = [micros(record.published), record.arrival, record.position, record.key]
    return urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).decode("ascii").rstrip("=")


def _read_cursor(cursor: str) -> dict[str, int | str]:
    try:
        place = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        published, arrival, position, key = place
    except (ValueError, TypeError, RecursionError):
        published = arrival = position = key = None
    numbers = (published, arrival, position)
    if not isinstance(key, str) or not all(type(number) is int and abs(number) < 2**63 for number in numbers):
        raise ValueError(f"{cursor[:80]!r} is not a place in a feed: take the one that an earlier page gave")
    return {
        "published": published,
        "arrival": arrival,
        "position": position,
        "key": key.encode("utf-8", "replace").decode(),
    }


# --- single facts -----------------------------------------------------------------------------------------------


def get(connection: sqlite3.Connection, key: str) -> Record | None:
    """Return the record, hidden or not."""
    row = connection.execute(f"{SELECT_RECORD} WHERE r.key = ?", (key,)).fetchone()
    return record_of(row) if row else None


def facts(connection: sqlite3.Connection, key: str) -> KnownEntry | None:
    """Return what is known of a record beside its content."""
    row = connection.execute(f"{_SELECT_KNOWN} WHERE key = ?", (key,)).fetchone()
    return known_entry(row) if row else None


def newest_arrival(connection: sqlite3.Connection, query: RecordQuery | None) -> datetime | None:
    """Return the latest `first_seen` of what the query's sources and categories hold."""
    conditions = ["hidden IS NULL", "backlog = 0"]
    values: dict[str, str | int] = {}
    if query is not None and query.text is not None:
        more, asked = searching.conditions(connection, query.text)
        conditions += more
        values |= asked
    sources = None if query is None or query.sources is None else _numbers(connection, query.sources)
    if query is not None and query.categories is not None:
        conditions.append("+category IN (SELECT value FROM json_each(:categories))")
        values["categories"] = json.dumps(sorted(query.categories))
    if sources is not None:
        values["sources"] = json.dumps(sources)
    if sources is not None and len(sources) <= _MERGED:
        # Of few sources the entries are looked through; a dormant one would be far back among all that arrived.
        conditions.append("source IN (SELECT value FROM json_each(:sources))")
        sql = f"SELECT max(+first_seen) FROM records INDEXED BY records_of_source WHERE {' AND '.join(conditions)}"  # noqa: S608 # own text only
    else:
        if sources is not None:
            conditions.append("+source IN (SELECT value FROM json_each(:sources))")
        sql = (
            f"SELECT first_seen FROM records INDEXED BY records_first_seen WHERE {' AND '.join(conditions)} "  # noqa: S608 # own text only
            "ORDER BY first_seen DESC LIMIT 1"
        )
    row = connection.execute(sql, values).fetchone()
    return instant(row[0]) if row and row[0] is not None else None


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


def unwritten(connection: sqlite3.Connection, limit: int) -> list[tuple[int, Record, RecordFile | None]]:
    """Return records whose file is missing or older than they are: the change that made it so, record, file."""
    rows = connection.execute(
        "SELECT u.id, u.change, f.key, f.path, f.digest, f.content FROM unwritten u CROSS JOIN records r ON r.id = u.id "
        "LEFT JOIN files f ON f.key = r.key WHERE r.hidden IS NULL ORDER BY u.id LIMIT ?",
        (limit,),
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
