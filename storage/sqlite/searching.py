"""Full-text search: the words of records, and what a query asks of them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from storage.search import expression, fold, indexed, parse
from storage.sqlite.rows import SELECT_RECORD, micros, record_of
from storage.values import Searchable, Unsearched

_HOLDS = "id IN (SELECT rowid FROM search WHERE search MATCH :{})"
_DAYS = 3650
"""More days than these before the newest arrival are all days."""


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
            (*row, indexed(one.title), indexed(one.author), indexed(one.text)),
        )
        connection.execute("DELETE FROM unsearched WHERE id = ? AND change <= ?", (*row, one.change))
    connection.execute("UPDATE counters SET indexed = indexed + 1")


def number(connection: sqlite3.Connection) -> int:
    """Return a number that rises with every change of the index."""
    found: int = connection.execute("SELECT indexed FROM counters").fetchone()[0]
    return found


def conditions(connection: sqlite3.Connection, text: str) -> tuple[list[str], dict[str, str | int]]:
    """Return what the records must fulfil that a query asks for, in SQL over `records`, and its parameters."""
    query = parse(text)
    sql: list[str] = []
    values: dict[str, str | int] = {}
    wanted = [expression(term) for term in query.terms if not term.negated]
    unwanted = [expression(term) for term in query.terms if term.negated]
    if wanted:
        sql.append(_HOLDS.format("wanted"))
        values["wanted"] = " AND ".join(f"({one})" for one in wanted)
    if unwanted:
        sql.append(f"NOT {_HOLDS.format('unwanted')}")
        values["unwanted"] = " OR ".join(f"({one})" for one in unwanted)
    chosen = [("source", _sources(connection, asked), negated) for asked, negated in query.sources]
    chosen += [("category", _categories(connection, asked), negated) for asked, negated in query.categories]
    for place, (column, those, negated) in enumerate(chosen):
        name = f"chosen_{place}"
        sql.append(f"{'NOT ' if negated else ''}+{column} IN (SELECT value FROM json_each(:{name}))")  # noqa: S608 # own names only
        values[name] = json.dumps(those)
    if query.since is not None:
        sql.append("published >= :asked_since")
        values["asked_since"] = micros(query.since)
    if query.within is not None and query.within.days < _DAYS:
        sql.append("published >= (SELECT coalesce(max(first_seen), 0) FROM records WHERE hidden IS NULL) - :within")
        values["within"] = int(query.within.total_seconds()) * 1_000_000
    return sql, values


def _sources(connection: sqlite3.Connection, asked: str) -> list[int | str]:
    """Return the numbers of the sources whose id or name holds the folded text."""
    found = connection.execute("SELECT n, id, name FROM sources").fetchall()
    return [n for n, id_, name in found if asked in fold(id_) or asked in fold(name)]


def _categories(connection: sqlite3.Connection, asked: str) -> list[int | str]:
    found = connection.execute("SELECT DISTINCT category FROM records").fetchall()
    return [category for (category,) in found if fold(category) == asked]
