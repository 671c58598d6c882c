"""
Make of what a record file says the record that is stored: cleaned, named and dated (R13).

A file may have been edited by anybody: whatever comes in is cleaned as a publisher's entry is, and what no record of
ours could say is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from aggregator import pictures, podcast
from aggregator.clean import CLEANER, LONGEST, clean
from aggregator.identity import alias_of, digest_of, identity_of, is_sound_id, public_id_of
from aggregator.markup import valid
from aggregator.model import Source
from aggregator.normalise import (
    AHEAD_DATE_ONLY,
    EARLIEST,
    TITLE_FROM_TEXT,
    UNTITLED,
    language_tag,
    usable_enclosures,
)
from aggregator.plain import contained, line, shortened, text_of_clean
from storage.images import ImagePolicy, original, restore
from storage.record import DateSource, Record, key_of
from storage.restoring import UNCLEANED, Outline
from storage.states import FeedInfo

ARCHIVE = "archive"
"""Id of the source that has what no source of feeds.yaml claims; a number is added where that name is taken."""
LONGEST_LINE = 4_000
"""Characters of a title, a name or a category."""
LARGEST = 10**12
"""Of a number of ours: no store has counted that far."""

FEEDS = ".aggregator-feeds.json"
"""Beside the folders of lossless record files: what the feeds say of themselves. Site tools pass over such names."""

_KEY = re.compile(r"[a-z2-7]{16}")
_SOURCE_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_PLACEHOLDER = re.compile(r"https?://picsum\.photos/", re.IGNORECASE)
# The system whose records these are wrote `_` for these in a title.
_REPLACED = re.compile(r"[:/\\?*“”<>|\[\]_]")


class ForeignRecordError(Exception):
    """What the `rss` map of a file says is said by no record of ours; the message goes on after its place."""


# --- with `rss` -------------------------------------------------------------------------------------------------


def returning(record: Record, longest: int = LONGEST) -> Record:
    """
    Return the record as it is stored: names, order and dates unchanged, its body cleaned, its addresses http(s).

    `longest`: characters that a body may have.

    A record that we wrote, in a file that nobody edited, comes out as it went in. Raises `ForeignRecordError` where
    key, ids or numbers cannot be ours.
    """
    _check(record)
    link = _address(record.link)
    raw = None if record.raw_html is None else valid(record.raw_html)
    html = raw if raw is not None and record.cleaner == UNCLEANED else record.html
    return replace(
        record,
        categories=_three(record.categories),
        title=_line(record.title) or UNTITLED,
        link=link,
        guid=None if record.guid is None else line(record.guid) or None,
        author=_line(record.author),
        writers=_lines(record.writers),
        tags=_lines(record.tags),
        image=_address(record.image),
        html=clean(html, link, longest).strip(),
        summary=contained(line(record.summary)),
        enclosures=usable_enclosures(record.enclosures),
        podcast=podcast.usable(record.podcast),
        language=language_tag(record.language),
        cleaner=CLEANER,
        raw_html=raw,
        marked_html=None if record.marked_html is None else valid(record.marked_html),
        hidden=None if record.hidden is None else _line(record.hidden) or None,
    )


def _check(record: Record) -> None:
    if not _KEY.fullmatch(record.key):
        raise ForeignRecordError(f"`rss.ids.key` is no key of ours: {record.key[:40]!r}")
    if not _SOURCE_ID.fullmatch(record.source_id):
        raise ForeignRecordError(f"`rss.source` is no id of a source: {record.source_id[:80]!r}")
    if not is_sound_id(record.public_id):
        raise ForeignRecordError(f"`rss.ids.public` is no absolute URI: {record.public_id[:80]!r}")
    if record.story_id is not None and not is_sound_id(record.story_id):
        raise ForeignRecordError(f"`rss.story_id` is no absolute URI: {record.story_id[:80]!r}")
    if not record.identity or not record.alias:
        raise ForeignRecordError("`rss.ids` has no identity")
    if max(record.arrival, record.position, record.updates) > LARGEST:
        raise ForeignRecordError("`rss` has a number that no store has counted to")
    for name in ("identity", "alias", "digest"):
        if valid(getattr(record, name)) != getattr(record, name):
            raise ForeignRecordError(f"the {name} in `rss` has characters that no text may hold")


# --- without `rss` ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Claimant:
    """A source that records without ids may be of."""

    id: str
    url: str
    category: str
    site: str
    feed: str
    images: ImagePolicy | None


def claimants(sources: Iterable[Source], titles: Mapping[str, str]) -> tuple[Claimant, ...]:
    """Return the sources by what their records are filed under; `titles` are those of their feeds, by id."""
    return tuple(
        Claimant(
            one.id,
            one.url,
            one.category,
            line(one.site or titles.get(one.id) or urlsplit(one.url).hostname or one.name),
            one.feed,
            one.images,
        )
        for one in sources
    )


def archive_id(taken: Iterable[str]) -> str:
    """Return the id of the source for what nobody claims."""
    ids, number = set(taken), 1
    while (name := ARCHIVE if number == 1 else f"{ARCHIVE}-{number}") in ids:
        number += 1
    return name


def claimant_of(outline: Outline, sources: Sequence[Claimant]) -> Claimant | None:
    """
    Return the one source under whose site and feed the file is filed; None where there is none, or several.

    The older forms write both as one, `site - feed`. Of several the one of the file's category counts.
    """
    first, *rest = (*map(line, outline.categories), "")
    filed = [part for part in rest if part]
    found = [one for one in sources if filed in ([one.site, one.feed], [f"{one.site} - {one.feed}"])]
    of_category = [one for one in found if one.category == first]
    chosen = of_category if len(found) > 1 else found
    return chosen[0] if len(chosen) == 1 else None


def minted(
    outline: Outline,
    source: Claimant,
    policies: Iterable[ImagePolicy],
    written_at: datetime,
    now: datetime,
    longest: int = LONGEST,
) -> Record:
    """
    Return a record with ids of its own for a file that has none, the same ones for the same file.

    Identity is its link, else a digest of title and text. Its date is its own, also as the time when it was first
    seen: nothing old is dated now. One without a usable date has that of the file. It is backlog, so that no merged
    feed takes it for new. `policies` are templates of image addresses to be undone.
    """
    policies = [policy for policy in dict.fromkeys((source.images, *policies)) if policy]
    link = _address(outline.link)
    html, image = outline.html, outline.image or ""
    for policy in policies:
        html, image = restore(html, policy), original(image, policy)
    html = clean(html, link, longest).strip()
    text = text_of_clean(html)
    title = _line(outline.title) or shortened(text, TITLE_FROM_TEXT) or link or UNTITLED
    identity = identity_of(None, link, title, text, None)
    key = key_of(source.id, identity)
    at, where = _dated(outline.date, min(written_at, now), now)
    categories = _filed(outline)
    return Record(
        key=key,
        public_id=public_id_of(None, source.url, at, key),
        source_id=source.id,
        identity=identity,
        alias=alias_of(identity),
        categories=categories,
        title=title,
        link=link,
        guid=None,
        author=_line(outline.author) or categories[1],
        writers=(),
        tags=_lines(outline.tags),
        published=at,
        updated=at,
        first_seen=at,
        date_source=where,
        publisher_date=at if where is DateSource.PUBLISHED else None,
        image=_lead_image(image, html),
        html=html,
        summary="",
        enclosures=(),
        language=None,
        digest=digest_of(title, link, text, pictures.urls(html), ()),
        cleaner=CLEANER,
        backlog=True,
    )


def looks(record_title: str) -> str:
    """Return a title as the older forms write it, to compare by."""
    return _REPLACED.sub("_", record_title)


def _dated(given: datetime | None, written_at: datetime, now: datetime) -> tuple[datetime, DateSource]:
    if given is None or given < EARLIEST:
        return written_at, DateSource.FIRST_SEEN
    if given > now + AHEAD_DATE_ONLY:
        return written_at, DateSource.FUTURE
    return given, DateSource.PUBLISHED


def _filed(outline: Outline) -> tuple[str, str, str]:
    """Return category, site and feed of a file that may name fewer or more."""
    match tuple(filter(None, map(_line, outline.categories))):
        case (category, site, feed, *_):
            return category, site, feed
        case (category, both):
            site, _, feed = both.partition(" - ")
            return category, site, feed or "latest"
        case (category,):
            return category, _line(outline.author) or ARCHIVE, "latest"
        case _:
            return "uncategorized", _line(outline.author) or ARCHIVE, "latest"


def _lead_image(named: str, html: str) -> str | None:
    """Return the lead image; what stood in at random for one is none (R4)."""
    image = None if _PLACEHOLDER.match(named) else _address(named)
    return image or pictures.lead_image(html)


# --- what feeds say of themselves ---------------------------------------------------------------------------------

_SAID = ("title", "link", "id", "language", "format", "icon")


def feeds_text(feeds: Mapping[str, FeedInfo]) -> bytes:
    """Return what feeds say of themselves as JSON, a source a line; without what changes with every document."""
    lines = []
    for source_id, feed in sorted(feeds.items()):
        said = {name: value for name in _SAID if (value := getattr(feed, name)) is not None}
        lines.append(f"{json.dumps(source_id)}: {json.dumps(said, ensure_ascii=False)}")
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode("utf-8", "replace")


def feeds_of(data: bytes) -> Mapping[str, FeedInfo]:
    """Return what `feeds_text` was given, texts plain and addresses http(s). Raises ValueError for what it never wrote."""
    try:
        feeds = json.loads(data)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    if not isinstance(feeds, dict) or not all(isinstance(feed, dict) for feed in feeds.values()):
        raise ValueError("it is no list of feeds by the ids of their sources")
    return {id_: _feed(feed) for id_, feed in feeds.items() if _SOURCE_ID.fullmatch(id_)}


def _feed(said: Mapping[str, object]) -> FeedInfo:
    texts = {name: line(value) for name in _SAID if isinstance(value := said.get(name), str)}
    return FeedInfo(
        title=texts.get("title"),
        link=_address(texts.get("link")),
        id=texts.get("id"),
        language=texts.get("language"),
        format=texts.get("format"),
        icon=_address(texts.get("icon")),
    )


# --- both -------------------------------------------------------------------------------------------------------


def _address(url: str | None) -> str | None:
    return pictures.absolute(line(url), None) if url else None


def _line(text: str) -> str:
    return contained(line(text)[:LONGEST_LINE].rstrip())


def _lines(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(filter(None, map(_line, texts)))


def _three(categories: tuple[str, str, str]) -> tuple[str, str, str]:
    category, site, feed = map(_line, categories)
    return category, site, feed
