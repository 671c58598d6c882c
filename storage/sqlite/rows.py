"""Records to rows and back: instants as microseconds since 1970, lists as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from storage.record import DateSource, Element, Enclosure, Record, podcast_digest
from storage.values import KnownEntry

T = TypeVar("T")
Row = tuple[Any, ...]
"""What sqlite3 gives; this module is where its values get their types."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
"""What all instants and spans are counted in."""


def micros(at: datetime) -> int:
    """Return the instant as microseconds since 1970; a naive one raises TypeError."""
    return (at - _EPOCH) // MICROSECOND


def micros_or_none(at: datetime | None) -> int | None:
    """Return the instant as microseconds since 1970, None as None."""
    return None if at is None else (at - _EPOCH) // MICROSECOND


def instant(value: int) -> datetime:
    """Return the instant, in UTC."""
    return _EPOCH + timedelta(microseconds=value)


def instant_or_none(value: int | None) -> datetime | None:
    """Return the instant, in UTC, None as None."""
    return None if value is None else _EPOCH + timedelta(microseconds=value)


def chunks(values: Sequence[T]) -> Iterator[tuple[str, list[T]]]:
    """
    Yield placeholders and parameters for `IN (...)`, as many times as the values need.

    Few distinct lengths, so that prepared statements are found again; padded by repeating the last value.
    Parameters and not json_each, which ends a text at its first NUL.
    """
    size = 8 if len(values) <= 8 else 32 if len(values) <= 32 else 512
    for start in range(0, len(values), size):
        part = list(values[start : start + size])
        part += part[-1:] * (size - len(part))
        yield ",".join("?" * size), part


# --- records ----------------------------------------------------------------------------------------------------

FIXED = ("key", "public_id", "source", "first_seen", "position", "arrival", "story_id")
"""Columns of a record that are written once."""
CONTENT = (
    "identity", "alias", "category", "site", "feed", "title", "link", "guid", "author", "writers", "tags",
    "published", "updated", "date_source", "publisher_date", "image", "language", "digest", "cleaner", "updates",
    "backlog", "hidden", "podcast_digest",
)  # fmt: skip
"""Columns of a record that an update may change."""
BODY = ("html", "raw_html", "summary", "enclosures", "marked_html", "podcast")

_RECORD = ("source.id", *(f"r.{column}" for column in (*FIXED, *CONTENT, "story")), *(f"b.{column}" for column in BODY))
SELECT_RECORD = (
    f"SELECT {', '.join(_RECORD)} FROM records r CROSS JOIN bodies b ON b.id = r.id "  # noqa: S608 # own names only
    "CROSS JOIN sources source ON source.n = r.source"
)


def fixed_row(record: Record, source: int, arrival: int) -> Row:
    """Return the values of `FIXED`."""
    return (record.key, record.public_id, source, micros(record.first_seen), record.position, arrival, record.story_id)


def content_row(record: Record) -> Row:
    """Return the values of `CONTENT`."""
    category, site, feed = record.categories
    return (
        record.identity,
        record.alias,
        category,
        site,
        feed,
        record.title,
        record.link,
        record.guid,
        record.author,
        texts(record.writers),
        texts(record.tags),
        micros(record.published),
        micros(record.updated),
        record.date_source.value,
        micros_or_none(record.publisher_date),
        record.image,
        record.language,
        record.digest,
        record.cleaner,
        record.updates,
        int(record.backlog),
        record.hidden,
        podcast_digest(record.podcast),
    )


def body_row(record: Record) -> Row:
    """Return the values of `BODY`."""
    return (
        record.html,
        record.raw_html,
        record.summary,
        _enclosures(record.enclosures),
        record.marked_html,
        _elements(record.podcast),
    )


def record_of(row: Row) -> Record:
    """Return the record of a row of `SELECT_RECORD`."""
    (
        source_id, key, public_id, _, first_seen, position, arrival, story_id,
        identity, alias, category, site, feed, title, link, guid, author, writers, tags,
        published, updated, date_source, publisher_date, image, language, digest, cleaner, updates,
        backlog, hidden, _, story, html, raw_html, summary, enclosures, marked_html, podcast,
    ) = row  # fmt: skip
    return Record(
        key=key,
        public_id=public_id,
        source_id=source_id,
        identity=identity,
        alias=alias,
        categories=(category, site, feed),
        title=title,
        link=link,
        guid=guid,
        author=author,
        writers=text_tuple(writers),
        tags=text_tuple(tags),
        published=instant(published),
        updated=instant(updated),
        first_seen=instant(first_seen),
        date_source=DateSource(date_source),
        publisher_date=instant_or_none(publisher_date),
        image=image,
        html=html,
        summary=summary,
        enclosures=_enclosure_tuple(enclosures),
        language=language,
        digest=digest,
        cleaner=cleaner,
        raw_html=raw_html,
        position=position,
        arrival=arrival,
        updates=updates,
        backlog=bool(backlog),
        hidden=hidden,
        marked_html=marked_html,
        podcast=_element_tuple(podcast),
        story=story,
        story_id=story_id,
    )


KNOWN = (
    "key, public_id, identity, alias, title, link, guid, published, updated, first_seen, date_source, "
    "publisher_date, digest, position, arrival, updates, backlog, hidden, unlisted_at IS NULL, withdrawn_at, "
    "podcast_digest"
)


def known_entry(row: Row) -> KnownEntry:
    """Return the entry of a row of `id` and the columns `KNOWN`."""
    (
        _, key, public_id, identity, alias, title, link, guid, published, updated, first_seen, date_source,
        publisher_date, digest, position, arrival, updates, backlog, hidden, listed, withdrawn_at,
        podcast,
    ) = row  # fmt: skip
    return KnownEntry(
        key=key,
        public_id=public_id,
        identity=identity,
        alias=alias,
        title=title,
        link=link,
        guid=guid,
        published=instant(published),
        updated=instant(updated),
        first_seen=instant(first_seen),
        date_source=DateSource(date_source),
        publisher_date=instant_or_none(publisher_date),
        digest=digest,
        position=position,
        arrival=arrival,
        updates=updates,
        backlog=bool(backlog),
        hidden=hidden,
        listed=bool(listed),
        withdrawn_at=instant_or_none(withdrawn_at),
        podcast=podcast,
    )


def texts(values: Sequence[str]) -> str:
    """Return the texts as JSON."""
    return json.dumps(values, ensure_ascii=False) if values else "[]"


def text_tuple(value: str) -> tuple[str, ...]:
    """Return the texts of `texts`."""
    return tuple(json.loads(value)) if value != "[]" else ()


def _elements(values: Sequence[Element]) -> str:
    return json.dumps(values, ensure_ascii=False) if values else "[]"


def _element_tuple(value: str) -> tuple[Element, ...]:
    if value == "[]":
        return ()
    return tuple(
        Element(name, text, tuple((key, said) for key, said in attributes))
        for name, text, attributes in json.loads(value)
    )


def _enclosures(values: Sequence[Enclosure]) -> str:
    if not values:
        return "[]"
    return json.dumps(
        [(e.url, e.type, e.length, e.title, None if e.duration is None else e.duration // MICROSECOND) for e in values],
        ensure_ascii=False,
    )


def _enclosure_tuple(value: str) -> tuple[Enclosure, ...]:
    if value == "[]":
        return ()
    return tuple(
        Enclosure(url, type_, length, title, None if duration is None else timedelta(microseconds=duration))
        for url, type_, length, title, duration in json.loads(value)
    )
