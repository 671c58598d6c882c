"""Answer the API: entries, sources and views as JSON, read-only, in pages that say where they go on."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from aggregator.health import Row, State, duration
from aggregator.model import Settings, Source, View
from aggregator.shapes import record_shape
from aggregator.web import openapi
from aggregator.web.answer import RawHeaders, Representation, answer, represent
from aggregator.web.choice import looks
from aggregator.web.desk import SHARED, Desk, parameters
from aggregator.web.feeds import DEFAULT_LIMIT, Wish, near, page_for, searches, wish_of
from aggregator.web.operations import DOCUMENT, ENTRIES, ENTRY, OPERATIONS, SOURCE, SOURCES, VIEWS, Given
from aggregator.web.records import record_of
from aggregator.web.rows import rows_of
from aggregator.web.site import Site
from storage.contract import Store
from storage.record import Record

_HEADERS: RawHeaders = [
    (b"content-type", b"application/json"),
    (b"access-control-expose-headers", b"ETag, Link"),
    *SHARED,
]


class Api:
    """The handlers of the operations, by their names."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def entries(self, request: Request) -> Response:
        """Answer with a page of entries."""
        settings, site, store = self._desk.settings(), self._desk.site, self._desk.store
        wish = _wish(ENTRIES.read(parameters(request.scope)))
        shown = await self._desk.kept(
            ("entries", wish), lambda: _entries(store, settings, site, wish), searched=searches(settings, wish)
        )
        return answer(request.scope, shown, [*_HEADERS, (b"cache-control", site.cache_control)])

    async def entry(self, request: Request) -> Response:
        """Answer with one entry; `/entry/{key}.json` is the same."""
        settings, site, store = self._desk.settings(), self._desk.site, self._desk.store
        ENTRY.read(parameters(request.scope))
        key = request.path_params["key"]

        def made() -> bytes:
            return _json(_shapes(store, settings, [record_of(store, settings, key)])[0])

        shown = await self._desk.kept(("entry", key), made)
        return answer(request.scope, shown, [*_HEADERS, (b"cache-control", site.cache_control)])

    async def sources(self, request: Request) -> Response:
        """Answer with a page of how the sources are."""
        settings, site, store, now = self._desk.settings(), self._desk.site, self._desk.store, self._desk.now()
        given = SOURCES.read(parameters(request.scope))
        limit, after, states = wish_of("json", _pairs(given, "limit")).limit, _place(given), _states(given)

        def made() -> Representation:
            return _sources(store, settings, site, now, (states, after, limit))

        shown = await self._desk.at_present(("sources", states, after, limit), now, made)
        return answer(request.scope, shown, [*_HEADERS, (b"cache-control", self._desk.fresh)])

    async def source(self, request: Request) -> Response:
        """Answer with how one source is."""
        settings, store, now = self._desk.settings(), self._desk.store, self._desk.now()
        SOURCE.read(parameters(request.scope))
        source_id = request.path_params["id"]
        shown = await self._desk.at_present(
            ("source", source_id), now, lambda: _json(_source(store, settings, source_id, now))
        )
        return answer(request.scope, shown, [*_HEADERS, (b"cache-control", self._desk.fresh)])

    async def views(self, request: Request) -> Response:
        """Answer with the views of feeds.yaml."""
        settings, site = self._desk.settings(), self._desk.site
        VIEWS.read(parameters(request.scope))
        shown = await self._desk.of_settings(
            "views", lambda: _json({"views": [_view(v, site) for v in settings.views]})
        )
        return answer(request.scope, shown, [*_HEADERS, (b"cache-control", site.cache_control)])

    async def document(self, request: Request) -> Response:
        """Answer with the OpenAPI document."""
        site = self._desk.site
        DOCUMENT.read(parameters(request.scope))
        shown = await self._desk.of_settings("document", lambda: openapi.document(site))
        return answer(request.scope, shown, [*_HEADERS, (b"cache-control", site.cache_control)])


PATHS = tuple((one.path, one.name) for one in OPERATIONS)
"""Path and name of the handler of each operation."""


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


def _page(site: Site, path: str, name: str, items: Sequence[object], follows: tuple[str, str] | None) -> Representation:
    """Return a page of items; `follows` is the query string of the next one, and its cursor."""
    url = f"{site.base}{path.removeprefix('/')}?{follows[0]}" if follows else None
    body = _json({"next": url, "cursor": follows[1] if follows else None, name: items})
    return represent(body, [(b"link", f'<{url}>; rel="next"'.encode())] if url else [])


# --- entries ----------------------------------------------------------------------------------------------------


def _pairs(given: Given, *only: str) -> list[tuple[str, str]]:
    return [(name, value) for name, values in given.items() for value in values if not only or name in only]


def _wish(given: Given) -> Wish:
    """Return what is asked for. Raises HTTPException 400 with a sentence where it cannot be read."""
    view = next(iter(given.get("view", ())), None)
    if view and (refused := sorted({"category", "source", "tag"} & given.keys())):
        raise HTTPException(400, f"{refused[0]}= is not for a view, which chooses by feeds.yaml; leave one of them out")
    return wish_of("json", _pairs(given), view=view)


def _entries(store: Store, settings: Settings, site: Site, wish: Wish) -> Representation:
    """
    Return a page of entries. Blocks: to be called in a thread.

    Raises HTTPException 404 for a view or a source that there is not, and StoreError.
    """
    _check_sources(store, settings, wish.sources)
    page = page_for(store, settings, replace(wish, limit=wish.limit or DEFAULT_LIMIT))
    follows = None
    if page.next:
        view = f"{urlencode({'view': wish.view})}&" if wish.view else ""
        follows = view + replace(wish, before=page.next).parameters(), page.next
    return _page(site, ENTRIES.path, "entries", _shapes(store, settings, page.records), follows)


def _shapes(store: Store, settings: Settings, records: Sequence[Record]) -> list[dict[str, object]]:
    """Return records that are as they are to be seen, with what they are also in."""
    stories = store.stories([record.key for record in records if record.story])
    seen_as = looks(settings)
    return [record_shape(record, map(seen_as, stories.get(record.key, ()))) for record in records]


def _check_sources(store: Store, settings: Settings, asked: Iterable[str]) -> None:
    known = {source.id for source in (*settings.sources, *settings.paused)}
    # What feeds.yaml has no more may still have records.
    if (missing := set(asked) - known) and (unknown := sorted(missing - store.counts().keys())):
        raise _no_source(unknown[0], known)


def _no_source(source_id: str, known: Iterable[str]) -> HTTPException:
    return HTTPException(404, f"there is no source {source_id[:80]!r}{near(source_id, sorted(known))}")


# --- sources ----------------------------------------------------------------------------------------------------


def _states(given: Given) -> tuple[State, ...]:
    return tuple(sorted({State(value) for value in given.get("state", ())}))


def _place(given: Given) -> tuple[int, str] | None:
    """Return the place in feeds.yaml behind which the page begins. Raises HTTPException 400 where the cursor is none."""
    cursor = next(iter(given.get("after", ())), None)
    if cursor is None:
        return None
    try:
        position, source_id = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        place = int(position), str(source_id)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise HTTPException(400, "after= is no place in this list; take it from `next` or `cursor`") from None
    return place


def _follows(source: Source) -> str:
    place = json.dumps([source.position, source.id], separators=(",", ":"))
    return urlsafe_b64encode(place.encode()).decode().rstrip("=")


Chosen = tuple[tuple[State, ...], tuple[int, str] | None, int | None]


def _sources(store: Store, settings: Settings, site: Site, now: datetime, chosen: Chosen) -> Representation:
    """Return a page of sources; looks at no more of them than it needs. Blocks."""
    states, after, limit = chosen
    number = limit or DEFAULT_LIMIT
    left = sorted((*settings.sources, *settings.paused), key=lambda source: (source.position, source.id))
    left = [source for source in left if after is None or (source.position, source.id) > after]
    if states:
        wanted = {row["id"]: row for row in rows_of(store, settings, left, now) if row["state"] in states}
        left = [source for source in left if source.id in wanted]
        rows = [wanted[source.id] for source in left[:number]]
    else:
        rows = rows_of(store, settings, left[:number], now)
    follows = None
    if len(left) > number:
        cursor = _follows(left[number - 1])
        told = [("state", str(state)) for state in states] + ([("limit", str(limit))] if limit else [])
        follows = urlencode([*told, ("after", cursor)]), cursor
    return _page(site, SOURCES.path, "sources", rows, follows)


def _source(store: Store, settings: Settings, source_id: str, now: datetime) -> Row:
    """Return one source. Raises HTTPException 404 for what feeds.yaml does not name."""
    known = {source.id: source for source in (*settings.sources, *settings.paused)}
    rows = rows_of(store, settings, [known[source_id]], now) if source_id in known else []
    if not rows:
        raise _no_source(source_id, known)
    return rows[0]


# --- views ------------------------------------------------------------------------------------------------------


def _view(view: View, site: Site) -> dict[str, Any]:
    images = view.images.template if view.images else None
    return {
        "name": view.name,
        "title": view.title,
        "page": f"{site.base}view/{view.name}",
        "feeds": {ending: f"{site.base}feed/{view.name}.{ending}" for ending in ("atom", "rss", "json")},
        "definition": {
            "sources": list(view.sources),
            "categories": list(view.categories),
            "tags": list(view.tags),
            "query": view.query,
            "entries": view.entries,
            "window": duration(view.window),
            "per_source": view.per_source,
            "content": str(view.content),
            "images": False if images == "{url}" else images,
            "filters": [rule.written for rule in view.filters],
        },
    }
