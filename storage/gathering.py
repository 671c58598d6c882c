"""Find the record files of an archive and read them one by one: no link is followed, none is read beyond a bound."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from storage.folders import MOST_BYTES, ForeignError, Tree, found, parts_of
from storage.frontmatter import FrontMatter
from storage.reading import FrontMatterError, loads

ENDINGS = (".md", ".markdown")
"""What a record file's name ends with; everything else in an archive is passed over."""
DEEPEST = 32
"""Folders within one another."""


@dataclass(frozen=True, slots=True)
class RecordText:
    """A record file as it lies there."""

    data: bytes
    said: FrontMatter
    written_at: datetime
    """When it was last written to, as the file system has it."""


@dataclass(frozen=True, slots=True)
class Unread:
    """What was refused: the path below the archive, the line where it goes wrong (1 the first), why."""

    path: str
    line: int
    reason: str

    def __str__(self) -> str:
        """Return it as a line that editors jump from."""
        return f"{self.path}:{self.line}: {self.reason}"


def record_files(root: Path) -> tuple[list[str], list[Unread]]:
    """
    Return the paths of an archive's record files, sorted, and what lies there and is not looked into.

    Paths are relative to the root, with `/`. Names that begin with a dot are passed over. Raises OSError where the
    root itself cannot be opened.
    """
    os.close(os.open(root, os.O_RDONLY | os.O_DIRECTORY))
    paths: list[str] = []
    refused: list[Unread] = []

    def unreadable(error: OSError) -> None:
        refused.append(Unread(os.path.relpath(error.filename or root, root), 1, error.strerror or str(error)))

    # The root itself may be a link, as the records folder may be one.
    for folder, inner, names, descriptor in os.fwalk(root.resolve(), onerror=unreadable, follow_symlinks=False):
        above = Path(folder).relative_to(root.resolve()).parts
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        refused += [
            Unread("/".join((*above, name)), 1, "is a link to a folder; links are not followed")
            for name in inner
            if _is_link(name, descriptor)
        ]
        if len(above) >= DEEPEST and inner:
            refused.append(Unread("/".join(above), 1, f"has folders deeper than {DEEPEST}; they are not looked into"))
            inner.clear()
        paths += ["/".join((*above, name)) for name in names if name.endswith(ENDINGS) and not name.startswith(".")]
    return sorted(paths), refused


def beside(root: Path, name: str) -> bytes | Unread | None:
    """Return what a file of ours that is no record holds; None where there is none."""
    try:
        with Tree(root).opened(()) as folder:
            there = None if folder is None else found(name, folder)
    except ForeignError:
        return Unread(name, 1, f"is no file of at most {MOST_BYTES:,} bytes; links are not followed")
    except OSError as error:
        return Unread(name, 1, error.strerror or str(error))
    return None if there is None else there.data


def texts(root: Path, paths: list[str]) -> Iterator[tuple[str, RecordText | Unread]]:
    """Yield each file's path with what it says, or why it is no record."""
    tree = Tree(root)
    for path in paths:
        try:
            yield path, _read(tree, path)
        except FrontMatterError as error:
            yield path, Unread(path, error.line, error.reason)
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            yield path, Unread(path, line, "is not UTF-8")
        except ForeignError:
            yield path, Unread(path, 1, f"is no file of at most {MOST_BYTES:,} bytes; links are not followed")
        except OSError as error:
            yield path, Unread(path, 1, error.strerror or str(error))


def _read(tree: Tree, path: str) -> RecordText:
    *folders, name = parts_of(path)
    with tree.opened(folders) as folder:
        there = None if folder is None else found(name, folder)
    if there is None:
        raise FileNotFoundError(0, "was there, and is gone")
    written_at = datetime.fromtimestamp(there.signs.modified // 1_000_000_000, UTC)
    return RecordText(there.data, loads(there.data.decode("utf-8"), path), written_at)


def _is_link(name: str, folder: int) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        return False
