"""What polling remembers: of a source, of a host, of a list of sources; plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Validators:
    """What to send back to ask whether a document changed (RFC 9110 section 8.8), verbatim as received."""

    etag: bytes | None = None
    last_modified: bytes | None = None
    digest: bytes | None = None
    """SHA-256 of the body after content-coding was undone, before its charset was."""
    url: str | None = None
    """The URL that gave them; they are sent to no other (rule 3)."""


@dataclass(frozen=True, slots=True)
class FeedInfo:
    """What the newest document of a source said of itself; text plain, URLs absolute, None where it said nothing."""

    title: str | None = None
    link: str | None = None
    id: str | None = None
    language: str | None = None
    format: str | None = None
    """feedparser's word (`rss20`, `atom10` ...) or `json1`, `json11`."""
    updated: datetime | None = None
    icon: str | None = None


@dataclass(frozen=True, slots=True)
class SourceRow:
    """What the store keeps of a source of feeds.yaml."""

    id: str
    name: str
    url: str
    host: str
    """Whose turn a poll takes: registrable domain or address, and port where it is not the scheme's own."""
    position: int
    """Order in feeds.yaml."""
    keep_days: int
    keep_entries: int
    settings_digest: str
    """Digest of what changes the request or the reading (URL, record_body ...); when it changes, validators are dropped."""
    floor: timedelta = timedelta(minutes=15)
    """After a crash of ours during a poll, the source is left alone for this long from its last attempt (rule 29)."""
    tags: tuple[str, ...] = ()
    """The operator's own words for it, by which views choose."""
    other_hosts: tuple[str, ...] = ()
    """Whose turn its fallbacks take, in order: it may be polled while its first address' host is to be left alone."""
    paused: bool = False
    """It stands in feeds.yaml and is not polled: kept as a removed one is, but for its place."""


class Earlier(NamedTuple):
    """A source as it was known before feeds.yaml was read anew: what its id is kept by."""

    id: str
    url: str
    """As it is asked."""
    name: str
    """As it is shown."""
    placed: bool = True
    """Whether it stood in the file; one that did not is known by its URL alone."""


class Term(NamedTuple):
    """One of the reasons why a source is left alone until a time."""

    until: datetime
    reason: str


class ActiveDay(NamedTuple):
    """A day on which entries of a source came."""

    day: int
    """Since 1970, UTC."""
    first: int
    """When the first entry came, in steps of ten minutes from midnight."""
    last: int


class Profile(NamedTuple):
    """What the documents of a source are like."""

    language: str | None
    """The primary subtag."""
    texts: int
    """Per cent of the entries that have a body."""
    dates: int
    """Per cent that their publisher dated."""
    links: int
    turned: str | None = None
    """What became of it, in words, while that is news."""
    turned_at: datetime | None = None


class Rest(NamedTuple):
    """Why an address of a source that has several is left alone, and until when; forgotten once it answers."""

    address: str
    """As feeds.yaml has it."""
    until: datetime | None
    """None: for good, as it is gone."""
    failures: int
    """In a row."""
    kind: str
    """A word of `aggregator.outcomes.FailureKind`."""
    detail: str
    since: datetime
    """Since when it fails."""
    promised: bool = False
    """True where its publisher named the time: then nobody's impatience ends it."""


@dataclass(frozen=True, slots=True)
class PollState:
    """Everything the next poll of a source depends on, and what its health is told from."""

    source: SourceRow
    next_poll_at: datetime
    next_reason: str = "never polled"
    """Why it is polled when it is, in words for the operator."""
    validators: Validators = Validators()
    effective_url: str | None = None
    """Where a proven permanent redirect led (rule 35); None: poll the URL of feeds.yaml."""
    fresh_until: datetime | None = None
    retry_after_until: datetime | None = None
    lease_until: datetime | None = None
    """Set while a poll is under way; one that has passed is a crash of ours."""
    last_attempt_at: datetime | None = None
    last_success_at: datetime | None = None
    last_new_at: datetime | None = None
    last_status: int | None = None
    failures: int = 0
    """Failed polls in a row."""
    failure_kind: str | None = None
    """A word of `aggregator.outcomes.FailureKind`; None where the last poll was well."""
    failure_detail: str | None = None
    failing_since: datetime | None = None
    degraded: str | None = None
    """What was mended in the newest document, in words; None where it was sound."""
    redirect_target: str | None = None
    redirect_seen: int = 0
    redirect_since: datetime | None = None
    without_validators: int = 0
    """Complete answers in a row that carried no validator (rule 14)."""
    every: timedelta | None = None
    """The interval in force, before freshness and hints."""
    ingest_times: tuple[datetime, ...] = ()
    """When the last 20 entries came, oldest first, the first import not counted (rule 27)."""
    stopped: str | None = None
    """Why it is polled no more (`gone`, `finished`); None where it is."""
    feed: FeedInfo = FeedInfo()
    polls: int = 0
    """Completed polls, good and bad."""
    hints: Mapping[str, str] = field(default_factory=dict)
    """The document's own hints that outlive a 304: `ttl`, `update_every` (seconds), `skip_hours`, `skip_days`, `max_age`, `expires`."""
    terms: tuple[Term, ...] = ()
    """Everything that had a say in `next_poll_at`, the deciding one first."""
    address: str | None = None
    """The address of its fallbacks that answers in place of the first; None: the first is asked."""
    rests: tuple[Rest, ...] = ()
    """Of a source with fallbacks: its addresses that failed when they were last asked, the first among them."""
    at_host: str | None = None
    """Whose turn the next poll takes where that is not the source's own host: that of the address in use."""
    gaps: int = 0
    """How often the interval is halved because entries went by between two polls (rule 76)."""
    gap_at: datetime | None = None
    """When a document last had nothing in common with what was stored."""
    gap_note: str | None = None
    """What became of the entries that went by then, in words."""
    active_days: tuple[ActiveDay, ...] = ()
    """Days on which entries came, the newest 60, oldest first; the first import not counted."""
    profile: Profile | None = None
    """None until a document had entries enough to tell."""

    @property
    def host(self) -> str:
        """Whose turn the next poll takes."""
        return self.at_host or self.source.host

    @property
    def first_rest(self) -> Rest | None:
        """Why the first address is left alone; None where it is well, and where there is no other."""
        return next((rest for rest in self.rests if rest.address == self.source.url), None)


@dataclass(frozen=True, slots=True)
class HostState:
    """The wait that a host asked for (rules 24 and 45)."""

    host: str
    not_before: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A due source, leased to the caller; its `last_attempt_at` is on disk (rule 29)."""

    state: PollState
    host: HostState
    """The one whose turn it takes: that of its state, or of another address where that one is to be left alone."""
    attempted_before: datetime | None = None
    """The `last_attempt_at` before this claim: what is given back unpolled has it again."""


@dataclass(frozen=True, slots=True)
class ListState:
    """A list of sources that lies on the web (OPML), as it was last read, and when it is asked for again."""

    url: str
    next_at: datetime
    validators: Validators = Validators()
    body: bytes | None = None
    """The newest document that could be read; None where there is none yet."""
    read_at: datetime | None = None
    asked_at: datetime | None = None
    failures: int = 0
    """In a row."""
    fault: str | None = None
    """Why the last attempt brought nothing, in words."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One poll of a source as its history shows it."""

    at: datetime
    """When it ended."""
    took: timedelta
    result: str
    """`updated`, `unchanged`, or a word of `aggregator.outcomes.FailureKind`."""
    status: int | None = None
    """HTTP status of the last answer; None where there was none."""
    size: int = 0
    """Bytes of the body, decoded."""
    new: int = 0
    updated: int = 0
    detail: str | None = None
    """Why it failed, or what was odd, in words."""


@dataclass(frozen=True, slots=True)
class Incident:
    """A time in which a source was not well: opened, told anew while it lasts, and closed, never removed before `kept`."""

    number: int
    """Rising; 0 while not stored."""
    source_id: str
    state: str
    """A word of `aggregator.health.State`."""
    kind: str | None
    """A word of `aggregator.outcomes.FailureKind`; None where nothing failed."""
    reason: str
    began_at: datetime
    changed_at: datetime
    """When it was last told otherwise; that of its end where it has ended."""
    ended_at: datetime | None = None
