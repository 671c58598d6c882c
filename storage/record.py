"""The record: one normalised entry, the value that everything else in the project stores, files or serves."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b32encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

KEY_LENGTH = 16
"""Characters of a record's key: 80 bits, so that a million records collide with a chance of 4e-13."""


class DateSource(StrEnum):
    """Where the date shown of a record is from."""

    PUBLISHED = "published"
    """The publisher's own publication date."""
    UPDATED = "updated"
    """The publisher gave only an update date."""
    FIRST_SEEN = "first_seen"
    """The publisher gave none, or none that can be read."""
    FUTURE = "future"
    """The publisher's date lay in the future when we first saw the entry, so our first-seen time stands in."""


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A file that the publisher attached to an entry (RSS 2.0 `enclosure`, Atom `rel="enclosure"`, JSON Feed attachment)."""

    url: str
    """Absolute, http or https."""
    type: str | None = None
    """Media type as the publisher wrote it."""
    length: int | None = None
    """Bytes; never negative."""
    title: str | None = None
    duration: timedelta | None = None


class Element(NamedTuple):
    """An element of a podcast's vocabulary that is passed on as the publisher wrote it, checked and bounded at ingest."""

    name: str
    """Prefix and local name: `itunes:episode`, `podcast:transcript` ..."""
    text: str = ""
    attributes: tuple[tuple[str, str], ...] = ()
    """By name; URLs among them absolute, http or https."""


@dataclass(frozen=True, slots=True)
class Record:
    """
    One normalised entry.

    The text fields are plain text, the URLs absolute and http(s), the instants aware and in UTC.
    `first_seen`, `key` and `public_id` never change once stored.
    """

    key: str
    """Our own name of the record: `key_of(source_id, identity)` of the time when it was first stored."""
    public_id: str
    """The id that subscribers see: the publisher's own where it is a URI that is theirs, else a minted `tag:` URI."""
    source_id: str
    identity: str
    """What tells the entry from others of its source: guid, else link, else a digest of its text (rule 69)."""
    alias: str
    """The identity with http and https made one (rule 70)."""
    categories: tuple[str, str, str]
    """Category, site, feed: where the record is filed."""
    title: str
    link: str | None
    guid: str | None
    """The publisher's id as written, trimmed; None where there is none."""
    author: str
    """The author line of the record: the site's name unless feeds.yaml says otherwise (R6)."""
    writers: tuple[str, ...]
    """Who the publisher says wrote it."""
    tags: tuple[str, ...]
    published: datetime
    """The date shown: the publisher's, else first seen."""
    updated: datetime
    """The publisher's update date, else when the visible text last changed."""
    first_seen: datetime
    date_source: DateSource
    publisher_date: datetime | None
    """The publisher's date as read, also where it is not the date shown (rule 78)."""
    image: str | None
    """The lead image, original URL (R4)."""
    html: str
    """Clean HTML, URLs absolute and original; may be empty."""
    summary: str
    """Plain text; empty where the publisher wrote none apart from the body."""
    enclosures: tuple[Enclosure, ...]
    language: str | None
    digest: str
    """Digest of what a reader sees: title, link, text, media (rule 74). Equal digest: not an update."""
    cleaner: int
    """Version of the cleaner that made `html`."""
    raw_html: str | None = None
    """The publisher's own HTML, kept only where the source's `record_body` is verbatim."""
    position: int = 0
    """Place in the document that first brought it, 0 the first; breaks ties of equal dates."""
    arrival: int = 0
    """Rising number of the poll that brought it, over all sources; 0 while not stored."""
    updates: int = 0
    """How often the content changed since it was first stored (rule 74)."""
    backlog: bool = False
    """True for what a new source listed beyond its newest 20: stored, in the source's own feed, not in merged ones."""
    hidden: str | None = None
    """Why it stands in no feed, page or file; None where it does."""
    marked_html: str | None = None
    """
    The body with the classes and ids that `html` has no more, kept only where a rule of the source chooses by them.

    Never to be shown: what a rule leaves of it is cleaned once more.
    """
    podcast: tuple[Element, ...] = ()
    """What the publisher says of an episode in the words of podcasts, in the order of the document."""
    story: int = 0
    """Number of the story that it shares with records of other sources; 0 where it stands alone, or is not stored."""
    story_id: str | None = None
    """
    The id under which a merged feed shows the story: that of the record that stood for it when this one came.

    None: its own `public_id`. Never changes, so that a subscriber who saw the story sees no other one.
    """


def key_of(source_id: str, identity: str) -> str:
    """Return the key of an entry that is new: lower-case base32 of SHA-256 over source and identity."""
    digest = hashlib.sha256(f"{source_id}\0{identity}".encode("utf-8", "surrogatepass")).digest()
    return b32encode(digest[: KEY_LENGTH * 5 // 8]).decode("ascii").lower()


def podcast_digest(elements: tuple[Element, ...]) -> str:
    """
    Return a digest of a podcast's elements; empty where there are none.

    URLs count without their query, as signed ones change from poll to poll.
    """
    if not elements:
        return ""
    said = json.dumps(
        [(name, text, [(key, _unsigned(value)) for key, value in pairs]) for name, text, pairs in elements]
    )
    return hashlib.sha256(said.encode("ascii")).hexdigest()[:16]


def _unsigned(value: str) -> str:
    return value.partition("?")[0] if value.startswith(("http:", "https:")) else value


def minted_id(host: str, first_seen: datetime, key: str, attempt: int = 0) -> str:
    """
    Return a `tag:` URI (RFC 4151) for an entry whose publisher gave no usable one.

    `host` is the host name of the source without its port, as the tag's authority must be a domain name; what
    such a name cannot hold (the colons of an address, an underscore) becomes a hyphen. `attempt` counts the ids of the
    entry that others have: any source may write any `tag:` URI, this one too.
    """
    name = f"{key}-{attempt}" if attempt else key
    return f"tag:{_authority(host)},{first_seen.astimezone(UTC).date().isoformat()}:{name}"


@lru_cache(maxsize=1024)
def _authority(host: str) -> str:
    return re.sub(r"[^a-z0-9.-]", "-", host.lower()) or "localhost"
