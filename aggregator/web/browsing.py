"""Answer what people look at: the rivers, an entry, the sources and each of them, what this server is; and what happens."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace
from datetime import datetime
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from aggregator import render
from aggregator.health import Facts, unready
from aggregator.model import Settings, View
from aggregator.render import IncidentFeed
from aggregator.web import about, article, board, status
from aggregator.web.answer import RawHeaders, answer, header
from aggregator.web.assets import static_path
from aggregator.web.board import Standing
from aggregator.web.desk import SHARED, Desk, parameters
from aggregator.web.events import Events, Stream
from aggregator.web.feeds import DEFAULT_LIMIT, Wish, near, shown_for, view_of, wish_of
from aggregator.web.pages import PAGE_HEADERS, Frame
from aggregator.web.river import River, names_of, river_page
from aggregator.web.site import Site
from aggregator.web.standing import Place, place_of
from storage.contract import Store

RESTING = 10
"""Times what the order of all sources takes to find, for which it is kept: a tenth of a core, whoever asks."""

_VARY = (b"vary", b"Accept-Encoding")


class Browsing:
    """The handlers of the pages."""

    def __init__(self, desk: Desk, facts: Callable[[], Facts], listeners: int) -> None:
        self._desk, self._facts = desk, facts
        self._places: tuple[object, dict[str, Place]] = (None, {})
        self._ranked: tuple[Settings, datetime, list[Standing]] | None = None
        """In force until that instant."""
        self.events = Events(desk.store, desk.revision, listeners)

    # --- entries ---

    async def river(self, request: Request) -> Response:
        """Answer with the first page, with a view's or a source's, or with an older one."""
        given = request.path_params
        wish = wish_of("atom", parameters(request.scope), source=given.get("id"), view=given.get("view"))
        desk, settings, now = self._desk, self._desk.settings(), self._desk.now()
        view = await run_in_threadpool(view_of, settings, wish.view, desk.store)
        # A page is a page: what arrived of late and is dated long ago would stand out of its place. A view is shown as
        # its feed is.
        asked = wish if wish.limit or wish.view else replace(wish, limit=DEFAULT_LIMIT)
        path = _path(wish)
        frame = self._frame(request.scope, path if not wish.choice else "?", live=wish.before is None)

        def made() -> bytes:
            states = desk.store.states()
            names = names_of(states)
            if wish.source and wish.source not in names:
                _check_kept(desk.store, wish.source, names)
            title = _title(wish, frame.site, view, names)
            chosen = [one for one in wish.choice if one[0] != "q"]
            kind = River(wish.feeds, title, path, wish.text or "", chosen, wish.source)
            page = shown_for(desk.store, settings, asked)
            older = replace(wish, before=page.next).parameters() if page.next else None
            return river_page(frame, kind, page.shown, older, states, now, settings.sources, first=wish.before is None)

        return await self._page(request.scope, ("river", wish), now, made)

    async def entry(self, request: Request) -> Response:
        """Answer with the page of an entry."""
        key, desk, settings = request.path_params["key"], self._desk, self._desk.settings()
        frame = self._frame(request.scope, f"entry/{key}")
        places = await self._kept_places(settings)

        def place(store: Store, view: View) -> Place:
            if view.name not in places:
                places[view.name] = place_of(store, view)
            return places[view.name]

        return await self._page(
            request.scope,
            ("entry page", key),
            desk.now(),
            lambda: article.entry_page(desk.store, settings, frame, key, place),
        )

    async def _kept_places(self, settings: Settings) -> dict[str, Place]:
        """Return what the views are known to hold; forgotten when anything changes."""
        state = await self._desk.revision.read(), settings
        if self._places[0] != state:
            self._places = state, {}
        return self._places[1]

    # --- sources ---

    async def sources(self, request: Request) -> Response:
        """Answer with a page of sources, the worst first."""
        desk, settings, now = self._desk, self._desk.settings(), self._desk.now()
        asked, troubles = board.asked_of(parameters(request.scope)), tuple(unready(self._facts(), now))
        frame = self._frame(request.scope, "sources", live=True)

        def made() -> bytes:
            standings = self._ranking(settings, now)
            return board.board_page(desk.store, settings, frame, asked, standings, now, troubles)

        return await self._page(request.scope, ("sources page", asked, troubles), now, made)

    def _ranking(self, settings: Settings, now: datetime) -> list[Standing]:
        """Return the order of all sources, made anew after ten times what it took: of 10,000 that is 7 s."""
        if self._ranked is None or self._ranked[0] is not settings or now >= self._ranked[1]:
            began = self._desk.now()
            standings = board.ranked(self._desk.store, settings, now)
            ended = self._desk.now()
            self._ranked = settings, ended + RESTING * (ended - began), standings
        return self._ranked[2]

    async def source_status(self, request: Request) -> Response:
        """Answer with how one source is, and why it is polled when it is: a page, or JSON."""
        desk, settings, now = self._desk, self._desk.settings(), self._desk.now()
        source_id = request.path_params["id"]
        if not request.scope["path"].endswith(".json"):
            frame = self._frame(request.scope, f"source/{source_id}/status")
            return await self._page(
                request.scope,
                ("status", source_id),
                now,
                lambda: status.status_page(desk.store, settings, frame, source_id, now),
            )
        shown = await desk.at_present(
            ("status.json", source_id),
            now,
            lambda: status.as_json(status.source_status(desk.store, settings, source_id, now)),
        )
        headers = [(b"content-type", b"application/json"), (b"cache-control", desk.fresh), *SHARED]
        return answer(request.scope, shown, headers)

    async def health(self, request: Request) -> Response:
        """Answer with what happens to the sources, as a feed."""
        desk, settings, now, site = self._desk, self._desk.settings(), self._desk.now(), self._desk.site

        def made() -> bytes:
            names = {source.id: source.name for source in (*settings.sources, *settings.paused)}
            return render.incidents(
                IncidentFeed(
                    f"{site.title}: health",
                    f"{site.base}health.atom",
                    site.base,
                    sorted(desk.store.incidents(), key=lambda one: one.changed_at, reverse=True),
                    names,
                    static_path("feed.css", site.prefix),
                )
            )

        shown = await desk.at_present("health.atom", now, made)
        browser = b"text/html" in (header(request.scope, b"accept") or b"")
        kind = b"application/xml; charset=utf-8" if browser else b"application/atom+xml; charset=utf-8"
        headers: RawHeaders = [(b"content-type", kind), (b"cache-control", desk.fresh), *SHARED]
        return answer(request.scope, shown, headers)

    # --- the server itself ---

    async def about(self, request: Request) -> Response:
        """Answer with what this is, and where it can be subscribed to."""
        desk, settings, now = self._desk, self._desk.settings(), self._desk.now()
        frame = self._frame(request.scope, "about")
        reasons = unready(self._facts(), now)
        return await self._page(
            request.scope, "about", now, lambda: about.about_page(desk.store, settings, frame, reasons)
        )

    async def happenings(self, request: Request) -> Response:
        """Answer with a stream that tells of every change, while there is room for one more listener."""
        del request
        if self.events.is_full:
            raise HTTPException(503, "as many listen already as may", {"Retry-After": "60"})
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            (b"x-accel-buffering", b"no"),  # nginx would keep it back
        ]
        return Stream(self.events, headers)

    # --- what all of them share ---

    def _frame(self, scope: Scope, here: str, *, live: bool = False) -> Frame:
        site = self._desk.site_for(scope)
        views = [(f"view/{quote(view.name, safe='')}", view.title or view.name) for view in self._desk.settings().views]
        return Frame(site, here, views, live)

    async def _page(self, scope: Scope, key: Hashable, now: datetime, make: Callable[[], bytes]) -> Response:
        carries = bool(self._desk.site_for(scope).carried)
        shown = await self._desk.at_present((key, carries), now, make)
        # A page whose links carry the token on is kept by nobody.
        fresh = b"private, no-store" if carries else self._desk.fresh
        return answer(scope, shown, [*PAGE_HEADERS, (b"cache-control", fresh), _VARY])


def _check_kept(store: Store, source_id: str, known: Iterable[str]) -> None:
    """Raise HTTPException 404 where nothing is kept of a source that feeds.yaml does not name."""
    if not store.counts().get(source_id):
        raise HTTPException(404, f"there is no source {source_id[:80]!r}{near(source_id, sorted(known))}")


def _path(wish: Wish) -> str:
    if wish.view:
        return f"view/{quote(wish.view, safe='')}"
    return f"source/{quote(wish.source, safe='')}" if wish.source else ""


def _title(wish: Wish, site: Site, view: View | None, names: dict[str, str]) -> str:
    """Return what the page is called: as the view or the source is, else by what was chosen."""
    if view:
        return view.title or view.name
    if wish.source:
        return names.get(wish.source) or wish.source
    words = [*wish.categories, *(names.get(one, one) for one in wish.sources), *wish.tags]
    return " · ".join((*words, site.title))
