"""Open, read and write files below one folder without following a link; nothing outside it is ever opened."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

MOST_BYTES = 32 * 1024 * 1024
"""Of a file that we read: a record has a few at most."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class ForeignError(Exception):
    """Something lies there that is not to be opened or replaced; the message goes on after the path."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What changes when a file does; times in nanoseconds."""

    inode: int
    size: int
    modified: int
    changed: int


@dataclass(frozen=True, slots=True)
class Found:
    """What lies in a file's place."""

    data: bytes
    signs: Signs
    """The same ones later mean that nobody wrote to it since."""


class Tree:
    """
    The folders below a root.

    The root itself may be a link. `sync=False` leaves it to the system when files reach the disk.
    """

    def __init__(self, root: Path, *, sync: bool = True) -> None:
        self._root = root
        self._sync = sync

    def synced(self, descriptor: int) -> None:
        """Return when the file or folder is on the disk."""
        if self._sync:
            os.fsync(descriptor)

    @contextmanager
    def opened(self, parts: Sequence[str], *, create: bool = False) -> Iterator[int | None]:
        """Open a folder below the root without following a link; None where there is none and none is to be made."""
        if create:
            self._root.mkdir(parents=True, exist_ok=True)
        try:
            folder = os.open(self._root, _FOLDER)
        except FileNotFoundError:
            yield None
            return
        try:
            for depth, part in enumerate(parts):
                inner = self._entered(part, folder, "/".join(parts[: depth + 1]), create=create)
                if inner is None:
                    yield None
                    return
                os.close(folder)
                folder = inner
            yield folder
        finally:
            os.close(folder)

    def _entered(self, part: str, folder: int, path: str, *, create: bool) -> int | None:
        try:
            return os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
        except FileNotFoundError:
            if not create:
                return None
        except OSError as error:
            if error.errno in {errno.ELOOP, errno.ENOTDIR}:
                reason = f"is not written: {self._root / path} is a link or a file, not a folder; move it away"
                raise ForeignError(reason) from error
            raise
        with suppress(FileExistsError):  # another thread was quicker
            os.mkdir(part, dir_fd=folder)
        self.synced(folder)
        return os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)


def found(name: str, folder: int) -> Found | None:
    """Return what a file holds; None where there is none, `ForeignError` where a link or something else lies there."""
    try:
        file = os.open(name, _READ, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO}:
            raise ForeignError("is not written: a link or a device lies there; move it away") from error
        raise
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise ForeignError("is not written: what lies there is no file; move it away")
        if status.st_size > MOST_BYTES:
            raise ForeignError(f"is left as it is: it was changed, and has {status.st_size:,} bytes")
        return Found(b"".join(iter(lambda: os.read(file, 1 << 20), b"")), _signs(status))
    finally:
        os.close(file)


def signs(name: str, folder: int) -> Signs | None:
    """Return the signs of what lies there, a link's own; None where there is nothing."""
    try:
        return _signs(os.stat(name, dir_fd=folder, follow_symlinks=False))
    except FileNotFoundError:
        return None


def _signs(status: os.stat_result) -> Signs:
    return Signs(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def names_in(folder: int) -> list[str]:
    """Return the names in an open folder, sorted."""
    return sorted(os.listdir(folder))


def parts_of(path: str) -> tuple[str, ...]:
    """Return the names of a path relative to the root; `ForeignError` where it would leave it."""
    parts = tuple(path.split("/"))
    if any(part in {"", ".", ".."} or "\0" in part for part in parts):
        raise ForeignError("is not written: the path leads out of the records folder")
    return parts


def new_file(name: str, folder: int) -> int:
    """Return a descriptor of a new, empty file; one of that name that a killed process left is removed."""
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
    return os.open(name, _NEW, 0o666, dir_fd=folder)


def fill(file: int, data: bytes) -> None:
    """Write all of the data."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def way_out(error: OSError) -> str:
    """Return in words what the system refused, and what to do about it."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return "there is no space left; free some, and the rest is written by itself"
        case errno.EACCES | errno.EPERM:
            return "no right to write here; give it to the user that this runs as, or set storage.records to another folder"
        case errno.EROFS:
            return "the file system is read-only; mount it for writing, or set storage.records to another folder"
        case errno.ENAMETOOLONG:
            return "the file system takes no name this long; set storage.records to a folder on another one"
        case _:
            return f"{error.strerror or error}; mend it, and the rest is written by itself"
