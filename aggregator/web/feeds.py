"""Answer the feed paths: read the parameters, select records, render them once per change, keep the bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from starlette.exceptions import HTTPException

from aggregator import render
from aggregator.health import public_url
from aggregator.merge import Shown
from aggregator.model import Settings, View
from aggregator.render import MergedFeed, SourceInfo
from aggregator.render.merged import feed_id
from aggregator.web.archive import Archive, MovedError
from aggregator.web.assets import static_path
from aggregator.web.choice import Chosen, Span, chosen, looks
from aggregator.web.site import Site
from aggregator.web.stretches import Stretch
from aggregator.web.wish import DEFAULT_LIMIT, Wish, near, wish_of
from storage.contract import Store
from storage.record import Record
from storage.states import PollState
from storage.values import Page

__all__ = [
    "ARCHIVED",
    "DEFAULT_LIMIT",
    "FORMATS",
    "Wish",
    "near",
    "page_for",
    "render_feed",
    "searches",
    "shown_for",
    "view_of",
    "wish_of",
]

FORMATS: Mapping[str, tuple[Callable[[MergedFeed], bytes], bytes, bytes]] = {
    "atom": (render.atom, b"application/atom+xml; charset=utf-8", b"application/xml; charset=utf-8"),
    "rss": (render.rss, b"application/rss+xml; charset=utf-8", b"application/xml; charset=utf-8"),
    "json": (render.jsonfeed, b"application/feed+json; charset=utf-8", b"application/json; charset=utf-8"),
}
"""By ending: what writes it, its media type, and the one that a browser shows instead of saving."""

ARCHIVED = ("atom", "rss")
"""The formats that have archives (RFC 5005); JSON Feed has pages alone."""


def render_feed(store: Store, settings: Settings, site: Site, wish: Wish) -> bytes:
    """
    Return the bytes of the feed, or of the document of its archive. Blocks: to be called in a thread.

    Raises HTTPException 404 for a view that feeds.yaml never had, and for a source that neither feeds.yaml nor the
    store knows, 410 for a view that it has no more and for the archive of an earlier definition, 302 where a document
    of an archive has grown beyond what one may hold, and StoreError.
    """
    named = view_of(settings, wish.view, store)
    view = wish.view_of(settings)
    feed = _archived(store, view, site, wish) if wish.stretch else _current(store, view, wish)
    looking = looks(settings, named, wish.content)
    records = tuple(replace(looking(one.record), public_id=one.id) for one in feed.shown)
    infos = _sources(store, settings, wish, records)
    title = infos[wish.source].title if wish.source in infos else wish.source

    def address(stretch: Stretch | None) -> str | None:
        return site.base + wish.archive(stretch).path() if stretch and wish.format in ARCHIVED else None

    write, _, _ = FORMATS[wish.format]
    return write(
        MergedFeed(
            id=_id_of(wish),
            title=title or " · ".join((view.title or site.title, *(word for _, word in wish.choice))),
            self_url=site.base + wish.path(),
            home_url=site.base,
            records=records,
            sources=infos,
            next_url=site.base + replace(wish, before=feed.next).path() if feed.next else None,
            style=static_path("feed.css", site.prefix),
            also={one.record.key: one.also for one in feed.shown if one.also},
            prev_archive_url=address(feed.archive),
            current_url=site.base + wish.archive(None).path() if wish.stretch else None,
        )
    )


@dataclass(frozen=True, slots=True)
class _Feed:
    shown: tuple[Shown, ...]
    next: str | None = None
    archive: Stretch | None = None


def _current(store: Store, view: View, wish: Wish) -> _Feed:
    page = chosen(store, view, Span(wish.limit, wish.before, wish.since))
    paged = wish.before or wish.since or wish.format not in ARCHIVED
    return _Feed(page.shown, page.next, None if paged else Archive(store, view).newest(page.shown))


def _archived(store: Store, view: View, site: Site, wish: Wish) -> _Feed:
    assert wish.stretch is not None  # noqa: S101 - who calls has looked
    archive = Archive(store, view)
    if wish.stretch.series != archive.series:
        current = site.base + wish.archive(None).path()
        raise HTTPException(
            410, f"this archive was of an earlier definition of the feed; the one of now begins at {current}"
        )
    try:
        return _Feed(archive.held(wish.stretch), archive=archive.before(wish.stretch))
    except MovedError as moved:
        part = site.base + wish.archive(moved.stretch).path()
        raise HTTPException(302, "this has become more than one document", {"Location": part}) from None


def _sources(store: Store, settings: Settings, wish: Wish, records: Sequence[Record]) -> dict[str, SourceInfo]:
    """Return what is said of the sources of a feed. Raises HTTPException 404 where it asks for one that nobody knows."""
    asked = {*wish.sources, *([wish.source] if wish.source else [])}
    states = {one.source.id: one for one in store.states(asked | {record.source_id for record in records})}
    missing = asked - states.keys()
    if missing and (unknown := sorted(missing - store.counts().keys())):
        known = sorted(state.source.id for state in store.states())
        raise HTTPException(404, f"there is no source {unknown[0][:80]!r}{near(unknown[0], known)}")
    shown = {record.source_id for record in records} | ({wish.source} if wish.source else set())
    secrets = {source.id: source.secrets for source in settings.sources if source.secrets}
    return {id_: _source_info(states[id_], secrets.get(id_, ())) for id_ in shown & states.keys()}


def _id_of(wish: Wish) -> str:
    if wish.view:
        return feed_id("view", f"{wish.view}?{urlencode(wish.choice)}" if wish.choice else wish.view)
    return feed_id("source", wish.source) if wish.source else feed_id("feed", wish.name())


def view_of(settings: Settings, name: str | None, store: Store | None = None) -> View | None:
    """
    Return the view of that name, None where none is asked for.

    Raises HTTPException 404 where feeds.yaml has none of it, and 410 where the store knows that it had; blocks then.
    """
    if name is None:
        return None
    views = {view.name: view for view in settings.views}
    if name not in views and store is not None and name in store.views():
        raise HTTPException(410, f"the view {name[:80]!r} was taken out of feeds.yaml")
    if name not in views:
        raise HTTPException(404, f"there is no view {name[:80]!r}{near(name, sorted(views))}")
    return views[name]


def searches(settings: Settings, wish: Wish) -> bool:
    """Return whether what the feed holds depends on the search index."""
    return bool(wish.text) or any(view.name == wish.view and view.query for view in settings.views)


def shown_for(store: Store, settings: Settings, wish: Wish) -> Chosen:
    """
    Return what stands on the page, as it is to be seen, and the cursor of the page that follows.

    Raises HTTPException as `render_feed` does, and StoreError.
    """
    named = view_of(settings, wish.view, store)
    page = chosen(store, wish.view_of(settings), Span(wish.limit, wish.before, wish.since))
    looking = looks(settings, named, wish.content)
    return replace(page, shown=tuple(replace(one, record=looking(one.record)) for one in page.shown))


def page_for(store: Store, settings: Settings, wish: Wish) -> Page:
    """Return the records alone of what `shown_for` returns; raises as it does."""
    page = shown_for(store, settings, wish)
    return Page(tuple(one.record for one in page.shown), page.next)


def _source_info(state: PollState, secrets: Sequence[str]) -> SourceInfo:
    """Return what feeds say of the source."""
    return render.source_info(state.source.id, state.source.name, public_url(state.source.url, secrets), state.feed)
