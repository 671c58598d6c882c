"""The merge as a list of subscriptions (OPML): its sources with categories as folders, or the merged feed and the views."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException

from aggregator import opml, render
from aggregator.health import public_url
from aggregator.model import Settings, Source, View
from aggregator.web.feeds import Wish, view_of, wish_of
from aggregator.web.site import Site
from storage.contract import Store
from storage.states import FeedInfo

NO_CATEGORY = "uncategorized"


def wish_for_sources(given: Sequence[tuple[str, str]]) -> Wish:
    """Return which sources are asked for. Raises HTTPException 400 where a view is asked for another choice than its own."""
    view = last(given, "view")
    if view and (refused := sorted({"category", "source", "tag"} & {name for name, _ in given})):
        raise HTTPException(400, f"{refused[0]}= is not for a view, which chooses by feeds.yaml; leave one of them out")
    return wish_of("opml", [pair for pair in given if pair[0] in ("category", "source", "tag")], view=view)


def last(given: Sequence[tuple[str, str]], name: str) -> str | None:
    """Return the value of a parameter, of several the last; None where there is none, or an empty one."""
    return next((value for one, value in reversed(given) if one == name), None) or None


def sources_as_opml(store: Store, settings: Settings, site: Site, wish: Wish) -> bytes:
    """
    Return the sources that the wish chooses, or its view. Blocks: to be called in a thread.

    No secret stands in it: where a source's address holds one, our own feed of the source stands in its place, so that
    the list can be read everywhere. Raises HTTPException 404 for a view that there is not, and StoreError.
    """
    view = view_of(settings, wish.view, store)
    feeds = store.feeds()
    chosen = [source for source in settings.sources if (_in_view(source, view) if view else _in_wish(source, wish))]
    listed = (_listed(source, feeds.get(source.id, FeedInfo()), site) for source in chosen)
    return opml.write(listed, view.title if view else site.title)


def views_as_opml(settings: Settings, site: Site) -> bytes:
    """Return the merged feed and the views, each as one subscription."""
    return opml.write(_merged(settings, site), site.title)


def _merged(settings: Settings, site: Site) -> Iterator[opml.Listed]:
    yield opml.Listed(f"{site.base}feed.atom", site.title, site.base)
    for view in settings.views:
        yield opml.Listed(f"{site.base}feed/{view.name}.atom", view.title, f"{site.base}view/{view.name}")


def _in_view(source: Source, view: View) -> bool:
    named = source.id in view.sources or source.category in view.categories or bool({*source.tags} & {*view.tags})
    return named or not (view.sources or view.categories or view.tags)


def _in_wish(source: Source, wish: Wish) -> bool:
    return (
        (not wish.sources or source.id in wish.sources)
        and (not wish.categories or source.category in wish.categories)
        and (not wish.tags or bool({*source.tags} & {*wish.tags}))
    )


def _listed(source: Source, feed: FeedInfo, site: Site) -> opml.Listed:
    url = source.url.partition("#")[0]
    shown = public_url(url, source.secrets)
    secret = "***" in shown or "@" in urlsplit(url).netloc
    info = render.source_info(source.id, source.name, shown, feed)
    return opml.Listed(
        url=f"{site.base}source/{source.id}.atom" if secret else url,
        title=info.title,
        html_url=info.home or "",
        folders=() if source.category == NO_CATEGORY else (source.category,),
    )
