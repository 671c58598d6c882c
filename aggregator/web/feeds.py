"""Answer the feed paths: read the parameters, select records, render them once per change, keep the bytes."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from starlette.exceptions import HTTPException

from aggregator import render
from aggregator.health import public_url
from aggregator.merge import MOST, select
from aggregator.model import Content, Settings, View
from aggregator.render import MergedFeed, SourceInfo
from aggregator.render.merged import feed_id
from aggregator.web.assets import static_path
from aggregator.web.choice import NO_CURSOR, Span, looks, page_of, page_of_view
from aggregator.web.site import Site
from storage.contract import Store
from storage.states import PollState
from storage.values import Page, RecordQuery

DEFAULT_LIMIT = 50

FORMATS: Mapping[str, tuple[Callable[[MergedFeed], bytes], bytes, bytes]] = {
    "atom": (render.atom, b"application/atom+xml; charset=utf-8", b"application/xml; charset=utf-8"),
    "rss": (render.rss, b"application/rss+xml; charset=utf-8", b"application/xml; charset=utf-8"),
    "json": (render.jsonfeed, b"application/feed+json; charset=utf-8", b"application/json; charset=utf-8"),
}
"""By ending: what writes it, its media type, and the one that a browser shows instead of saving."""

_CURSOR = re.compile(r"[A-Za-z0-9_\-.~:=]{1,200}")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request asks of a feed; equal wishes get equal bytes."""

    format: str
    source: str | None = None
    """The source whose own feed this is."""
    view: str | None = None
    """The view of feeds.yaml that this is; neither: the merged feed."""
    limit: int | None = None
    """Exactly so many at most; None: the view's own number, and on its first page all that arrived of late."""
    before: str | None = None
    since: datetime | None = None
    categories: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    """The operator's words for sources."""
    text: str | None = None
    """What is searched for."""
    content: Content | None = None
    """None: as the view says."""

    @property
    def choice(self) -> list[tuple[str, str]]:
        """Return the parameters that choose records, in one order."""
        chosen = [("category", word) for word in self.categories] + [("source", word) for word in self.sources]
        return chosen + [("tag", word) for word in self.tags] + ([("q", self.text)] if self.text else [])

    def query(self, settings: Settings) -> RecordQuery:
        """Return the store's query for it: what is chosen in several ways must be so in all of them."""
        only = frozenset((self.source,) if self.source else self.sources) or None
        if self.tags:
            tagged = frozenset(source.id for source in settings.sources if set(source.tags) & set(self.tags))
            only = tagged if only is None else only & tagged
        return RecordQuery(
            sources=only,
            categories=frozenset(self.categories) or None,
            backlog=self.source is not None,
            since=self.since,
            text=self.text,
            before=self.before,
            limit=self.limit or DEFAULT_LIMIT,
        )

    def name(self) -> str:
        """Return what the feed's id rests on: the view and its filters, not the page of it."""
        return f"merged?{urlencode(self.choice)}" if self.choice else "merged"

    @property
    def place(self) -> str:
        """Return where it lies below base_url, in every format."""
        if self.view:
            return f"feed/{quote(self.view, safe='')}"
        return f"source/{self.source}" if self.source else "feed"

    def path(self) -> str:
        """Return the feed's path below base_url."""
        place = f"{self.place}.{self.format}"
        told = self.parameters()
        return f"{place}?{told}" if told else place

    def parameters(self) -> str:
        """Return the query string that asks for the same, without what is the default, in one order."""
        told = self.choice
        told += [("content", str(self.content))] if self.content else []
        told += [("since", self.since.isoformat().replace("+00:00", "Z"))] if self.since else []
        told += [("limit", str(self.limit))] if self.limit else []
        told += [("before", self.before)] if self.before else []
        return urlencode(told)


def wish_of(
    ending: str, parameters: Sequence[tuple[str, str]], source: str | None = None, view: str | None = None
) -> Wish:
    """
    Return what the query string asks for. Unknown parameters are passed over, as trackers add some.

    Raises HTTPException 400 with a sentence where a parameter cannot be read, or asks a view for another choice than
    its own: passing over a filter would show more than was asked for.
    """
    given: dict[str, list[str]] = {}
    for name, value in parameters:
        given.setdefault(name, []).append(value)
    if view and (refused := sorted({"q", "category", "source", "tag"} & given.keys())):
        raise HTTPException(400, f"{refused[0]}= is not for a view, which chooses by feeds.yaml; ask /feed.{ending}")
    return Wish(
        format=ending,
        source=source,
        view=view,
        limit=_limit(given.get("limit", [])),
        before=_before(given.get("before", [])),
        since=_since(given.get("since", [])),
        categories=_words(given.get("category", [])),
        sources=() if source else _words(given.get("source", [])),
        tags=_words(given.get("tag", [])),
        text=" ".join(" ".join(given.get("q", [])).split()) or None,
        content=_content(given.get("content", [])),
    )


def _words(values: list[str]) -> tuple[str, ...]:
    return tuple(sorted(set(filter(None, values))))


def _content(values: list[str]) -> Content | None:
    if not values:
        return None
    try:
        return Content(values[-1])
    except ValueError:
        raise HTTPException(400, f"content={values[-1][:40]} is none of {', '.join(Content)}") from None


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
        raise HTTPException(400, NO_CURSOR)
    return values[-1]


def _since(values: list[str]) -> datetime | None:
    if not values:
        return None
    try:
        # A bare + in a query string is a blank.
        instant = datetime.fromisoformat(values[-1].strip().replace(" ", "+").upper())
        instant = instant if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        instant = None
    if instant is None or instant.tzinfo is None:
        sentence = f"since={values[-1][:40]} is no instant of RFC 3339, such as 2026-01-31T08:00:00Z"
        raise HTTPException(400, sentence)
    return instant


def render_feed(store: Store, settings: Settings, site: Site, wish: Wish) -> bytes:
    """
    Return the bytes of the feed. Blocks: to be called in a thread.

    Raises HTTPException 404 for a view that feeds.yaml does not have, and for a source that neither feeds.yaml nor
    the store knows, and StoreError.
    """
    asked = {*wish.sources, *([wish.source] if wish.source else [])}
    view = view_of(settings, wish.view)
    page = page_for(store, settings, wish)
    states = {one.source.id: one for one in store.states(asked | {record.source_id for record in page.records})}
    missing = asked - states.keys()
    if missing and (unknown := sorted(missing - store.counts().keys())):
        known = sorted(state.source.id for state in store.states())
        raise HTTPException(404, f"there is no source {unknown[0][:80]!r}{near(unknown[0], known)}")
    shown = {record.source_id for record in page.records} | ({wish.source} if wish.source else set())
    secrets = {source.id: source.secrets for source in settings.sources if source.secrets}
    infos = {id_: _source_info(states[id_], secrets.get(id_, ())) for id_ in shown & states.keys()}
    title = infos[wish.source].title if wish.source in infos else wish.source
    write, _, _ = FORMATS[wish.format]
    return write(
        MergedFeed(
            id=_id_of(wish),
            title=view.title if view else title or " · ".join((site.title, *(word for _, word in wish.choice))),
            self_url=site.base + wish.path(),
            home_url=site.base,
            records=page.records,
            sources=infos,
            next_url=site.base + replace(wish, before=page.next).path() if page.next else None,
            style=static_path("feed.css", site.prefix),
        )
    )


def _id_of(wish: Wish) -> str:
    if wish.view:
        return feed_id("view", wish.view)
    return feed_id("source", wish.source) if wish.source else feed_id("feed", wish.name())


def view_of(settings: Settings, name: str | None) -> View | None:
    """Return the view of that name, None where none is asked for. Raises HTTPException 404 where there is none."""
    if name is None:
        return None
    views = {view.name: view for view in settings.views}
    if name not in views:
        raise HTTPException(404, f"there is no view {name[:80]!r}{near(name, sorted(views))}")
    return views[name]


def searches(settings: Settings, wish: Wish) -> bool:
    """Return whether what the feed holds depends on the search index."""
    return bool(wish.text) or any(view.name == wish.view and view.query for view in settings.views)


def page_for(store: Store, settings: Settings, wish: Wish) -> Page:
    """Return the records of the feed or the page as they are to be seen, and the cursor of the page that follows."""
    view = view_of(settings, wish.view)
    if view is None:
        page = _chosen(store, settings, wish)
    else:
        page = page_of_view(store, settings, view, Span(wish.limit, wish.before, wish.since))
    looking = looks(settings, view, wish.content)
    return Page(tuple(map(looking, page.records)), page.next)


def _chosen(store: Store, settings: Settings, wish: Wish) -> Page:
    """
    Return the records of the merged feed, or of a source's, and the cursor of the page that follows.

    The document that readers subscribe to also holds what arrived of late, and so may repeat entries of
    later pages; with a limit, a date or a cursor the feed is exactly the page that was asked for.
    """
    query = wish.query(settings)
    page = page_of(store, query)
    newest = None if wish.limit or wish.before or wish.since else store.newest_arrival(query)
    if newest is None:
        return page
    view = View(wish.name(), "", entries=query.limit, backlog=query.backlog)
    late = replace(query, backlog=False, arrived_since=newest - view.window, limit=MOST)
    return Page(select(view, newest, (*page.records, *page_of(store, late).records)), page.next)


def _source_info(state: PollState, secrets: Sequence[str]) -> SourceInfo:
    """Return what feeds say of the source."""
    return render.source_info(state.source.id, state.source.name, public_url(state.source.url, secrets), state.feed)


def near(word: str, known: Sequence[str]) -> str:
    """Return ` (did you mean 'x'?)` for the known word that is nearest, or nothing."""
    found = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {found[0]!r}?)" if found else ""
