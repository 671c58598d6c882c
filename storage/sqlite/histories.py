"""What happened to sources: each poll for a while, and the times in which they were not well."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import timedelta

from storage.sqlite.rows import MICROSECOND, instant, instant_or_none, micros, micros_or_none
from storage.states import Attempt, Incident

KEPT = 200
"""Polls that are kept of a source."""

_INCIDENT = "number, source, state, kind, reason, began_at, changed_at, ended_at"


def note(connection: sqlite3.Connection, n: int, attempt: Attempt) -> None:
    """Add a poll to the history of the source with that number."""
    connection.execute(
        "INSERT INTO attempts (source, at, took, result, status, size, new, updated, detail) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            n,
            micros(attempt.at),
            attempt.took // MICROSECOND,
            attempt.result,
            attempt.status,
            attempt.size,
            attempt.new,
            attempt.updated,
            attempt.detail,
        ),
    )


def attempts(connection: sqlite3.Connection, source_id: str, limit: int) -> list[Attempt]:
    """Return the newest polls of the source, the last first."""
    rows = connection.execute(
        "SELECT at, took, result, status, size, new, updated, detail FROM attempts "
        "WHERE source = (SELECT n FROM sources WHERE id = ?) ORDER BY id DESC LIMIT ?",
        (source_id, limit),
    )
    return [Attempt(instant(at), timedelta(microseconds=took), *rest) for at, took, *rest in rows]


def prune(connection: sqlite3.Connection) -> None:
    """Let go of all but the newest polls of each source."""
    connection.execute(
        "DELETE FROM attempts WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER "
        "(PARTITION BY source ORDER BY id DESC) AS place FROM attempts) WHERE place > ?)",
        (KEPT,),
    )


def forget(connection: sqlite3.Connection, n: int, source_id: str) -> None:
    """Forget the history of a source that is purged."""
    connection.execute("DELETE FROM attempts WHERE source = ?", (n,))
    connection.execute("DELETE FROM incidents WHERE source = ?", (source_id,))


def incidents(connection: sqlite3.Connection, source_id: str | None, limit: int, *, open_only: bool) -> list[Incident]:
    """Return the incidents that are asked for, the last begun first."""
    rows = connection.execute(
        f"SELECT {_INCIDENT} FROM incidents WHERE (?1 IS NULL OR source = ?1) AND (NOT ?2 OR ended_at IS NULL) "  # noqa: S608 # own names only
        "ORDER BY began_at DESC, number DESC LIMIT ?3",
        (source_id, open_only, limit),
    )
    return [
        Incident(number, source, state, kind, reason, instant(began), instant(changed), instant_or_none(ended))
        for number, source, state, kind, reason, began, changed, ended in rows
    ]


def save_incidents(connection: sqlite3.Connection, told: Sequence[Incident]) -> None:
    """Keep incidents, new ones under the next number."""
    connection.executemany(
        f"INSERT OR REPLACE INTO incidents ({_INCIDENT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 # own names only
        [
            (
                one.number or None,
                one.source_id,
                one.state,
                one.kind,
                one.reason,
                micros(one.began_at),
                micros(one.changed_at),
                micros_or_none(one.ended_at),
            )
            for one in told
        ],
    )
