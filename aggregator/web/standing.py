"""Tell in which views an entry stands, and why not in the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from aggregator.account import Shape, entry_account
from aggregator.filters import judge
from aggregator.health import roughly
from aggregator.model import FilterKind, Settings, View
from aggregator.web.choice import Span, chosen, with_tagged
from aggregator.web.stream import newest_arrival
from storage.contract import Store
from storage.record import Record
from storage.values import RecordQuery

MERGED = View("feed", "")
"""The merged feed of all sources, as `/feed` serves it."""


@dataclass(frozen=True, slots=True)
class Place:
    """What the document of a view holds, by key of record."""

    newest: datetime | None
    """Arrival, of what may stand in it."""
    shown: Mapping[str, tuple[str, str] | None]
    """None: it is shown; else key and source of the one that is, and names it."""


def place_of(store: Store, view: View) -> Place:
    """Return what the view holds from its top; its tags must stand for sources already."""
    shown: dict[str, tuple[str, str] | None] = {}
    for one in chosen(store, view, Span()).shown:
        shown |= {other.key: (one.record.key, one.record.source_id) for other in one.also}
        shown[one.record.key] = None
    return Place(newest_arrival(store, view), shown)


PlaceOf = Callable[[Store, View], Place]


def of_entry(store: Store, settings: Settings, record: Record, place: PlaceOf = place_of) -> Shape:
    """Return the account of a stored entry; `place` may remember what the views hold."""
    beside = store.circumstances(record.key)
    assert beside is not None  # noqa: S101 - the record was just read
    standing = {view.name: why_not(store, view, record, settings, place) for view in (MERGED, *settings.views)}
    return entry_account(record, beside, standing, settings, store.stories([record.key]).get(record.key, ()))


def why_not(store: Store, view: View, record: Record, settings: Settings, place: PlaceOf = place_of) -> str | None:
    """Return why the entry does not stand in the view's first page, None where it does."""
    if record.hidden is not None:
        return f"it is hidden: {record.hidden}"
    if not _member(view, record, settings):
        return "the view has none of its source, its category and its source's tags"
    if record.backlog:
        return "its source listed it when it was new, beyond its newest 20: it stands in the source's own feed only"
    if view.query and not _is_found(store, view.query, record):
        return f"its query does not find it: {view.query}"
    view = with_tagged(view, settings)
    return _cut_off(view, place(store, view), record)


def _cut_off(view: View, place: Place, record: Record) -> str | None:
    """Return what keeps an entry that may stand in the view out of its first page, None where nothing does."""
    if rule := judge(record, view.filters, place.newest):
        return f"a rule of the view hides it: {rule}"
    if record.key in place.shown:
        instead = place.shown[record.key]
        return instead and f"it is one story with {instead[0]} ({instead[1]}), which is shown and names it"
    cap = f", or its source has its {view.per_source} newest in it" if view.per_source else ""
    same = ", or another says the same (unique)" if any(rule.kind is FilterKind.UNIQUE for rule in view.filters) else ""
    return f"newer entries fill the view ({view.entries}, and what arrived within {roughly(view.window)}){cap}{same}"


def _member(view: View, record: Record, settings: Settings) -> bool:
    if not (view.sources or view.categories or view.tags):
        return True
    tags = {tag for source in settings.sources if source.id == record.source_id for tag in source.tags}
    return record.source_id in view.sources or record.categories[0] in view.categories or not tags.isdisjoint(view.tags)


def _is_found(store: Store, text: str, record: Record) -> bool:
    """Return whether the search finds it."""
    query = RecordQuery(text=text, sources=(record.source_id,), keys=frozenset((record.key,)), backlog=True, limit=1)
    return bool(store.page(query).records)
