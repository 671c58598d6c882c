"""What all pages for people share: the headers, the frame with its navigation, how they are written; and the page of an error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from jinja2 import Environment, PackageLoader, StrictUndefined

from aggregator.render.characters import rfc3339
from aggregator.web.assets import static_path
from aggregator.web.site import Site, source_place, status_place

_POLICY = (
    b"default-src 'none'; img-src http: https:; media-src http: https:; style-src 'self'; script-src 'self'; "
    b"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

PAGE_HEADERS: list[tuple[bytes, bytes]] = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", _POLICY),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
]
"""What every page carries (docs/security.md)."""

NAMED = 8
"""Views that the navigation names, at most; the page about this server has them all."""

FORMATS = {
    "atom": ("Atom", "application/atom+xml"),
    "rss": ("RSS", "application/rss+xml"),
    "json": ("JSON Feed", "application/feed+json"),
}
"""By ending: what a format is called, and its media type."""


def _minute(at: datetime | str | None) -> str:
    """Return the instant as a person reads it, to the minute, in UTC."""
    return f"{at:%Y-%m-%d %H:%M}" if isinstance(at, datetime) else (at or "")[:16].replace("T", " ")


def _exact(at: datetime | str) -> str:
    """Return the instant as a program reads it."""
    return at if isinstance(at, str) else rfc3339(at)


_pages = Environment(
    loader=PackageLoader("aggregator.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_pages.filters |= {
    "minute": _minute,
    "exact": _exact,
    "source_place": source_place,
    "status_place": status_place,
}


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around a page."""

    site: Site
    here: str
    """Where the page lies below base_url, as the navigation has it."""
    views: Sequence[tuple[str, str]] = ()
    """Where the views lie, and their titles."""
    live: bool = False
    """Whether it may change under the eyes of its reader, where scripts are allowed."""

    @property
    def places(self) -> list[tuple[str, str]]:
        """Return where the navigation leads, and how it calls that."""
        return [("", "Entries"), *self.views[:NAMED], ("sources", "Sources"), ("about", "About")]


def framed(template: str, frame: Frame, **shown: object) -> bytes:
    """Return the page as HTML."""
    prefix = frame.site.prefix
    page = _pages.get_template(template).render(
        frame=frame,
        site=frame.site,
        style=static_path("page.css", prefix),
        script=static_path("live.js", prefix) if frame.live else None,
        **shown,
    )
    return page.encode("utf-8", "replace")


def error_page(status: int, title: str, detail: str, prefix: str, home: str) -> bytes:
    """Return a short page that says in a sentence what is wrong, and leads to `home`."""
    page = _pages.get_template("error.html").render(
        status=status, title=title, detail=detail, style=static_path("page.css", prefix), script=None, home=home
    )
    return page.encode("utf-8", "replace")
