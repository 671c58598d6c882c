"""What this server is, how it is, and every address that it can be subscribed to at."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, urlencode

from aggregator import __version__
from aggregator.model import Settings, View
from aggregator.web.pages import FORMATS, Frame, framed
from aggregator.web.site import source_place
from storage.contract import Store

SOURCES = 500
"""Sources whose addresses stand on the page, at most; /opml has them all."""


def about_page(store: Store, settings: Settings, frame: Frame, reasons: Sequence[str]) -> bytes:
    """Return the page; `reasons` say why the server is not ready. Blocks: to be called in a thread. Raises StoreError."""
    categories = sorted({source.category for source in settings.sources if source.category})
    sources = settings.sources[:SOURCES]
    return framed(
        "about.html",
        frame,
        version=__version__,
        reasons=reasons,
        entries=sum(store.counts().values()),
        sources=len(settings.sources),
        merged=_feeds("feed"),
        views=[_view(view) for view in settings.views],
        categories=[(word, f"?{(told := urlencode({'category': word}))}", _feeds("feed", told)) for word in categories],
        by_source=[
            (source.name, source_place(source.id), _feeds(f"source/{quote(source.id, safe='')}")) for source in sources
        ],
    )


def _view(view: View) -> tuple[str, str, list[tuple[str, str, str]]]:
    """Return what a view is called, where its page lies, and its feeds."""
    name = quote(view.name, safe="")
    return view.title or view.name, f"view/{name}", _feeds(f"feed/{name}")


def _feeds(place: str, told: str = "") -> list[tuple[str, str, str]]:
    """Return what each format is called, where it lies below base_url, and its media type."""
    query = f"?{told}" if told else ""
    return [(name, f"{place}.{ending}{query}", type_) for ending, (name, type_) in FORMATS.items()]
