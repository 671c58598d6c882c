"""Which records a page of a feed holds and how they look there: views, rules on output, images, how much of the body."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from heapq import merge

from starlette.exceptions import HTTPException

from aggregator.filters import folded, judge, outward
from aggregator.merge import MOST, members, order
from aggregator.model import Content, FilterKind, Settings, View
from aggregator.render.wording import excerpt
from storage.contract import Store
from storage.images import rewrite, through
from storage.record import Record
from storage.values import Page, RecordQuery

LONGEST = 12_000_000
"""Characters of text in a page, after which it ends early: 500 entries of a megabyte would be half a gigabyte."""
MOST_LOOKED_AT = 10_000
"""Records that are looked at for one page of a view: its rules may leave out nearly all of them."""

NO_CURSOR = "before= is no place in this feed; take it from the feed's own next link"

_STEP = 25  # records read at once, so that the bound above is not passed by much
_LONGEST_STEP = 400
_SMALL = 1_000_000


def page_of(store: Store, query: RecordQuery) -> Page:
    """
    Return the page, shorter than its limit where its texts would be longer than a feed may be.

    Raises HTTPException 400 where its cursor is none, and StoreError.
    """
    records: list[Record] = []
    following, left, length = query.before, query.limit, 0
    while True:
        try:
            step = store.page(replace(query, before=following, limit=min(left, _STEP)))
        except ValueError:
            raise HTTPException(400, NO_CURSOR) from None
        records += step.records
        following, left = step.next, left - len(step.records)
        length += sum(map(_length, step.records))
        if following is None or left <= 0 or length > LONGEST:
            return Page(tuple(records), following)


def _length(record: Record) -> int:
    return len(record.html) + len(record.summary)


# --- views ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Span:
    """The part of a view that is asked for; all None: the document that readers subscribe to."""

    limit: int | None = None
    before: str | None = None
    since: datetime | None = None


def page_of_view(store: Store, settings: Settings, view: View, span: Span) -> Page:
    """
    Return the records of the view's page and where the next one starts.

    The document that readers subscribe to has its rules, `unique`, `per_source`, then the newest `entries` together
    with all that arrived within `window`, at most 500. Other pages have what the rules leave, cut nowhere else, so
    that together they are all of it. Raises HTTPException 400 where the cursor is none, and StoreError.
    """
    queries = [replace(query, since=span.since) for query in members(with_tagged(view, settings))]
    newest = max(filter(None, map(store.newest_arrival, queries)), default=None)
    left = _Left(store, queries, view, newest, span.before)
    if span.limit or span.before or span.since:
        records = left.take(span.limit or view.entries)
        return Page(tuple(records), left.following())
    wanted = min(view.entries, MOST)
    first = left.take(wanted)
    following = left.following()
    while len(_distinct(first, view)) < wanted and (more := left.take(wanted)):
        first += more
    if newest is None:
        return Page(_distinct(first, view)[:wanted], following)
    since = newest - view.window
    late = _Left(store, [replace(query, arrived_since=since) for query in queries], view, newest, None).take(MOST)
    together = sorted({record.key: record for record in (*first, *late)}.values(), key=order)
    distinct = _distinct(together, view)
    chosen = [record for place, record in enumerate(distinct) if place < wanted or record.first_seen >= since]
    return Page(tuple(chosen[:MOST]), following)


def with_tagged(view: View, settings: Settings) -> View:
    """Return the view with the sources that its tags choose named among its sources; one that chooses none stays empty."""
    if not view.tags:
        return view
    tagged = [source.id for source in settings.sources if set(source.tags) & set(view.tags)]
    return replace(view, sources=tuple(dict.fromkeys((*view.sources, *tagged))) or ("",), tags=())


class _Left:
    """What the rules of a view leave of the stored records, newest first, read as far as it is asked for."""

    def __init__(
        self, store: Store, queries: Sequence[RecordQuery], view: View, newest: datetime | None, before: str | None
    ) -> None:
        self._store, self._view, self._newest = store, view, newest
        self._records = self._judged(merge(*(_read(store, query, before) for query in queries), key=order))
        self._next: Record | None = None
        self._last: Record | None = None

    def take(self, number: int) -> list[Record]:
        """Return the next records, as many as there are and as a page's texts may be long."""
        taken, length = list[Record](), 0
        while len(taken) < number and length <= LONGEST and (record := self._pop()) is not None:
            taken.append(record)
            length += _length(record)
            self._last = record
        return taken

    def following(self) -> str | None:
        """Return the cursor of what comes after what was taken, None where nothing does."""
        if self._last is None:
            return None
        self._next = self._pop()
        return None if self._next is None else self._store.after(self._last)

    def _pop(self) -> Record | None:
        record, self._next = self._next, None
        return record or next(self._records, None)

    def _judged(self, records: Iterator[Record]) -> Iterator[Record]:
        previous = None
        for number, record in enumerate(records):
            if number == MOST_LOOKED_AT:
                return
            if record.key != previous and judge(record, self._view.filters, self._newest) is None:
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
        small = sum(map(_length, page.records)) < _SMALL
        step = min(2 * step, _LONGEST_STEP) if small else _STEP


def _distinct(records: Iterable[Record], view: View) -> tuple[Record, ...]:
    """Return the records without those that `unique` and `per_source` leave out; they come in the order of the feed."""
    uniques = [rule.field for rule in view.filters if rule.kind is FilterKind.UNIQUE]
    seen: set[tuple[str, str]] = set()
    counted: Counter[str] = Counter()
    kept = []
    for record in records:
        says = {(field, said) for field in uniques if (said := _said(record, field))}
        if says & seen:
            continue
        seen |= says
        counted[record.source_id] += 1
        if view.per_source is None or counted[record.source_id] <= view.per_source:
            kept.append(record)
    return tuple(kept)


def _said(record: Record, field: str) -> str:
    return " ".join(folded(record.title).split()) if field == "title" else record.link or ""


# --- how they look ----------------------------------------------------------------------------------------------


def looks(settings: Settings, view: View | None = None, content: Content | None = None) -> Callable[[Record], Record]:
    """Return what makes of a stored record the one that stands in a feed: rules, images, how much of the body."""
    seen_as = outward(settings, view.filters if view else ())
    policies = {source.id: source.images for source in settings.sources if source.images is not None}
    much = content or (view.content if view else Content.FULL)

    def looking(record: Record) -> Record:
        record = seen_as(record)
        if policy := (view and view.images) or policies.get(record.source_id):
            image = record.image and through(record.image, policy)
            record = replace(record, html=rewrite(record.html, policy), image=image)
        match much:
            case Content.SUMMARY:
                return replace(record, summary=excerpt(record), html="")
            case Content.NONE:
                return replace(record, summary="", html="")
        return record

    return looking
