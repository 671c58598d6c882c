"""Keep the tree of record files: written whole or not at all, only on change, never over what a person wrote (R10, R11)."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from storage.folders import ForeignError, Found, Tree, found, names_in, parts_of, way_out
from storage.frontmatter import RecordForm, written
from storage.names import path_of
from storage.reading import FrontMatterError, loads
from storage.record import Record
from storage.replacing import NewFile, Replacement, replace_all
from storage.values import RecordFile

TOGETHER = 256
"""Files whose temporaries lie on disk at once, and at most as many open folders: enough to share the syncs."""
MOST_BYTES = 32 * 1024 * 1024
"""Of a changed file that we read: a record has at most a few."""

_PART = re.compile(r"\.aggregator-[0-9a-f]{24}\.part")


@dataclass(frozen=True, slots=True)
class Written:
    """The file is new or was replaced."""

    file: RecordFile


@dataclass(frozen=True, slots=True)
class Same:
    """Nothing was written: the file says what the record says, or the operator deleted it and the record is unchanged."""

    file: RecordFile


@dataclass(frozen=True, slots=True)
class Kept:
    """Nothing was written over what is not ours: a file that a person changed, a link, something that is no file."""

    file: RecordFile
    """As it was known before; its digest is empty where we never wrote the file."""
    reason: str
    """A sentence that names the file."""


Outcome = Written | Same | Kept


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was written: the system refused it in this file's folder. Others may have been written."""

    key: str
    """Of the record."""
    reason: str
    """A sentence that names the folder and the way out."""
    full: bool
    """No space is left: the other files will not be written either."""


class PostsError(Exception):
    """Record files cannot be written; the message names the path and the way out. What was written stays."""


@dataclass(frozen=True, slots=True)
class _Wish:
    """A file as it should be."""

    place: int
    """Of the record among those that are written together."""
    file: RecordFile
    previous: RecordFile | None
    data: bytes

    @property
    def name(self) -> str:
        return self.file.path.rpartition("/")[2]

    def kept(self, reason: str) -> Kept:
        return Kept(self.previous or replace(self.file, digest="", content=""), f"{self.file.path} {reason}")


class Posts:
    """
    The record files under one folder.

    A file's path is chosen when its record is filed for the first time; a folder that exists in another spelling
    (`News` for `news`) is used as it is spelled, so that the tree means the same on file systems that do not tell
    them apart. The records folder may be a link; below it none is followed, and what lies behind one is never
    opened. One process writes at a time: the one that holds the store's lock.
    """

    def __init__(self, root: Path, *, sync: bool = True) -> None:
        """`sync=False` leaves it to the system when the files reach the disk: for copies that can be made again."""
        self._root = root
        self._tree = Tree(root, sync=sync)
        self._spellings: dict[tuple[str, ...], dict[str, str]] = {}

    def write(self, record: Record, form: RecordForm, previous: RecordFile | None) -> Outcome:
        """
        Bring one record's file up to date; `previous` is what was last written for it, None if nothing was.

        A file that the operator deleted stays deleted until the record, or the form in which records are written,
        changes. One that a site tool has only written in another form (quotes, order of keys, line ends) is left
        alone until then. One whose content a person changed is never written over: delete it to have ours again.
        Raises `PostsError`.
        """
        return self.write_many([(record, form, previous)])[0]

    def write_many(self, wanted: Iterable[tuple[Record, RecordForm, RecordFile | None]]) -> list[Outcome]:
        """Do what `write` does for many records, their files synced side by side; outcomes in their order."""
        outcomes: list[Outcome] = []
        for one in self._tried(wanted):
            if isinstance(one, Refused):
                raise PostsError(one.reason)
            outcomes.append(one)
        return outcomes

    def try_many(self, wanted: Iterable[tuple[Record, RecordForm, RecordFile | None]]) -> list[Outcome | Refused]:
        """Do what `write_many` does; a folder that cannot be written keeps no other from it."""
        return list(self._tried(wanted))

    def _tried(self, wanted: Iterable[tuple[Record, RecordForm, RecordFile | None]]) -> Iterator[Outcome | Refused]:
        self._spellings.clear()
        waiting = iter(wanted)
        while some := list(islice(waiting, TOGETHER)):
            yield from self._write_together(some)

    def sweep(self) -> int:
        """Remove the temporaries of a process that was killed; return how many. For the start, before anything is written."""
        swept = 0
        with self._in_words(self._root), suppress(FileNotFoundError):
            for _, _, names, folder in os.fwalk(self._root.resolve(), follow_symlinks=False):
                for name in filter(_PART.fullmatch, names):
                    os.unlink(name, dir_fd=folder)
                    swept += 1
        return swept

    def keep(self, name: str, data: bytes) -> bool:
        """Write a file of ours that is no record, beside the folders; False where it says that already. Raises `PostsError`."""
        with self._in_words(self._root / name):
            try:
                there = self._beside(name)
                if there is not None and there.data == data:
                    return False
                replacement = Replacement((), [NewFile(name, data, there.signs if there else None)])
                replace_all(self._tree, [replacement])
                if replacement.error is not None:
                    raise replacement.error
            except ForeignError as error:
                raise PostsError(f"{self._root / name} {error}") from error
        return True

    def _beside(self, name: str) -> Found | None:
        with self._tree.opened(()) as folder:
            return None if folder is None else found(name, folder)

    def foreign(self, files: Iterable[RecordFile]) -> list[str]:
        """Return the paths, below the records folder, of files that look like records and are none of these, sorted."""
        known = {file.path for file in files}
        found = (str(path.relative_to(self._root)) for path in self._root.rglob("*.md") if path.is_file())
        return sorted(path for path in found if path not in known)

    def changed(self, files: Iterable[RecordFile]) -> list[str]:
        """Return the paths, below the records folder, of those files whose content is no longer what we wrote."""
        return [file.path for file in files if self._is_changed(file)]

    def _is_changed(self, file: RecordFile) -> bool:
        try:
            with self._in_words(self._root / file.path), self._tree.opened(parts_of(file.path)[:-1]) as folder:
                there = None if folder is None else found(file.path.rpartition("/")[2], folder)
        except ForeignError:
            return True
        if there is None or hashlib.sha256(there.data).hexdigest() == file.digest:
            return False
        try:
            return loads(there.data.decode("utf-8"), file.path).digest() != file.content
        except (FrontMatterError, UnicodeDecodeError):
            return True

    def remove(self, path: str) -> bool:
        """Delete a record's file, changed or not (`hide`, `remove --purge`); False where there was none."""
        with self._in_words(self._root / path):
            try:
                with self._tree.opened(parts_of(path)[:-1]) as folder:
                    if folder is None:
                        return False
                    os.unlink(path.rpartition("/")[2], dir_fd=folder)
                    self._tree.synced(folder)
            except FileNotFoundError:
                return False
            except ForeignError as error:
                raise PostsError(f"{self._root / path} {error}") from error
        return True

    # --- deciding ---------------------------------------------------------------------------------------------------

    def _write_together(self, some: Sequence[tuple[Record, RecordForm, RecordFile | None]]) -> list[Outcome | Refused]:
        folders: dict[str, list[_Wish]] = {}
        for place, (record, form, previous) in enumerate(some):
            wish = self._wish(place, record, form, previous)
            folders.setdefault(wish.file.path.rpartition("/")[0], []).append(wish)
        outcomes: dict[int, Outcome | Refused] = {}
        due: list[tuple[list[_Wish], Replacement]] = []
        for folder, wishes in folders.items():
            try:
                with self._in_words(self._root / folder):
                    waiting = self._judged_folder(wishes, outcomes)
            except PostsError as fault:
                outcomes |= _refused(wishes, fault)
            else:
                due += [([wish for wish, _ in waiting], _replacement(waiting))] if waiting else []
        replace_all(self._tree, [replacement for _, replacement in due])
        for wishes, replacement in due:
            try:
                with self._in_words(self._root.joinpath(*replacement.folder)):
                    outcomes |= _came_to(wishes, replacement)
            except PostsError as fault:
                outcomes |= _refused(wishes, fault)
        return [outcomes[place] for place in range(len(some))]

    def _wish(self, place: int, record: Record, form: RecordForm, previous: RecordFile | None) -> _Wish:
        text, said = written(record, form)
        data = text.encode("utf-8")
        path = previous.path if previous else self._spelled(path_of(record))
        file = RecordFile(record.key, path, hashlib.sha256(data).hexdigest(), said.digest())
        return _Wish(place, file, previous, data)

    def _judged_folder(
        self, wishes: Sequence[_Wish], outcomes: dict[int, Outcome | Refused]
    ) -> list[tuple[_Wish, Found | None]]:
        """Return the files of one folder that are to be written; put into `outcomes` what is to be left, and why."""
        waiting: list[tuple[_Wish, Found | None]] = []
        try:
            with self._tree.opened(parts_of(wishes[0].file.path)[:-1]) as folder:
                for wish in wishes:
                    try:
                        parts_of(wish.file.path)
                        there = None if folder is None else found(wish.name, folder)
                        outcome = _judged(wish, there)
                    except ForeignError as error:
                        outcome = wish.kept(str(error))
                    if outcome:
                        outcomes[wish.place] = outcome
                    else:
                        waiting.append((wish, there))
        except ForeignError as error:
            outcomes |= {wish.place: wish.kept(str(error)) for wish in wishes}
        return waiting

    # --- folders ----------------------------------------------------------------------------------------------------

    def _spelled(self, path: str) -> str:
        """Return the path with each folder spelled as the one that exists."""
        *folders, name = path.split("/")
        parts: tuple[str, ...] = ()
        for folder in folders:
            known = self._spellings.get(parts)
            if known is None:
                known = self._spellings[parts] = self._listed(parts)
            parts = (*parts, known.setdefault(_folded(folder), folder))
        return "/".join((*parts, name))

    def _listed(self, parts: tuple[str, ...]) -> dict[str, str]:
        with suppress(ForeignError, OSError), self._tree.opened(parts) as folder:
            return {} if folder is None else {_folded(name): name for name in reversed(names_in(folder))}
        return {}

    @contextmanager
    def _in_words(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise PostsError(f"{path}: {way_out(error)}") from error


def _refused(wishes: Sequence[_Wish], fault: PostsError) -> dict[int, Refused]:
    full = isinstance(fault.__cause__, OSError) and fault.__cause__.errno in {errno.ENOSPC, errno.EDQUOT}
    return {wish.place: Refused(wish.file.key, str(fault), full) for wish in wishes}


def _replacement(waiting: Sequence[tuple[_Wish, Found | None]]) -> Replacement:
    files = [NewFile(wish.name, wish.data, there.signs if there else None) for wish, there in waiting]
    return Replacement(parts_of(waiting[0][0].file.path)[:-1], files)


def _came_to(wishes: Sequence[_Wish], replacement: Replacement) -> dict[int, Outcome]:
    """Return the outcomes of what was to be written in one folder. Raises what the system refused."""
    if isinstance(replacement.error, OSError):
        raise replacement.error
    reason = "was changed by hand as it was to be written, and is left as it is"
    if isinstance(replacement.error, ForeignError):
        reason = str(replacement.error)
    return {
        wish.place: Written(wish.file) if file.replaced else wish.kept(reason)
        for wish, file in zip(wishes, replacement.files, strict=True)
    }


def _judged(wish: _Wish, there: Found | None) -> Outcome | None:
    """Return what to leave as it is and why; None where the file is to be written."""
    previous, file = wish.previous, wish.file
    if there is None:
        return Same(file) if previous and previous.digest == file.digest else None
    digest = hashlib.sha256(there.data).hexdigest()
    if digest == file.digest:
        return Same(file)
    return None if previous and digest == previous.digest else _judged_foreign(wish, there.data)


def _judged_foreign(wish: _Wish, data: bytes) -> Outcome | None:
    """Do the same for bytes that are not ours: a site tool's form of what we wrote, or a person's text."""
    previous, file = wish.previous, wish.file
    try:
        content = loads(data.decode("utf-8"), file.path).digest()
    except FrontMatterError as error:
        return wish.kept(
            f"was changed, and is no record any more (line {error.line}: {error.reason}); it is left as it is"
        )
    except UnicodeDecodeError:
        return wish.kept("was changed, and is no longer UTF-8; it is left as it is")
    if content == file.content:
        return Same(file)
    if previous and content == previous.content:
        return None
    if previous and previous.digest:
        return wish.kept(
            "was changed by hand and is left as it is; delete it to have ours again at the record's next change"
        )
    return wish.kept("was there before, with another content, and is left as it is; move it away to have ours")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
