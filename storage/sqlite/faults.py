"""Faults of SQLite and of the system in words: which file, what is wrong with it, the newest backup."""

from __future__ import annotations

import errno
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from storage.contract import StoreError, StoreFullError
from storage.sqlite.folder import UnusableError, fault, one_line, with_backup


@contextmanager
def in_words(path: Path) -> Iterator[None]:
    """Turn faults of SQLite and of the system into `StoreError`s that name the file and the way out."""
    try:
        yield
    except UnusableError as error:
        raise StoreError(fault(path.parent, str(error))) from error
    except (ValueError, OverflowError) as error:
        if not _says_nothing(error):
            raise
        raise StoreError(fault(path.parent, f"is damaged ({one_line(error)})")) from error
    except sqlite3.Error as error:
        raise _of_sqlite(error, path) from error
    except OSError as error:
        told = of_system(error, path)
        raise (told if isinstance(told, StoreFullError) else StoreError(with_backup(path.parent, str(told)))) from error


def _of_sqlite(error: sqlite3.Error, path: Path) -> StoreError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _no_space(path.parent)):
        return StoreFullError(f"{path} cannot grow: no space is left; nothing was lost")
    match code:
        case sqlite3.SQLITE_NOTADB:
            what = "is not a database"
        case sqlite3.SQLITE_CORRUPT:
            what = f"is damaged ({one_line(error)})"
        case _ if "decode to UTF-8" in str(error):  # Python's own, without a code
            what = f"is damaged ({one_line(error)})"
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            what = f"or its folder may not be written here ({one_line(error)})"
        case sqlite3.SQLITE_CANTOPEN:
            what = f"cannot be opened ({one_line(error)})"
        case sqlite3.SQLITE_BUSY:
            what = "is locked by another program"
        case _:
            what = f"cannot be used ({one_line(error)})"
    return StoreError(fault(path.parent, what))


def _says_nothing(error: Exception) -> bool:
    """Return whether it is of a value that no row of ours holds: text that is none, a word that is none of its kind."""
    unreadable = isinstance(error, UnicodeDecodeError | json.JSONDecodeError | OverflowError)
    return unreadable or "is not a valid" in str(error)  # as an Enum says


def _no_space(folder: Path) -> bool:
    with suppress(OSError):
        return shutil.disk_usage(folder).free < 1 << 20
    return False


def of_system(error: OSError, path: Path) -> StoreError:
    """Return what the system says of a path in a sentence; a full disk as a fault of its own."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StoreFullError(f"{error.filename or path}: no space is left; nothing was lost")
    return StoreError(f"{error.filename or path} cannot be used ({error.strerror or error})")
