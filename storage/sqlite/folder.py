"""The files beside the database: the lock of the one writer, the marker of what was committed, backups, temporaries."""

from __future__ import annotations

import fcntl
import os
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from storage.contract import StoreLockedError

DATABASE = "aggregator.db"
LOCK = "aggregator.lock"
MARKER = "aggregator.marker"
BACKUPS = "backups"

_PART = re.compile(r"\.aggregator\.(\d+)\..+\.part(?:-journal|-wal|-shm)?")
_held: set[int] = set()


def _let_go_in_child() -> None:
    # A forked worker that outlives us must not hold the lock: flock belongs to all copies of the descriptor.
    for descriptor in _held:
        with suppress(OSError):
            os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_let_go_in_child)


class UnusableError(Exception):
    """What is wrong with the database's file, in words that follow its name."""


class Lock:
    """The right to write into a folder's store; the system takes it back when the process dies, however it dies."""

    def __init__(self, folder: Path) -> None:
        """Take the lock, or raise `StoreLockedError` naming the process that has it."""
        path = folder / LOCK
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            raise StoreLockedError(
                f"{folder / DATABASE} is in use by {_holder(path)}: stop that first, or use another data folder"
            ) from error
        _held.add(self._descriptor)
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let others write. The file stays: removing it would let two processes lock two files of one name."""
        if self._descriptor in _held:
            _held.discard(self._descriptor)
            os.close(self._descriptor)


def _holder(path: Path) -> str:
    for _ in range(10):
        pid = path.read_text(encoding="ascii", errors="replace").strip()
        if pid:
            return f"process {pid}"
        time.sleep(0.02)  # it has the lock and is about to write its number
    return "another process"


def held_by(folder: Path) -> str | None:
    """Return the number of the process that has the lock, `?` where it did not write one; None where none has it."""
    path = folder / LOCK
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # Let go of at once: it stands in the way of a daemon for no time.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return path.read_text(encoding="ascii", errors="replace").strip() or "?"
    finally:
        os.close(descriptor)
    return None


@dataclass(frozen=True, slots=True)
class Mark:
    """What the marker says: which store lies here, and how many commits it had at least."""

    store: str
    commits: int


class Marker:
    """
    A file that knows how far the store had come, so that one that has lost its newest part is seen.

    SQLite opens a database whose `-wal` was deleted after a crash as it was at the last checkpoint, and an
    emptied file as a new one, both without a word. The marker is written after each commit, without a sync:
    it survives a kill, and after a power cut it may lag behind the store, never run ahead of it.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / MARKER
        self._descriptor: int | None = None

    def read(self) -> Mark | None:
        """Return what it says; None where there is none, or one that says nothing."""
        try:
            store, commits = self._path.read_text(encoding="ascii").split()
            return Mark(store, int(commits))
        except (FileNotFoundError, ValueError):
            return None

    def write(self, mark: Mark) -> None:
        """Put it down."""
        if self._descriptor is None:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        os.pwrite(self._descriptor, f"{mark.store} {mark.commits:020d}\n".encode(), 0)

    def close(self) -> None:
        """Bring it to the disk and let go of it."""
        if self._descriptor is not None:
            os.fsync(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None

    def check(self, expected: Mark | None, found: Mark | None) -> None:
        """Refuse a store (None: an empty one) that is not the one that was expected, or is older than it was."""
        if expected is None or (found and found.store == expected.store and found.commits >= expected.commits):
            return
        if found is None:
            seen = "is empty or missing, though a store was here"
        elif found.store != expected.store:
            seen = "is not the store that was here"
        else:
            seen = f"has lost its last {expected.commits - found.commits} commits (its -wal file is missing?)"
        raise UnusableError(f"{seen}; to go on with what is there, remove {self._path}")


def check_wal(database: Path) -> None:
    """
    Refuse a copy that was put in the place of a store whose -wal file is still there.

    SQLite would bring the pages of the one into the other without a word. A store at work is in WAL mode, as the header
    says; a copy that `backup` made is not, and has no -wal file of its own.
    """
    wal = database.with_name(f"{database.name}-wal")
    try:
        with database.open("rb") as file:
            modes = file.read(20)[18:]
        if modes != b"\x01\x01" or wal.stat().st_size == 0:
            return
    except FileNotFoundError:
        return
    raise UnusableError(
        f"was put beside the -wal file of another store; to go on with what is there, remove {wal} and "
        f"{database.with_name(f'{database.name}-shm')} (`aggregator restore` does it right)"
    )


def part_of(path: Path) -> Path:
    """Return the temporary under which this process writes the file; `sweep` knows it by its name."""
    return path.with_name(f".aggregator.{os.getpid()}.{path.name}.part")


def discard(part: Path) -> None:
    """Remove a temporary, and the journal that SQLite leaves beside it where the disk was full."""
    for ending in ("", "-journal"):
        part.with_name(f"{part.name}{ending}").unlink(missing_ok=True)


def sweep(folder: Path, *, ours: bool = False) -> int:
    """
    Remove what processes that were killed left half written in the folder; return how many files.

    `ours` takes those of this process's number too: for the start, when they are an earlier one's (in a container
    every process has the same).
    """
    swept = 0
    with suppress(OSError):
        for path in list(folder.iterdir()):
            found = _PART.fullmatch(path.name)
            if found and (((pid := int(found[1])) == os.getpid() and ours) or not _lives(pid)):
                path.unlink(missing_ok=True)
                swept += 1
    return swept


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def newest_backup(folder: Path) -> Path | None:
    """Return the copy of the store that was made last, None where there is none."""
    copies = sorted((folder / BACKUPS).glob("*.db"), key=lambda path: path.stat().st_mtime)
    return copies[-1] if copies else None


def fault(folder: Path, what: str) -> str:
    """Return the line that names the file, what is wrong with it, and the newest backup."""
    return with_backup(folder, f"{folder / DATABASE} {what}")


def one_line(said: object) -> str:
    """Return what SQLite says of damage without what stood in the file: that may be anything."""
    told = str(said).partition(" with text ")[0]
    return " ".join("".join(letter if letter.isprintable() else " " for letter in told).split())[:200]


def with_backup(folder: Path, sentence: str) -> str:
    """Return the sentence with the newest backup, where there is one."""
    backup = newest_backup(folder)
    return f"{sentence}; the newest backup is {backup}" if backup else sentence
