"""Which rows a query chooses, newest first: by the index that gives them in order, or by what search finds."""

from __future__ import annotations

import json
import sqlite3
from base64 import urlsafe_b64decode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from storage.sqlite import searching
from storage.sqlite.rows import Row, chunks, instant, micros
from storage.values import RecordQuery

_NEWEST_FIRST = "published DESC, arrival DESC, id"
_MERGED = 64
"""Up to so many sources or categories are read apart and merged; of more, the newest of all are sifted."""
_ONE_OF = "{} IN (SELECT value FROM json_each(:{}))"


def newest(connection: sqlite3.Connection, query: RecordQuery) -> list[int]:
    """Return the ids of the page's records and of one more, in order."""
    asked = None if query.text is None else searching.asked(connection, query.text)
    walk = _walk(connection, query, asked)
    if asked is None or not asked.held:
        return walk.ids(connection, query.limit + 1)
    return _with_words(connection, walk, asked, query.limit + 1)


def _with_words(connection: sqlite3.Connection, walk: _Walk, asked: searching.Asked, wanted: int) -> list[int]:
    """
    Return the ids of the newest records that hold the words.

    A word that many hold is found among the newest, whose texts are read; one that few hold has few hits, which are
    sorted. In between the hits are held against the records, newest first.
    """
    looked_through = max(wanted, searching.LOOKED_THROUGH // walk.parts)
    newest = walk.ids(connection, looked_through)
    found = searching.holding(connection, asked, newest, wanted)
    if len(found) == wanted or len(newest) < looked_through:
        return found
    hits = searching.few(connection, asked)
    if hits is not None:
        return walk.among(hits).ids(connection, wanted)
    condition, values = searching.membership(asked)
    return walk.narrowed(condition, values).ids(connection, wanted)


@dataclass(frozen=True, slots=True)
class _Walk:
    """Rows of `records` by the index that gives them newest first."""

    index: str
    conditions: tuple[str, ...]
    values: Mapping[str, int | str]
    column: str = ""
    """By whose values, few, the rows are read apart and merged; empty: they are not."""
    parts: int = 1
    """How many those are."""

    def ids(self, connection: sqlite3.Connection, limit: int) -> list[int]:
        """Return the ids of the newest `limit` of the rows, in order."""
        where = " AND ".join(self.conditions)
        by = f"INDEXED BY {self.index}" if self.index else "NOT INDEXED"
        sql = f"SELECT id FROM records {by} WHERE {where}"  # noqa: S608 # own text only
        if self.column:
            sql = (
                f"SELECT r.id FROM json_each(:few) one CROSS JOIN records r ON r.id IN "  # noqa: S608 # own text only
                f"({sql} AND {self.column} = one.value ORDER BY {_NEWEST_FIRST} LIMIT :limit) "
                "ORDER BY r.published DESC, r.arrival DESC, r.id LIMIT :limit"
            )
        else:
            sql += f" ORDER BY {_NEWEST_FIRST} LIMIT :limit"
        return [id_ for (id_,) in connection.execute(sql, {**self.values, "limit": limit})]

    def narrowed(self, condition: str, values: Mapping[str, int | str]) -> _Walk:
        """Return the walk over the rows that fulfil the condition too."""
        return replace(self, conditions=(*self.conditions, condition), values={**self.values, **values})

    def among(self, ids: Sequence[int]) -> _Walk:
        """Return the walk over those of a few rows that it meets; they are sorted."""
        within = _ONE_OF.format("id", "among")
        if self.column:
            return replace(
                self.narrowed(within, {"among": json.dumps(ids)}).narrowed(
                    _ONE_OF.format(f"+{self.column}", "few"), {}
                ),
                index="",
                column="",
            )
        return replace(self.narrowed(within, {"among": json.dumps(ids)}), index="")


def _walk(connection: sqlite3.Connection, query: RecordQuery, asked: searching.Asked | None) -> _Walk:
    conditions, values = _conditions(query, asked)
    sources = None if query.sources is None else _numbers(connection, query.sources)
    categories = None if query.categories is None else sorted(set(query.categories))
    index, column, few = "records_newest", "", list[int | str]()
    if sources is not None and len(sources) <= _MERGED:
        index, column, few = "records_of_source", "source", [*sources]
    elif categories is not None and len(categories) <= _MERGED and query.arrived_since is None:
        index, column, few = "records_of_category", "category", [*categories]
    elif query.arrived_since is not None:
        index = "records_first_seen"
    # The unary plus keeps a condition from choosing an index of its own.
    for name, those in (("source", sources), ("category", categories)):
        if those is not None and column != name:
            conditions.append(_ONE_OF.format(f"+{name}", f"{name}_of"))
            values[f"{name}_of"] = json.dumps(those)
    if column:
        values["few"] = json.dumps(few)
    return _Walk(index, tuple(conditions), values, column, max(1, len(few)))


def _conditions(query: RecordQuery, asked: searching.Asked | None) -> tuple[list[str], dict[str, int | str]]:
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
    if asked is not None:
        conditions += asked.conditions
        values |= asked.values
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


# --- arrival ---------------------------------------------------------------------------------------------------


def newest_arrival(connection: sqlite3.Connection, query: RecordQuery | None) -> datetime | None:
    """Return the latest `first_seen` of what the query's sources and categories hold."""
    query = query or RecordQuery()
    asked = None if query.text is None else searching.asked(connection, query.text)
    conditions, values = ["hidden IS NULL", "backlog = 0"], dict[str, int | str]()
    if asked is not None:
        conditions += asked.conditions
        values |= asked.values
    sources = None if query.sources is None else _numbers(connection, query.sources)
    if query.categories is not None:
        conditions.append("+category IN (SELECT value FROM json_each(:categories))")
        values["categories"] = json.dumps(sorted(query.categories))
    index = "records_first_seen"
    if sources is not None:
        values["sources"] = json.dumps(sources)
        # Of few sources the entries are looked through; a dormant one would be far back among all that arrived.
        apart = len(sources) <= _MERGED
        index = "records_of_source" if apart else index
        conditions.append(_ONE_OF.format("source" if apart else "+source", "sources"))
    return _latest(connection, index, conditions, values, asked)


def _latest(
    connection: sqlite3.Connection,
    index: str,
    conditions: list[str],
    values: dict[str, int | str],
    asked: searching.Asked | None,
) -> datetime | None:
    """Return the latest arrival among the rows, by the way that `_with_words` goes."""

    def newest(by: str, more: Sequence[str], limit: int) -> list[Row]:
        where = " AND ".join([*conditions, *more])
        first_seen = "+first_seen" if by == "INDEXED BY records_of_source" else "first_seen"
        sql = f"SELECT id, first_seen FROM records {by} WHERE {where} ORDER BY {first_seen} DESC LIMIT {limit}"  # noqa: S608 # own text only
        return connection.execute(sql, values).fetchall()

    walked = f"INDEXED BY {index}"
    if asked is None or not asked.held:
        rows = newest(walked, (), 1)
        return instant(rows[0][1]) if rows else None
    rows = newest(walked, (), searching.LOOKED_THROUGH)
    arrived: dict[int, int] = dict(rows)
    if found := searching.holding(connection, asked, list(arrived), 1):
        return instant(arrived[found[0]])
    if len(rows) < searching.LOOKED_THROUGH:
        return None
    if (hits := searching.few(connection, asked)) is not None:
        values["among"] = json.dumps(hits)
        rows = newest("NOT INDEXED", ("id IN (SELECT value FROM json_each(:among))",), 1)
    else:
        condition, more = searching.membership(asked)
        values |= more
        rows = newest(walked, (condition,), 1)
    return instant(rows[0][1]) if rows else None
