"""A record that says next to nothing, for tests that name only what they are about, and what reconciling knows of one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from storage.record import DateSource, Record, podcast_digest
from storage.values import KnownEntry

AT = datetime(2024, 1, 2, tzinfo=UTC)


def plain_record(*, at: datetime = AT, identity: str = "", **changes: Any) -> Record:
    """Return a record without words or links, every date of it `at`, `identity` its alias too; `changes` are fields."""
    made = Record(
        key="abcdefghijklmnop",
        public_id="",
        source_id="s",
        identity=identity,
        alias=identity,
        categories=("c", "s", "f"),
        title="",
        link=None,
        guid=None,
        author="",
        writers=(),
        tags=(),
        published=at,
        updated=at,
        first_seen=at,
        date_source=DateSource.PUBLISHED,
        publisher_date=None,
        image=None,
        html="",
        summary="",
        enclosures=(),
        language=None,
        digest="",
        cleaner=1,
    )
    return replace(made, **changes)


_SAME = KnownEntry.__dataclass_fields__.keys() - {"listed", "withdrawn_at", "podcast"}


def known_entry(one: Record, *, listed: bool = True) -> KnownEntry:
    """Return what a store that holds the record tells of it, nothing of it taken back."""
    return KnownEntry(
        **{name: getattr(one, name) for name in _SAME}, listed=listed, podcast=podcast_digest(one.podcast)
    )
