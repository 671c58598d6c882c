"""What stands in a view, read from the store as far as it is asked for: rules, then stories, never without a bound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from heapq import merge
from itertools import islice

from starlette.exceptions import HTTPException

from aggregator.merge import Shown, Unique, judged, may_stand, members, order, told
from aggregator.model import FilterKind, View
from storage.contract import Store
from storage.record import Record
from storage.values import RecordQuery

LONGEST = 12_000_000
"""Characters of text in a page, after which it ends early: 500 entries of a megabyte would be half a gigabyte."""
MOST_LOOKED_AT = 10_000
"""Records that are looked at for one page of a view: its rules may leave out nearly all of them."""
MOST_LOOKED_BACK = 2_000
"""Records above a page that `unique` compares it with."""

NO_CURSOR = "before= is no place in this feed; take it from the feed's own next link"

_STEP = 25  # records read at once, so that the bound above is not passed by much
_LONGEST_STEP = 400
_SMALL = 1_000_000
_FIRST_SPAN = timedelta(hours=1)


def length(record: Record) -> int:
    """Return how many characters of text a feed has of the record."""
    return len(record.html) + len(record.summary)


# --- the newest arrival -----------------------------------------------------------------------------------------


def newest_arrival(store: Store, view: View) -> datetime | None:
    """
    Return when the newest of what its query and its rules leave in the view arrived, None where nothing did.

    Rules with `older`, which count back from it, have no say. Where the rules leave nothing of the newest
    10,000 records, it is the newest that they were asked of.
    """
    queries = members(view)
    newest = max(filter(None, map(store.newest_arrival, queries)), default=None)
    ageless = tuple(rule for rule in view.filters if not any(one.older is not None for one in rule.conditions))
    if newest is None or not any(rule.kind in (FilterKind.DROP, FilterKind.KEEP) for rule in ageless):
        return newest
    return _newest_left(store, queries, replace(view, filters=ageless), newest)


def _newest_left(store: Store, queries: Sequence[RecordQuery], view: View, newest: datetime) -> datetime | None:
    span = _FIRST_SPAN
    while True:
        since = newest - span if newest.timestamp() > span.total_seconds() else None
        asked = [replace(query, backlog=False, arrived_since=since) for query in queries]
        looked_at, latest = 0, None
        for record in islice(_merged(store, asked, None), MOST_LOOKED_AT):
            looked_at += 1
            if (latest is None or record.first_seen > latest) and judged(record, view, None):
                latest = record.first_seen
        if latest is not None or since is None:
            return latest
        if looked_at == MOST_LOOKED_AT:
            return newest
        span *= 6


# --- stories ----------------------------------------------------------------------------------------------------


class Stories:
    """Tells of records which others of their story stand in the view."""

    def __init__(self, store: Store, view: View, leaves: Callable[[Record], bool]) -> None:
        """`leaves` says of a record that the view chooses whether its rules leave it there."""
        self._store, self._view, self._leaves = store, view, leaves

    def standing(self, records: Sequence[Record]) -> Mapping[str, tuple[Record, ...]]:
        """Return by key, of those of the records that have a story, all of it that stands in the view, by preference."""
        # A source's own feed is all that the source brought.
        keys = [] if self._view.backlog else [record.key for record in records if record.story]
        if not keys:
            return {}
        stories = self._store.stories(keys)
        others = {one.key: one for story in stories.values() for one in story if may_stand(self._view, one)}
        found = self._found(others) if self._view.query else others.keys()
        stands = {key for key, one in others.items() if key in found and self._leaves(one)}
        return {key: tuple(one for one in story if one.key in stands) for key, story in stories.items()}

    def _found(self, others: Mapping[str, Record]) -> set[str]:
        """Return the keys of those that the view's query finds."""
        asked = [replace(query, keys=frozenset(others), limit=max(1, len(others))) for query in members(self._view)]
        return {record.key for query in asked for record in self._store.page(query).records}


# --- newest first -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Looked:
    """A record that was looked at, and what is shown of it; None: the rules, or its story, leave it out."""

    record: Record
    shown: Shown | None


class Stream:
    """What the rules and the stories of a view leave, newest first, read as far as it is asked for."""

    def __init__(
        self,
        store: Store,
        queries: Sequence[RecordQuery],
        view: View,
        newest: datetime | None,
        before: str | None,
        unique: Unique | None = None,
    ) -> None:
        """`queries` are the view's, narrowed; what `unique` has seen does not come."""
        self._store, self._view, self._newest, self._unique = store, view, newest, unique
        self._stories = Stories(store, view, lambda record: judged(record, view, newest))
        self._looked = self._told(_merged(store, queries, before))
        self._number = self._length = 0
        self._peeked: Shown | None = None
        self._taken: Record | None = None
        self._last: Record | None = None
        self.ended = False
        """True once there is nothing more, and not for a bound."""

    def take(self, number: int) -> list[Shown]:
        """Return what comes next, as much as there is, as one page's texts may be long and one request may look at."""
        taken = list[Shown]()
        while len(taken) < number and self._length <= LONGEST and (one := self._pop()) is not None:
            taken.append(one)
            self._length += length(one.record)
            self._taken = one.record
        return taken

    def following(self) -> str | None:
        """
        Return the cursor of what comes after what was taken, None where nothing does.

        Where the bound of what is looked at was met before anything was found, it is of what comes after that.
        """
        self._peeked = self._pop()
        if self._peeked is None and self.ended:
            return None
        after = self._last if self._peeked is None else self._taken or self._last
        return None if after is None else self._store.after(after)

    def looked(self) -> Iterator[Looked]:
        """Yield what is looked at, from where it was taken to, without a bound."""
        yield from self._looked

    def _pop(self) -> Shown | None:
        peeked, self._peeked = self._peeked, None
        if peeked is not None:
            return peeked
        while self._number < MOST_LOOKED_AT:
            looked = next(self._looked, None)
            if looked is None:
                self.ended = True
                return None
            self._number += 1
            self._last = looked.record
            if looked.shown is not None and (self._unique is None or self._unique.first(looked.shown)):
                return looked.shown
        return None

    def _told(self, records: Iterator[Record]) -> Iterator[Looked]:
        step = _STEP
        while batch := list(islice(records, step)):
            stands = {record.key for record in batch if judged(record, self._view, self._newest)}
            stories = self._stories.standing([record for record in batch if record.key in stands])
            for record in batch:
                story = stories.get(record.key) or (record,)
                leads = record.key in stands and story[0].key == record.key
                yield Looked(record, told(self._view, story) if leads else None)


def seen_above(
    store: Store, queries: Sequence[RecordQuery], view: View, newest: datetime | None, before: str
) -> Unique | None:
    """Return what `unique` has seen above a place in the view, None where no rule asks; of the newest 2,000 there."""
    unique = Unique(view)
    if not unique.fields:
        return None
    first = next(_merged(store, queries, before), None)
    if first is None:
        return unique
    for looked in islice(Stream(store, queries, view, newest, None).looked(), MOST_LOOKED_BACK):
        if order(looked.record) >= order(first):
            break
        if looked.shown is not None:
            unique.first(looked.shown)
    return unique


def _merged(store: Store, queries: Iterable[RecordQuery], before: str | None) -> Iterator[Record]:
    """Yield the records of all the queries in their order, none twice."""
    previous = None
    for record in merge(*(_read(store, query, before) for query in queries), key=order):
        if record.key != previous:
            yield record
        previous = record.key


def _read(store: Store, query: RecordQuery, before: str | None) -> Iterator[Record]:
    following, step = before, _STEP
    while True:
        try:
            page = store.page(replace(query, before=following, limit=step))
        except ValueError:
            raise HTTPException(400, NO_CURSOR) from None
        yield from page.records
        if (following := page.next) is None:
            return
        # Each page may cost the store a look at all that arrived of late: more at once, where that is no great text.
        small = sum(map(length, page.records)) < _SMALL
        step = min(2 * step, _LONGEST_STEP) if small else _STEP
