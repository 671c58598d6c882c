"""Which records a page of a feed holds and how they look there: views, rules on output, images, how much of the body."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from starlette.exceptions import HTTPException

from aggregator.filters import outward
from aggregator.merge import MOST, Shown, Unique, distinct, in_order, members, order, select
from aggregator.model import Content, Settings, View
from aggregator.podcast import with_images
from aggregator.render.wording import excerpt
from aggregator.web.stream import LONGEST, MOST_LOOKED_BACK, NO_CURSOR, Stream, length, newest_arrival, seen_above
from storage.contract import Store
from storage.images import rewrite, through
from storage.record import Record
from storage.values import Page, RecordQuery

_STEP = 25  # records read at once, so that the bound of a page's text is not passed by much


def page_of(store: Store, query: RecordQuery) -> Page:
    """
    Return the page of stored records, shorter than its limit where its texts would be longer than a feed may be.

    Raises HTTPException 400 where its cursor is none, and StoreError.
    """
    records: list[Record] = []
    following, left, texts = query.before, query.limit, 0
    while True:
        try:
            step = store.page(replace(query, before=following, limit=min(left, _STEP)))
        except ValueError:
            raise HTTPException(400, NO_CURSOR) from None
        records += step.records
        following, left = step.next, left - len(step.records)
        texts += sum(map(length, step.records))
        if following is None or left <= 0 or texts > LONGEST:
            return Page(tuple(records), following)


# --- what stands there ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Span:
    """The part of a view that is asked for; all None: the document that readers subscribe to."""

    limit: int | None = None
    before: str | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """A page of a view: what is shown, and where the next page starts."""

    shown: tuple[Shown, ...]
    next: str | None = None
    """Opaque cursor; None on the last page."""


def chosen(store: Store, view: View, span: Span) -> Chosen:
    """
    Return the page of the view; its tags must stand for sources already (`with_tagged`).

    What its rules leave (`unique` among them), then its stories. A page that begins at the top then has the newest
    `per_source` of each source, the document that readers subscribe to also what arrived within `window`, at most
    500. A page that `before` leads to is cut by neither: what a cap cut off stands on these pages, so that
    they are all of the view. Raises HTTPException 400 where the cursor is none, and StoreError.
    """
    queries = [replace(query, since=span.since) for query in members(view)]
    if span.before is not None:
        return _page(store, queries, view, span)
    return _top(store, queries, view, span)


def _page(store: Store, queries: Sequence[RecordQuery], view: View, span: Span) -> Chosen:
    assert span.before is not None  # noqa: S101 - who calls has looked
    ages = any(one.older is not None for rule in view.filters for one in rule.conditions)
    newest = newest_arrival(store, view) if ages else None
    unique = seen_above(store, queries, view, newest, span.before)
    stream = Stream(store, queries, view, newest, span.before, unique)
    taken = stream.take(span.limit or min(view.entries, MOST))
    return Chosen(tuple(taken), stream.following())


def _top(store: Store, queries: Sequence[RecordQuery], view: View, span: Span) -> Chosen:
    newest = newest_arrival(store, view)
    view = replace(view, entries=span.limit or min(view.entries, MOST))
    stream = Stream(store, queries, view, newest, None)
    first = stream.take(view.entries)
    following = stream.following()
    while len(select(view, None, first)) < view.entries and (more := stream.take(len(first))):
        first += more
        following = stream.following()
    if span.limit or span.since or newest is None:
        shown = select(view, None, first)
    else:
        lately = [replace(query, backlog=False, arrived_since=newest - view.window) for query in queries]
        late = Stream(store, lately, view, newest, None).take(MOST)
        shown = select(view, newest, (*first, *_between(stream, view, first, late), *late))
    shown = _as_long_as_may_be(shown)
    return Chosen(shown, _before_what_is_left(store, view, first, shown) or following)


def _between(stream: Stream, view: View, first: Sequence[Shown], late: Sequence[Shown]) -> list[Shown]:
    """Return what stands between the newest and what came of late with older dates: caps and `unique` look at it too."""
    between = list[Shown]()
    counts = Counter(one.record.source_id for one in first)
    cap = view.per_source or 0
    alike = MOST_LOOKED_BACK if Unique(view).fields else 0
    last = order(first[-1].record) if first else None
    below = {one.record.source_id: order(one.record) for one in late if last is None or order(one.record) > last}
    while below and (len(between) < alike or any(counts[source] < cap for source in below)):
        one = next(iter(stream.take(1)), None)
        if one is None:
            break
        between.append(one)
        counts[one.record.source_id] += 1
        below = {source: lowest for source, lowest in below.items() if lowest > order(one.record)}
    return between


def _as_long_as_may_be(shown: Sequence[Shown]) -> tuple[Shown, ...]:
    texts = 0
    for place, one in enumerate(shown):
        if texts > LONGEST:
            return tuple(shown[:place])
        texts += length(one.record)
    return tuple(shown)


def _before_what_is_left(store: Store, view: View, first: Sequence[Shown], shown: Sequence[Shown]) -> str | None:
    """Return the cursor before the first of these that is left to later pages, None where none is."""
    standing = {one.record.key for one in shown}
    ordered = in_order(first)
    unique = {one.record.key for one in distinct(ordered, view)}
    for place, one in enumerate(ordered):
        if one.record.key in unique - standing:
            return store.after(ordered[place - 1].record)
    return None


def with_tagged(view: View, settings: Settings) -> View:
    """Return the view with the sources that its tags choose named among its sources; one that chooses none stays empty."""
    if not view.tags:
        return view
    tagged = [source.id for source in settings.sources if set(source.tags) & set(view.tags)]
    if view.in_all and view.sources:
        sources = tuple(id_ for id_ in view.sources if id_ in tagged)
    else:
        sources = tuple(dict.fromkeys((*view.sources, *tagged)))
    return replace(view, sources=sources or ("",), tags=())


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
            podcast = with_images(record.podcast, partial(through, policy=policy))
            record = replace(record, html=rewrite(record.html, policy), image=image, podcast=podcast)
        match much:
            case Content.SUMMARY:
                return replace(record, summary=excerpt(record), html="")
            case Content.NONE:
                return replace(record, summary="", html="")
        return record

    return looking
