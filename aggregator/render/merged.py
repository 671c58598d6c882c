"""The merged feed as a value: what all three formats are written from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

from aggregator.render.characters import plain, sound_id, web_uri
from storage.record import Record
from storage.states import FeedInfo

EMPTY_AT = datetime(2000, 1, 1, tzinfo=UTC)
"""When a feed was updated that never had an entry: fixed, as no feed may hold the present, and not before 1990,
which the W3C validator calls implausible."""


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a feed says of the source of an entry. Text plain, URLs absolute and free of secrets."""

    id: str
    """An absolute URI: the publisher's own feed id where it is one, else minted from the source's id."""
    title: str
    url: str | None = None
    """Address of the publisher's document."""
    home: str | None = None
    type: str | None = None
    """Media type of the publisher's document; None where it is neither Atom nor RSS."""


@dataclass(frozen=True, slots=True)
class MergedFeed:
    """A page of a merged feed. URLs are absolute; no URL carries the access token."""

    id: str
    title: str
    self_url: str
    home_url: str
    """Where the server's paths begin: ends with `/`."""
    records: tuple[Record, ...]
    """
    In the order in which they are to be shown. `public_id` is the id under which each is shown: of a story that of
    the story, which need not be the record's own.
    """
    sources: Mapping[str, SourceInfo]
    """By source id; one that is missing here is polled no more."""
    next_url: str | None = None
    style: str | None = None
    """Where the stylesheet for browsers lies: a path on the same site; None: none is named."""
    also: Mapping[str, tuple[Record, ...]] = field(default_factory=dict)
    """By key of a record, the others of its story, in the order of preference: named in it, shown nowhere else here."""
    prev_archive_url: str | None = None
    """The archive document of what arrived before (RFC 5005 section 4); None where there is nothing more."""
    next_archive_url: str | None = None
    """Of an archive document: the one of what arrived after it."""
    current_url: str | None = None
    """Of an archive document: the subscription document; None: this is one. What has it says that it is an archive."""

    def also_in(self, record: Record) -> tuple[Record, ...]:
        """Return the other records of the story that the record stands for."""
        return self.also.get(record.key, ())

    @property
    def updated(self) -> datetime:
        """When what it shows last changed: the newest `updated` of its entries."""
        return max((record.updated for record in self.records), default=EMPTY_AT)

    @property
    def language(self) -> str | None:
        """The language tag that all its entries have; None where they differ or one has none."""
        tags = {record.language for record in self.records}
        return tags.pop() if len(tags) == 1 else None

    def source_of(self, record: Record) -> SourceInfo:
        """Return what is said of the record's source."""
        return self.sources.get(record.source_id) or self._left(record)

    def _left(self, record: Record) -> SourceInfo:
        """Return what is said of a source that is polled no more: the feed that we ourselves keep of it stands in."""
        return SourceInfo(
            id=feed_id("source", record.source_id),
            title=plain(record.categories[1]) or record.source_id,
            url=web_uri(f"{self.home_url}source/{record.source_id}.atom"),
            type="application/atom+xml",
        )


def feed_id(kind: str, name: str) -> str:
    """
    Return the id of a feed that we make: `kind` is `feed` or `source`, `name` what it has in feeds.yaml.

    It rests on these two alone, so that another address, port or title, a restored store and one rebuilt
    from records keep it. Two installations share the id of their merged feeds: readers tell feeds apart
    by address, and a feed that moves house must not look new.
    """
    return f"urn:uuid:{uuid5(NAMESPACE_URL, f'feed-aggregator/{kind}/{name}')}"


def source_info(source_id: str, name: str, url: str | None, info: FeedInfo) -> SourceInfo:
    """Return what feeds say of a source; `url` must be free of secrets, `name` is said where its feed has no title."""
    kinds = {"rss": "application/rss+xml", "ato": "application/atom+xml"}
    return SourceInfo(
        id=sound_id(info.id) or feed_id("source", source_id),
        title=plain(info.title or "") or plain(name) or source_id,
        url=web_uri(url),
        home=web_uri(info.link),
        type=kinds.get((info.format or "")[:3]),
    )
