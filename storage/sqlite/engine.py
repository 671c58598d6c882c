"""One SQLite file at work: who may open it, its one writing connection, its readers, its faults in words."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from storage.contract import StoreError, StoreFullError, StoreMissingError
from storage.sqlite.commits import Commits
from storage.sqlite.faults import in_words, of_system
from storage.sqlite.folder import (
    BACKUPS,
    DATABASE,
    Lock,
    Mark,
    Marker,
    UnusableError,
    check_wal,
    discard,
    held_by,
    one_line,
    part_of,
    sweep,
    with_backup,
)
from storage.sqlite.schema import SCHEMA, Schema

T = TypeVar("T")

_LOOKED_THROUGH = 32 << 20
"""Bytes up to which a file is looked through for damage whenever it is opened for writing (20 ms)."""
_LOOKED_THROUGH_AFTER_A_CRASH = 512 << 20
"""The same where the last writer did not close it (400 ms)."""


class Engine:
    """
    The connections to `<folder>/aggregator.db`.

    One connection writes, on a thread of its own, and alone checkpoints: SQLite before 3.51.3 can lose
    commits when two do (WAL-reset race). Readers have read-only connections, one for each call at a time.
    """

    def __init__(self, folder: Path, lock: Lock | None, schema: Schema) -> None:
        """Use `for_writing` or `for_reading`."""
        self.folder = folder
        self.path = folder / DATABASE
        self._lock = lock
        self._schema = schema
        self._marker = Marker(folder)
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        self._connection: sqlite3.Connection | None = None
        self._writer: ThreadPoolExecutor | None = None
        self._mark = Mark("", 0)
        self._counted: tuple[int, ...] | None = None
        self._commits = Commits(lambda: self._connect("ro"))

    @classmethod
    def for_writing(cls, folder: Path, schema: Schema = SCHEMA) -> Engine:
        """Take the lock, make or migrate the file, and start the writing thread."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = Lock(folder)
        except OSError as error:
            told = of_system(error, folder)
            full = isinstance(told, StoreFullError)
            raise (told if full else StoreError(with_backup(folder, str(told)))) from error
        for place in (folder, folder / BACKUPS):
            sweep(place, ours=True)
        engine = cls(folder, lock, schema)
        try:
            with engine.in_words():
                engine._open_writer()
        except BaseException:
            engine.close()
            raise
        return engine

    @classmethod
    def for_reading(cls, folder: Path, schema: Schema = SCHEMA, *, oldest: int | None = None) -> Engine:
        """Open a file that is there and of this version, or of one from the `oldest` on."""
        engine = cls(folder, None, schema)
        with engine.in_words():
            if not engine.path.exists():
                engine._marker.check(engine._marker.read(), None)
                raise engine._missing()
            check_wal(engine.path)
            if _size(_wal(engine.path)) > 0 and held_by(folder) is None:  # what a crash left, or somebody put there
                engine._look_first(engine._marker.read())
            connection = engine._connect("ro")
            try:
                engine._check_version(connection, oldest or schema.version)
            except BaseException:
                connection.close()
                raise
            engine._idle.append(connection)
        return engine

    # --- opening ------------------------------------------------------------------------------------------------

    def _open_writer(self) -> None:
        expected, crashed = self._marker.read(), _size(_wal(self.path)) > 0
        check_wal(self.path)
        if _size(self.path) == 0:
            self._marker.check(expected, None)
        if crashed and _size(self.path):
            self._look_first(expected)
        connection = self._connection = self._connect("rwc")
        version = self._schema.version_of(connection)
        if version == 0:
            self._marker.check(expected, None)
        elif not crashed and _size(self.path) <= _LOOKED_THROUGH:
            _look_through(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA cache_size = -8000")
        connection.execute("PRAGMA soft_heap_limit = 16000000")  # of all connections: near it they reuse their pages
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        self._schema.migrate(connection, self._keep_copy)
        if version == 0:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # so that the file alone is a store already
        self._mark = _mark_of(connection)
        self._counted = connection.execute("SELECT revision, indexed FROM counters").fetchone()
        self._marker.check(expected, self._mark)
        connection.execute("BEGIN IMMEDIATE")  # a file that may not be written shows it here, not at the first poll
        connection.execute("ROLLBACK")
        self._marker.write(self._mark)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="store")

    def _look_first(self, expected: Mark | None) -> None:
        """Look at what a crash left by a connection that only reads: the other one brings a foreign -wal into the file."""
        with closing(self._connect("ro")) as connection:
            if self._schema.version_of(connection) == 0:
                return
            if _size(self.path) <= _LOOKED_THROUGH_AFTER_A_CRASH:
                _look_through(connection)
            self._marker.check(expected, _mark_of(connection))

    def _connect(self, mode: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode={mode}{'&immutable=1' if self._rests(mode) else ''}",
            uri=True,
            timeout=5,
            isolation_level=None,
            check_same_thread=False,  # each is used by one thread at a time: the writing one, or who took it
            cached_statements=256,
        )
        if mode == "ro":
            connection.execute("PRAGMA query_only = ON")
        return connection

    def _rests(self, mode: str) -> bool:
        """Return whether nobody can be writing: SQLite wants a -wal beside the file, and here it could make none."""
        if mode != "ro" or _wal(self.path).exists():
            return False
        with suppress(OSError):
            return bool(os.statvfs(self.folder).f_flag & os.ST_RDONLY)
        return False

    def _missing(self) -> StoreMissingError:
        return StoreMissingError(f"{self.path} holds no store yet: `aggregator run` or `aggregator poll` makes it")

    def _check_version(self, connection: sqlite3.Connection, oldest: int) -> None:
        expected = self._marker.read()  # before the file: a commit comes before its mark
        version = self._schema.version_of(connection)
        if version == 0:
            self._marker.check(expected, None)
            raise self._missing()
        if version < oldest:
            raise UnusableError("is of an older version: `aggregator run` brings it up to date")
        self._marker.check(expected, _mark_of(connection))

    def _keep_copy(self, version: int) -> None:
        self._copy(self.folder / BACKUPS / f"aggregator-before-upgrade-from-{version}.db")

    # --- transactions -------------------------------------------------------------------------------------------

    def write(self, job: Callable[[sqlite3.Connection, int], T]) -> T:
        """Run the job on the writing thread in one transaction; it gets the number of the commit."""
        return self.on_writer(lambda: self._transact(job))

    def on_writer(self, job: Callable[[], T]) -> T:
        """Run the job on the writing thread, outside of any transaction."""
        self._check_open()
        if self._writer is None:
            raise StoreError(f"{self.path} was opened for reading only")
        with self.in_words():
            try:
                future = self._writer.submit(job)
            except RuntimeError as error:
                raise StoreError(f"{self.path} was closed") from error
            return future.result()

    def _transact(self, job: Callable[[sqlite3.Connection, int], T]) -> T:
        connection, mark = self.writing, Mark(self._mark.store, self._mark.commits + 1)
        before = connection.total_changes
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = job(connection, mark.commits)
            changed = connection.total_changes != before
            if changed:
                counted = connection.execute(
                    "UPDATE counters SET commits = ? RETURNING revision, indexed", (mark.commits,)
                ).fetchall()
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        if changed:
            self._mark, self._counted = mark, counted[0]
            with suppress(OSError):  # it is committed: a mark that lags behind is a weaker guard, not a fault
                self._marker.write(mark)
        return result

    def stamp(self) -> Hashable:
        """
        Return what differs whenever `revision` or `indexed` may have risen since it was asked for before.

        None where that cannot be told. Waits for nothing: who writes alone knows what it wrote; a reader asks SQLite
        whether another connection has committed (PRAGMA data_version), which reads no page and waits for no lock.
        """
        if self._closed:
            return None
        if self._writer is not None:
            return self._counted
        return self._commits.seen()

    @property
    def writing(self) -> sqlite3.Connection:
        """The one writing connection, for jobs on the writing thread."""
        assert self._connection is not None  # noqa: S101 # whoever asks runs on the writing thread, which it precedes
        return self._connection

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a read-only connection, in one transaction: everything read through it is of one moment."""
        self._check_open()
        with self.in_words():
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._connect("ro")
            try:
                connection.execute("BEGIN")
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                self._give_back(connection)

    @contextmanager
    def reading_apart(self) -> Iterator[sqlite3.Connection]:
        """Give a read-only connection of one's own in one transaction, for what takes long."""
        self._check_open()
        with self.in_words(), closing(self._connect("ro")) as connection:
            connection.execute("BEGIN")
            yield connection

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"{self.path} was closed")

    def _give_back(self, connection: sqlite3.Connection) -> None:
        self._idle.append(connection)
        if self._closed:  # meanwhile, by another thread
            self._close_idle()

    def in_words(self) -> AbstractContextManager[None]:
        """Turn faults of SQLite and of the system into `StoreError`s that name the file and the way out."""
        return in_words(self.path)

    # --- care ---------------------------------------------------------------------------------------------------

    def checkpoint(self) -> None:
        """Bring what is in the -wal file into the database; a reader in the way leaves the rest for next time."""

        def checkpoint() -> None:
            self.writing.execute("PRAGMA busy_timeout = 0")
            with suppress(sqlite3.OperationalError):
                self.writing.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self.writing.execute("PRAGMA busy_timeout = 5000")

        self.on_writer(checkpoint)

    def backup(self, path: Path) -> None:
        """Write a whole and checked copy to the path, atomically; reads beside the writer, who is not held up."""
        self._check_open()
        try:
            with self.in_words():
                self._copy(path)
        except StoreFullError as error:
            raise StoreFullError(f"{path} cannot be written: no space is left; the store itself is whole") from error

    def _copy(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent)
        part = part_of(path)
        try:
            with closing(self._connect("ro")) as source:
                copied(source, part)
            part.replace(path)
        finally:
            discard(part)
        sync_folder(path.parent)

    def close(self) -> None:
        """Finish what was begun and let go of the files."""
        if self._closed:
            return
        self._closed = True
        if self._writer:
            self._writer.shutdown(wait=True)
        self._close_idle()
        self._commits.close()
        if self._connection:
            self._connection.close()
        self._marker.close()
        if self._lock:
            self._lock.release()

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()


def copied(source: sqlite3.Connection, part: Path) -> None:
    """Write all of a store to a file that opens by itself, looked through whole and synced."""
    with closing(sqlite3.connect(part, isolation_level=None)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
        _look_through(copy, whole=True)
    with part.open("rb") as written:
        os.fsync(written.fileno())


def _look_through(connection: sqlite3.Connection, *, whole: bool = False) -> None:
    check = "integrity_check" if whole else "quick_check"
    found = connection.execute(f"PRAGMA {check}(1)").fetchone()[0]
    if found != "ok":
        raise UnusableError(f"is damaged ({one_line(found)})")


def _mark_of(connection: sqlite3.Connection) -> Mark:
    return Mark(*connection.execute("SELECT store, commits FROM counters").fetchone())


def _wal(database: Path) -> Path:
    return database.with_name(f"{database.name}-wal")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def sync_folder(folder: Path) -> None:
    """Bring to the disk which files a folder has."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
