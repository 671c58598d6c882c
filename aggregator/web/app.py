"""The HTTP side: the routes, what is open and what needs the token, and how errors are told."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aggregator.health import Facts, unready
from aggregator.metrics import CONTENT_TYPE, Metrics
from aggregator.model import Settings
from aggregator.web import assets, opensearch
from aggregator.web.answer import Answer, RawHeaders, answer, header, represent
from aggregator.web.api import PATHS, Api
from aggregator.web.browsing import Browsing
from aggregator.web.desk import SHARED, Desk, parameters
from aggregator.web.errors import error
from aggregator.web.events import MOST
from aggregator.web.feeds import (
    ARCHIVED,
    FORMATS,
    near,
    render_feed,
    searches,
    wish_of,
)
from aggregator.web.records import record_bytes
from aggregator.web.rows import all_as_json
from aggregator.web.scrape import Scrape, kind_of
from aggregator.web.site import admits
from aggregator.web.stretches import stretch_of
from aggregator.web.subscriptions import last, sources_as_opml, views_as_opml, wish_for_sources
from storage.contract import Store, StoreError

_OPEN = ("/healthz", "/readyz", "/robots.txt")
_IN_BROWSERS = (
    b"content-security-policy",
    b"default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
)


class Web(Desk):
    """What answers feeds, records, pages and health."""

    def __init__(
        self,
        store: Store,
        settings: Callable[[], Settings],
        facts: Callable[[], Facts],
        now: Callable[[], datetime],
        metrics: Metrics,
    ) -> None:
        super().__init__(store, settings, now)
        self._facts = facts
        self._scrape = Scrape(store, settings, facts, now, metrics)

    # --- feeds and records ---

    async def to_feed(self, request: Request) -> Response:
        """Redirect to the canonical format; the query string, the token too, goes along."""
        query = request.scope["query_string"]
        target = f"{self.site.prefix}/feed.atom".encode() + (b"?" + query if query else b"")
        return Answer(302, [(b"location", target), (b"cache-control", self.site.cache_control), *SHARED])

    async def feed(self, scope: Scope, asked: Mapping[str, str | None]) -> Answer:
        """Answer with the merged feed, with a view, or with a source's own one; or with a document of its archive."""
        ending, series = asked["ending"] or "", asked["series"]
        formats = sorted(ARCHIVED if series else FORMATS)
        if ending not in formats:
            raise HTTPException(404, f"there is no format {ending[:40]!r}{near(ending, formats)}")
        stretch = stretch_of(series, asked["stretch"] or "") if series else None
        if series and stretch is None:
            raise HTTPException(404, "there is no such archive document; take it from the feed's prev-archive link")
        wish = wish_of(ending, parameters(scope), asked["source"], asked["view"], stretch)
        settings, site = self.settings(), self.site
        shown = await self.kept(
            wish, lambda: render_feed(self.store, settings, site, wish), searched=searches(settings, wish)
        )
        _, kind, kind_for_browsers = FORMATS[ending]
        browser = b"text/html" in (header(scope, b"accept") or b"")
        headers = [(b"content-type", kind_for_browsers if browser else kind), (b"cache-control", site.cache_control)]
        return answer(scope, shown, [*headers, _IN_BROWSERS, *SHARED])

    async def record(self, request: Request) -> Response:
        """Answer with the bytes of the record's file."""
        key, settings = request.path_params["key"], self.settings()
        shown = await self.kept(("record", key), lambda: record_bytes(self.store, settings, key))
        headers = [(b"content-type", b"text/markdown; charset=utf-8"), (b"cache-control", self.site.cache_control)]
        return answer(request.scope, shown, [*headers, *SHARED])

    async def opml(self, request: Request) -> Response:
        """Answer with the sources as a list of subscriptions, or with the merged feed and the views as one."""
        given = parameters(request.scope)
        settings, site = self.settings(), self.site
        name = "subscriptions"
        match last(given, "of"):
            case None | "sources":
                wish = wish_for_sources(given)
                shown = await self.kept(("opml", wish), lambda: sources_as_opml(self.store, settings, site, wish))
                name = wish.view or name
            case "views":
                shown = await self.of_settings("opml", lambda: views_as_opml(settings, site))
            case wrong:
                raise HTTPException(400, f"of={wrong[:40]} is none of sources, views")
        named = f'attachment; filename="{name}.opml"'.encode()
        headers = [(b"content-type", b"text/x-opml; charset=utf-8"), (b"cache-control", site.cache_control)]
        return answer(request.scope, shown, [*headers, (b"content-disposition", named), *SHARED])

    # --- health ---

    async def sources(self, request: Request) -> Response:
        """Answer with how the sources are."""
        settings, now = self.settings(), self.now()

        def made() -> bytes:
            return all_as_json(self.store, settings, now)

        shown = await self.at_present("sources", now, made)
        headers = [(b"content-type", b"application/json"), (b"cache-control", self.fresh)]
        return answer(request.scope, shown, [*headers, *SHARED])

    async def live(self, request: Request) -> Response:
        """Answer that the process answers."""
        del request
        return _plain(200, b"ok\n")

    async def ready(self, request: Request) -> Response:
        """Answer whether store, feeds.yaml and scheduler are well; the reasons are for those who hold the token."""
        reasons = unready(self._facts(), self.now())
        try:
            await self.revision.read(anew=True)
        except StoreError as fault:
            reasons.insert(0, f"store: {fault}")
        if not reasons:
            return _plain(200, b"ready\n")
        told = reasons if self.admits(request.scope) else []
        return _plain(503, "\n".join(["not ready", *told, ""]).encode(), [(b"retry-after", b"10")])

    async def metrics(self, request: Request) -> Response:
        """Answer a scraper, also while the store cannot be read: then it is not ready, and as it was seen last."""
        del request
        try:
            await self.revision.read(anew=True)
        except StoreError:
            readable = False
        else:
            readable = True
        body = await self._scrape.exposed(readable=readable)
        return Answer(200, [(b"content-type", CONTENT_TYPE), (b"cache-control", b"no-store"), *SHARED[1:2]], body)

    # --- files ---

    async def robots(self, request: Request) -> Response:
        """Answer with what crawlers may read."""
        del request
        return _plain(200, assets.robots(private=bool(self.site.token)), [(b"cache-control", b"public, max-age=86400")])

    async def icon(self, request: Request) -> Response:
        """Answer with the icon."""
        return _file(request.scope, "favicon.ico", b"public, max-age=86400")

    async def opensearch(self, request: Request) -> Response:
        """Answer with how to search here; with the token where it was asked for with it, else the searches would fail."""
        token = self.site.token
        shown_with = token if token and admits(token, request.scope["query_string"], None) else None
        shown = represent(opensearch.description(self.site, shown_with))
        headers = [(b"content-type", b"application/opensearchdescription+xml; charset=utf-8")]
        return answer(request.scope, shown, [*headers, (b"cache-control", self.site.cache_control), *SHARED])

    async def static(self, request: Request) -> Response:
        """Answer with a file under the address that holds the digest of all."""
        name = request.path_params["name"]
        if request.path_params["hash"] != assets.HASH or name not in assets.ASSETS:
            raise HTTPException(404, "there is no such file")
        return _file(request.scope, name, b"public, max-age=31536000, immutable")

    # --- the door ---

    def admits(self, scope: Scope) -> bool:
        """Return whether the request may see what is not open to all."""
        token = self.site.token
        return not token or admits(token, scope["query_string"], header(scope, b"authorization"))

    async def failed(self, request: Request, fault: Exception) -> Response:
        """Answer for what was raised on a route."""
        return self.fault(request.scope, fault)

    def fault(self, scope: Scope, fault: Exception) -> Answer:
        """Answer for what was raised at the path."""
        path, prefix, home = scope["path"], self.site.prefix, self.site_for(scope).to()
        if isinstance(fault, HTTPException):
            detail = _missing(path) if fault.detail == "Not Found" else fault.detail
            return error(path, fault.status_code, detail, dict(fault.headers or {}), prefix=prefix, home=home)
        # Which file and why is for the log and the token's holder: the sentence names paths of this machine.
        return error(
            path, 503, "the store cannot be read at the moment", {"Retry-After": "60"}, prefix=prefix, home=home
        )


_FEED_PATH = re.compile(
    r"/(?:feed|feed/(?P<view>[^/]+)|source/(?P<source>[^/]+))"
    r"(?:/archive/(?P<series>[^/]+)/(?P<stretch>[^/.]+))?\.(?P<ending>[^/.]+)"
)
_PATHS = (
    "/",
    "/feed",
    "/feed.atom",
    "/feed.rss",
    "/feed.json",
    "/sources",
    "/sources.json",
    "/health.atom",
    "/about",
    "/opml",
    *(path for path, _ in PATHS),
    "/healthz",
    "/readyz",
    "/metrics",
    "/robots.txt",
)


def _missing(path: str) -> str:
    return f"there is nothing at {path[:200]}{near(path, _PATHS)}"


def _plain(status: int, body: bytes, more: RawHeaders | None = None) -> Answer:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"x-content-type-options", b"nosniff")]
    return Answer(status, [*headers, *(more or [(b"cache-control", b"no-store")])], body)


def _file(scope: Scope, name: str, kept: bytes) -> Answer:
    kind, shown = assets.ASSETS[name]
    return answer(
        scope, shown, [(b"content-type", kind), (b"cache-control", kept), *SHARED[1:], (b"vary", b"Accept-Encoding")]
    )


class Door:
    """
    Stands before the routes: takes the path prefix of base_url away, GET and HEAD only, the token where one is set.

    Feeds, which are nearly all that is asked for, are answered here: routing and its layers of middleware cost
    as much as the answer.
    """

    def __init__(self, inside: ASGIApp, web: Web, metrics: Metrics, leave: Callable[[], None]) -> None:
        self._inside, self._web, self._metrics = inside, web, metrics
        self.leave = leave
        """Ends what goes on for as long as a client listens; to be called when the server stops."""

    def is_making(self) -> bool:
        """Return whether something is being made for a subscriber; what can wait gives way to that."""
        return self._web.is_making

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer at the door or pass on."""
        if scope["type"] != "http":
            await self._inside(scope, receive, send)
            return
        prefix = self._web.site.prefix
        if prefix and scope["path"].startswith(f"{prefix}/"):  # a proxy may leave it on or take it off
            scope = {**scope, "path": scope["path"].removeprefix(prefix)}
        if refused := self._refusal(scope, prefix):
            await refused(scope, receive, self._counted(scope, send))
        elif (feed := _FEED_PATH.fullmatch(scope["path"])) and not self._is_source(feed):
            given = await self._feed(scope, feed)
            self._metrics.answered("feed", given.status_code)
            await given(scope, receive, send)
        else:
            await self._inside(scope, receive, self._counted(scope, send))

    def _counted(self, scope: Scope, send: Send) -> Send:
        """Return what sends an answer and counts it once it begins."""

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.answered(kind_of(scope["path"]), message["status"])
            await send(message)

        return counting

    def _is_source(self, feed: re.Match[str]) -> bool:
        """Return whether what looks like a source's feed in an unknown format is the page of a source with a dot in its id."""
        if feed["ending"] in FORMATS or feed["source"] is None or feed["series"]:
            return False
        settings, named = self._web.settings(), f"{feed['source']}.{feed['ending']}"
        return any(source.id == named for source in (*settings.sources, *settings.paused))

    async def _feed(self, scope: Scope, feed: re.Match[str]) -> Answer:
        try:
            return await self._web.feed(scope, feed.groupdict())
        except (HTTPException, StoreError) as fault:
            return self._web.fault(scope, fault)

    def _refusal(self, scope: Scope, prefix: str) -> Answer | None:
        path = scope["path"]
        if scope["method"] not in ("GET", "HEAD"):
            return error(path, 405, "only GET and HEAD are answered", {"Allow": "GET, HEAD"}, prefix=prefix)
        if path in _OPEN or path.startswith("/static/") or self._web.admits(scope):
            return None
        sentence = "this needs the token: ?token=... or Authorization: Bearer ..."
        return error(path, 401, sentence, {"WWW-Authenticate": 'Bearer realm="feeds"'}, prefix=prefix)


def create_app(
    store: Store,
    settings: Callable[[], Settings],
    facts: Callable[[], Facts],
    now: Callable[[], datetime],
    metrics: Metrics | None = None,
    *,
    listeners: int = MOST,
) -> Door:
    """
    Return the ASGI application.

    `store` is only read, from threads. `settings` gives the settings in force, the same object until
    feeds.yaml changes; `facts` what readiness is told from. `now` is for health alone: no feed holds it.
    `metrics` is where answers are counted, and what /metrics tells; of polls whoever polls tells it. `listeners` is how
    many may listen at /events at once.
    """
    metrics = metrics or Metrics()
    web = Web(store, settings, facts, now, metrics)
    api = Api(web)
    browsing = Browsing(web, facts, listeners)
    routes = [
        Route("/entry/{key}.md", web.record),
        Route("/entry/{key}.json", api.entry),
        *(Route(path, getattr(api, name)) for path, name in PATHS),
        Route("/entry/{key}", browsing.entry),
        Route("/", browsing.river),
        Route("/view/{view}", browsing.river),
        Route("/source/{id}", browsing.river),
        Route("/opml", web.opml),
        Route("/opensearch.xml", web.opensearch),
        Route("/feed", web.to_feed),
        Route("/sources.json", web.sources),
        Route("/sources", browsing.sources),
        Route("/source/{id}/status", browsing.source_status),
        Route("/source/{id}/status.json", browsing.source_status),
        Route("/health.atom", browsing.health),
        Route("/about", browsing.about),
        Route("/events", browsing.happenings),
        Route("/healthz", web.live),
        Route("/readyz", web.ready),
        Route("/metrics", web.metrics),
        Route("/robots.txt", web.robots),
        Route("/favicon.ico", web.icon),
        Route("/static/{hash}/{name}", web.static),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: web.failed, StoreError: web.failed})
    app.router.redirect_slashes = False  # its redirects would be made of the Host header
    return Door(app, web, metrics, browsing.events.leave)
