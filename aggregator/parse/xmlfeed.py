"""RSS, RDF and Atom documents to `Feed`: what feedparser's dictionaries hold, in the words of our model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from urllib.parse import urljoin, urlsplit

from aggregator import podcast
from aggregator.model import Bounds, Deleted, Entry, Feed, Text
from aggregator.outcomes import FailureKind, PollError
from aggregator.parse.dates import Instant, read_date
from aggregator.parse.mend import mend
from aggregator.parse.reader import Document, MalformedError, read_loosely, read_strictly
from storage.markup import unescape
from storage.record import Element, Enclosure
from storage.states import FeedInfo

_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_PERIODS = {"hourly": 3600, "daily": 86400, "weekly": 604800, "monthly": 2592000, "yearly": 31536000}
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CLOSED = re.compile(r"</(?:[\w.-]+:)?(?:rss|feed|rdf|channel)\s*>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{1,2000}>")
_SPACE = re.compile(r"\s+")
_NAME_IN_BRACKETS = re.compile(r"\s*[^\s()<>@]{1,200}@[^\s()<>]{1,200}\s*\(([^()]{1,200})\)\s*$")
_NAME_BEFORE = re.compile(
    r"\s*\"?([^<>\"@]{1,200}?)\"?\s*[<(]\s*(?:mailto:)?[^\s<>()@]{1,200}@[^\s<>()]{1,200}\s*[>)]\s*$"
)
_PICTURE = re.compile(r"\.(?:jpe?g|png|gif|webp|avif)$", re.IGNORECASE)
MAX_ENCLOSURES = 50


def read_xml(text: str, url: str, *, whole: bool, bounds: Bounds = Bounds()) -> Feed:
    """
    Return what an RSS, RDF or Atom document says; its relative URLs stand on `url`.

    A document that is not well-formed is mended, and read as tag soup where that does not help; `degraded`
    says what was done. One that ends before its root does is `truncated`: its last entry is left out,
    save where it came `whole`, so that the publisher's own file ends there, and the entry has a title or can
    be told from others. Raises `PollError`.
    """
    document = _read(text, url, bounds)
    entries = document.entries
    if not document.version and not entries:
        if document.notes:
            raise PollError(FailureKind.PARSE, "; ".join(document.notes))
        raise PollError(FailureKind.NOT_A_FEED, "it is XML, but no RSS, RDF or Atom")
    if document.truncated and not (whole and _tells(entries)):
        entries = entries[:-1]
    feed = document.feed
    info = _info(feed, document.version, url)
    return Feed(
        info=info,
        entries=tuple(_entry(entry, url) for entry in entries),
        author=next(iter(_writers(feed)), None),
        hints=_hints(feed),
        complete="fh complete" in feed and not document.truncated,
        degraded="; ".join(dict.fromkeys(document.notes)) or None,
        truncated=document.truncated,
        previous=_previous(feed),
        deleted=_deleted(feed),
    )


def _read(text: str, url: str, bounds: Bounds) -> Document:
    """Return the document by the strictest way of reading it that works."""
    try:
        return read_strictly(text, url, bounds)
    except MalformedError as fault:
        mended, notes = mend(text)
        first = str(fault)
    try:
        document = read_strictly(mended, url, bounds)
    except MalformedError:
        document = read_loosely(mended, url, bounds)
        notes = (*notes, "read loosely")
        if not _CLOSED.search(mended, max(0, len(mended) - 4096)):
            document.truncated = True
            document.notes.append("the document ends before its root is closed")
    document.notes[:0] = [f"not well-formed ({first})", *notes]
    return document


def _tells(entries: list[dict[str, object]]) -> bool:
    """Tell whether the last entry, of which the end is missing, can be shown, or known as the same when it comes whole."""
    *others, last = entries or [{}]
    if last.get("title") or last.get("guid") or last.get("id"):
        return True
    return bool(last.get("link")) and not any(other.get("guid") or other.get("id") for other in others)


# --- the feed's own lines ---------------------------------------------------------------------------------------


def _info(feed: Mapping[str, object], version: str, url: str) -> FeedInfo:
    image = feed.get("image")
    icon = feed.get("icon") or feed.get("logo") or (image.get("href") if isinstance(image, dict) else None)
    updated = _first_date(feed, "updated", "published", "dc_date")
    title = _construct(feed, "title")
    return FeedInfo(
        title=plain(title) if title else None,
        link=_link(feed),
        id=_text(feed.get("id")),
        language=_text(feed.get("language")),
        format=version or None,
        updated=updated.at if updated else None,
        icon=absolute(icon, url),
    )


def _previous(feed: Mapping[str, object]) -> str | None:
    """Return where the entries before these stand: in an archive (RFC 5005 section 4), else on the next page (section 3)."""
    links = [(_own(link, "rel"), absolute(_own(link, "href"), "")) for link in _dicts(feed, "links")]
    return next((target for name in ("prev-archive", "next") for rel, target in links if rel == name and target), None)


def _deleted(feed: Mapping[str, object]) -> tuple[Deleted, ...]:
    """Return what the feed says that it took back."""
    said = _own(feed, "deleted entries")
    pairs = said if isinstance(said, list) else []
    return tuple(
        Deleted(name, instant.at if (instant := read_date(_text(when))) else None)
        for ref, when in pairs
        if (name := _text(ref))
    )


def _hints(feed: Mapping[str, object]) -> dict[str, str]:
    """Return how often the publisher wants to be asked (rules 25 and 26), each hint only where it makes sense."""
    hints: dict[str, str] = {}
    ttl = _text(feed.get("ttl")) or ""
    if ttl.isdecimal() and int(ttl[:9]) > 0:
        hints["ttl"] = str(int(ttl[:9]) * 60)
    period = _PERIODS.get((_text(feed.get("sy_updateperiod")) or "").lower())
    frequency = _text(feed.get("sy_updatefrequency")) or "1"
    if period and frequency.isdecimal() and int(frequency[:9]) > 0:
        hints["update_every"] = str(period // int(frequency[:9]))
    hours = {int(hour[:9]) % 24 for hour in _strings(feed, "skip hours") if hour.isdecimal() and int(hour[:9]) <= 24}
    days = {day.lower() for day in _strings(feed, "skip days")} & set(_DAYS)
    if hours:
        hints["skip_hours"] = ",".join(map(str, sorted(hours)))
    if days:
        hints["skip_days"] = ",".join(day for day in _DAYS if day in days)
    return hints


# --- an entry ---------------------------------------------------------------------------------------------------


def _entry(entry: dict[str, object], url: str) -> Entry:
    published = _first_date(entry, "published", "dc_date", "created")
    updated = _first_date(entry, "updated")
    enclosures, images = _media(entry, url)
    return Entry(
        guid=_text(_own(entry, "guid")) or _text(_own(entry, "id")),
        link=_link(entry),
        title=_construct(entry, "title"),
        content=_content(entry),
        summary=_summary(entry),
        writers=_writers(entry),
        tags=_tags(entry),
        published_at=published.at if published else None,
        updated_at=updated.at if updated else None,
        date_only=published.vague if published else False,
        enclosures=enclosures,
        image=next(iter(images), None),
        language=_language(entry),
        podcast=_podcast(entry, url),
    )


def _first_date(holder: Mapping[str, object], *names: str) -> Instant | None:
    return next((instant for name in names if (instant := read_date(_text(_own(holder, name))))), None)


def _construct(holder: Mapping[str, object], name: str) -> Text | None:
    """Return a text construct, whose type feedparser has worked out; None where there is none or it is empty."""
    detail = _own(holder, f"{name}_detail")
    return _markup(detail) if isinstance(detail, dict) else None


def _markup(detail: dict[str, object]) -> Text | None:
    value, base = _own(detail, "value"), _own(detail, "base")
    if not isinstance(value, str) or not value:
        return None
    return Text(value, html=_own(detail, "type") in _HTML_TYPES, base=base if isinstance(base, str) and base else None)


def _content(entry: dict[str, object]) -> Text | None:
    """Return the full body: of several, the first in HTML, else the first in plain text."""
    parts = (
        part
        for part in _dicts(entry, "content")
        if str(_own(part, "type") or "text/html").startswith(("text/", "application/xhtml"))
    )
    texts = [text for part in parts if (text := _markup(part))]
    return next((text for text in texts if text.html), texts[0] if texts else None)


def _summary(entry: dict[str, object]) -> Text | None:
    names = ("summary", "itunes_summary", "media_description", "dc_description", "itunes_subtitle")
    # feedparser copies a content that has no summary beside it; what the publisher wrote has a `_detail`.
    return next((text for name in names if (text := _construct(entry, name))), None)


def _link(holder: Mapping[str, object]) -> str | None:
    """Return the alternate link, an HTML one before others; else a guid that is a permalink."""
    links = [link for link in _dicts(holder, "links") if _own(link, "rel") == "alternate" and _own(link, "href")]
    html = next((link for link in links if _own(link, "type") in _HTML_TYPES), None)
    chosen = html or (links[0] if links else None)
    # feedparser sets a link without `links` for such a guid only, and joins it with the base: but 123 is no link.
    guid, joined = _own(holder, "guid"), _own(holder, "link")
    permalink = joined if isinstance(guid, str) and guid.startswith(("http:", "https:", "/")) else None
    candidates = (chosen["href"] if chosen else None, permalink)
    return next((link for each in candidates if (link := absolute(each, ""))), None)


def _writers(holder: Mapping[str, object]) -> tuple[str, ...]:
    """Return who wrote it: names, an e-mail address only where there is no name."""
    people = [_writer(_own(person, "name"), _own(person, "email")) for person in _dicts(holder, "authors")]
    names = dict.fromkeys(name for name in people if name)
    host = None if names else _writer(holder.get("itunes_author"), None)
    return (host,) if host else tuple(names)


def _writer(name: object, email: object) -> str | None:
    text = _line(name) or _line(email)
    if not text or "@" not in text:
        return text
    found = _NAME_IN_BRACKETS.match(text) or _NAME_BEFORE.match(text)
    return found[1].strip() if found and found[1].strip() else text


def _tags(entry: dict[str, object]) -> tuple[str, ...]:
    terms = (_line(_own(tag, "label")) or _line(_own(tag, "term")) for tag in _dicts(entry, "tags"))
    return tuple(dict.fromkeys(term for term in terms if term))


def _language(entry: dict[str, object]) -> str | None:
    own = _text(_own(entry, "language"))
    if own:
        return own
    parts: Iterable[object] = (
        *_dicts(entry, "content"),
        _own(entry, "summary_detail"),
        _own(entry, "title_detail"),
    )
    return next(
        (language for part in parts if isinstance(part, dict) and (language := _text(part.get("language")))), None
    )


# --- media ------------------------------------------------------------------------------------------------------


def _media(entry: dict[str, object], url: str) -> tuple[tuple[Enclosure, ...], tuple[str, ...]]:
    """Return the enclosures, and the pictures that may stand for the entry, the likeliest first."""
    duration = _duration(_own(entry, "itunes_duration"))
    enclosures: dict[str, Enclosure] = {}
    pictures: dict[str, int] = {}
    for attributes in _attached(entry):
        target = absolute(attributes.get("href") or attributes.get("url"), url)
        if not target or target in enclosures:
            continue
        if _is_picture(attributes, target):
            width = _text(attributes.get("width")) or ""
            pictures.setdefault(target, int(width) if width.isdecimal() and len(width) < 6 else 0)
            if attributes.get("rel") != "enclosure":
                continue
        enclosures[target] = _enclosure(attributes, target, None if enclosures else duration)
    named = [each.get("url") for each in _dicts(entry, "media_thumbnail")]
    own = _own(entry, "image")
    named.append(own.get("href") if isinstance(own, dict) else None)
    # Of one picture in several sizes the widest; sorting keeps the publisher's order of equal ones.
    images = [*(absolute(each, url) for each in named), *sorted(pictures, key=lambda each: -pictures[each])]
    return tuple(enclosures.values())[:MAX_ENCLOSURES], tuple(image for image in images if image)


def _attached(entry: dict[str, object]) -> Iterator[Mapping[str, object]]:
    """Yield the attributes of what is attached; not the authors' portraits and dead Flash players that some add."""
    yield from (link for link in _dicts(entry, "links") if _own(link, "rel") == "enclosure")
    for part in _dicts(entry, "media_content"):
        if (
            isinstance(part, dict)
            and "gravatar.com/avatar" not in str(part.get("url"))
            and "flash" not in str(part.get("type"))
        ):
            yield part


def _is_picture(attributes: Mapping[str, object], target: str) -> bool:
    kind, medium = str(attributes.get("type") or "").lower(), attributes.get("medium")
    if kind or medium:
        return medium == "image" or kind.startswith("image/")
    return attributes.get("rel") != "enclosure" and bool(
        "width" in attributes or _PICTURE.search(urlsplit(target).path)
    )


def _enclosure(attributes: Mapping[str, object], target: str, duration: timedelta | None) -> Enclosure:
    length = _text(attributes.get("length") or attributes.get("filesize")) or ""
    return Enclosure(
        url=target,
        type=_text(attributes.get("type")),
        length=int(length) if length.isdecimal() and len(length) < 19 else None,
        title=_line(attributes.get("title")),
        duration=_duration(attributes.get("duration")) or duration,
    )


def _duration(value: object) -> timedelta | None:
    """Return `HH:MM:SS`, `MM:SS` or seconds as a duration; None for anything else and for zero."""
    parts = (_text(value) or "").split(":")
    if len(parts) > 3 or not all(re.fullmatch(r"\d{1,6}(?:\.\d*)?", part) for part in parts):
        return None
    seconds = 0.0
    for part in parts:
        seconds = seconds * 60 + float(part)
    return timedelta(seconds=int(seconds)) if seconds >= 1 else None


def _podcast(entry: dict[str, object], url: str) -> tuple[Element, ...]:
    said = _own(entry, "podcast elements")
    if not isinstance(said, list):
        return ()
    return podcast.usable(
        (Element(name.replace("_", ":"), text, tuple(given.items())) for name, text, given in said), url
    )


# --- small texts ------------------------------------------------------------------------------------------------


def plain(text: Text) -> str:
    """Return the characters of a text construct on one line, tags and entities resolved."""
    value = unescape(_TAG.sub(" " if "<br" in text.value else "", text.value)) if text.html else text.value
    return _SPACE.sub(" ", value).strip()


def absolute(target: object, base: str) -> str | None:
    """Return an absolute http or https URL, resolved against `base` where it is relative; None for anything else."""
    if not isinstance(target, str) or not target.strip():
        return None
    try:
        joined = urljoin(base, target.strip()) if base else target.strip()
        parts = urlsplit(joined)
    except ValueError:
        return None
    return joined if parts.scheme.lower() in ("http", "https") and parts.netloc else None


def _own(holder: Mapping[str, object], name: str) -> object:
    """Return what is kept under the very name: feedparser's dictionaries answer to other names too."""
    return dict.get(holder, name) if isinstance(holder, dict) else None


def _dicts(holder: Mapping[str, object], name: str) -> list[dict[str, object]]:
    """Return the dictionaries of a list that feedparser keeps; none where an element took its place."""
    value = _own(holder, name)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _strings(holder: Mapping[str, object], name: str) -> list[str]:
    value = _own(holder, name)
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _text(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _line(value: object) -> str | None:
    """Return a name or a term on one line, entities that were written twice resolved."""
    if not isinstance(value, str):
        return None
    return _SPACE.sub(" ", unescape(value) if "&" in value else value).strip() or None
