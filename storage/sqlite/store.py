"""The store in one SQLite file: each method one transaction."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path

from storage.record import Record
from storage.sqlite import (
    arriving,
    choosing,
    examining,
    finding,
    histories,
    polling,
    reading,
    restoring,
    saving,
    searching,
    stories,
)
from storage.sqlite.engine import Engine
from storage.sqlite.polling import SOURCES_SINCE
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


class SqliteStore:
    """A store (`storage.contract.Store`) in `<folder>/aggregator.db`."""

    def __init__(self, engine: Engine) -> None:
        """Use `open` or `open_readonly`."""
        self._engine = engine
        self._handed: dict[str, int] = {}
        self._handing = threading.Lock()

    @classmethod
    def open(cls, folder: Path) -> SqliteStore:
        """
        Return the store for polling; makes the folder and the store where there is none.

        Leases that are still there are a crashed process's, as only we can write: they count as passed.
        Raises `StoreLockedError` where another process has it, `StoreError` where it cannot be used.
        """
        store = cls(Engine.for_writing(folder))
        try:
            store._engine.write(lambda connection, _: polling.end_leases(connection))
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def open_readonly(cls, folder: Path) -> SqliteStore:
        """Return the store for reading, beside a process that polls or without one; `StoreMissingError` if none is there."""
        return cls(Engine.for_reading(folder))

    @classmethod
    def known_sources(cls, folder: Path) -> list[Earlier]:
        """Return `sources` of the store in the folder, which may have to be brought up to date yet by who writes to it."""
        with closing(cls(Engine.for_reading(folder, oldest=SOURCES_SINCE))) as store:
            return store.sources()

    # --- polling ------------------------------------------------------------------------------------------------

    def sync_sources(self, sources: Sequence[SourceRow], now: datetime) -> None:
        """Make `sources` the ones that are polled."""

        def sync(connection: sqlite3.Connection, _: int) -> None:
            if polling.sync_sources(connection, sources, now):
                connection.execute("UPDATE counters SET revision = revision + 1")

        self._engine.write(sync)

    def sources(self) -> list[Earlier]:
        """Return every source that was ever in feeds.yaml, but for purged ones."""
        with self._engine.reading() as connection:
            return polling.sources(connection)

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
        """Take up to `limit` sources whose time has come, never-polled ones first, then the longest due."""
        return self._engine.write(
            lambda connection, _: polling.claim_due(
                connection, now, limit=limit, lease=lease, per_host=per_host, busy=busy or {}, only=only, due=due
            )
        )

    def host(self, host: str) -> HostState:
        """Return the wait that is stored of a host."""
        with self._engine.reading() as connection:
            return polling.host_state(connection, host)

    def hosts(self) -> list[HostState]:
        """Return all waits of hosts that are stored."""
        with self._engine.reading() as connection:
            return polling.host_states(connection)

    def next_due_at(self, now: datetime | None = None) -> datetime | None:
        """Return when the next source that is neither stopped nor leased comes due."""
        with self._engine.reading() as connection:
            return polling.next_due_at(connection, now)

    def save_hosts(self, hosts: Sequence[HostState], now: datetime) -> None:
        """Save waits of hosts apart from any poll."""
        self._engine.write(lambda connection, _: polling.save_hosts(connection, hosts, now))

    def release(self, claims: Collection[Claim], now: datetime) -> None:
        """Give claimed sources back unpolled."""
        self._engine.write(lambda connection, _: polling.release(connection, claims))

    def save_polls(self, polls: Sequence[Poll], now: datetime) -> list[Saved]:
        """Save finished polls, all in one transaction."""
        return self._engine.write(lambda connection, change: saving.save_polls(connection, polls, now, change))

    def restore(
        self, archived: Sequence[Archived], sources: Sequence[SourceRow], now: datetime, *, update: bool = False
    ) -> Restored:
        """Take records back that an archive holds."""
        return self._engine.write(
            lambda connection, change: restoring.restore(connection, archived, sources, now, change, update=update)
        )

    def feeds(self) -> Mapping[str, FeedInfo]:
        """Return by source id what feeds say of themselves."""
        with self._engine.reading() as connection:
            return polling.feeds(connection)

    def describe(self, feeds: Mapping[str, FeedInfo]) -> None:
        """Keep what feeds say of themselves where no document was read yet."""

        def describe(connection: sqlite3.Connection, _: int) -> None:
            if polling.describe(connection, feeds):
                connection.execute("UPDATE counters SET revision = revision + 1")

        self._engine.write(describe)

    def states(self, only: Collection[str] | None = None) -> list[PollState]:
        """Return the state of every source that is polled, or of those of them with these ids."""
        with self._engine.reading() as connection:
            return polling.states(connection, only)

    # --- records ------------------------------------------------------------------------------------------------

    def known(
        self, source_id: str, identities: Collection[str], aliases: Collection[str], public_ids: Collection[str]
    ) -> Known:
        """Return what is stored of the source under these identities and aliases, and all that is still listed."""
        with self._engine.reading() as connection:
            return reading.known(connection, source_id, identities, aliases, public_ids)

    def page(self, query: RecordQuery) -> Page:
        """Return the records that the query asks for."""
        with self._engine.reading() as connection:
            return reading.page(connection, query)

    def arrived(self, query: RecordQuery, before: Record | None = None) -> list[Record]:
        """Return the records that the query asks for, the last that arrived first."""
        with self._engine.reading() as connection:
            return arriving.arrived(connection, query, before)

    def after(self, record: Record) -> str:
        """Return the cursor of the page that begins after the stored record."""
        return reading.cursor(record)

    def get(self, key: str) -> Record | None:
        """Return the record, hidden or not."""
        with self._engine.reading() as connection:
            return reading.get(connection, key)

    def stories(self, keys: Collection[str]) -> Mapping[str, tuple[Record, ...]]:
        """Return by key all records of the story that it is in, in the order of preference."""
        with self._engine.reading() as connection:
            return stories.stories(connection, keys)

    def facts(self, key: str) -> KnownEntry | None:
        """Return what is known of a stored record beside its content."""
        with self._engine.reading() as connection:
            return reading.facts(connection, key)

    def find(self, wanted: str, limit: int = 20) -> list[str]:
        """Return the keys of the records that a person means by this."""
        with self._engine.reading() as connection:
            return finding.find(connection, wanted, limit)

    def circumstances(self, key: str) -> Circumstances | None:
        """Return what is known of the record beyond what it says."""
        with self._engine.reading() as connection:
            return finding.circumstances(connection, key)

    def newest_arrival(self, query: RecordQuery | None = None) -> datetime | None:
        """Return the latest `first_seen` of a record that is neither hidden nor backlog."""
        with self._engine.reading() as connection:
            return choosing.newest_arrival(connection, query)

    def records(self, *, since: datetime | None = None) -> Iterator[Record]:
        """Yield all records that are not hidden as they were when the first was asked for; locks nobody out."""
        with self._engine.reading_apart() as connection:
            yield from reading.records(connection, since)

    def records_of(self, source_id: str) -> Iterator[Record]:
        """Yield all records of the source, hidden ones too, as they were when the first was asked for."""
        with self._engine.reading_apart() as connection:
            yield from reading.records_of(connection, source_id)

    def judged(self) -> Mapping[str, str]:
        """Return by source id what `mark_hidden` last noted."""
        with self._engine.reading() as connection:
            return reading.judged(connection)

    def mark_hidden(self, marks: Mapping[str, str | None], judged: Mapping[str, str] | None = None) -> int:
        """Hide records for the reasons given, show again those without one."""
        return self._engine.write(
            lambda connection, change: saving.mark_hidden(connection, marks, judged or {}, change)
        )

    def hidden_for(self, reason: str) -> list[str]:
        """Return the keys of the records that are hidden for the reason."""
        with self._engine.reading() as connection:
            return reading.hidden_for(connection, reason)

    def counts(self) -> Mapping[str, int]:
        """Return how many records each source has."""
        with self._engine.reading() as connection:
            return reading.counts(connection)

    def days(self, sources: Collection[str], since: date) -> Mapping[str, Mapping[date, int]]:
        """Return by source how many of its records have their date on each day from `since` on."""
        with self._engine.reading() as connection:
            return reading.days(connection, sources, since)

    def revision(self) -> int:
        """Return a number that rises with every change of records or source descriptions, and with nothing else."""
        with self._engine.reading() as connection:
            revision: int = connection.execute("SELECT revision FROM counters").fetchone()[0]
            return revision

    def stamp(self) -> Hashable:
        """Return what differs whenever `revision` or `indexed` may have risen since it was asked for before."""
        return self._engine.stamp()

    # --- search -------------------------------------------------------------------------------------------------

    def unsearched(self, limit: int = 500) -> list[Unsearched]:
        """Return records that `index` has yet to be given, the oldest first."""
        with self._engine.reading() as connection:
            return searching.unsearched(connection, limit)

    def index(self, texts: Sequence[Searchable]) -> None:
        """Let search find the records by these texts."""
        self._engine.write(lambda connection, _: searching.index(connection, texts))

    def indexed(self) -> int:
        """Return a number that rises whenever search may find something else than before."""
        with self._engine.reading() as connection:
            return searching.number(connection)

    # --- lists and views ----------------------------------------------------------------------------------------

    def attempts(self, source_id: str, limit: int = 50) -> list[Attempt]:
        """Return the newest polls of a source, the last first."""
        with self._engine.reading() as connection:
            return histories.attempts(connection, source_id, limit)

    def incidents(self, source_id: str | None = None, *, open_only: bool = False, limit: int = 500) -> list[Incident]:
        """Return what happened to sources, the last begun first."""
        with self._engine.reading() as connection:
            return histories.incidents(connection, source_id, limit, open_only=open_only)

    def save_incidents(self, incidents: Sequence[Incident]) -> None:
        """Keep incidents, new ones under the next number."""
        self._engine.write(lambda connection, _: histories.save_incidents(connection, incidents))

    def lists(self) -> list[ListState]:
        """Return every list of sources that was ever asked for, by URL."""
        with self._engine.reading() as connection:
            return polling.lists(connection)

    def save_list(self, state: ListState) -> None:
        """Keep what a list of sources says."""
        self._engine.write(lambda connection, _: polling.save_list(connection, state))

    def views(self) -> frozenset[str]:
        """Return the names of all views that were ever noted."""
        with self._engine.reading() as connection:
            return frozenset(name for (name,) in connection.execute("SELECT name FROM views"))

    def note_views(self, names: Collection[str]) -> None:
        """Remember that there are views with these names."""
        new = sorted(set(names) - self.views())
        if new:
            insert = "INSERT OR IGNORE INTO views (name) VALUES (?)"
            self._engine.write(lambda connection, _: connection.executemany(insert, [(name,) for name in new]))

    def prune(self, now: datetime) -> int:
        """Remove what each source's `keep` lets go."""
        return self._engine.write(lambda connection, _: saving.prune(connection, now))

    def purge(self, source_id: str) -> int:
        """Remove the source with its records, tombstones and state."""
        return self._engine.write(lambda connection, _: saving.purge(connection, source_id))

    # --- files --------------------------------------------------------------------------------------------------

    def unwritten(self, limit: int = 500, *, skip: int = 0) -> list[tuple[Record, RecordFile | None]]:
        """Return records whose file is missing or older than they are, with the file if there was one."""
        with self._engine.reading() as connection:
            found = reading.unwritten(connection, limit, skip)
        with self._handing:
            self._handed |= {record.key: change for change, record, _ in found}
        return [(record, file) for _, record, file in found]

    def wrote_files(self, files: Sequence[RecordFile]) -> None:
        """Remember what was written."""
        with self._handing:
            written = [(file, self._handed.pop(file.key, None)) for file in files]
        self._engine.write(lambda connection, _: saving.wrote_files(connection, written))

    def files(self) -> list[RecordFile]:
        """Return every file that was written, by path."""
        with self._engine.reading() as connection:
            return reading.files(connection)

    def forget_files(self, source_id: str | None = None) -> None:
        """Take the file of every record (of the source) as unwritten."""
        self._engine.write(lambda connection, change: saving.forget_files(connection, source_id, change))

    def file_of(self, key: str) -> RecordFile | None:
        """Return the file that was written of a record."""
        with self._engine.reading() as connection:
            return reading.file_of(connection, key)

    def forget_file(self, key: str) -> None:
        """Forget the file of a record."""
        self._engine.write(lambda connection, _: saving.forget_file(connection, key))

    # --- care ---------------------------------------------------------------------------------------------------

    def checkpoint(self) -> None:
        """Bring what is in the -wal file into the database; waits for nobody."""
        self._engine.checkpoint()

    def backup(self, path: Path) -> None:
        """Write a copy that opens by itself; read beside the writer, who is not held up."""
        self._engine.backup(path)

    def examine(self) -> list[str]:
        """Return what is wrong with the file, a sentence each; nothing where it is whole. Reads all of it."""
        with self._engine.reading_apart() as connection:
            return examining.examine(connection)

    def close(self) -> None:
        """Finish what was begun and let go of the files."""
        self._engine.close()
