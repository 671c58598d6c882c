"""Full-text search: the words of records, and what a query asks of them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace

from storage.search import Term, expression, fold, indexed, parse
from storage.sqlite.rows import SELECT_RECORD, micros, record_of
from storage.values import Searchable, Unsearched

_SEED = 8
"""Tokens of a phrase that the index is asked for; the rest is read in the texts that it finds."""
_TERMS = 8
"""Words and phrases of a query that the index is asked for, the longest; the rest is read in the texts that it finds."""
_DAYS = 3650
"""More days than these before the newest arrival are all days."""


_SPREAD = 10
"""Where the ids of records span more than so many times their number, they are no part of the index of their own."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How far each way of finding words goes before the next one is taken."""

    texts: int = 1000
    """Newest records whose own texts are read before the index is asked: a word that many have stands in some of them."""
    recent: int = 20_000
    """Newest records of which the index is asked alone."""
    hits: int = 4000
    """Hits up to which all are fetched and sorted; of more, the records are walked newest first until there are enough."""


USUAL = Effort()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a query asks of records, in SQL over `records`."""

    values: dict[str, str | int]
    """Parameters of `conditions` and of `held`."""
    held: str = ""
    """What the texts `t` of a record must hold and must not hold; empty where no words are asked for."""
    match: str = ""
    """The same as an expression of FTS5, as far as it says so; empty where something is unwanted alone."""
    refuse: str = ""
    """Where something is unwanted alone: the expression of what has it."""
    exact: bool = True
    """False where `match` and `refuse` say less than `held`."""
    conditions: tuple[str, ...] = ()
    """What the rows must fulfil that is no word."""
    sources: tuple[frozenset[int], ...] = ()
    """Numbers of sources, as said in `conditions`: the record's must be in each. For who chooses an index by them."""
    categories: tuple[frozenset[str], ...] = ()
    """First categories, likewise."""


def unsearched(connection: sqlite3.Connection, limit: int) -> list[Unsearched]:
    """Return records whose words are not in the index as they are now."""
    waiting = connection.execute("SELECT id, change FROM unsearched ORDER BY id LIMIT ?", (limit,)).fetchall()
    return [
        Unsearched(record_of(connection.execute(f"{SELECT_RECORD} WHERE r.id = ?", (id_,)).fetchone()), change)
        for id_, change in waiting
    ]


def index(connection: sqlite3.Connection, texts: Sequence[Searchable]) -> None:
    """Put the words of the records into the index, in place of what was there."""
    for one in texts:
        row = connection.execute(
            "SELECT r.id FROM records r JOIN unsearched u ON u.id = r.id WHERE r.key = ?", (one.key,)
        ).fetchone()
        if row is None:
            continue
        connection.execute("DELETE FROM search_texts WHERE id = ?", row)
        connection.execute(
            "INSERT INTO search_texts (id, title, author, text) VALUES (?, ?, ?, ?)",
            (*row, *(f" {indexed(text)} " for text in (one.title, one.author, one.text))),
        )
        connection.execute("DELETE FROM unsearched WHERE id = ? AND change <= ?", (*row, one.change))
    connection.execute("UPDATE counters SET indexed = indexed + 1")


def number(connection: sqlite3.Connection) -> int:
    """Return a number that rises with every change of the index."""
    found: int = connection.execute("SELECT indexed FROM counters").fetchone()[0]
    return found


def asked(connection: sqlite3.Connection, text: str) -> Asked:
    """Return what the query asks for."""
    query = parse(text)
    sql: list[str] = []
    values: dict[str, str | int] = {}
    sources = [(_sources(connection, said), negated) for said, negated in query.sources]
    sources += [(_tagged(connection, said), negated) for said, negated in query.tags]
    categories = [(_categories(connection, said), negated) for said, negated in query.categories]
    for column, found in (("source", sources), ("category", categories)):
        for place, (those, negated) in enumerate(found):
            name = f"{column}_{place}"
            sql.append(f"+{column} {'NOT ' if negated else ''}IN (SELECT value FROM json_each(:{name}))")  # noqa: S608 # own names only
            values[name] = json.dumps(sorted(those))
    if query.since is not None:
        sql.append("published >= :asked_since")
        values["asked_since"] = micros(query.since)
    if query.within is not None and query.within.days < _DAYS:
        sql.append("published >= (SELECT coalesce(max(first_seen), 0) FROM records WHERE hidden IS NULL) - :within")
        values["within"] = int(query.within.total_seconds()) * 1_000_000
    return replace(
        _worded(tuple(dict.fromkeys(query.terms)), values),
        conditions=tuple(sql),
        sources=tuple(those for those, negated in sources if not negated),
        categories=tuple(those for those, negated in categories if not negated),
    )


def _worded(terms: Sequence[Term], values: dict[str, str | int]) -> Asked:
    held = []
    for place, term in enumerate(terms):
        columns = (term.field,) if term.field else ("title", "author", "text")
        has = " OR ".join(f"instr(t.{column}, :held_{place})" for column in columns)
        held.append(f"NOT coalesce({has}, 0)" if term.negated else f"({has})")
        values[f"held_{place}"] = f" {' '.join(term.tokens)} "
    longest = sorted(terms, key=lambda term: -sum(map(len, term.tokens)))
    sought = [term for term in longest if not term.negated][:_TERMS]
    shunned = [term for term in longest if term.negated and len(term.tokens) <= _SEED][:_TERMS]
    wanted = [f"({expression(term, _SEED)})" for term in sought]
    unwanted = [f"({expression(term)})" for term in shunned]
    exact = len(sought) + len(shunned) == len(terms) and all(len(term.tokens) <= _SEED for term in sought)
    match, refuse = " AND ".join(wanted), " OR ".join(unwanted)
    if match and refuse:
        match, refuse = f"({match}) NOT ({refuse})", ""
    return Asked(values, " AND ".join(held), match, refuse, exact=exact)


def holding(connection: sqlite3.Connection, asked: Asked, ids: Sequence[int], most: int) -> list[int]:
    """Return the first `most` of these records whose texts hold the words, in the order given."""
    found: list[int] = []
    sql = f"SELECT o.value FROM json_each(:ids) o LEFT JOIN search_texts t ON t.id = o.value WHERE {asked.held}"  # noqa: S608 # own text only
    for start in range(0, len(ids), _STEP):
        part = ids[start : start + _STEP]
        have = {id_ for (id_,) in connection.execute(sql, asked.values | {"ids": json.dumps(part)})}
        found += [id_ for id_ in part if id_ in have]
        if len(found) >= most:
            break
    return found[:most]


_STEP = 100


def recent(connection: sqlite3.Connection, asked: Asked, ids: Sequence[int]) -> list[int] | None:
    """Return those of the records that hold the words, in the order given; None where the index is no short cut."""
    expression = asked.match or asked.refuse
    if not ids or not expression or max(ids) - min(ids) > _SPREAD * len(ids):
        return None
    sql = "SELECT rowid FROM search WHERE search MATCH ? AND rowid BETWEEN ? AND ?"
    have = {id_ for (id_,) in connection.execute(sql, (expression, min(ids), max(ids)))}
    found = [id_ for id_ in ids if (id_ in have) is bool(asked.match)]
    return found if asked.exact else holding(connection, asked, found, len(found))


def few(connection: sqlite3.Connection, asked: Asked, most: int = USUAL.hits) -> list[int] | None:
    """Return all records that the index finds, by id; None where they are more than a few, or it cannot say."""
    if not asked.match:
        return None
    sql = "SELECT rowid FROM search WHERE search MATCH ? LIMIT ?"
    found = [id_ for (id_,) in connection.execute(sql, (asked.match, most + 1))]
    if len(found) > most:
        return None
    return found if asked.exact else holding(connection, asked, found, most)


def membership(asked: Asked) -> tuple[str, dict[str, str | int]]:
    """Return the condition on rows of `records` that says whether they hold the words, and its parameters."""
    parts, values = [], dict[str, str | int]()
    if asked.match:
        parts.append("id IN (SELECT rowid FROM search WHERE search MATCH :match)")
        values["match"] = asked.match
    if asked.refuse:
        parts.append("id NOT IN (SELECT rowid FROM search WHERE search MATCH :refuse)")
        values["refuse"] = asked.refuse
    if not asked.exact:
        texts = f"SELECT 1 FROM (SELECT 1) LEFT JOIN search_texts t ON t.id = records.id WHERE {asked.held}"  # noqa: S608 # own text only
        parts.append(f"EXISTS ({texts})")
    return " AND ".join(parts), values


def _tagged(connection: sqlite3.Connection, said: str) -> frozenset[int]:
    """Return the numbers of the sources that have the tag in feeds.yaml."""
    found = connection.execute("SELECT n, tags FROM sources").fetchall()
    return frozenset(n for n, tags in found if said in map(fold, json.loads(tags)))


def _sources(connection: sqlite3.Connection, said: str) -> frozenset[int]:
    """Return the numbers of the sources whose id or name holds the folded text."""
    found = connection.execute("SELECT n, id, name FROM sources").fetchall()
    return frozenset(n for n, id_, name in found if said in fold(id_) or said in fold(name))


# From one category to the next in the index: reading it through to tell them apart would read an entry a record.
_ALL_CATEGORIES = """
    WITH RECURSIVE each(category) AS (
        SELECT min(category) FROM records INDEXED BY records_of_category WHERE hidden IS NULL
        UNION ALL
        SELECT (SELECT min(r.category) FROM records r INDEXED BY records_of_category
            WHERE r.category > each.category AND r.hidden IS NULL) FROM each WHERE each.category IS NOT NULL
    )
    SELECT category FROM each WHERE category IS NOT NULL
"""


def _categories(connection: sqlite3.Connection, said: str) -> frozenset[str]:
    found = connection.execute(_ALL_CATEGORIES).fetchall()
    return frozenset(category for (category,) in found if fold(category) == said)
