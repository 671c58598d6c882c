"""Records in the order in which they arrived: what an archive is cut by. Ids follow that order (schema)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection

from storage.record import Record
from storage.sqlite import searching
from storage.sqlite.rows import SELECT_RECORD, chunks, record_of
from storage.sqlite.stories import settled
from storage.values import RecordQuery

_FEW = 20_000
"""Up to so many rows are taken out of an index and sorted; more of them are met soon by who goes down the table."""


def arrived(connection: sqlite3.Connection, query: RecordQuery, before: Record | None) -> list[Record]:
    """Return the records that arrived last, the last first, of those that arrived before the given one."""
    first, end = bounds(connection, query.arrivals, before)
    if first >= end:
        return []
    ids = _ids(connection, query, first, end)
    found = (connection.execute(f"{SELECT_RECORD} WHERE r.id = ?", (id_,)).fetchone() for id_ in ids)
    return [settled(connection, record_of(row)) for row in found]


def bounds(
    connection: sqlite3.Connection, arrivals: tuple[int, int] | None, before: Record | None = None
) -> tuple[int, int]:
    """Return the ids of the arrivals, half open; all of them where none are given."""
    last = connection.execute("SELECT coalesce(max(id), 0) FROM records").fetchone()[0]
    first, end = 0, last + 1
    if arrivals is not None:
        first, end = (_first_at(connection, (arrival, -1, ""), last) for arrival in arrivals)
    if before is not None:
        end = min(end, _first_at(connection, (before.arrival, before.position, before.key), last))
    return first, end


def _first_at(connection: sqlite3.Connection, place: tuple[int, int, str], last: int) -> int:
    """Return the lowest id whose record stands at the place or after it: found by halves, without an index of its own."""
    low, high = 0, last + 1
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(
            "SELECT id, arrival, position, key FROM records WHERE id >= ? ORDER BY id LIMIT 1", (middle,)
        ).fetchone()
        if row is None or tuple(row[1:]) >= place:
            high = middle
        else:
            low = row[0] + 1
    return low


def _ids(connection: sqlite3.Connection, query: RecordQuery, first: int, end: int) -> list[int]:
    conditions = ["id >= :first", "id < :end", "hidden IS NULL"]
    values: dict[str, int | str] = {"first": first, "end": end, "limit": query.limit}
    if not query.backlog:
        conditions.append("backlog = 0")
    asked = None if query.text is None else searching.asked(connection, query.text)
    if asked is not None:
        conditions += asked.conditions
        values |= asked.values
        conditions += _holding(connection, asked, values)
    sources = None if query.sources is None else _numbers(connection, query.sources)
    categories = None if query.categories is None else sorted(set(query.categories))
    # The unary plus keeps a condition, or an order, from choosing an index of its own.
    index, order = "NOT INDEXED", "id DESC"
    for column, those in (("source", sources), ("category", categories)):
        if those is None:
            continue
        values[column] = json.dumps(those)
        one_of = f"{column} IN (SELECT value FROM json_each(:{column}))"  # noqa: S608 # own names only
        if index == "NOT INDEXED" and _few(connection, column, values[column]):
            index, order = f"INDEXED BY records_of_{column}", "+id DESC"
            conditions.append(one_of)
        else:
            conditions.append(f"+{one_of}")
    sql = f"SELECT id FROM records {index} WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT :limit"  # noqa: S608 # own text only
    return [id_ for (id_,) in connection.execute(sql, values)]


def _holding(connection: sqlite3.Connection, asked: searching.Asked, values: dict[str, int | str]) -> list[str]:
    """Return what says in SQL that a record holds the words; its parameters go into `values`."""
    if not asked.held:
        return []
    if (hits := searching.few(connection, asked)) is not None:
        values["hits"] = json.dumps(hits)
        return ["id IN (SELECT value FROM json_each(:hits))"]
    condition, more = searching.membership(asked)
    values |= more
    return [condition]


def _numbers(connection: sqlite3.Connection, sources: Collection[str]) -> list[int]:
    ask = "SELECT n FROM sources WHERE id IN ({})"
    found = {n for marks, part in chunks(list(sources)) for (n,) in connection.execute(ask.format(marks), part)}
    return sorted(found)


def _few(connection: sqlite3.Connection, column: str, those: int | str) -> bool:
    """Return whether the sources or categories have so few records that these are best sorted."""
    sql = (
        f"SELECT count(*) FROM (SELECT 1 FROM records INDEXED BY records_of_{column} WHERE hidden IS NULL "  # noqa: S608 # own names only
        f"AND {column} IN (SELECT value FROM json_each(?)) LIMIT {_FEW + 1})"
    )
    count: int = connection.execute(sql, (those,)).fetchone()[0]
    return count <= _FEW
