"""The store in one SQLite file: its connections, its one writing thread, its faults in words."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from storage.contract import (
    Claim,
    Known,
    Page,
    Poll,
    PollState,
    RecordFile,
    RecordQuery,
    Saved,
    SourceRow,
    StoreError,
    StoreFullError,
    StoreMissingError,
)
from storage.record import Record
from storage.sqlite import polling, reading, saving, schema
from storage.sqlite.folder import BACKUPS, DATABASE, Lock, Mark, Marker, UnusableError, fault

T = TypeVar("T")

_SMALL = 64 << 20
"""Bytes up to which a file is looked through when it is opened after a crash; 64 MiB take 0.1 s."""


class SqliteStore:
    """
    A store (`storage.contract.Store`) in `<folder>/aggregator.db`.

    One connection writes, on a thread of its own, and alone checkpoints: SQLite before 3.51.3 can lose
    commits when two do (WAL-reset race). Readers have read-only connections, one for each call at a time.
    """

    def __init__(self, folder: Path, lock: Lock | None) -> None:
        """Use `open` or `open_readonly`."""
        self._folder = folder
        self._path = folder / DATABASE
        self._lock = lock
        self._marker = Marker(folder)
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        self._handed: dict[str, int] = {}
        self._handing = threading.Lock()
        self._writer: ThreadPoolExecutor | None = None

    @classmethod
    def open(cls, folder: Path) -> SqliteStore:
        """
        Return the store for polling; makes the folder and the store where there is none.

        Raises `StoreLockedError` where another process has it, `StoreError` where it cannot be used.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = Lock(folder)
        except OSError as error:
            raise _of_system(error, folder) from error
        store = cls(folder, lock)
        try:
            with store._in_words():
                store._open_writer()
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def open_readonly(cls, folder: Path) -> SqliteStore:
        """Return the store for reading, beside a process that polls or without one."""
        store = cls(folder, None)
        if not store._path.exists() and store._marker.read() is None:
            raise store._missing()
        with store._in_words():
            connection = store._connect("ro")
            try:
                store._check_version(connection)
            except BaseException:
                connection.close()
                raise
            store._idle.append(connection)
        return store

    # --- opening ------------------------------------------------------------------------------------------------

    def _open_writer(self) -> None:
        fresh = not self._path.exists() or self._path.stat().st_size == 0
        if fresh:
            self._marker.check(None)
        crashed = self._path.with_name(DATABASE + "-wal").exists()
        connection = self._connection = self._connect("rwc")
        version = schema.version_of(connection)
        if version == 0:
            self._marker.check(None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA cache_size = -16000")
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        schema.migrate(connection, self._keep_copy)
        if fresh:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        elif crashed and self._path.stat().st_size <= _SMALL:
            _look_through(connection)
        self._mark = self._check_mark(connection)
        connection.execute("BEGIN IMMEDIATE")  # a file that may not be written shows it here, not at the first poll
        connection.execute("ROLLBACK")
        self._marker.write(self._mark)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store")

    def _connect(self, mode: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=5,
            isolation_level=None,
            check_same_thread=False,  # each is used by one thread at a time: the writing one, or who took it
            cached_statements=256,
        )
        if mode == "ro":
            connection.execute("PRAGMA query_only = ON")
        return connection

    def _missing(self) -> StoreMissingError:
        return StoreMissingError(f"{self._path} holds no store yet: `aggregator run` or `aggregator poll` makes it")

    def _check_version(self, connection: sqlite3.Connection) -> None:
        version = schema.version_of(connection)
        if version == 0:
            self._marker.check(None)
            raise self._missing()
        if version < schema.VERSION:
            raise UnusableError("is of an older version: `aggregator run` brings it up to date")
        self._check_mark(connection)

    def _check_mark(self, connection: sqlite3.Connection) -> Mark:
        expected = self._marker.read()  # first: a commit comes before its mark
        mark = Mark(*connection.execute("SELECT store, commits FROM counters").fetchone())
        if expected:
            self._marker.check(mark)
        return mark

    def _keep_copy(self, version: int) -> None:
        self._copy(self._folder / BACKUPS / f"aggregator-before-upgrade-from-{version}.db")

    # --- transactions -------------------------------------------------------------------------------------------

    def _write(self, job: Callable[[sqlite3.Connection, int], T]) -> T:
        """Run the job on the writing thread in one transaction; it gets the number of the commit."""
        return self._on_writer(lambda: self._transact(job))

    def _on_writer(self, job: Callable[[], T]) -> T:
        if self._closed:
            raise StoreError(f"{self._path} was closed")
        if self._writer is None:
            raise StoreError(f"{self._path} was opened for reading only")
        with self._in_words():
            try:
                future = self._writer.submit(job)
            except RuntimeError as error:
                raise StoreError(f"{self._path} was closed") from error
            return future.result()

    def _transact(self, job: Callable[[sqlite3.Connection, int], T]) -> T:
        connection, mark = self._connection, Mark(self._mark.store, self._mark.commits + 1)
        before = connection.total_changes
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = job(connection, mark.commits)
            changed = connection.total_changes != before
            if changed:
                connection.execute("UPDATE counters SET commits = ?", (mark.commits,))
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        if changed:
            self._mark = mark
            with suppress(OSError):  # it is committed: a mark that lags behind is a weaker guard, not a fault
                self._marker.write(mark)
        return result

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a read-only connection, in one transaction: everything read through it is of one moment."""
        if self._closed:
            raise StoreError(f"{self._path} was closed")
        with self._in_words():
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._connect("ro")
            try:
                connection.execute("BEGIN")
                yield connection
            except BaseException:
                connection.close()
                raise
            connection.execute("COMMIT")
            self._give_back(connection)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        self._idle.append(connection)
        if self._closed:  # meanwhile, by another thread
            self._close_idle()

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        """Turn faults of SQLite and of the system into `StoreError`s that name the file and the way out."""
        try:
            yield
        except UnusableError as error:
            raise StoreError(fault(self._folder, str(error))) from error
        except sqlite3.Error as error:
            raise self._of_sqlite(error) from error
        except OSError as error:
            raise _of_system(error, self._path) from error

    def _of_sqlite(self, error: sqlite3.Error) -> StoreError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _no_space(self._folder)):
            return StoreFullError(f"{self._path} cannot grow: no space is left; nothing was lost")
        match code:
            case sqlite3.SQLITE_NOTADB:
                what = "is not a database"
            case sqlite3.SQLITE_CORRUPT:
                what = f"is damaged ({error})"
            case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
                what = f"cannot be written ({error})"
            case sqlite3.SQLITE_CANTOPEN:
                what = f"cannot be opened ({error})"
            case sqlite3.SQLITE_BUSY:
                what = "is locked by another program"
            case _:
                what = f"cannot be used ({error})"
        return StoreError(fault(self._folder, what))

    # --- polling ------------------------------------------------------------------------------------------------

    def sync_sources(self, sources: Sequence[SourceRow], now: datetime) -> None:
        """Make `sources` the ones that are polled."""

        def sync(connection: sqlite3.Connection, _: int) -> None:
            if polling.sync_sources(connection, sources, now):
                connection.execute("UPDATE counters SET revision = revision + 1")

        self._write(sync)

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
        return self._write(
            lambda connection, _: polling.claim_due(
                connection, now, limit=limit, lease=lease, per_host=per_host, busy=busy or {}, only=only, due=due
            )
        )

    def next_due_at(self, now: datetime | None = None) -> datetime | None:
        """Return when the next source that is neither stopped nor leased comes due."""
        with self._reading() as connection:
            return polling.next_due_at(connection, now)

    def release(self, source_ids: Collection[str], now: datetime) -> None:
        """Give claimed sources back unpolled."""
        self._write(lambda connection, _: polling.release(connection, source_ids))

    def save_polls(self, polls: Sequence[Poll], now: datetime) -> list[Saved]:
        """Save finished polls, all in one transaction."""
        return self._write(lambda connection, change: saving.save_polls(connection, polls, now, change))

    def states(self) -> list[PollState]:
        """Return the state of every source that is polled, in the order of feeds.yaml."""
        with self._reading() as connection:
            return polling.states(connection)

    # --- records ------------------------------------------------------------------------------------------------

    def known(
        self, source_id: str, identities: Collection[str], aliases: Collection[str], public_ids: Collection[str]
    ) -> Known:
        """Return what is stored of the source under these identities and aliases, and all that is still listed."""
        with self._reading() as connection:
            return reading.known(connection, source_id, identities, aliases, public_ids)

    def page(self, query: RecordQuery) -> Page:
        """Return the records that the query asks for."""
        with self._reading() as connection:
            return reading.page(connection, query)

    def get(self, key: str) -> Record | None:
        """Return the record, hidden or not."""
        with self._reading() as connection:
            return reading.get(connection, key)

    def newest_arrival(self, query: RecordQuery | None = None) -> datetime | None:
        """Return the latest `first_seen` of a record that is neither hidden nor backlog."""
        with self._reading() as connection:
            return reading.newest_arrival(connection, query)

    def records(self, *, since: datetime | None = None) -> Iterator[Record]:
        """Yield all records that are not hidden as they were when the first was asked for; locks nobody out."""
        with self._in_words(), closing(self._connect("ro")) as connection:
            connection.execute("BEGIN")
            yield from reading.records(connection, since)

    def counts(self) -> Mapping[str, int]:
        """Return how many records each source has."""
        with self._reading() as connection:
            return reading.counts(connection)

    def revision(self) -> int:
        """Return a number that rises with every change of records or source descriptions, and with nothing else."""
        with self._reading() as connection:
            revision: int = connection.execute("SELECT revision FROM counters").fetchone()[0]
            return revision

    def prune(self, now: datetime) -> int:
        """Remove what each source's `keep` lets go."""
        return self._write(lambda connection, _: saving.prune(connection, now))

    # --- files --------------------------------------------------------------------------------------------------

    def unwritten(self, limit: int = 500) -> list[tuple[Record, RecordFile | None]]:
        """Return records whose file is missing or older than they are, with the file if there was one."""
        with self._reading() as connection:
            found = reading.unwritten(connection, limit)
        with self._handing:
            self._handed |= {record.key: change for change, record, _ in found}
        return [(record, file) for _, record, file in found]

    def wrote_files(self, files: Sequence[RecordFile]) -> None:
        """Remember what was written."""
        with self._handing:
            written = [(file, self._handed.pop(file.key, None)) for file in files]
        self._write(lambda connection, _: saving.wrote_files(connection, written))

    def forget_files(self) -> None:
        """Take every record's file as unwritten."""
        self._write(saving.forget_files)

    # --- care ---------------------------------------------------------------------------------------------------

    def checkpoint(self) -> None:
        """Bring what is in the -wal file into the database; waits for nobody."""

        def checkpoint() -> None:
            self._connection.execute("PRAGMA busy_timeout = 0")  # a reader in the way: the rest comes next time
            with suppress(sqlite3.OperationalError):
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.execute("PRAGMA busy_timeout = 5000")

        self._on_writer(checkpoint)

    def backup(self, path: Path) -> None:
        """Write a copy that opens by itself; read beside the writer, who is not held up."""
        if self._closed:
            raise StoreError(f"{self._path} was closed")
        with self._in_words():
            self._copy(path)

    def _copy(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with closing(self._connect("ro")) as source, closing(sqlite3.connect(part, isolation_level=None)) as copy:
                source.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")
                _look_through(copy, whole=True)
            with part.open("rb") as written:
                os.fsync(written.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        _sync_folder(path.parent)

    def close(self) -> None:
        """Finish what was begun and let go of the files."""
        if self._closed:
            return
        self._closed = True
        if self._writer:
            self._writer.shutdown(wait=True)
        self._close_idle()
        if connection := getattr(self, "_connection", None):
            connection.close()
        self._marker.close()
        if self._lock:
            self._lock.release()

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()


def _look_through(connection: sqlite3.Connection, *, whole: bool = False) -> None:
    check = "integrity_check" if whole else "quick_check"
    found = connection.execute(f"PRAGMA {check}(1)").fetchone()[0]
    if found != "ok":
        raise UnusableError(f"is damaged ({' '.join(str(found).split())})")


def _no_space(folder: Path) -> bool:
    with suppress(OSError):
        return shutil.disk_usage(folder).free < 1 << 20
    return False


def _of_system(error: OSError, path: Path) -> StoreError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StoreFullError(f"{error.filename or path}: no space is left; nothing was lost")
    return StoreError(f"{error.filename or path} cannot be used ({error.strerror or error})")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
