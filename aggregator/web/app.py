"""The HTTP side: the routes, what is open and what needs the token, and how errors are told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Hashable
from dataclasses import replace
from datetime import datetime
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from aggregator.health import Facts, source_rows, unready
from aggregator.model import Settings
from aggregator.web import assets, pages, status
from aggregator.web.answer import Answer, RawHeaders, Representation, answer, header
from aggregator.web.errors import error
from aggregator.web.feeds import DEFAULT_LIMIT, FORMATS, near, page_for, render_feed, searches, view_of, wish_of
from aggregator.web.memory import Memory, Revision
from aggregator.web.records import record_bytes
from aggregator.web.site import Site, admits, site_of
from storage.contract import Store, StoreError

LONGEST = 2000
"""Bytes of a query string, at most."""

_OPEN = ("/healthz", "/readyz", "/robots.txt")
_SHARED: RawHeaders = [
    (b"vary", b"Accept, Accept-Encoding"),
    (b"x-content-type-options", b"nosniff"),
    (b"access-control-allow-origin", b"*"),
]
_IN_BROWSERS = (
    b"content-security-policy",
    b"default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
)


class Web:
    """What answers: the store, the settings in force, and what was rendered of them."""

    def __init__(
        self, store: Store, settings: Callable[[], Settings], facts: Callable[[], Facts], now: Callable[[], datetime]
    ) -> None:
        self._store, self._settings, self._facts, self._now = store, settings, facts, now
        self._revision, self._memory, self._health = Revision(store), Memory(), Memory()
        self._site_of: tuple[Settings, Site] | None = None

    @property
    def site(self) -> Site:
        """Return the site of the settings in force."""
        settings = self._settings()
        if self._site_of is None or self._site_of[0] is not settings:
            self._site_of = (settings, site_of(settings.server))
        return self._site_of[1]

    # --- feeds and records ---

    async def to_feed(self, request: Request) -> Response:
        """Redirect to the canonical format; the query string, the token too, goes along."""
        query = request.scope["query_string"]
        target = f"{self.site.prefix}/feed.atom".encode() + (b"?" + query if query else b"")
        return Answer(302, [(b"location", target), (b"cache-control", self.site.cache_control), *_SHARED])

    async def feed(self, scope: Scope, ending: str, source: str | None, view: str | None) -> Answer:
        """Answer with the merged feed, with a view, or with a source's own one."""
        if ending not in FORMATS:
            raise HTTPException(404, f"there is no format {ending[:40]!r}{near(ending, sorted(FORMATS))}")
        wish = wish_of(ending, parameters(scope), source, view)
        settings, site, revision = self._settings(), self.site, await self._revision.read()
        # What is searched for may be found a moment after it was stored, when the index has it.
        key = (wish, await run_in_threadpool(self._store.indexed)) if searches(settings, wish) else wish
        shown = await self._memory.get(
            (revision, settings), key, lambda: render_feed(self._store, settings, site, wish)
        )
        _, kind, kind_for_browsers = FORMATS[ending]
        browser = b"text/html" in (header(scope, b"accept") or b"")
        headers = [(b"content-type", kind_for_browsers if browser else kind), (b"cache-control", site.cache_control)]
        return answer(scope, shown, [*headers, _IN_BROWSERS, *_SHARED])

    async def record(self, request: Request) -> Response:
        """Answer with the bytes of the record's file."""
        key, settings, revision = request.path_params["key"], self._settings(), await self._revision.read()
        shown = await self._memory.get(
            (revision, settings), ("record", key), lambda: record_bytes(self._store, settings, key)
        )
        headers = [(b"content-type", b"text/markdown; charset=utf-8"), (b"cache-control", self.site.cache_control)]
        return answer(request.scope, shown, [*headers, *_SHARED])

    # --- pages and health ---

    async def river(self, request: Request) -> Response:
        """Answer with the first page, with a view's, or with an older one."""
        wish = wish_of("atom", parameters(request.scope), view=request.path_params.get("view"))
        settings, site, now = self._settings(), self.site, self._now()
        view = view_of(settings, wish.view)
        # A page is a page: what arrived of late and is dated long ago would stand out of its place. A view is shown as
        # its feed is.
        asked = wish if wish.limit or wish.view else replace(wish, limit=DEFAULT_LIMIT)
        kind = pages.River(wish.place, view.title if view else site.title, f"view/{wish.view}" if view else "")

        def made() -> bytes:
            page, states = page_for(self._store, settings, asked), self._store.states()
            older = f"?{replace(wish, before=page.next).parameters()}" if page.next else None
            return pages.first_page(
                site, kind, page.records, older, states, now, settings.sources, first=wish.before is None
            )

        shown = await self._at_present(("river", wish), now, made)
        headers = [*pages.PAGE_HEADERS, (b"cache-control", self._fresh), (b"vary", b"Accept-Encoding")]
        return answer(request.scope, shown, headers)

    async def sources(self, request: Request) -> Response:
        """Answer with how the sources are."""
        now = self._now()

        def made() -> bytes:
            written = self._settings()
            rows = source_rows(self._store.states(), self._store.counts(), now, written.sources, written.paused)
            return json.dumps(rows, ensure_ascii=False, indent=1).encode() + b"\n"

        shown = await self._at_present("sources", now, made)
        headers = [(b"content-type", b"application/json"), (b"cache-control", self._fresh)]
        return answer(request.scope, shown, [*headers, *_SHARED])

    async def source_status(self, request: Request) -> Response:
        """Answer with how one source is, and why it is polled when it is: a page, or JSON."""
        source_id, now, written = request.path_params["id"], self._now(), self._settings()
        as_json = request.scope["path"].endswith(".json")

        def made() -> bytes:
            told = status.source_status(self._store, written, source_id, now)
            return status.as_json(told) if as_json else status.as_page(self.site, told)

        shown = await self._at_present(("status", source_id, as_json), now, made)
        if as_json:
            headers = [(b"content-type", b"application/json"), (b"cache-control", self._fresh), *_SHARED]
        else:
            headers = [*pages.PAGE_HEADERS, (b"cache-control", self._fresh), (b"vary", b"Accept-Encoding")]
        return answer(request.scope, shown, headers)

    async def _at_present(self, key: Hashable, now: datetime, make: Callable[[], bytes]) -> Representation:
        """
        Return what shows health, made at most once a second: ten thousand sources take 0.4 s to look at.

        What the store itself changed shows at once.
        """
        state = (await self._revision.read(), self._settings(), int(now.timestamp()))
        return await self._health.get(state, key, make)

    @property
    def _fresh(self) -> bytes:
        """Health may change at any moment: kept, but asked for anew every time."""
        return b"private, no-cache" if self.site.token else b"no-cache"

    async def live(self, request: Request) -> Response:
        """Answer that the process answers."""
        del request
        return _plain(200, b"ok\n")

    async def ready(self, request: Request) -> Response:
        """Answer whether store, feeds.yaml and scheduler are well; the reasons are for those who hold the token."""
        reasons = unready(self._facts(), self._now())
        try:
            await self._revision.read()
        except StoreError as fault:
            reasons.insert(0, f"store: {fault}")
        if not reasons:
            return _plain(200, b"ready\n")
        told = reasons if self.admits(request.scope) else []
        return _plain(503, "\n".join(["not ready", *told, ""]).encode(), [(b"retry-after", b"10")])

    # --- files ---

    async def robots(self, request: Request) -> Response:
        """Answer with what crawlers may read."""
        del request
        return _plain(200, assets.robots(private=bool(self.site.token)), [(b"cache-control", b"public, max-age=86400")])

    async def icon(self, request: Request) -> Response:
        """Answer with the icon."""
        return _file(request.scope, "favicon.ico", b"public, max-age=86400")

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
        return self.fault(request.scope["path"], fault)

    def fault(self, path: str, fault: Exception) -> Answer:
        """Answer for what was raised at the path."""
        prefix = self.site.prefix
        if isinstance(fault, HTTPException):
            detail = _missing(path) if fault.detail == "Not Found" else fault.detail
            return error(path, fault.status_code, detail, dict(fault.headers or {}), prefix=prefix)
        # Which file and why is for the log and the token's holder: the sentence names paths of this machine.
        return error(path, 503, "the store cannot be read at the moment", {"Retry-After": "60"}, prefix=prefix)


_FEED_PATH = re.compile(r"/(?:feed|feed/(?P<view>[^/]+)|source/(?P<source>[^/]+))\.(?P<ending>[^/.]+)")
_PATHS = ("/", "/feed", "/feed.atom", "/feed.rss", "/feed.json", "/sources.json", "/healthz", "/readyz", "/robots.txt")


def _missing(path: str) -> str:
    return f"there is nothing at {path[:200]}{near(path, _PATHS)}"


def _plain(status: int, body: bytes, more: RawHeaders | None = None) -> Answer:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"x-content-type-options", b"nosniff")]
    return Answer(status, [*headers, *(more or [(b"cache-control", b"no-store")])], body)


def _file(scope: Scope, name: str, kept: bytes) -> Answer:
    kind, shown = assets.ASSETS[name]
    return answer(
        scope, shown, [(b"content-type", kind), (b"cache-control", kept), *_SHARED[1:], (b"vary", b"Accept-Encoding")]
    )


def parameters(scope: Scope) -> list[tuple[str, str]]:
    """Return the names and values of the query string, the token left out. Raises HTTPException 400 where it is too long."""
    query: bytes = scope["query_string"]
    if len(query) > LONGEST:
        raise HTTPException(400, f"the query string is longer than {LONGEST} bytes")
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, errors="replace")
    return [(name, value) for name, value in pairs if name != "token"]


class Door:
    """
    Stands before the routes: takes the path prefix of base_url away, GET and HEAD only, the token where one is set.

    Feeds, which are nearly all that is asked for, are answered here: routing and its layers of middleware cost
    as much as the answer.
    """

    def __init__(self, inside: ASGIApp, web: Web) -> None:
        self._inside, self._web = inside, web

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer at the door or pass on."""
        if scope["type"] != "http":
            await self._inside(scope, receive, send)
            return
        prefix = self._web.site.prefix
        if prefix and scope["path"].startswith(f"{prefix}/"):  # a proxy may leave it on or take it off
            scope = {**scope, "path": scope["path"].removeprefix(prefix)}
        if refused := self._refusal(scope, prefix):
            await refused(scope, receive, send)
        elif feed := _FEED_PATH.fullmatch(scope["path"]):
            await (await self._feed(scope, feed))(scope, receive, send)
        else:
            await self._inside(scope, receive, send)

    async def _feed(self, scope: Scope, feed: re.Match[str]) -> Answer:
        try:
            return await self._web.feed(scope, feed["ending"], feed["source"], feed["view"])
        except (HTTPException, StoreError) as fault:
            return self._web.fault(scope["path"], fault)

    def _refusal(self, scope: Scope, prefix: str) -> Answer | None:
        path = scope["path"]
        if scope["method"] not in ("GET", "HEAD"):
            return error(path, 405, "only GET and HEAD are answered", {"Allow": "GET, HEAD"}, prefix=prefix)
        if path in _OPEN or path.startswith("/static/") or self._web.admits(scope):
            return None
        sentence = "this needs the token: ?token=... or Authorization: Bearer ..."
        return error(path, 401, sentence, {"WWW-Authenticate": 'Bearer realm="feeds"'}, prefix=prefix)


def create_app(
    store: Store, settings: Callable[[], Settings], facts: Callable[[], Facts], now: Callable[[], datetime]
) -> ASGIApp:
    """
    Return the ASGI application.

    `store` is only read, from threads. `settings` gives the settings in force, the same object until
    feeds.yaml changes; `facts` what readiness is told from. `now` is for health alone: no feed holds it.
    """
    web = Web(store, settings, facts, now)
    routes = [
        Route("/entry/{key}.md", web.record),
        Route("/", web.river),
        Route("/view/{view}", web.river),
        Route("/feed", web.to_feed),
        Route("/sources.json", web.sources),
        Route("/source/{id}/status", web.source_status),
        Route("/source/{id}/status.json", web.source_status),
        Route("/healthz", web.live),
        Route("/readyz", web.ready),
        Route("/robots.txt", web.robots),
        Route("/favicon.ico", web.icon),
        Route("/static/{hash}/{name}", web.static),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: web.failed, StoreError: web.failed})
    app.router.redirect_slashes = False  # its redirects would be made of the Host header
    return Door(app, web)
