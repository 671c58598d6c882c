"""What passes the border of a store with records: what is known, what changes, what is asked for, what is archived."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from storage.record import Record
from storage.states import Attempt, HostState, PollState


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
    podcast: str = ""
    """`podcast_digest` of its elements."""


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
    """
    Records that show the same as before: under new ids of their publisher (rule 73), key and public_id as stored,
    identity, alias and guid new; or with other elements of a podcast.
    """
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
    attempt: Attempt | None = None
    """As its history is to show it."""
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
    keys: Collection[str] | None = None
    """None: all."""
    arrivals: tuple[int, int] | None = None
    """Arrival numbers: from the first, up to and without the second; None: all."""
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
    """Source and key of the other records of its story, in the order of preference."""


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
