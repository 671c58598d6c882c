"""Which rows a query chooses, newest first: by the index that gives them in order, or by what search finds."""

from __future__ import annotations

import json
import sqlite3
from base64 import urlsafe_b64decode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from storage.sqlite import searching
from storage.sqlite.rows import chunks, instant, micros
from storage.sqlite.searching import USUAL, Effort
from storage.values import RecordQuery

_NEWEST_FIRST = "published DESC, arrival DESC, id"
_MERGED = 64
"""Up to so many sources or categories are read apart and merged; of more, the newest of all are sifted."""
_ONE_OF = "{} IN (SELECT value FROM json_each(:{}))"


def newest(connection: sqlite3.Connection, query: RecordQuery, effort: Effort = USUAL) -> list[int]:
    """Return the ids of the page's records and of one more, in order."""
    asked = None if query.text is None else searching.asked(connection, query.text)
    walk = _walk(connection, query, asked)
    if query.keys is not None:
        walk = walk.among(_ids_of(connection, query.keys))
    if asked is None or not asked.held:
        return walk.ids(connection, query.limit + 1)
    if query.keys is not None:
        return searching.holding(connection, asked, walk.ids(connection, len(query.keys)), query.limit + 1)
    return _with_words(connection, walk, asked, query.limit + 1, effort)


def _with_words(
    connection: sqlite3.Connection, walk: _Walk, asked: searching.Asked, wanted: int, effort: Effort
) -> list[int]:
    """
    Return the ids of the first records of the walk that hold the words.

    A word that many hold is found among the newest, whose texts are read; one that few hold has few hits, which are
    sorted; for those between, the index is asked of the newest records alone. What remains, a word that was common once,
    has all its hits held against the records.
    """
    looked_through = max(wanted, effort.texts // walk.parts)
    newest = walk.ids(connection, looked_through)
    found = searching.holding(connection, asked, newest, wanted)
    if len(found) == wanted or len(newest) < looked_through:
        return found
    if not walk.column:
        recent = searching.recent(connection, asked, walk.ids(connection, effort.recent))
        if recent is not None and len(recent) >= wanted:
            return recent[:wanted]
    hits = searching.few(connection, asked, effort.hits)
    if hits is not None:
        return walk.among(hits).ids(connection, wanted)
    condition, values = searching.membership(asked)
    return walk.narrowed(condition, values).ids(connection, wanted)


@dataclass(frozen=True, slots=True)
class _Walk:
    """Rows of `records` in an order, by the index that gives it."""

    index: str
    conditions: tuple[str, ...]
    values: Mapping[str, int | str]
    column: str = ""
    """By whose values, few, the rows are read apart and merged; empty: they are not."""
    parts: int = 1
    """How many those are."""
    order: str = _NEWEST_FIRST

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
            sql += f" ORDER BY {self.order} LIMIT :limit"
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
    sources, categories = _chosen(connection, query, asked)
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


def _chosen(
    connection: sqlite3.Connection, query: RecordQuery, asked: searching.Asked | None
) -> tuple[list[int] | None, list[str] | None]:
    """Return the numbers of the sources and the categories that are asked for, in the query and in its text; None: all."""
    sources = None if query.sources is None else set(_numbers(connection, query.sources))
    categories = None if query.categories is None else set(query.categories)
    for one in asked.sources if asked else ():
        sources = set(one) if sources is None else sources & one
    for other in asked.categories if asked else ():
        categories = set(other) if categories is None else categories & other
    return None if sources is None else sorted(sources), None if categories is None else sorted(categories)


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


def _ids_of(connection: sqlite3.Connection, keys: Collection[str]) -> list[int]:
    ask = "SELECT id FROM records WHERE key IN ({})"
    return [id_ for marks, part in chunks(sorted(keys)) for (id_,) in connection.execute(ask.format(marks), part)]


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


def newest_arrival(
    connection: sqlite3.Connection, query: RecordQuery | None, effort: Effort = USUAL
) -> datetime | None:
    """Return the latest `first_seen` of what the query's sources, categories and text choose."""
    query = query or RecordQuery()
    asked = None if query.text is None else searching.asked(connection, query.text)
    conditions, values = _conditions(RecordQuery(), asked)
    sources, categories = _chosen(connection, query, asked)
    index, order = "records_first_seen", "first_seen DESC"
    if categories is not None:
        conditions.append(_ONE_OF.format("+category", "categories"))
        values["categories"] = json.dumps(categories)
    if sources is not None:
        # Of few sources the entries are looked through; a dormant one would be far back among all that arrived.
        if apart := len(sources) <= _MERGED:
            index, order = "records_of_source", "+first_seen DESC"
        conditions.append(_ONE_OF.format("source" if apart else "+source", "sources"))
        values["sources"] = json.dumps(sources)
    walk = _Walk(index, tuple(conditions), values, order=order)
    ids = _with_words(connection, walk, asked, 1, effort) if asked and asked.held else walk.ids(connection, 1)
    if not ids:
        return None
    return instant(connection.execute("SELECT first_seen FROM records WHERE id = ?", ids).fetchone()[0])
