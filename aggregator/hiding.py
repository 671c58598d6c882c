"""
Mark what is hidden: what rules of feeds.yaml and the operator hide of a poll, and of all that is stored when they change.

A mark is a reason; what has one is stored and stands in no feed and on no page. The operator's own list lies beside
the store, one key a line, so that it outlives a store that is built anew.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from aggregator.filters import CHANGING, HIDING, digest_of, judge, verdicts
from aggregator.model import Filter, FilterKind, Settings
from storage.contract import Store
from storage.record import Record, key_of
from storage.values import Changes

log = logging.getLogger(__name__)

BY_OPERATOR = "hidden by the operator"
"""The reason of what `aggregator hide` took out; no rule and no update lifts it."""
LIST = "hidden.txt"
"""
The file beside the store: a line an entry, its key and then what a person calls it.

Behind a comma the key may be followed by the one under which the entry comes to a store that is built anew: its
publisher has changed its id since it was first stored.
"""

_BATCH = 500
"""Marks in one transaction."""


# --- of a poll --------------------------------------------------------------------------------------------------


class Hiding:
    """Judges what polls bring by the rules in force, also where a poll began under older ones."""

    def __init__(self) -> None:
        self._filters: Mapping[str, tuple[Filter, ...]] = {}
        self._listed: frozenset[str] = frozenset()
        self._folder = Path()

    def use(self, settings: Settings) -> None:
        """Judge by these settings from now on."""
        self._filters = {source.id: source.filters for source in settings.sources if source.filters}
        self._folder = settings.storage.path
        self._listed = frozenset(listed(self._folder))

    def judged(self, changes: Changes, read: Iterable[Record], source_id: str) -> Changes:
        """
        Return the changes of a poll with their records marked; `read` is all that the document has.

        New records are judged as one poll, those of older pages as another. An updated one is judged by itself: what
        a `limit` had cut off stays so.
        """
        filters = self._filters.get(source_id, ())
        for record in changes.rekeyed:
            if record.hidden == BY_OPERATOR:
                self._follow(record)
        if not filters and not self._listed and not any(r.hidden for r in (*changes.updated, *changes.rekeyed)):
            return changes
        return replace(
            changes,
            new=self._new(changes, filters),
            updated=tuple(self._again(record, filters) for record in changes.updated),
            rekeyed=tuple(self._again(record, filters) for record in changes.rekeyed),
            marked=_marked(changes, read, filters),
        )

    def _follow(self, record: Record) -> None:
        """Let the list name the entry by its new id too, so that it stays out of a store that is built anew."""
        try:
            put_on_list(self._folder, record)
        except OSError as error:
            log.warning("%s cannot be written (%s): after a rebuild hide %s again", LIST, error.strerror, record.key)

    def _new(self, changes: Changes, filters: Sequence[Filter]) -> tuple[Record, ...]:
        hidden: dict[str, str | None] = {}
        for older in (False, True):
            hidden |= verdicts([r for r in changes.new if (r.key in changes.unlisted) is older], filters)
        hidden |= dict.fromkeys(self._listed & hidden.keys(), BY_OPERATOR)
        return tuple(replace(record, hidden=hidden[record.key]) for record in changes.new)

    @staticmethod
    def _again(record: Record, filters: Sequence[Filter]) -> Record:
        if record.hidden == BY_OPERATOR:
            return record
        cut_off = {rule.written for rule in filters if rule.kind is FilterKind.LIMIT}
        return replace(record, hidden=judge(record, filters) or (record.hidden if record.hidden in cut_off else None))


def _marked(changes: Changes, read: Iterable[Record], filters: Sequence[Filter]) -> tuple[tuple[str, str], ...]:
    """Return the bodies with their classes of what is stored unchanged: it may have come before the rule that needs them."""
    if not any(rule.kind is FilterKind.REMOVE for rule in filters):
        return ()
    written = {record.key for record in (*changes.new, *changes.updated, *changes.rekeyed)}
    return tuple((r.key, r.marked_html) for r in read if r.marked_html is not None and r.key not in written)


# --- of all that is stored --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Judged:
    """What judging again came to."""

    changed: int = 0
    """Records that are hidden now and were not, or the other way round."""
    taken_out: tuple[str, ...] = ()
    """Keys of all that the operator hides: their files are to go."""


def bring_up_to_date(store: Store, settings: Settings, go_on: Callable[[], bool] = lambda: True) -> Judged:
    """
    Judge again what the sources whose rules have changed ever brought, and what the operator's list names.

    Blocks for as long as reading those sources' records takes; stops at `go_on`, and the next call begins where a
    source was not done. Raises StoreError.
    """
    changed = _of_operator(store, settings)
    judged = store.judged()
    for source in settings.sources:
        hiding, output = digest_of(source.filters, HIDING), digest_of(source.filters, CHANGING)
        rules = f"{hiding}-{output}" if hiding or output else ""
        before = judged.get(source.id, "")
        if rules == before or not go_on():
            continue
        if hiding != before.partition("-")[0]:
            changed += _of_source(store, source.id, source.filters, go_on)
            if not go_on():
                break
        if output != before.partition("-")[2] and settings.storage.records is not None:
            store.forget_files(source.id)
        store.mark_hidden({}, {source.id: rules})
    if changed:
        log.info("%d entries are hidden or shown otherwise than before", changed)
    return Judged(changed, tuple(listed(settings.storage.path)))


def _of_source(store: Store, source_id: str, filters: Sequence[Filter], go_on: Callable[[], bool]) -> int:
    changed, marks = 0, dict[str, str | None]()
    for key, reason in _otherwise(_while(go_on, store.records_of(source_id)), filters):
        marks[key] = reason
        if len(marks) == _BATCH:
            changed += store.mark_hidden(marks)
            marks = {}
    return changed + (store.mark_hidden(marks) if marks else 0)


def _while(go_on: Callable[[], bool], records: Iterator[Record]) -> Iterator[Record]:
    for place, record in enumerate(records):
        if place % _BATCH == 0 and not go_on():
            return
        yield record


def _otherwise(records: Iterator[Record], filters: Sequence[Filter]) -> Iterator[tuple[str, str | None]]:
    """Yield keys and reasons of those that are marked otherwise than they should be; a poll's records have one arrival."""
    for _, poll in groupby(records, key=lambda record: record.arrival):
        together = list(poll)
        reasons = verdicts(together, filters)
        for record in together:
            if record.hidden not in (BY_OPERATOR, reasons[record.key]):
                yield record.key, reasons[record.key]


def _of_operator(store: Store, settings: Settings) -> int:
    """Mark what the list names, and judge by the rules what it names no more."""
    named = set(listed(settings.storage.path))
    marked = set(store.hidden_for(BY_OPERATOR))
    filters = {source.id: source.filters for source in settings.sources}
    marks: dict[str, str | None] = dict.fromkeys(named - marked, BY_OPERATOR)
    for key in marked - named:
        if (record := store.get(key)) is not None:
            marks[key] = judge(record, filters.get(record.source_id, ()))
    return store.mark_hidden(marks) if marks else 0


# --- the operator's list ----------------------------------------------------------------------------------------


def listed(folder: Path) -> list[str]:
    """Return the keys of the list in the data folder; none where there is no list. Raises OSError."""
    return [key for line in _lines(folder) for key in _keys(line)]


def stamp(folder: Path) -> tuple[int, int] | None:
    """Return what tells one saved state of the list from another; None where there is none."""
    try:
        status = (folder / LIST).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def put_on_list(folder: Path, record: Record) -> None:
    """Add an entry to the list, or its newest id to its line: whole and on the disk when this returns. Raises OSError."""
    keys = list(dict.fromkeys([record.key, key_of(record.source_id, record.identity)]))
    lines = _lines(folder)
    place = next((place for place, line in enumerate(lines) if record.key in _keys(line)), None)
    known = [] if place is None else _keys(lines[place])
    if set(keys) <= set(known):
        return
    line = f"{','.join(dict.fromkeys([*known, *keys]))}  {' '.join(record.title.split())}".rstrip()
    if place is None:
        _write(folder, [*(lines or [_HEAD]), line])
    else:
        _write(folder, [*lines[:place], line, *lines[place + 1 :]])


def take_off_list(folder: Path, key: str) -> bool:
    """Take an entry off the list; False where it was not on it. Raises OSError."""
    if key not in listed(folder):
        return False
    _write(folder, [line for line in _lines(folder) if key not in _keys(line)])
    return True


_HEAD = "# Entries that `aggregator hide` took out of feeds, pages and files; `--undo` brings one back."


def _lines(folder: Path) -> list[str]:
    path = folder / LIST
    return path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []


def _keys(line: str) -> list[str]:
    """Return the keys of an entry that a line names; none of a comment."""
    return [] if line.startswith("#") or not line.strip() else line.split(maxsplit=1)[0].split(",")


def _write(folder: Path, lines: Sequence[str]) -> None:
    part = folder / f".{LIST}.part"
    with part.open("w", encoding="utf-8") as file:
        file.write("\n".join([*lines, ""]))
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / LIST)
