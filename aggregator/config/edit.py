"""
feeds.yaml edited in place: a source more or less, verified by reading the edited file, written whole or not at all.

What is verified: the settings after are the settings before, but for exactly the sources that were meant.
"""

from __future__ import annotations

import fcntl
import glob
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

from aggregator import clock
from aggregator.config.changing import EditError, Entry, inserted, removed
from aggregator.config.document import Node
from aggregator.config.faults import ConfigError, render
from aggregator.config.files import text_of
from aggregator.config.quoting import lines
from aggregator.config.settings import Before, read
from aggregator.config.standing import Standing, standing
from aggregator.config.values import written
from aggregator.model import Settings, Source
from storage.states import Earlier

SHOWN = 20
"""Sources that a refusal writes out for an edit by hand."""
TRIES = 10
"""Times that an edit is begun, where others come between."""
_BOM = b"\xef\xbb\xbf"


class RefusedError(Exception):
    """The file was left as it is; the text says why, and what to write by hand."""


class MeanwhileError(RefusedError):
    """Somebody else wrote the file since it was read."""


@dataclass(frozen=True, slots=True)
class Edited:
    """What an edit did, or would do."""

    file: Path
    line: int
    """Where the file changed, from 1."""
    lines: tuple[str, ...]
    """The lines that came or went, without their ends."""
    sources: tuple[Source, ...]
    """The sources that came or went, as they were read."""
    settings: Settings
    """All of feeds.yaml after the edit."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What feeds.yaml is read with."""

    path: Path
    environ: Mapping[str, str]
    lists: Mapping[str, bytes]
    before: Before = ()
    """The sources known so far: those without a written id keep theirs."""

    def read(self, path: Path | None = None) -> Settings:
        """Return the settings, of another file in its place where one is named."""
        return read(path or self.path, self.environ, self.lists, self.before)


def add(setting: Setting, entries: Sequence[Entry], *, group: str | None = None, write: bool = True) -> Edited:
    """
    Put sources at the end of feeds.yaml's list, or of a group's; `write=False` does all but write.

    Raises `ConfigError` where the file is not sound as it is, and `RefusedError` where it was left as it is: the new
    source does not fit, the text cannot be changed by whole lines, or somebody else wrote the file meanwhile.
    """
    return _again(lambda: _add(setting, entries, group, write=write))


def _add(setting: Setting, entries: Sequence[Entry], group: str | None, *, write: bool) -> Edited:
    path = setting.path
    draft = Draft(path)
    before = setting.read()
    draft.still()
    where = f'the group "{group}"' if group else "`sources`"
    by_hand = f"; write this under {where}:" + "".join(
        f"\n  {line}" for entry in entries[:SHOWN] for line in lines(entry if set(entry) != {"url"} else entry["url"])
    )
    try:
        change = inserted(draft.text, entries, group)
    except EditError as error:
        raise RefusedError(f"{path} is left as it is: {error}{by_hand}") from None
    with draft.of(change.text):
        # What is added is new, and not what was taken out since the store was told of the sources last.
        earlier, vanished = _standing(setting, before)
        after = _read_draft(replace(setting, before=earlier), draft)
        came = _new(before, after)
        if len(came) != len(entries) or _new(after, before) or _rest(before) != _rest(after):
            raise RefusedError(
                f"{path} is left as it is: another source would change its id or its settings; give the new one an id{by_hand}"
            )
        pinned = _pinned(entries, came, _read_draft(setting, draft)) if vanished else entries
        if pinned != entries:
            return _add(setting, pinned, group, write=write)
        if write:
            draft.commit()
    return Edited(path, change.at, change.lines, came, after)


def remove(setting: Setting, source_id: str, *, write: bool = True) -> Edited:
    """
    Take the lines of a source out of feeds.yaml, or out of the file that it includes; `write=False` does all but write.

    Raises as `add` does, and `RefusedError` where the source stands in an OPML list; `KeyError` where there is none.
    """
    return _again(lambda: _remove(setting, source_id, write=write))


def _remove(setting: Setting, source_id: str, *, write: bool) -> Edited:
    whole = Draft(setting.path)
    before = setting.read()
    one = standing(setting.path, setting.environ, setting.lists, setting.before)[source_id]
    whole.still()
    if one.listed:
        raise RefusedError(f"{source_id} comes from the list {one.listed}; take it out there, and it is polled no more")
    main = one.file == whole.path
    draft = whole if main else Draft(one.file)
    try:
        change = removed(draft.text, lambda nodes: _chosen(nodes, one))
    except EditError as error:
        raise _not_removed(one, str(error)) from None
    with draft.of(change.text):
        if not main and not write:
            after = replace(before, sources=tuple(source for source in before.sources if source.id != source_id))
        elif main:
            after = _read_draft(setting, draft)
        else:
            after = _read_included(setting, draft)
        went = _new(after, before)
        if [source.id for source in went] != [source_id] or _new(before, after) or _rest(before) != _rest(after):
            draft.undo()
            raise _not_removed(one, "another source would change its id or its settings, so give that one an id first")
        if write:
            draft.commit()
    return Edited(one.file, change.at, change.lines, went, after)


def _again(edit: Callable[[], Edited]) -> Edited:
    """Return what the edit did, begun anew where another one came between: scripts add many sources at once."""
    for _ in range(TRIES - 1):
        with suppress(MeanwhileError):
            return edit()
    return edit()


class Draft:
    """A file that is to be replaced: a copy beside it is written first, and takes its place in one step."""

    def __init__(self, path: Path) -> None:
        """Read the file. Raises `ConfigError` where it cannot be read."""
        self.shown = path
        self.path = path.resolve()
        self.text = text_of(path)
        self.before = self.path.read_bytes()
        self.copy = self.path
        self.seen = path
        """The copy as it is read: beside the link where the file is named by one, as relative paths begin there."""
        self._committed = False
        self._data = b""

    def of(self, text: str) -> Draft:
        """Return the draft with this text, to be entered."""
        self._data = (_BOM if self.before.startswith(_BOM) else b"") + text.encode("utf-8")
        return self

    def __enter__(self) -> Draft:
        """Write the copy. Raises `RefusedError` where there can be none."""
        self._sweep()
        try:
            number, name = tempfile.mkstemp(prefix=f".{self.path.name}.", suffix=".new", dir=self.path.parent)
            self.copy = Path(name)
            with open(number, "wb") as file:  # noqa: PTH123 - the file is open already
                file.write(self._data)
                file.flush()
                os.fsync(number)
            status = self.path.stat()
            self.copy.chmod(status.st_mode & 0o7777)
            with suppress(OSError):  # only root may give a file away
                os.chown(self.copy, status.st_uid, status.st_gid)
            self.seen = self.copy
            if self.shown.absolute().parent != self.path.parent:
                self.seen = self.shown.absolute().parent / self.copy.name
                self.seen.symlink_to(self.copy)
        except OSError as error:
            self.__exit__(None, None, None)
            raise RefusedError(
                f"{self.shown} is left as it is: beside it nothing can be written: {error.strerror}"
            ) from None
        return self

    def _sweep(self) -> None:
        """Take away copies that a kill left; who is editing now began less than an hour ago."""
        with suppress(OSError):
            for old in self.path.parent.glob(f".{glob.escape(self.path.name)}.*.new"):
                if old.lstat().st_mtime < clock.now().timestamp() - 3600:
                    old.unlink()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the copy away where it did not take the file's place."""
        if self.copy != self.path and not self._committed:
            self.copy.unlink(missing_ok=True)
        if self.seen not in (self.copy, self.shown):
            self.seen.unlink(missing_ok=True)

    def commit(self) -> None:
        """Put the copy in the file's place. Raises `MeanwhileError` where somebody wrote the file since it was read."""
        if self._committed:
            return
        with self.path.open("rb") as held:
            # Those of our own that edit the same file take turns; whoever waits finds another file in its place.
            with suppress(OSError):  # a network folder may know no locks; the comparison holds all the same
                fcntl.flock(held, fcntl.LOCK_EX)
            self.still()
            self.copy.replace(self.path)
        self._committed = True
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def still(self) -> None:
        """Raise `MeanwhileError` where the file is no longer as it was read."""
        if self.path.read_bytes() != self.before:
            raise MeanwhileError(f"{self.shown} was changed meanwhile, and is left so; try again")

    def undo(self) -> None:
        """Put back what stood there, where it was replaced."""
        if self._committed:
            with Draft(self.shown).of(self.text) as back:
                back.commit()


def _read_draft(setting: Setting, draft: Draft) -> Settings:
    """Return the settings with the draft in place of feeds.yaml; what is wrong with it is told of the real file."""
    try:
        return setting.read(draft.seen)
    except ConfigError as error:
        raise _unsound(setting, error, str(draft.seen)) from None


def _read_included(setting: Setting, draft: Draft) -> Settings:
    """Return the settings after the file that they include was replaced; it is put back where they are not sound."""
    draft.commit()
    try:
        return setting.read()
    except ConfigError as error:
        draft.undo()
        raise _unsound(setting, error, str(setting.path)) from None


def _unsound(setting: Setting, error: ConfigError, name: str) -> RefusedError:
    faults = [replace(one, file=str(setting.path)) if one.file == name else one for one in error.faults]
    told = "\n".join(render(one) for one in faults[:SHOWN])
    return RefusedError(f"{setting.path} is left as it is; with this change it would not be sound:\n{told}")


def _not_removed(one: Standing, why: str) -> RefusedError:
    return RefusedError(
        f"{one.file} is left as it is: {why}; or take {one.id} out by hand: it begins in line {one.line}"
    )


def _chosen(nodes: Sequence[Node], one: Standing) -> Node | None:
    """Return the node of the source among those of its file: by its place, and by what is written there."""
    here = [node for node in nodes if (node.line, node.column) == (one.node.line, one.node.column)]
    return here[0] if len(here) == 1 and written(here[0]).strip() == one.written else None


def _standing(setting: Setting, before: Settings) -> tuple[list[Earlier], bool]:
    """Return the sources as the file has them now, the others that are known as gone; and whether there are such."""
    known = setting.before(before.storage.path) if callable(setting.before) else setting.before
    there = sorted((*before.sources, *before.paused), key=lambda source: source.position)
    ids = {source.id for source in there}
    gone = [one for one in known if one.id not in ids]
    found = [Earlier(source.id, source.url, source.name) for source in there]
    return [*found, *(one._replace(placed=False) for one in gone)], any(one.placed for one in gone)


def _pinned(entries: Sequence[Entry], came: Sequence[Source], after: Settings) -> Sequence[Entry]:
    """Return the entries, with an id written in those that would be taken for what stood in their place before."""
    kept = {source.id for source in (*after.sources, *after.paused)}
    new = sorted(came, key=lambda source: source.position)
    if all(source.id in kept for source in new):
        return entries
    return [
        entry if source.id in kept else {**entry, "id": source.id} for entry, source in zip(entries, new, strict=True)
    ]


def _new(before: Settings, after: Settings) -> tuple[Source, ...]:
    """Return the sources that are not there before, or not the same."""
    known = {source.id: _placeless(source) for source in (*before.sources, *before.paused)}
    return tuple(source for source in (*after.sources, *after.paused) if known.get(source.id) != _placeless(source))


def _placeless(source: Source) -> Source:
    return replace(source, position=0, place="")


def _rest(settings: Settings) -> Settings:
    """Return all of the settings but the sources and what tells where they stand."""
    return replace(
        settings,
        path=Path(),
        sources=(),
        paused=(),
        warnings=(),
        watched=(),
        views=tuple(replace(view, place="") for view in settings.views),
    )
