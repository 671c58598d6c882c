"""Keeps what a document says within the limits of one: how many entries, how much text, how long a name or address."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256

from aggregator.model import Bounds, Entry, Feed, Text
from storage.record import Enclosure
from storage.states import FeedInfo

MAX_URL = 8_000
"""Characters of an address; servers refuse longer ones (RFC 9110 section 4.1), and one of 9 MB stood in every feed."""
MAX_GUID = 8_000
"""Characters of an id; a longer one stands as its SHA-256, as which it is told from others anyway."""
MAX_LINE = 1_000
"""Characters of a name, a media type, the title of a file."""

_EMBEDDED = re.compile(r"data:[\w/+.;=-]{0,100},[A-Za-z0-9+/=%\s]{1000,}")


def bounded(feed: Feed, bounds: Bounds) -> Feed:
    """Return the feed within the limits of a document: its newest entries, each of so many bytes at most."""
    notes = [feed.degraded] if feed.degraded else []
    entries = feed.entries
    if len(entries) > bounds.entries:
        notes.append(f"only the newest {bounds.entries:,} of {len(entries):,} entries were read (max_entries)")
        entries = _newest(entries, bounds.entries)
    cut = tuple(_cut(entry, bounds.entry) for entry in entries)
    if any(short is not entry for short, entry in zip(cut, entries, strict=True)):
        notes.append(f"entries beyond {_size(bounds.entry)} were cut (max_entry)")
    said = tuple(_with_short_lines(entry) for entry in cut)
    if any(short is not entry for short, entry in zip(said, cut, strict=True)):
        notes.append("addresses and names of absurd length were left out")
    info = _short_info(feed.info)
    if not notes:
        return feed if info is feed.info else replace(feed, info=info)
    complete = feed.complete and len(entries) == len(feed.entries)
    return replace(feed, info=info, entries=said, complete=complete, degraded="; ".join(notes))


def _newest(entries: tuple[Entry, ...], most: int) -> tuple[Entry, ...]:
    """Return the newest entries in the order of the document; what has no date counts as old as its neighbour before it."""
    ranks = []
    last = float("inf")
    for place, entry in enumerate(entries):
        at = entry.published_at or entry.updated_at
        last = at.timestamp() if at else last
        ranks.append((-last, place))
    kept = sorted(place for _, place in sorted(ranks)[:most])
    return tuple(entries[place] for place in kept)


def _size(count: int) -> str:
    return f"{count / 1024**2:g} MB" if count >= 1024**2 else f"{count / 1024:g} KB"


# --- texts ------------------------------------------------------------------------------------------------------


def _cut(entry: Entry, most: int) -> Entry:
    """Return the entry with its texts cut to so many bytes; embedded images go first, as they are never shown."""
    texts = (entry.title, entry.summary, entry.content)
    # A character takes four bytes at most: nearly every entry passes without being measured.
    if sum(len(text.value) for text in texts if text) * 4 <= most:
        return entry
    room = most
    kept: list[Text | None] = []
    for text in texts:
        short = _shortened(text, room) if text else None
        room -= len(short.value.encode("utf-8", "replace")) if short else 0
        kept.append(short)
    if all(short is text for short, text in zip(kept, texts, strict=True)):
        return entry
    return replace(entry, title=kept[0], summary=kept[1], content=kept[2])


def _shortened(text: Text, room: int) -> Text:
    if len(text.value.encode("utf-8", "replace")) <= room:
        return text
    value = _EMBEDDED.sub("", text.value).encode("utf-8", "replace")[:room].decode("utf-8", "ignore")
    return replace(text, value=value)


# --- addresses, ids, names --------------------------------------------------------------------------------------


def _with_short_lines(entry: Entry) -> Entry:
    """Return the entry without addresses that nobody could ask for; a guid that long as its digest."""
    addresses = (entry.link, entry.image, *(enclosure.url for enclosure in entry.enclosures))
    words = (*entry.writers, *entry.tags, *(word for one in entry.enclosures for word in (one.type, one.title)))
    if len(entry.guid or "") <= MAX_GUID and not _any_longer(addresses, MAX_URL) and not _any_longer(words, MAX_LINE):
        return entry
    return replace(
        entry,
        guid=_short_guid(entry.guid),
        link=_or_none(entry.link, MAX_URL),
        image=_or_none(entry.image, MAX_URL),
        writers=tuple(name[:MAX_LINE] for name in entry.writers),
        tags=tuple(name[:MAX_LINE] for name in entry.tags),
        enclosures=tuple(_short_file(one) for one in entry.enclosures if len(one.url) <= MAX_URL),
    )


def _any_longer(texts: Iterable[str | None], most: int) -> bool:
    return any(text is not None and len(text) > most for text in texts)


def _or_none(text: str | None, most: int) -> str | None:
    return None if text is not None and len(text) > most else text


def _short_guid(guid: str | None) -> str | None:
    if guid is None or len(guid) <= MAX_GUID:
        return guid
    return f"sha256:{sha256(guid.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _short_file(enclosure: Enclosure) -> Enclosure:
    title = enclosure.title[:MAX_LINE] if enclosure.title else enclosure.title
    return replace(enclosure, type=_or_none(enclosure.type, MAX_LINE), title=title)


def _short_info(info: FeedInfo) -> FeedInfo:
    """Return what the feed says of itself, without what no line of a page can hold."""
    if not _any_longer((info.title, info.link, info.id, info.language, info.icon), MAX_LINE):
        return info
    return replace(
        info,
        title=info.title[:MAX_LINE] if info.title else info.title,
        link=_or_none(info.link, MAX_URL),
        id=_or_none(info.id, MAX_GUID),
        language=_or_none(info.language, MAX_LINE),
        icon=_or_none(info.icon, MAX_URL),
    )
