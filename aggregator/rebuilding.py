"""Load an archive of record files into the store: the records whole again, in the order in which they once came."""

from __future__ import annotations

import hashlib
import pickle
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import IO, NamedTuple

from aggregator.clean import LONGEST
from aggregator.filing import filed
from aggregator.hosts import host_key
from aggregator.importing import (
    FEEDS,
    Claimant,
    ForeignRecordError,
    archive_id,
    claimant_of,
    claimants,
    feeds_of,
    looks,
    minted,
    returning,
)
from aggregator.model import Keep, Settings
from storage.contract import Store
from storage.frontmatter import FrontMatter, RecordForm, written
from storage.gathering import RecordText, Unread, beside, record_files, texts
from storage.images import ImagePolicy
from storage.names import is_name_of
from storage.reading import FrontMatterError
from storage.record import Record
from storage.restoring import Outline, is_as_ruled, to_record
from storage.states import SourceRow
from storage.values import Archived, RecordFile

TOGETHER = 300
"""Records in one transaction."""
MOST_BYTES = 8 * 1024 * 1024
"""Of records in one transaction; one alone may have more."""
NOWHERE = "urn:feed-aggregator:archive"
"""Stands for the address of a source that nobody polls."""


@dataclass(slots=True)
class Loaded:
    """What became of an archive's files."""

    files: int = 0
    new: int = 0
    """Stored now, or by a dry run to be stored."""
    known: int = 0
    updated: int = 0
    gone: int = 0
    """Let go of by `keep` once: they do not come back."""
    differing: list[str] = field(default_factory=list)
    """Files of stored records that say something else than what was last written of them."""
    without_ids: int = 0
    sources: Counter[str] = field(default_factory=Counter)
    """New records by source id."""
    refused: list[Unread] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of an import."""

    folder: Path
    source: str | None = None
    """Id of the source of all files without ids; None: the one that they are filed under."""
    update: bool = False
    """Files that were edited by hand win over what is stored."""


class _Spooled(NamedTuple):
    """Where a record waits, in the order in which it is to be stored."""

    arrival: int
    """0 for one that never arrived: last of all."""
    position: int
    key: str
    misplaced: bool
    path: str
    at: int

    @property
    def order(self) -> tuple[object, ...]:
        return (self.arrival == 0, *self[:5])


class _Item(NamedTuple):
    archived: Archived
    path: str
    content: str
    """`FrontMatter.digest()` of the file."""


class Loader:
    """
    Reads an archive twice over: each file once, then all records in the order of their arrival.

    What was read waits in a temporary file, so that an archive of any size takes little memory.
    """

    def __init__(self, store: Store | None, settings: Settings, wish: Wish, now: datetime) -> None:
        """Without a store nothing is known; a dry run is given one to read from."""
        self._store, self._settings, self._wish, self._now = store, settings, wish, now
        self._shown = filed(settings)
        known = (*settings.sources, *settings.paused)
        titles = {} if store is None else {one.source.id: one.feed.title or "" for one in store.states()}
        self._claimants = claimants(known, titles)
        self._named = {one.id: one for one in self._claimants}
        archive = archive_id(one.id for one in known)
        self._archive = Claimant(archive, NOWHERE, "", "", "", None)
        self._policies = tuple(dict.fromkeys(one.images for one in known if one.images))
        # As long as a poll would have brought it: an archive of ours is to come back whole.
        self._longest = max([LONGEST, *(one.bounds.entry for one in known)])
        self._keep = {one.id: (one.name, one.url, one.position, one.keep) for one in known}
        self._said: dict[str, set[tuple[str, object]]] = {}
        self._in_place = _below(wish.folder, settings.storage.records)
        self.loaded = Loaded()

    def load(self, report: Callable[[int, int], None], *, dry: bool = False) -> Loaded:
        """
        Load all of it; `report` is told how many files of how many are done. A dry run stores nothing.

        What was stored when it is broken off stays, and the next load goes on from there. Raises StoreError, and
        OSError where the folder cannot be opened or there is no room for the temporary file.
        """
        paths, refused = record_files(self._wish.folder)
        self.loaded.files, self.loaded.refused = len(paths), refused
        self._describe(dry=dry)
        with tempfile.TemporaryFile(prefix="aggregator-") as spool:
            waiting = []
            for number, (path, text) in enumerate(texts(self._wish.folder, paths), start=1):
                if (item := self._read(path, text)) is not None:
                    waiting.append(_put(spool, item))
                report(number, len(paths))
            waiting.sort(key=lambda one: one.order)
            for batch in _batches(spool, waiting):
                self._store_together(batch, dry=dry)
        return self.loaded

    def _describe(self, *, dry: bool) -> None:
        """Take in what the feeds said of themselves, where that lies beside the records."""
        found = beside(self._wish.folder, FEEDS)
        try:
            feeds = feeds_of(found) if isinstance(found, bytes) else {}
        except ValueError as error:
            found = Unread(FEEDS, getattr(error, "lineno", 1), str(error))
        else:
            if feeds and self._store is not None and not dry:
                self._store.describe(feeds)
        if isinstance(found, Unread):
            self.loaded.refused.append(found)

    # --- a file ---------------------------------------------------------------------------------------------------

    def _read(self, path: str, text: RecordText | Unread) -> _Item | None:
        if isinstance(text, Unread):
            self.loaded.refused.append(text)
            return None
        try:
            found = to_record(text.said)
            record = self._minted(found, text) if isinstance(found, Outline) else returning(found, self._longest)
        except FrontMatterError as error:
            self.loaded.refused.append(Unread(path, error.line, error.reason))
        except ForeignRecordError as error:
            self.loaded.refused.append(Unread(path, 1, f"the record cannot be made again: {error}"))
        else:
            return _Item(self._placed(record, path, text), path, text.said.digest())
        return None

    def _minted(self, outline: Outline, text: RecordText) -> Record:
        self.loaded.without_ids += 1
        if self._wish.source is not None:
            source = self._named[self._wish.source]
        else:
            source = claimant_of(outline, self._claimants) or self._archive
        return minted(outline, source, self._policies, text.written_at, self._now, self._longest)

    def _placed(self, record: Record, path: str, text: RecordText) -> Archived:
        """Return the record with its file: one in the records folder keeps its place, one of a copy of it has it again."""
        if self._in_place is None:
            like_ours = path.count("/") == 3 and is_name_of(path, record.key)
            return Archived(record, RecordFile(record.key, path, "", "") if like_ours else None)
        here = "/".join((*self._in_place, path))
        content, on_disk = text.said.digest(), hashlib.sha256(text.data).hexdigest()
        if record.arrival == 0:  # an older form: it stays as it is
            return Archived(record, RecordFile(record.key, here, on_disk, content), written=True)
        ours, said = written(*self._shown(record))
        if said.digest() == content:
            digest = hashlib.sha256(ours.encode()).hexdigest()
            return Archived(record, RecordFile(record.key, here, digest, content), written=True)
        if is_as_ruled(text.said) or written(record, _form_in(text.said))[1].digest() == content:
            # All that it says is stored: it may be written in the form that is wanted now.
            return Archived(record, RecordFile(record.key, here, on_disk, content))
        digest = hashlib.sha256(ours.encode()).hexdigest()
        return Archived(record, RecordFile(record.key, here, digest, said.digest()), written=True)

    # --- the store ------------------------------------------------------------------------------------------------

    def _store_together(self, batch: Sequence[_Item], *, dry: bool) -> None:
        fresh, edited = [], list[Archived]()
        for item in batch:
            known = None if self._store is None else self._store.file_of(item.archived.record.key)
            if known is not None and known.content and known.content != item.content:
                self.loaded.differing.append(item.path)
                edited += self._edited(item.archived) if self._wish.update else []
            if self._is_told_already(item.archived.record):
                self.loaded.known += 1
            else:
                fresh.append(item.archived)
        if dry or self._store is None:
            self._count(fresh)
            return
        rows = [self._row(id_) for id_ in sorted({one.record.source_id for one in fresh})]
        done = self._store.restore(fresh, rows, self._now)
        source_of = {one.record.key: one.record.source_id for one in fresh}
        self.loaded.sources.update(source_of[key] for key in done.new)
        self.loaded.new += len(done.new)
        self.loaded.known += len(done.known)
        self.loaded.gone += len(done.gone)
        if edited:
            taken = len(self._store.restore(edited, (), self._now, update=True).updated)
            self.loaded.updated += taken
            self.loaded.known -= taken

    def _count(self, fresh: Sequence[Archived]) -> None:
        for one in fresh:
            if self._store is not None and self._store.facts(one.record.key) is not None:
                self.loaded.known += 1
            else:
                self.loaded.new += 1
                self.loaded.sources[one.record.source_id] += 1

    def _edited(self, archived: Archived) -> list[Archived]:
        """Return the stored record with what a person may have changed in its file."""
        stored = self._store.get(archived.record.key) if self._store is not None else None
        if stored is None:
            return []
        said = archived.record
        changed = replace(
            stored,
            title=said.title,
            categories=said.categories,
            author=said.author,
            published=said.published,
            image=said.image,
            html=said.html,
            raw_html=said.raw_html,
        )
        return [Archived(changed)]

    def _is_told_already(self, record: Record) -> bool:
        """Return whether its source has brought the same article under ids of its own; for files without ids."""
        if record.arrival or self._store is None or record.source_id == self._archive.id:
            return False
        if record.source_id not in self._said:
            self._said[record.source_id] = {
                said
                for one in self._store.records_of(record.source_id)
                for said in ((looks(one.title), one.published.replace(microsecond=0)), ("", one.link))
            }
        said = self._said[record.source_id]
        return (looks(record.title), record.published) in said or (
            record.link is not None and ("", record.link) in said
        )

    def _row(self, source_id: str) -> SourceRow:
        """Return what is kept of a source that feeds.yaml does not poll."""
        name, url, position, keep = self._keep.get(source_id, (source_id, NOWHERE, 0, Keep()))
        return SourceRow(source_id, name, url, host_key(url), position, keep.days, keep.entries, "")


def _below(folder: Path, records: Path | None) -> tuple[str, ...] | None:
    """Return the archive's place below the records folder; None where it does not lie there."""
    try:
        return folder.resolve().relative_to(records.resolve()).parts if records is not None else None
    except ValueError:
        return None


def _form_in(said: FrontMatter) -> RecordForm:
    """Return the form in which a file with `rss` was written."""
    rss = said.fields["rss"]
    assert not isinstance(rss, (str, tuple)) and rss is not None  # noqa: S101, PT018 - narrows: its record was read
    images = rss.get("images")
    policy = None
    if not isinstance(images, (str, tuple)) and images is not None:
        policy = ImagePolicy(str(images.get("template")), images.get("all_schemes") == "true")
    extra = tuple(key for key in ("link", "updated", "tags", "lang", "description", "rss") if key in said.fields)
    return RecordForm(extra, images=policy)


def _put(spool: IO[bytes], item: _Item) -> _Spooled:
    at, record = spool.tell(), item.archived.record
    pickle.dump(item, spool, pickle.HIGHEST_PROTOCOL)
    return _Spooled(record.arrival, record.position, record.key, not is_name_of(item.path, record.key), item.path, at)


def _batches(spool: IO[bytes], waiting: Sequence[_Spooled]) -> Iterator[list[_Item]]:
    batch: list[_Item] = []
    size = 0
    for one in waiting:
        spool.seek(one.at)
        batch.append(pickle.load(spool))  # noqa: S301 - a file without a name that this process has just written
        size += spool.tell() - one.at
        if len(batch) == TOGETHER or size > MOST_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
