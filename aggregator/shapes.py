"""The one JSON shape of a record, which `export jsonl` and the HTTP side share; programs hold us to it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from storage.record import Enclosure, Record


def instant(at: datetime) -> str:
    """Return the instant by RFC 3339 in UTC, with fractions of a second only where it has some."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def record_shape(record: Record, story: Iterable[Record] = ()) -> dict[str, object]:
    """
    Return the record as JSON names it; `source` is the source's id, None stands for what was not said.

    `story` are the records of its story in the order of preference, itself and hidden ones among them or not.
    """
    return {
        "key": record.key,
        "public_id": record.public_id,
        "source": record.source_id,
        "title": record.title,
        "link": record.link,
        "guid": record.guid,
        "author": record.author,
        "writers": list(record.writers),
        "categories": list(record.categories),
        "tags": list(record.tags),
        "published": instant(record.published),
        "updated": instant(record.updated),
        "first_seen": instant(record.first_seen),
        "date_source": str(record.date_source),
        "image": record.image,
        "html": record.html,
        "summary": record.summary,
        "enclosures": [_enclosure_shape(enclosure) for enclosure in record.enclosures],
        "podcast": [
            {"name": name, "text": text, "attributes": dict(attributes)} for name, text, attributes in record.podcast
        ],
        "language": record.language,
        "also_in": [_other_shape(one) for one in story if one.key != record.key and one.hidden is None],
    }


def _other_shape(record: Record) -> dict[str, object]:
    return {"key": record.key, "source": record.source_id, "title": record.title, "link": record.link}


def _enclosure_shape(enclosure: Enclosure) -> dict[str, object]:
    duration = enclosure.duration
    return {
        "url": enclosure.url,
        "type": enclosure.type,
        "length": enclosure.length,
        "title": enclosure.title,
        "duration": None if duration is None else duration.total_seconds(),
    }
