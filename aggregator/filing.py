"""Bring the record files up to date with the store: write what is missing or older, remember what was written."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from aggregator import clock
from aggregator.filters import outward
from aggregator.importing import FEEDS, feeds_text
from aggregator.model import RecordStyle, Settings
from storage.contract import Store, StoreError
from storage.frontmatter import RecordForm
from storage.posts import Kept, Outcome, Posts, PostsError, Refused, Written
from storage.record import Record
from storage.values import RecordFile

log = logging.getLogger(__name__)

BATCH = 200
"""Records read together, and written down as written: few enough to hold in memory."""
FEW = 50
"""Of those written together: enough to share the syncs of folders, few enough for who waits for an answer."""

AGAIN_AFTER = 30.0
"""Seconds for which files that the system refused to write are let be, while others are written."""


def forms(settings: Settings) -> Callable[[str], RecordForm]:
    """Return what tells by source id how its record files are written; ask it once for many records."""
    storage = settings.storage
    portable = storage.record_style is RecordStyle.PORTABLE
    general = RecordForm(storage.record_fields, portable, None)  # of a source that was removed
    known = (*settings.sources, *settings.paused)
    by_id = {source.id: RecordForm(storage.record_fields, portable, source.images) for source in known}
    return lambda source_id: by_id.get(source_id, general)


def filed(settings: Settings) -> Callable[[Record], tuple[Record, RecordForm]]:
    """Return what gives a record as its file shows it, and the form of that; ask it once for many records."""
    form_of, seen_as = forms(settings), outward(settings)

    def shown(record: Record) -> tuple[Record, RecordForm]:
        seen, form = seen_as(record), form_of(record.source_id)
        return seen, form if seen is record or "rss" not in form.fields else replace(form, stored=record)

    return shown


@dataclass(frozen=True, slots=True)
class Filed:
    """What one pass over the record files did."""

    written: int = 0
    kept: tuple[Kept, ...] = ()
    """Files that a person changed, left as they are."""


class Filer:
    """Writes the record files of one store; runs in one thread at a time."""

    def __init__(self, store: Store, posts: Posts) -> None:
        self._store = store
        self._posts = posts
        self._unwanted: set[str] = set()
        self._described = -1
        self._refused: dict[str, str] = {}
        """Why, by the keys of the records whose files the system refused to write."""
        self._again_at = 0.0
        self.trouble: str | None = None
        """Why files could not be written, in a sentence; None where all is well."""

    def sweep(self) -> None:
        """Remove what a killed process left half written; for the start."""
        try:
            if swept := self._posts.sweep():
                log.info("removed %d half-written record files of an earlier run", swept)
        except PostsError as error:
            log.error("the records folder cannot be swept: %s", error)

    def take_away(self, keys: Iterable[str]) -> None:
        """Delete the files of these records, hidden by the operator, with the next pass."""
        self._unwanted |= set(keys)

    def bring_up_to_date(
        self, settings: Settings, go_on: Callable[[], bool] = lambda: True, give_way: Callable[[], None] = lambda: None
    ) -> Filed:
        """
        Write every record whose file is missing or older than it, for as long as `go_on` says.

        `give_way` is called before a few of them at a time, and may wait.
        Where disk or store refuse, what was written stays, `trouble` says why, and the next pass goes on from there. A
        folder that cannot be written keeps no other waiting.
        """
        shown = filed(settings)
        written, kept = 0, list[Kept]()
        if clock.monotonic() >= self._again_at:
            self._refused.clear()
        try:
            self._delete_unwanted()
            for batch in self._batches(go_on):
                done = list[Outcome | Refused]()
                for few in (batch[start : start + FEW] for start in range(0, len(batch), FEW)):
                    give_way()
                    done += self._posts.try_many((*shown(record), old) for record, old in few)
                written += sum(isinstance(one, Written) for one in done)
                kept += [one for one in done if isinstance(one, Kept)]
                self._take_in(done)
            self._describe(settings)
            self._say(next(iter(self._refused.values()), None))
        except (PostsError, StoreError) as error:
            self._say(str(error))
        for one in kept:
            log.warning("a record file was left as it is: %s", one.reason)
        return Filed(written, tuple(kept))

    def _take_in(self, done: Sequence[Outcome | Refused]) -> None:
        """Remember what was written and what was refused. Raises PostsError where no space is left."""
        self._store.wrote_files([one.file for one in done if not isinstance(one, Refused)])
        refused = [one for one in done if isinstance(one, Refused)]
        if full := next((one for one in refused if one.full), None):
            raise PostsError(full.reason)
        if refused and not self._refused:
            self._again_at = clock.monotonic() + AGAIN_AFTER
        self._refused |= {one.key: one.reason for one in refused}

    def _say(self, trouble: str | None) -> None:
        if trouble and self.trouble != trouble:
            log.error("record files cannot be written: %s", trouble)
        self.trouble = trouble

    def _describe(self, settings: Settings) -> None:
        """Write what feeds say of themselves beside lossless record files, so that they make a whole store."""
        revision = self._store.revision()
        if revision != self._described and "rss" in settings.storage.record_fields:
            self._posts.keep(FEEDS, feeds_text(self._store.feeds()))
            self._described = revision

    def _delete_unwanted(self) -> None:
        while self._unwanted:
            key = next(iter(self._unwanted))
            if (file := self._store.file_of(key)) is not None:
                self._posts.remove(file.path)
                self._store.forget_file(key)
                log.info("removed the record file %s: the operator hides its entry", file.path)
            self._unwanted.discard(key)

    def _batches(self, go_on: Callable[[], bool]) -> Iterator[list[tuple[Record, RecordFile | None]]]:
        """Yield what is to be written, past what was refused."""
        passed = 0
        while go_on() and (found := self._store.unwritten(BATCH, skip=passed)):
            batch = [one for one in found if one[0].key not in self._refused]
            known = len(self._refused)
            if batch:
                yield batch
            passed += len(found) - len(batch) + len(self._refused) - known
