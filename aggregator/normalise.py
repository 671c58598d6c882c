"""Turns an entry as the publisher wrote it into a record: text plain, HTML clean, URLs absolute, every date settled."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from aggregator import pictures
from aggregator.clean import CLEANER, LONGEST, clean, marked
from aggregator.identity import alias_of, digest_of, identity_of, public_id_of
from aggregator.markup import valid
from aggregator.model import BodyStyle, Entry, FilterKind, Source, Text
from aggregator.plain import contained, line, paragraphs, shortened, text_of, text_of_clean, title_of
from storage.record import DateSource, Enclosure, Record, key_of
from storage.states import FeedInfo

UNTITLED = "(untitled)"
TITLE_FROM_TEXT = 80
"""Characters of an entry's text that stand for a title where it has none; feed readers show an empty one as nothing."""
LONGEST_TITLE = 1_000
LONGEST_SUMMARY = 500
MOST_NAMES = 64

AHEAD = timedelta(hours=1)
"""How far ahead of ours a publisher's clock may be (rule 78)."""
AHEAD_DATE_ONLY = timedelta(hours=26)
"""What a date without time or zone may be off by besides."""
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
"""Dates before it are a publisher's zero, not a date (rule 78)."""

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8}){0,4}")


def normalise(source: Source, info: FeedInfo, entry: Entry, seen_at: datetime, position: int) -> Record:
    """
    Return the record of the entry; `seen_at` dates an entry that has no date.

    `position` is its place in the document: of undated entries the first is the newest, by a second each (rule 77).
    Key, ids and dates are those of a new entry; what is stored already is told by reconciling.
    """
    longest = max(LONGEST, source.bounds.entry)
    written, html = _body(entry, longest)
    text = text_of_clean(html)
    link = pictures.absolute(line(entry.link), None) if entry.link else None
    title = _title(entry, text, link)
    guid = line(entry.guid) or None if entry.guid else None
    enclosures = usable_enclosures(entry.enclosures)
    said = _plain(entry.title)
    identity = identity_of(guid, link, said, text, info.link)
    key = key_of(source.id, identity)
    published, date_source = _date(entry, seen_at, position)
    site = line(source.site or info.title or urlsplit(source.url).hostname or source.name)
    writers = _names(entry.writers)
    return Record(
        key=key,
        public_id=public_id_of(guid, source.url, seen_at, key),
        source_id=source.id,
        identity=identity,
        alias=alias_of(identity),
        categories=(source.category, site, source.feed),
        # Digest and identity are of the title as it was written: what is only shown in another way is no change.
        title=contained(title) or UNTITLED,
        link=link,
        guid=guid,
        author=_author(source.author, site, writers),
        writers=writers,
        tags=_names(entry.tags),
        published=published,
        updated=_updated(entry, published, date_source, seen_at),
        first_seen=seen_at,
        date_source=date_source,
        publisher_date=entry.published_at or entry.updated_at,
        image=_lead_image(entry, link, html),
        html=html,
        summary=_summary(entry, written, text),
        enclosures=enclosures,
        language=language_tag(entry.language or info.language),
        digest=digest_of(title, link, text, pictures.urls(html), enclosures),
        cleaner=CLEANER,
        raw_html=_source_of(written) if source.record_body is BodyStyle.VERBATIM else None,
        marked_html=_marked(source, entry, written, html, longest),
        position=position,
        podcast=entry.podcast,
    )


# --- body and text ----------------------------------------------------------------------------------------------


def _body(entry: Entry, longest: int) -> tuple[Text | None, str]:
    """Return the text that is the entry's body, and it as clean HTML: the content, else the summary."""
    for text in (entry.content, entry.summary):
        if text is not None and text.value.strip():
            html = clean(_source_of(text), text.base or entry.link, longest)
            if html.strip():
                return text, html.strip()
    return None, ""


def _marked(source: Source, entry: Entry, written: Text | None, html: str, longest: int) -> str | None:
    """Return the body with its classes and ids, where rules of the source choose by them and there are any."""
    if written is None or not any(rule.kind is FilterKind.REMOVE for rule in source.filters):
        return None
    with_marks = marked(_source_of(written), written.base or entry.link, longest)
    return None if with_marks == html else with_marks


def _source_of(text: Text | None) -> str:
    """Return the text as the HTML that its publisher meant."""
    if text is None:
        return ""
    return valid(text.value).strip() if text.html else paragraphs(valid(text.value))


def _plain(title: Text | None) -> str:
    if title is None:
        return ""
    return title_of(title.value) if title.html else line(title.value)


def _title(entry: Entry, text: str, link: str | None) -> str:
    """Return the title, never empty: else the first words, else what an enclosure or the link is called."""
    title = _plain(entry.title)
    if title:
        return shortened(title, LONGEST_TITLE)
    if text:
        return shortened(text, TITLE_FROM_TEXT)
    named = next((line(enclosure.title) for enclosure in entry.enclosures if enclosure.title), "")
    return named or link or UNTITLED


def _summary(entry: Entry, body: Text | None, text: str) -> str:
    """Return the publisher's summary as plain text where it says something apart from the body."""
    if entry.summary is None or entry.summary is body:
        return ""
    summary = text_of(entry.summary.value) if entry.summary.html else " ".join(line(entry.summary.value).split())
    return "" if summary == text else contained(shortened(summary, LONGEST_SUMMARY))


def _lead_image(entry: Entry, link: str | None, html: str) -> str | None:
    named = pictures.absolute(line(entry.image), link) if entry.image else None
    return named or pictures.lead_image(html)


# --- dates ------------------------------------------------------------------------------------------------------


def _date(entry: Entry, seen_at: datetime, position: int) -> tuple[datetime, DateSource]:
    """Return the date shown and where it is from (rules 77 and 78)."""
    first_seen = seen_at - timedelta(seconds=position)
    given, where = (
        (entry.published_at, DateSource.PUBLISHED)
        if _is_date(entry.published_at)
        else (entry.updated_at, DateSource.UPDATED)
    )
    if given is None or not _is_date(given):
        return first_seen, DateSource.FIRST_SEEN
    if given > _latest(entry, seen_at):
        return first_seen, DateSource.FUTURE
    return given.astimezone(UTC), where


def _updated(entry: Entry, published: datetime, where: DateSource, seen_at: datetime) -> datetime:
    """Return the publisher's update date where it is one that has come, and not before the entry was published."""
    given = entry.updated_at
    if given is None or where is DateSource.FUTURE or not _is_date(given) or given > _latest(entry, seen_at):
        return published
    return max(given.astimezone(UTC), published)


def _is_date(given: datetime | None) -> bool:
    return given is not None and given >= EARLIEST


def _latest(entry: Entry, seen_at: datetime) -> datetime:
    return seen_at + AHEAD + (AHEAD_DATE_ONLY if entry.date_only else timedelta())


# --- names and files --------------------------------------------------------------------------------------------


def _names(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names as plain text, each once, in their order."""
    plain = (contained(line(title_of(name))) for name in names)
    return tuple(dict.fromkeys(name for name in plain if name))[:MOST_NAMES]


def _author(template: str, site: str, writers: tuple[str, ...]) -> str:
    """Return the author line (R6); an entry without a writer has the site's name."""
    return line(template.replace("{entry}", ", ".join(writers) or site).replace("{site}", site)) or site


def usable_enclosures(enclosures: Iterable[Enclosure]) -> tuple[Enclosure, ...]:
    """Return the files that have an http(s) address, each once, with what they say as plain text."""
    kept: dict[str, Enclosure] = {}
    for enclosure in enclosures:
        if url := pictures.absolute(line(enclosure.url), None):
            length = enclosure.length if enclosure.length is None or enclosure.length >= 0 else None
            kept.setdefault(
                url,
                Enclosure(
                    url=url,
                    type=line(enclosure.type) or None if enclosure.type else None,
                    length=length,
                    title=contained(line(enclosure.title)) or None if enclosure.title else None,
                    duration=enclosure.duration,
                ),
            )
    return tuple(kept.values())[:MOST_NAMES]


def language_tag(given: str | None) -> str | None:
    """Return a language tag (BCP 47), `_` mended; None for what is none."""
    tag = line(given or "")
    return tag.replace("_", "-") if _LANGUAGE.fullmatch(tag) else None
