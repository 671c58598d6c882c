"""Look a store through for what does not belong together, and put a copy in the place of a store."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path

from storage.contract import StoreError
from storage.sqlite.engine import copied, sync_folder
from storage.sqlite.folder import DATABASE, MARKER, Lock, UnusableError, check_wal, discard, held_by, part_of, sweep
from storage.sqlite.schema import SCHEMA

VERSION = sqlite3.sqlite_version
"""Of the SQLite library in use."""

SHOWN = 10
_ORPHANS = (
    ("records without a body", "SELECT count(*) FROM records WHERE id NOT IN (SELECT id FROM bodies)"),
    ("texts of search without a record", "SELECT count(*) FROM search_texts WHERE id NOT IN (SELECT id FROM records)"),
    (
        "records that search never finds",
        "SELECT count(*) FROM records WHERE id NOT IN (SELECT id FROM search_texts UNION SELECT id FROM unsearched)",
    ),
    ("names of stories without a record", "SELECT count(*) FROM story_names WHERE id NOT IN (SELECT id FROM records)"),
)


def examine(connection: sqlite3.Connection) -> list[str]:
    """Return what is wrong with the file, a sentence each; nothing where it is whole. Reads all of it."""
    said = [row[0] for row in connection.execute(f"PRAGMA integrity_check({SHOWN})")]
    faults = [f"the file is damaged: {' '.join(str(one).split())}" for one in said if one != "ok"]
    for words, sql in _ORPHANS:
        if count := connection.execute(sql).fetchone()[0]:
            faults.append(f"{count} {words}")
    rows = Counter((row[0], row[2]) for row in connection.execute("PRAGMA foreign_key_check"))
    faults += [f"{count} rows of {table} whose row of {parent} is gone" for (table, parent), count in rows.items()]
    return faults


def holder(folder: Path) -> str | None:
    """Return the number of the process that polls into the folder's store, `?` where it does not say; None where none does."""
    return held_by(folder)


def restore(folder: Path, copy: Path, stamp: str) -> Path | None:
    """
    Put the copy in the place of the folder's store, and return where the replaced store lies; None where there was none.

    The copy is looked through whole before anything is touched, and stays where it is. A process that polls into the
    store keeps it: `StoreLockedError`. Broken off at any point, the next start says what is there, and loses nothing.
    """
    part = part_of(folder / DATABASE)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = Lock(folder)
        sweep(folder, ours=True)
    except OSError as error:
        raise StoreError(f"{folder} cannot be written ({error.strerror})") from error
    try:
        _take(copy, part)
        replaced = _put_aside(folder, stamp)
        part.replace(folder / DATABASE)
        # Last: until here it tells whoever starts that the store is not the one that was here.
        (folder / MARKER).unlink(missing_ok=True)
        sync_folder(folder)
        return replaced
    except OSError as error:
        raise StoreError(f"{error.filename or folder} cannot be written ({error.strerror})") from error
    finally:
        discard(part)
        lock.release()


def _take(copy: Path, part: Path) -> None:
    """Copy a store to `part`, looked through whole. Raises StoreError where it is none, or damaged."""
    if not copy.is_file():
        raise StoreError(f"{copy} is no file: name a copy that `aggregator backup` made")
    try:
        with closing(sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro", uri=True)) as source:
            if SCHEMA.version_of(source) == 0:
                raise UnusableError("holds no store")
            faults = examine(source)
            if faults:
                raise UnusableError(f"cannot be trusted: {'; '.join(faults)}")
            copied(source, part)
    except UnusableError as error:
        raise StoreError(f"{copy} {error}; nothing was changed") from error
    except sqlite3.Error as error:
        raise StoreError(f"{copy} cannot be read as a store ({error}); nothing was changed") from error


def _put_aside(folder: Path, stamp: str) -> Path | None:
    """Rename the store that is there, its -wal with it, so that it can still be opened by itself."""
    there, aside = (folder / DATABASE).exists(), folder / f"aggregator-replaced-{stamp}.db"
    if there:
        _gathered(folder / DATABASE)
    for ending in ("-wal", "-shm", ""):
        path = folder / f"{DATABASE}{ending}"
        if path.exists():
            path.rename(f"{aside}{ending}")  # a -wal without its database too: SQLite would read it with the copy
    return aside if there else None


def _gathered(database: Path) -> None:
    """Bring what is in the -wal file into the database: broken off between two renames, none is without its other half."""
    with suppress(sqlite3.Error, UnusableError):  # a damaged one is put aside as it is
        check_wal(database)
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
