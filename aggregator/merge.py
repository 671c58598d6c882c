"""Choose which records stand in a merged feed, in which order, and which of a story's records stands for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aggregator.filters import folded, judge
from aggregator.model import FilterKind, View
from storage.record import Record
from storage.values import RecordQuery

MOST = 500
"""Records that a feed holds at most."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands in a feed: a record, or one that stands for its story."""

    record: Record
    id: str
    """Under which it is shown."""
    also: tuple[Record, ...] = ()
    """The others of its story that would stand in the feed, in the order of preference."""


# --- what may stand in a view -----------------------------------------------------------------------------------


def members(view: View) -> tuple[RecordQuery, ...]:
    """
    Return the queries whose records together are all that may stand in the view, its rules aside.

    They are also what to ask the store's `newest_arrival` with; the view's is the latest of the answers.
    """
    all_ = RecordQuery(backlog=view.backlog, limit=MOST, text=view.query)
    if view.in_all:
        return (replace(all_, sources=view.sources or None, categories=view.categories or None),)
    queries = []
    if view.sources:
        queries.append(replace(all_, sources=view.sources))
    if view.categories:
        queries.append(replace(all_, categories=view.categories))
    return tuple(queries) or (all_,)


def may_stand(view: View, record: Record) -> bool:
    """Return whether the record is one that `members` asks for, what is searched for aside."""
    if record.hidden is not None or (record.backlog and not view.backlog):
        return False
    by_source, by_category = record.source_id in view.sources, record.categories[0] in view.categories
    if view.in_all:
        return (by_source or not view.sources) and (by_category or not view.categories)
    return by_source or by_category or not (view.sources or view.categories)


def judged(record: Record, view: View, newest: datetime | None) -> bool:
    """Return whether the rules of the view leave the record; `newest` is what `older` counts back from."""
    return judge(record, view.filters, newest) is None


def lasting(view: View) -> View:
    """
    Return the view with the rules that say for good what stands in it, for an archive.

    `older` would take out of an archive what has grown old: there a `drop` is judged by when the record came (it
    never stood in the view, as it was old then), and a `keep` lets through what is going to be old enough.
    """
    rules = [
        replace(rule, conditions=tuple(one for one in rule.conditions if one.older is None))
        if rule.kind is FilterKind.KEEP
        else rule
        for rule in view.filters
    ]
    kept = tuple(rule for rule in rules if rule.kind is not FilterKind.KEEP or rule.conditions)
    return replace(view, filters=kept)


# --- stories ----------------------------------------------------------------------------------------------------


def told(view: View, story: Sequence[Record]) -> Shown:
    """
    Return what is shown of a story, or of a record alone: the first of those of its records that stand in the view.

    They come in the order of preference. A source's own feed knows no stories.
    """
    record = story[0]
    return Shown(record, record.public_id if view.backlog else record.story_id or record.public_id, tuple(story[1:]))


def first_arrived(story: Iterable[Record]) -> Record:
    """Return the record whose place in an archive is the story's."""
    return min(story, key=came)


def came(record: Record) -> tuple[int, int, str]:
    """Return what sorts records by their arrival."""
    return record.arrival, record.position, record.key


# --- the document -----------------------------------------------------------------------------------------------


def select(view: View, newest: datetime | None, candidates: Iterable[Shown]) -> tuple[Shown, ...]:
    """
    Return what the view's document holds, in its order, of candidates in whatever order they come.

    Of what `unique` and `per_source` leave the newest `entries` together with all that arrived within `window`
    before `newest` (None: nothing has arrived), at most 500. No record twice.
    """
    entries = max(1, min(view.entries, MOST))
    left = capped(distinct(in_order(candidates), view), view.per_source)
    if newest is None:
        return tuple(left[:entries])
    # Backlog is what nobody waits for: it came with the source, and is no reason to make its feed longer.
    since = newest - view.window
    chosen = [
        one
        for place, one in enumerate(left)
        if place < entries or (one.record.first_seen >= since and not one.record.backlog)
    ]
    return tuple(chosen[:MOST])


def in_order(candidates: Iterable[Shown]) -> list[Shown]:
    """Return them newest first, no record twice."""
    return sorted({one.record.key: one for one in candidates}.values(), key=lambda one: order(one.record))


def order(record: Record) -> tuple[timedelta, int, int, str]:
    """Return what sorts records: newest first by date shown, then later arrivals, the publisher's order, the key."""
    return _EPOCH - record.published, -record.arrival, record.position, record.key


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class Unique:
    """Leaves of entries that say the same, where a rule `unique` asks for it, the first; they come in order."""

    def __init__(self, view: View) -> None:
        self.fields = [rule.field for rule in view.filters if rule.kind is FilterKind.UNIQUE]
        self._seen: set[tuple[str, str]] = set()

    def first(self, shown: Shown) -> bool:
        """Return whether no earlier one said the same, and remember what it says if so."""
        says = {(field, said) for field in self.fields if (said := _said(shown.record, field))}
        if says & self._seen:
            return False
        self._seen |= says
        return True


def _said(record: Record, field: str) -> str:
    return " ".join(folded(record.title).split()) if field == "title" else record.link or ""


def distinct(ordered: Iterable[Shown], view: View) -> list[Shown]:
    """Return what `unique` leaves."""
    unique = Unique(view)
    return [one for one in ordered if unique.first(one)]


def capped(ordered: Iterable[Shown], per_source: int | None) -> list[Shown]:
    """Return the first `per_source` of each source; a story counts for the source that it is shown from."""
    if per_source is None:
        return list(ordered)
    seen: Counter[str] = Counter()
    kept = []
    for one in ordered:
        seen[one.record.source_id] += 1
        if seen[one.record.source_id] <= per_source:
            kept.append(one)
    return kept
