"""A body to records in one call: what runs in the worker that can be ended when a publisher's document takes too long."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from aggregator.identity import alias_of, identity_of
from aggregator.model import Entry, Fetched, Reading, Source
from aggregator.normalise import normalise
from aggregator.parse import feed_in, opened
from aggregator.plain import contained, line
from storage.states import FeedInfo

_EMPTY = Entry()


def read(source: Source, fetched: Fetched, seen_at: datetime) -> Reading:
    """
    Return the feed in the body, its entries as records in the order of the document.

    Entries that say the same stand in it as often as the publisher wrote them; reconciling makes one of them.
    One that says nothing at all (RSS asks for a title or a description) is none.
    Raises `PollError` where the body is no feed or cannot be read, and nothing else.
    """
    document, fetched = opened(fetched), fetched.without_body()
    feed = feed_in(document, source.bounds)
    del document  # the text is in the entries now
    entries = filter(_says_anything, feed.entries)
    info = _plain(feed.info)
    records = tuple(normalise(source, info, entry, seen_at, position) for position, entry in enumerate(entries))
    return Reading(
        info=info,
        records=records,
        hints=feed.hints,
        complete=feed.complete,
        expired=feed.expired,
        degraded=feed.degraded,
        truncated=feed.truncated,
        previous=feed.previous,
        deleted=tuple(each._replace(ref=alias_of(identity_of(each.ref, None, "", "", None))) for each in feed.deleted),
        delta=fetched.delta,
    )


def _plain(info: FeedInfo) -> FeedInfo:
    """Return what the feed says of itself as lines that a terminal may be shown."""
    return replace(
        info,
        title=info.title and (contained(line(info.title)) or None),
        link=info.link and line(info.link),
        id=info.id and line(info.id),
        language=info.language and line(info.language),
    )


def _says_anything(entry: Entry) -> bool:
    """Return whether the publisher wrote anything into the entry; its language may be the feed's."""
    return bool(entry.title or entry.link or entry.content) or replace(entry, language=None) != _EMPTY
