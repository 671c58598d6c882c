"""The values that pass between the rooms: what feeds.yaml says, what a publisher said, what a poll came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from storage.images import ImagePolicy
from storage.record import Element, Enclosure, Record
from storage.states import FeedInfo, Validators

# --- what feeds.yaml says ---------------------------------------------------------------------------------------


class BodyStyle(StrEnum):
    """What a record's file holds as its body (R8)."""

    CLEAN = "clean"
    VERBATIM = "verbatim"


class RecordStyle(StrEnum):
    """For which site generators the record files are written (R12)."""

    HEXO = "hexo"
    PORTABLE = "portable"


@dataclass(frozen=True, slots=True)
class Keep:
    """How long the records of a source stay: days since last listed, and how many."""

    days: int = 365
    entries: int = 5000


class FilterKind(StrEnum):
    """What a rule of `filters` does."""

    DROP = "drop"
    KEEP = "keep"
    REPLACE = "replace"
    REMOVE = "remove"
    LIMIT = "limit"
    UNIQUE = "unique"
    """Of a view: of entries with one title (or link) the first that stands in it."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What an entry must be like for a rule to count: one field, and one of the three forms."""

    field: str
    """`title`, `text` (title and body), `author`, `tag`, `link`, or `age`."""
    pattern: str | None = None
    """A regular expression of linear time (RE2), searched for."""
    words: tuple[str, ...] = ()
    """Literal words of which one must be there, case and width folded."""
    older: timedelta | None = None
    """Of `age`: longer before the newest arrival than this."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A rule of `filters`; which fields count depends on its kind."""

    kind: FilterKind
    written: str
    """As it stands in feeds.yaml, on one line: what a hidden entry is explained by."""
    conditions: tuple[Condition, ...] = ()
    """Of `drop` and `keep`: all of them must hold."""
    field: str = ""
    """Of `replace` (`title`, `body`) and `unique` (`title`, `link`)."""
    pattern: str = ""
    replacement: str = ""
    selectors: tuple[str, ...] = ()
    """Of `remove`: CSS selectors in the body."""
    newest: int = 0
    """Of `limit`: how many of a poll stay."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of a source's document is read; what lies beyond is left out or refused, in a sentence (rule 51)."""

    entries: int = 2_000
    """The newest of a document."""
    entry: int = 1024 * 1024
    """Bytes of text of one entry."""
    depth: int = 256
    """Elements within each other; of JSON, objects and lists."""
    attributes: int = 64
    """Of one element, namespaces aside."""


@dataclass(frozen=True, slots=True)
class Source:
    """An entry of feeds.yaml that we poll, the defaults merged in."""

    id: str
    """Stable: pins /source/{id}, and every key of its records."""
    url: str = field(repr=False)
    """As the operator wrote it, variables filled in."""
    name: str
    position: int = 0
    """Order in feeds.yaml: of two sources with the same story the first shows it."""
    category: str = "uncategorized"
    site: str | None = None
    """None: the feed's title, else the host."""
    feed: str = "latest"
    author: str = "{site}"
    """Template of the record's author line; `{site}` and `{entry}` are replaced."""
    images: ImagePolicy | None = None
    record_body: BodyStyle = BodyStyle.CLEAN
    every: timedelta | None = None
    """A written interval; None: adaptive."""
    at_least: timedelta = timedelta(minutes=60)
    at_most: timedelta = timedelta(hours=24)
    timeout: timedelta = timedelta(seconds=30)
    """Total deadline of an attempt, redirects and body included."""
    keep: Keep = Keep()
    place: str = ""
    """`feeds.yaml:14`, for messages."""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Request headers of its own, secrets among them (`auth` and `cookies` become such); they never leave the origin of `url`."""
    fallback: tuple[str, ...] = field(default=(), repr=False)
    """Absolute URLs that are tried in turn when `url` fails: one identity, whichever answers."""
    tags: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    """Names of the groups that it stands in, outermost first."""
    user_agent: str | None = None
    """In place of `polling.user_agent`; its health says so."""
    proxy: str | None = field(default=None, repr=False)
    """`http://`, `https://` or `socks5://` with host and port, credentials perhaps; None: none."""
    tls_verify: bool = True
    max_download: int = 10 * 1024 * 1024
    """Bytes on the wire, at most."""
    max_body: int = 16 * 1024 * 1024
    """Bytes once content-coding is undone, at most."""
    bounds: Bounds = Bounds()
    max_freshness: timedelta = timedelta(hours=48)
    """The longest wait that Cache-Control or Expires may ask for (rule 23)."""
    max_retry_after: timedelta = timedelta(days=7)
    """The longest wait that Retry-After may ask for (rule 23)."""
    filters: tuple[Filter, ...] = ()
    """In order."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Values of variables that stand in `url` and `fallback`: never to be shown."""


class Content(StrEnum):
    """How much of an entry a feed carries."""

    FULL = "full"
    SUMMARY = "summary"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class View:
    """A merged feed with its own title and choice."""

    name: str
    title: str
    sources: tuple[str, ...] = ()
    """Ids. A record counts when it matches `sources`, `categories` or `tags`; where all are empty, all count."""
    categories: tuple[str, ...] = ()
    """First categories."""
    entries: int = 50
    window: timedelta = timedelta(hours=48)
    """Nothing that arrived within it is cut off; counted back from the newest arrival in the view."""
    per_source: int | None = None
    backlog: bool = False
    """True for a source's own feed: with what it listed when it was new, beyond its newest 20."""
    tags: tuple[str, ...] = ()
    """The operator's words for sources, not the publishers' for entries."""
    query: str | None = None
    """In the search syntax."""
    in_all: bool = False
    """True for a feed chosen by parameters: a record counts only when it matches each of the lists that say anything."""
    content: Content = Content.FULL
    images: ImagePolicy | None = None
    """None: as each source says."""
    filters: tuple[Filter, ...] = ()
    place: str = ""
    """`feeds.yaml:80`, for messages."""


@dataclass(frozen=True, slots=True)
class Server:
    """The `server` part of feeds.yaml."""

    listen: str = "127.0.0.1:8080"
    """`host:port`, `[v6]:port`, or `unix:/path`."""
    base_url: str | None = None
    """Absolute, ends with `/`; None: made of `listen`."""
    title: str = "Merged feed"
    access_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Backups:
    """The `storage.backups` part: how often the store is copied, and how many copies are kept."""

    every: timedelta = timedelta(days=1)
    keep: int = 7


@dataclass(frozen=True, slots=True)
class Storage:
    """The `storage` part; paths are absolute here."""

    path: Path
    """The data folder; `aggregator.db` lies in it."""
    records: Path | None = None
    """The records folder; None: no files are written."""
    record_fields: tuple[str, ...] = ()
    record_style: RecordStyle = RecordStyle.HEXO
    backups: Backups = Backups()


@dataclass(frozen=True, slots=True)
class Polling:
    """The `polling` part."""

    user_agent: str = "feed-aggregator (+{base_url})"
    concurrency: int = 32
    per_host: int = 1
    host_delay: timedelta = timedelta(seconds=1)
    allow_private: frozenset[str] = frozenset()
    """Exact `host:port` that may lie in a private network."""
    max_in_flight: int = 64 * 1024 * 1024
    """Bytes of all bodies under way together."""
    workers: int = 2
    """Processes that read bodies."""
    max_cpu: timedelta = timedelta(seconds=5)
    """Processor time to read one body."""
    max_reading: timedelta = timedelta(seconds=30)
    """Time to read one body; longer than `max_cpu`, as a worker waits for its core where the machine is busy."""
    max_memory: int = 72 * 1024 * 1024
    """Bytes that reading one body may take: 15 MB of Chinese text take 50 MB, 12 MB of letters with an emoji 72."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All of feeds.yaml."""

    path: Path
    server: Server
    storage: Storage
    polling: Polling
    sources: tuple[Source, ...]
    warnings: tuple[str, ...] = ()
    """Sources set aside and why, one sentence each (a missing variable)."""
    views: tuple[View, ...] = ()
    """In the order of feeds.yaml."""
    watched: tuple[str, ...] = ()
    """Absolute paths and glob patterns of the files that make these settings: `include` and `opml` files too."""
    lists: tuple[str, ...] = ()
    """
    URLs of OPML documents that name sources; the daemon fetches them, the store keeps what they said.

    `config.load(..., lists={url: bytes})` takes what is kept; one that is not kept yet brings no sources, and a warning.
    """
    paused: tuple[Source, ...] = ()
    """Sources with `enabled: false`: known, shown as paused, and not among `sources`: nothing polls them."""


# --- what the network said --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hop:
    """One redirect that was followed: from a URL to a URL, by a status."""

    status: int
    url: str
    target: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """A complete answer with a body."""

    url: str
    """The URL that answered, after redirects, without fragment."""
    status: int
    headers: Mapping[str, str]
    """Names in lower case; repeated ones joined with `, `; for reading, never for echoing."""
    body: bytes
    """After content-coding was undone; the charset is still the publisher's."""
    validators: Validators
    hops: tuple[Hop, ...] = ()
    truncated: str | None = None
    """How the body was seen to end early, in words; None where it is whole (rule 52)."""
    delta: bool = False
    """True where it holds only what changed since the document whose ETag was sent (RFC 3229 `feed`, rule 15)."""
    shed: int = 0
    """Bytes of a body that was let go of, see `without_body`."""

    @property
    def size(self) -> int:
        """Return the bytes of the body."""
        return self.shed or len(self.body)

    def without_body(self) -> Fetched:
        """Return it without its body, of which the size stays: once it is read, nobody needs to hold 16 MB."""
        return replace(self, body=b"", shed=self.size)


@dataclass(frozen=True, slots=True)
class NotModified:
    """A 304: what it said is to be merged with what is stored (rule 6)."""

    url: str
    headers: Mapping[str, str]
    validators: Validators
    """The merged validators: those of the 304 where it has them, else the stored ones."""
    hops: tuple[Hop, ...] = ()


# --- what the publisher wrote -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text:
    """A text construct: its characters, and whether they are markup."""

    value: str
    html: bool = False
    """True: HTML, entities and tags in it; False: plain characters."""
    base: str | None = None
    """What relative URLs in it stand on (`xml:base`, else the document's URL)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An item as the publisher wrote it: text decoded, nothing cleaned. None: not said."""

    guid: str | None = None
    """atom:id, RSS guid or JSON Feed id, trimmed; never a made-up one."""
    link: str | None = None
    """Absolute; the alternate link, else a guid that is a permalink."""
    title: Text | None = None
    content: Text | None = None
    """The full body: content:encoded, atom:content, content_html ..."""
    summary: Text | None = None
    """description, atom:summary, summary."""
    writers: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    published_at: datetime | None = None
    updated_at: datetime | None = None
    date_only: bool = False
    """True where the publication date has no time of day or no zone, so that it may be off by 26 h."""
    enclosures: tuple[Enclosure, ...] = ()
    image: str | None = None
    """A lead image that the feed names: media:thumbnail, itunes:image, JSON Feed image, an image enclosure."""
    language: str | None = None
    podcast: tuple[Element, ...] = ()
    """What is said in the words of podcasts, as far as `aggregator.podcast` passes it on."""


class Deleted(NamedTuple):
    """An entry that the publisher says it took back (RFC 6721 `at:deleted-entry`)."""

    ref: str
    """Its id as the publisher wrote it; of a reading, the alias by which records go."""
    when: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a document says beside its entries, and how well it could be read."""

    hints: Mapping[str, str] = field(default_factory=dict)
    """`ttl` and `update_every` in seconds, `skip_hours` and `skip_days` comma-separated; as PollState.hints."""
    complete: bool = False
    """RFC 5005 section 2: the document is the whole feed."""
    expired: bool = False
    """JSON Feed 1.1: it will never be updated again."""
    degraded: str | None = None
    """What had to be mended to read it, in words; None where it was sound."""
    truncated: bool = False
    """True where the document ends before its root does: its last entry is left out (rule 52)."""
    previous: str | None = None
    """Absolute URL of the document with the entries before these: `prev-archive`, `next`, `next_url` (rule 76)."""
    deleted: tuple[Deleted, ...] = ()


@dataclass(frozen=True, slots=True)
class Feed(Said):
    """A parsed document."""

    info: FeedInfo
    entries: tuple[Entry, ...]
    """In the order of the document."""
    author: str | None = None


@dataclass(frozen=True, slots=True)
class Reading(Said):
    """What the worker makes of a body: the feed, and its entries as records."""

    info: FeedInfo
    records: tuple[Record, ...]
    """In the order of the document; their keys, ids and dates are those of new entries."""
    delta: bool = False
    """Only what changed: what it does not have says nothing (rule 15)."""
    older: tuple[Record, ...] = ()
    """Entries of the pages before this document, where they were followed, newest first."""
    followed: str | None = None
    """What became of following those pages, in words; None where it was not tried (rule 76)."""
