"""Answer the feed paths: read the parameters, select records, render them once per change, keep the bytes."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import urlencode

from starlette.exceptions import HTTPException

from aggregator import render
from aggregator.health import public_url
from aggregator.merge import MOST, select
from aggregator.model import View
from aggregator.render import MergedFeed, SourceInfo
from aggregator.render.merged import feed_id
from aggregator.web.assets import static_path
from aggregator.web.site import Site
from storage.contract import Page, PollState, RecordQuery, Store
from storage.record import Record

DEFAULT_LIMIT = 50

LONGEST = 12_000_000
"""Characters of text in a page, after which it ends early: 500 entries of a megabyte would be half a gigabyte."""

_STEP = 25  # records read at once, so that the bound above is not passed by much

FORMATS: Mapping[str, tuple[Callable[[MergedFeed], bytes], bytes, bytes]] = {
    "atom": (render.atom, b"application/atom+xml; charset=utf-8", b"application/xml; charset=utf-8"),
    "rss": (render.rss, b"application/rss+xml; charset=utf-8", b"application/xml; charset=utf-8"),
    "json": (render.jsonfeed, b"application/feed+json; charset=utf-8", b"application/json; charset=utf-8"),
}
"""By ending: what writes it, its media type, and the one that a browser shows instead of saving."""

_LATER = {"q": "searching a feed", "tag": "choosing by tag", "content": "choosing how much of the body"}
_NO_CURSOR = "before= is no place in this feed; take it from the feed's own next link"
_CURSOR = re.compile(r"[A-Za-z0-9_\-.~:=]{1,200}")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request asks of a feed; equal wishes get equal bytes."""

    format: str
    source: str | None = None
    """The source whose own feed this is; None: the merged one."""
    limit: int | None = None
    """Exactly so many at most; None: the view's own number, and on its first page all that arrived of late."""
    before: str | None = None
    since: datetime | None = None
    categories: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    def query(self) -> RecordQuery:
        """Return the store's query for it."""
        only = (self.source,) if self.source else self.sources
        return RecordQuery(
            sources=frozenset(only) or None,
            categories=frozenset(self.categories) or None,
            backlog=self.source is not None,
            since=self.since,
            before=self.before,
            limit=self.limit or DEFAULT_LIMIT,
        )

    def name(self) -> str:
        """Return what the feed's id rests on: the view and its filters, not the page of it."""
        chosen = [("category", word) for word in self.categories] + [("source", word) for word in self.sources]
        return f"merged?{urlencode(chosen)}" if chosen else "merged"

    def path(self) -> str:
        """Return the feed's path below base_url."""
        place = f"source/{self.source}.{self.format}" if self.source else f"feed.{self.format}"
        told = self.parameters()
        return f"{place}?{told}" if told else place

    def parameters(self) -> str:
        """Return the query string that asks for the same, without what is the default, in one order."""
        told: list[tuple[str, str]] = [("category", word) for word in self.categories]
        told += [("source", word) for word in self.sources]
        told += [("since", self.since.isoformat().replace("+00:00", "Z"))] if self.since else []
        told += [("limit", str(self.limit))] if self.limit else []
        told += [("before", self.before)] if self.before else []
        return urlencode(told)


def wish_of(ending: str, parameters: Sequence[tuple[str, str]], source: str | None = None) -> Wish:
    """
    Return what the query string asks for. Unknown parameters are passed over, as trackers add some.

    Raises HTTPException 400 with a sentence where a parameter cannot be read, or is one that we know of and
    do not serve yet: passing over a filter would show more than was asked for.
    """
    given: dict[str, list[str]] = {}
    for name, value in parameters:
        given.setdefault(name, []).append(value)
    if refused := sorted(_LATER.keys() & given.keys()):
        raise HTTPException(400, f"{refused[0]}= ({_LATER[refused[0]]}) is not served here; leave it out")
    return Wish(
        format=ending,
        source=source,
        limit=_limit(given.get("limit", [])),
        before=_before(given.get("before", [])),
        since=_since(given.get("since", [])),
        categories=tuple(sorted(set(filter(None, given.get("category", []))))),
        sources=() if source else tuple(sorted(set(filter(None, given.get("source", []))))),
    )


def _limit(values: list[str]) -> int | None:
    if not values:
        return None
    if not (values[-1].isascii() and values[-1].isdigit() and values[-1].strip("0")):
        raise HTTPException(400, f"limit={values[-1][:40]} is no whole number from 1 to {MOST}")
    return MOST if len(values[-1]) > len(str(MOST)) else min(int(values[-1]), MOST)


def _before(values: list[str]) -> str | None:
    if not values:
        return None
    if not _CURSOR.fullmatch(values[-1]):
        raise HTTPException(400, _NO_CURSOR)
    return values[-1]


def _since(values: list[str]) -> datetime | None:
    if not values:
        return None
    try:
        # A bare + in a query string is a blank.
        instant = datetime.fromisoformat(values[-1].strip().replace(" ", "+").upper())
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        sentence = f"since={values[-1][:40]} is no instant of RFC 3339, such as 2026-01-31T08:00:00Z"
        raise HTTPException(400, sentence)
    return instant.astimezone(UTC)


def render_feed(store: Store, site: Site, wish: Wish) -> bytes:
    """
    Return the bytes of the feed. Blocks: to be called in a thread.

    Raises HTTPException 404 for a source that neither feeds.yaml nor the store knows, and StoreError.
    """
    states = {state.source.id: state for state in store.states()}
    for asked in filter(None, (wish.source, *wish.sources)):
        if asked not in states and asked not in store.counts():
            raise HTTPException(404, f"there is no source {asked[:80]!r}{near(asked, sorted(states))}")
    records, following = _chosen(store, wish)
    shown = {record.source_id for record in records} | ({wish.source} if wish.source else set())
    infos = {id_: _source_info(states[id_]) for id_ in shown & states.keys()}
    title = infos[wish.source].title if wish.source in infos else wish.source
    write, _, _ = FORMATS[wish.format]
    return write(
        MergedFeed(
            id=feed_id("source", wish.source) if wish.source else feed_id("feed", wish.name()),
            title=title or " · ".join((site.title, *wish.categories)),
            self_url=site.base + wish.path(),
            home_url=site.base,
            records=records,
            sources=infos,
            next_url=site.base + replace(wish, before=following).path() if following else None,
            style=static_path("feed.css", site.prefix),
        )
    )


def _chosen(store: Store, wish: Wish) -> tuple[tuple[Record, ...], str | None]:
    """
    Return the records of the feed and the cursor of the page that follows.

    The document that readers subscribe to also holds what arrived of late, and so may repeat entries of
    later pages; with a limit, a date or a cursor the feed is exactly the page that was asked for.
    """
    query = wish.query()
    page = page_of(store, query)
    newest = None if wish.limit or wish.before or wish.since else store.newest_arrival(query)
    if newest is None:
        return page.records, page.next
    view = View(wish.name(), "", entries=query.limit, backlog=query.backlog)
    late = replace(query, backlog=False, arrived_since=newest - view.window, limit=MOST)
    return select(view, newest, (*page.records, *page_of(store, late).records)), page.next


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
            raise HTTPException(400, _NO_CURSOR) from None
        records += step.records
        following, left = step.next, left - len(step.records)
        length += sum(len(record.html) + len(record.summary) for record in step.records)
        if following is None or left <= 0 or length > LONGEST:
            return Page(tuple(records), following)


def _source_info(state: PollState) -> SourceInfo:
    """Return what feeds say of the source."""
    return render.source_info(state.source.id, state.source.name, public_url(state.source.url), state.feed)


def near(word: str, known: Sequence[str]) -> str:
    """Return ` (did you mean 'x'?)` for the known word that is nearest, or nothing."""
    found = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {found[0]!r}?)" if found else ""
