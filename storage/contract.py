"""What every store promises: the values that pass its border, and its methods, each one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple, Protocol

from storage.record import Record


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


class Rest(NamedTuple):
    """Why an address of a source that has several is left alone, and until when; forgotten once it answers."""

    address: str
    """As feeds.yaml has it."""
    until: datetime | None
    """None: for good, as it is gone."""
    failures: int
    """In a row."""
    kind: str
    """A word of `aggregator.model.FailureKind`."""
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
    """A word of `aggregator.model.FailureKind`; None where the last poll was well."""
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
class KnownEntry:
    """What reconciling needs of a stored record."""

    key: str
    public_id: str
    identity: str
    alias: str
    title: str
    link: str | None
    guid: str | None
    published: datetime
    updated: datetime
    first_seen: datetime
    date_source: str
    publisher_date: datetime | None
    digest: str
    position: int
    arrival: int
    updates: int
    backlog: bool
    hidden: str | None
    listed: bool
    """True where the newest document that was read whole still had it."""
    withdrawn_at: datetime | None = None
    """When the publisher was first seen to have taken it back; None where it did not, or has it again."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is stored of a source, as far as a document's entries touch it."""

    entries: tuple[KnownEntry, ...] = ()
    """Those that share an identity or an alias with the document, and all that are still listed."""
    tombstones: frozenset[str] = frozenset()
    """Of the identities and aliases asked for, those whose record was removed: they do not come back."""
    taken: frozenset[str] = frozenset()
    """Of the public ids asked for, those that a record of another source has."""
    empty: bool = True
    """True where the source has never brought a record: its first import."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What a poll changes in the store."""

    new: tuple[Record, ...] = ()
    updated: tuple[Record, ...] = ()
    """Records with the key of a stored one and new content."""
    rekeyed: tuple[Record, ...] = ()
    """Records whose publisher changed their ids: key and public_id as stored, identity, alias and guid new (rule 73)."""
    listed: frozenset[str] | None = None
    """
    Keys that the document has; None where it was not read whole, so that its silence says nothing.

    What is listed is not withdrawn any more, unless `withdrawn` names it.
    """
    unlisted: frozenset[str] = frozenset()
    """Keys, as given, of new records that stand in older pages and not in the document (rule 76); for use with `listed`."""
    marked: tuple[tuple[str, str], ...] = ()
    """Keys of stored records and their `marked_html`, for those that were stored without one; nothing else changes."""
    withdrawn: frozenset[str] = frozenset()
    """Keys of records that the publisher says it took back (RFC 5005 section 2, RFC 6721): marked, never removed."""


@dataclass(frozen=True, slots=True)
class Poll:
    """The outcome of one poll, to be saved whole or not at all."""

    state: PollState
    host: HostState
    changes: Changes = Changes()
    also_held: tuple[HostState, ...] = ()
    """Other hosts on its way that asked to be left alone: of a redirect, of an address before the one that answered."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What saving a poll did."""

    source_id: str
    new: tuple[str, ...] = ()
    """Keys."""
    updated: tuple[str, ...] = ()
    error: str | None = None
    """Why this poll could not be saved while others of the batch were; None where it was."""


@dataclass(frozen=True, slots=True)
class RecordQuery:
    """Which records, newest first: by date shown, then arrival, then the publisher's order, then key."""

    sources: Collection[str] | None = None
    """Ids; None: all."""
    categories: Collection[str] | None = None
    """First categories; None: all."""
    backlog: bool = False
    """True: with what new sources listed beyond their newest 20."""
    since: datetime | None = None
    """Date shown at or after it."""
    arrived_since: datetime | None = None
    """First seen at or after it."""
    text: str | None = None
    """What is searched for, in the syntax of `storage.search`; None: all."""
    before: str | None = None
    """A cursor of an earlier page."""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Page:
    """Records in order, and where the next page starts."""

    records: tuple[Record, ...]
    next: str | None = None
    """Opaque cursor; None on the last page."""


@dataclass(frozen=True, slots=True)
class RecordFile:
    """Where a record's file lies and what was last written to it."""

    key: str
    path: str
    """Relative to the records folder, with `/`."""
    digest: str
    """SHA-256 in hex of the bytes that we wrote."""
    content: str = ""
    """`FrontMatter.digest()` of what we wrote: tells a file quoted anew by a site tool from one that a person changed."""


@dataclass(frozen=True, slots=True)
class Archived:
    """A record that comes back from its file, for `Store.restore`."""

    record: Record
    file: RecordFile | None = None
    """Its place below the records folder, and what is to be taken for what we wrote there; None: the place is free to choose."""
    written: bool = False
    """True where the file is to be left as it is until the record changes."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What became of records that were to come back; keys, as stored."""

    new: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    """Stored already, and left alone."""
    updated: tuple[str, ...] = ()
    """Stored already, with other content than now."""
    gone: tuple[str, ...] = ()
    """Stored once and let go of by `prune`: they do not come back."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the store knows of a record beyond what the record says."""

    unlisted_at: datetime | None = None
    """When the newest document no longer had it; None: it is listed."""
    withdrawn_at: datetime | None = None
    """When its publisher took it back; None: it stands."""
    file: RecordFile | None = None
    same: tuple[tuple[str, str], ...] = ()
    """Source and key of records of other sources with its link, or with its id where that is a URI; 20 at most."""


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
class Unsearched:
    """A record that search does not find yet, or finds by what it said before."""

    record: Record
    change: int
    """Of which change it is the state."""


@dataclass(frozen=True, slots=True)
class Searchable:
    """The plain texts by which search finds a record."""

    key: str
    change: int
    """As `Unsearched` gave it."""
    title: str
    author: str
    text: str


class StoreError(Exception):
    """The store cannot be used; the message names the file and the way out (exit code 4)."""


class StoreMissingError(StoreError):
    """There is no store in the folder yet, and a reader does not make one."""


class StoreLockedError(StoreError):
    """Another process polls into the same store."""


class StoreFullError(StoreError):
    """There is no space left to write; nothing was lost, the same call may be tried again."""


class Store(Protocol):
    """
    A place for records and for the state of polling.

    A method is one transaction and may be called from any thread; those that write take turns.
    All instants are aware UTC, kept to the microsecond. Any method may raise `StoreError`.
    """

    def sync_sources(self, sources: Sequence[SourceRow], now: datetime) -> None:
        """
        Make `sources` the ones that are polled.

        A new one is due now; one that stays keeps its state (but loses its validators where
        `settings_digest` differs); one that is absent is no longer polled, and its records stay:
        for `prune` they count as listed until now. One that comes back resumes its state.
        Where the URL differs, what belongs to the old one (redirects, freshness, `stopped`) goes, and
        the source is due now. A paused one is not polled, and its row follows the file all the same.
        Two sources with one id: ValueError.
        """

    def sources(self) -> list[Earlier]:
        """
        Return every source that was ever in feeds.yaml, but for purged ones.

        First those of the last `sync_sources`, paused ones too, by position; then the others, the last removed first.
        """

    def claim_due(
        self,
        now: datetime,
        *,
        limit: int,
        lease: timedelta,
        per_host: int = 1,
        busy: Mapping[str, int] | None = None,
        only: Collection[str] | None = None,
        due: bool = True,
    ) -> list[Claim]:
        """
        Take up to `limit` sources whose time has come, never-polled ones first, then the longest due.

        Of one host no more than `per_host` are taken, less those that `busy` says are under way there;
        a host whose `not_before` lies ahead gives none, but a source that has an address on another one may
        take that one's turn (`other_hosts`). A source with a lease that has not passed is
        left alone; one whose lease has passed (we crashed) is taken as due when its `next_poll_at` is, but not
        before its `floor` has passed since its last attempt, as the request may have gone out.
        Each taken one has `lease_until` and `last_attempt_at` set on disk when this returns.
        `only` restricts to these ids; `due=False` takes what is not due too, but nothing before its own
        `retry_after_until`; stopped sources are taken only where `only` names them.
        """

    def host(self, host: str) -> HostState:
        """Return the wait that is stored of a host, passed or not."""

    def hosts(self) -> list[HostState]:
        """Return all waits of hosts that are stored."""

    def next_due_at(self, now: datetime | None = None) -> datetime | None:
        """
        Return when the next source that is neither stopped nor leased comes due; None where there is none.

        With `now`, a lease that has passed counts as none.
        """

    def release(self, claims: Collection[Claim], now: datetime) -> None:
        """Give claimed sources back unpolled: the lease ends, and none was attempted; nothing else changes."""

    def known(
        self, source_id: str, identities: Collection[str], aliases: Collection[str], public_ids: Collection[str]
    ) -> Known:
        """Return what is stored of the source under these identities and aliases, and all that is still listed."""

    def save_polls(self, polls: Sequence[Poll], now: datetime) -> list[Saved]:
        """
        Save finished polls: records, validators, next poll and host wait of each, all in one transaction.

        A poll that cannot be saved is left out whole, named in its `Saved.error`, and spoils no other.
        New records get the next arrival number, those of `unlisted` the one before; equal content is not written. The lease ends.
        What was stored first stays: of an updated or rekeyed record key, public_id, first_seen, arrival
        and position are not touched; one whose record is gone by now is passed over; a new one that is
        stored already is not new. A new record whose public_id was taken meanwhile (two sources with
        the same entry in one batch) is stored under a minted one, one whose key another identity of
        its source has under the next free key: `Saved.new` has the keys as stored.
        Of the source's own row (name, URL ...) nothing is written: that is `sync_sources`' alone; where
        it has changed `settings_digest` since the claim, the validators are not kept; where it has changed the
        URL, the records are saved and nothing of the state is.
        A HostState without a wait does not end one that lies ahead: another poll of the host asked for it.
        """

    def restore(
        self, archived: Sequence[Archived], sources: Sequence[SourceRow], now: datetime, *, update: bool = False
    ) -> Restored:
        """
        Take records back that an archive holds, as they are: key, public_id, dates, arrival, position, backlog, hidden.

        A source of `sources` that the store does not know is entered as one that is polled no more since `now`; a
        record of a source that is neither: LookupError, and nothing is stored. They are listed until a document of
        their source says otherwise. What is stored under the same key, or in the same source under the same
        identity, is left alone; with `update` content that differs is written as an update would write it. An
        arrival number is kept where its place in the order is still free, that is behind all that is stored; else,
        and where it is 0, the next one is given. A public_id that another record has is minted anew.
        """

    def feeds(self) -> Mapping[str, FeedInfo]:
        """Return by source id what feeds say of themselves, also those of sources that are polled no more."""

    def describe(self, feeds: Mapping[str, FeedInfo]) -> None:
        """Keep what feeds say of themselves, by source id, for those of which no document was read yet."""

    def page(self, query: RecordQuery) -> Page:
        """
        Return the records that the query asks for; hidden ones never stand in it.

        A cursor that no page gave, or a limit below 1: ValueError.
        """

    def after(self, record: Record) -> str:
        """Return the cursor of the page that begins after the stored record, in the order of every query."""

    def get(self, key: str) -> Record | None:
        """Return the record, hidden or not."""

    def facts(self, key: str) -> KnownEntry | None:
        """Return what is known of a stored record beside its content: whether it is listed, hidden, withdrawn, since when."""

    def find(self, wanted: str, limit: int = 20) -> list[str]:
        """
        Return the keys of the records that a person means by this: a key, a public id, a link, a guid, or the
        beginning of a key; of these the first sense in which there is any. Hidden ones too.
        """

    def circumstances(self, key: str) -> Circumstances | None:
        """Return what is known of the record beyond what it says; None where there is no such record."""

    def newest_arrival(self, query: RecordQuery | None = None) -> datetime | None:
        """
        Return the latest `first_seen` of a record that is neither hidden nor backlog; None where there is none.

        Of a query only `sources` and `categories` count; without one all records do.
        """

    def records(self, *, since: datetime | None = None) -> Iterator[Record]:
        """Yield all records that are not hidden, by arrival, publisher's order, key; those first seen at or after `since`."""

    def states(self, only: Collection[str] | None = None) -> list[PollState]:
        """Return the state of every source that is polled, or of those of them with these ids, in the order of feeds.yaml."""

    def records_of(self, source_id: str) -> Iterator[Record]:
        """Yield all records of the source, hidden ones too, by arrival, publisher's order, key."""

    def judged(self) -> Mapping[str, str]:
        """Return by source id what `mark_hidden` last noted; empty text where it noted nothing."""

    def mark_hidden(self, marks: Mapping[str, str | None], judged: Mapping[str, str] | None = None) -> int:
        """
        Hide records by key for the reason given, show again those whose reason is None; return how many changed.

        A record that is shown again keeps all that it had, arrival and dates too; its file is written where it is
        missing or older. Keys that are not stored are passed over. `judged` notes by source id by what rules its
        records were judged: what it says is for the caller alone.
        """

    def hidden_for(self, reason: str) -> list[str]:
        """Return the keys of the records that are hidden for the reason."""

    def counts(self) -> Mapping[str, int]:
        """Return how many records each source has, hidden ones too; sources that are no longer polled have theirs."""

    def revision(self) -> int:
        """Return a number that rises with every change of records or source descriptions, and with nothing else."""

    def unwritten(self, limit: int = 500) -> list[tuple[Record, RecordFile | None]]:
        """Return records whose file is missing or older than they are, with the file if there was one; no hidden ones."""

    def wrote_files(self, files: Sequence[RecordFile]) -> None:
        """
        Remember what was written, so that it is not written again.

        A record that changed since `unwritten` gave it stays unwritten. A file outlives its record.
        """

    def files(self) -> list[RecordFile]:
        """Return every file that was written, by path."""

    def forget_files(self, source_id: str | None = None) -> None:
        """Take the file of every record (of the source) as unwritten: paths stay, content is written where it differs."""

    def file_of(self, key: str) -> RecordFile | None:
        """Return the file that was written of a record; None where none was."""

    def forget_file(self, key: str) -> None:
        """Forget the file of a record: the caller has deleted it."""

    def unsearched(self, limit: int = 500) -> list[Unsearched]:
        """Return records that `index` has yet to be given, the oldest first; hidden ones too."""

    def index(self, texts: Sequence[Searchable]) -> None:
        """
        Let search find the records by these texts.

        A record that changed since `unsearched` gave it stays to be indexed. Rises `indexed`, not `revision`.
        """

    def indexed(self) -> int:
        """Return a number that rises whenever search may find something else than before."""

    def lists(self) -> list[ListState]:
        """Return every list of sources that was ever asked for, by URL."""

    def save_list(self, state: ListState) -> None:
        """Keep what a list of sources says, in place of what it said."""

    def prune(self, now: datetime) -> int:
        """Remove what each source's `keep` lets go, leaving tombstones; return how many. Never what is still listed."""

    def purge(self, source_id: str) -> int:
        """
        Remove the source with its records, tombstones and state, as if it had never been; return how many records went.

        Its files are forgotten; the caller has deleted them. One that is still polled starts anew with its next poll.
        """

    def checkpoint(self) -> None:
        """Bring the files on disk into their compact form; cheap, and safe at any time."""

    def backup(self, path: Path) -> None:
        """Write a copy that opens by itself, atomic and checked whole; polls are saved meanwhile."""

    def close(self) -> None:
        """Finish what was begun and let go of the files."""
