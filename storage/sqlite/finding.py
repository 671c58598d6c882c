"""Find a record by what a person has of it, and tell what the store knows beyond what the record says."""

from __future__ import annotations

import sqlite3

from storage.sqlite import stories
from storage.sqlite.rows import instant_or_none
from storage.values import Circumstances, RecordFile

_EXACT = "SELECT key FROM records WHERE key = ?1 OR public_id = ?1 ORDER BY id"
# No index has the link or the guid: a scan, for a person's question only.
_NAMED = "SELECT key FROM records WHERE link IN (?1, ?2) OR guid IN (?1, ?2) ORDER BY id LIMIT ?3"
_BEGINS = "SELECT key FROM records WHERE key >= ?1 AND key < ?1 || char(127) ORDER BY key LIMIT ?2"


def find(connection: sqlite3.Connection, wanted: str, limit: int) -> list[str]:
    """Return the keys of the records that the key, public id, link, guid or beginning of a key means; the nearest sense."""
    for sql, values in (
        (_EXACT, (wanted,)),
        (_NAMED, (wanted, other_scheme(wanted) or wanted, limit)),
        (_BEGINS, (wanted, limit)),
    ):
        if found := [key for (key,) in connection.execute(sql, values)]:
            return found
    return []


def circumstances(connection: sqlite3.Connection, key: str) -> Circumstances | None:
    """Return what is known of the record beyond what it says; None where there is no such record."""
    row = connection.execute("SELECT story, unlisted_at, withdrawn_at FROM records WHERE key = ?", (key,)).fetchone()
    if row is None:
        return None
    story, unlisted_at, withdrawn_at = row
    file = connection.execute("SELECT key, path, digest, content FROM files WHERE key = ?", (key,)).fetchone()
    return Circumstances(
        unlisted_at=instant_or_none(unlisted_at),
        withdrawn_at=instant_or_none(withdrawn_at),
        file=RecordFile(*file) if file else None,
        same=tuple(one for one in stories.members(connection, story) if one[1] != key),
    )


def other_scheme(url: str) -> str | None:
    """Return the URL with http for https, or https for http; None for others."""
    if url.startswith("https://"):
        return f"http://{url.removeprefix('https://')}"
    return f"https://{url.removeprefix('http://')}" if url.startswith("http://") else None
