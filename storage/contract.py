"""What every store promises: its methods, each one transaction, and what it raises."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Protocol

from storage.record import Record
from storage.states import Attempt, Claim, Earlier, FeedInfo, HostState, Incident, ListState, PollState, SourceRow
from storage.values import (
    Archived,
    Circumstances,
    Known,
    KnownEntry,
    Page,
    Poll,
    RecordFile,
    RecordQuery,
    Restored,
    Saved,
    Searchable,
    Unsearched,
)


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

    def save_hosts(self, hosts: Sequence[HostState], now: datetime) -> None:
        """Save waits of hosts apart from any poll, as `save_polls` does."""

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

    def arrived(self, query: RecordQuery, before: Record | None = None) -> Sequence[Record]:
        """
        Return the records that the query asks for in another order: the last that arrived first.

        With `before` those that arrived before that record, stored or not. Of the query `before`, `since`,
        `arrived_since` and `keys` do not count. What arrived with one number comes by the publisher's order, the
        last first.
        """

    def after(self, record: Record) -> str:
        """Return the cursor of the page that begins after the stored record, in the order of every query."""

    def get(self, key: str) -> Record | None:
        """Return the record, hidden or not."""

    def stories(self, keys: Collection[str]) -> Mapping[str, tuple[Record, ...]]:
        """
        Return by key, for each of these records that has a story (`Record.story`), all records of it, itself too.

        Hidden ones and backlog are among them. In the order of preference: by the place of their source in
        feeds.yaml, those of removed sources last; no two are of one source. At most 64.

        A merged feed shows a record under `story_id or public_id`, of the records that this, `page` and `arrived`
        return: they have `story_id` None where another entry that is not of the story goes by that id now, so that no
        two entries have one id. All other methods return it as it was stored.
        """

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

    def days(self, sources: Collection[str], since: date) -> Mapping[str, Mapping[date, int]]:
        """
        Return by source how many of its records have their date on each day (UTC) from `since` on.

        Days and sources without any are left out; so are hidden records, and what a source listed beyond its newest 20
        when it was new.
        """

    def revision(self) -> int:
        """Return a number that rises with every change of records or source descriptions, and with nothing else."""

    def stamp(self) -> Hashable:
        """
        Return what differs whenever `revision` or `indexed` may have risen since it was asked for before.

        Where it is the same, nothing was committed meanwhile by this process or another. None where that cannot be
        told. Waits for nothing and raises nothing, so that an event loop may ask.
        """

    def unwritten(self, limit: int = 500, *, skip: int = 0) -> list[tuple[Record, RecordFile | None]]:
        """
        Return records whose file is missing or older than they are, with the file if there was one.

        Of hidden ones those that have a file: it knows under which id its publisher lists it now.
        Always in the same order; the first `skip` of them are passed over.
        """

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

    def attempts(self, source_id: str, limit: int = 50) -> list[Attempt]:
        """Return the newest polls of a source, the last first; a few hundred are kept."""

    def incidents(self, source_id: str | None = None, *, open_only: bool = False, limit: int = 500) -> list[Incident]:
        """Return what happened to sources (to one), the last begun first."""

    def save_incidents(self, incidents: Sequence[Incident]) -> None:
        """Keep incidents; one with number 0 is new and gets the next number, another one takes the place of what it was."""

    def lists(self) -> list[ListState]:
        """Return every list of sources that was ever asked for, by URL."""

    def save_list(self, state: ListState) -> None:
        """Keep what a list of sources says, in place of what it said."""

    def views(self) -> Collection[str]:
        """Return the names of all views that were ever noted."""

    def note_views(self, names: Collection[str]) -> None:
        """Remember that there are views with these names, for good."""

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
