"""The pages for people: the river of newest entries with the addresses to subscribe to, and the page of an error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined

from aggregator.health import Health, State, health_of, weather_of
from aggregator.indexing import body_text
from aggregator.model import Source
from aggregator.render.characters import language_tag, plain, rfc3339, web_uri
from aggregator.render.wording import excerpt, shown_title
from aggregator.web.assets import static_path
from aggregator.web.site import Site
from storage.record import Record
from storage.search import Piece, Query, marked, parse, snippet
from storage.states import PollState

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

TROUBLES = 20
"""Sources in trouble that the first page names, at most; /sources.json has them all."""

_FORMATS = {
    "atom": ("Atom", "application/atom+xml"),
    "rss": ("RSS", "application/rss+xml"),
    "json": ("JSON Feed", "application/feed+json"),
}

_pages = Environment(
    loader=PackageLoader("aggregator.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class Line:
    """An entry as the river shows it; text plain, escaped by the template."""

    title: Sequence[Piece]
    link: str | None
    source: str
    at: datetime
    said: Sequence[Piece]
    """The beginning of its text, or what a search found there."""
    image: str | None
    language: str | None

    @property
    def exact(self) -> str:
        """Return the instant for machines."""
        return rfc3339(self.at)


def line_of(record: Record, names: Mapping[str, str], query: Query | None = None) -> Line:
    """Return the record as a line of the river; `names` are the sources' by id, `query` is what was searched for."""
    title = shown_title(record)
    return Line(
        title=marked(title, query, "title") if query else (Piece(title, hit=False),),
        link=web_uri(record.link),
        source=names.get(record.source_id) or plain(record.categories[1]) or record.source_id,
        at=record.published.astimezone(UTC),
        said=_said(record, title, query),
        image=web_uri(record.image),
        language=language_tag(record.language),
    )


_AROUND = 40
"""Characters before what was found in a text; twice as many are shown from there on."""


def _said(record: Record, title: str, query: Query | None) -> Sequence[Piece]:
    found = snippet(plain(body_text(record)), query, _AROUND) if query else ()
    if any(piece.hit for piece in found):
        return found
    said = excerpt(record)
    return (Piece(said, hit=False),) if said and said != title else ()


@dataclass(frozen=True, slots=True)
class River:
    """Which river a page shows."""

    feeds: Sequence[tuple[str, str]]
    """Endings and paths below base_url of the feeds that hold the same."""
    title: str
    path: str
    """Of the page itself, below base_url; empty for the first one."""
    searched: str = ""
    """What is searched for, as it was asked."""
    chosen: Sequence[tuple[str, str]] = ()
    """The other parameters that choose what it holds."""


def first_page(
    site: Site,
    river: River,
    records: Sequence[Record],
    older: str | None,
    sources: Sequence[PollState],
    now: datetime,
    written: Sequence[Source] = (),
    *,
    first: bool,
) -> bytes:
    """
    Return the river as HTML.

    `older` is the query string of the page that follows, None on the last; `first` is False on pages
    reached by a cursor. `written` are the sources of feeds.yaml.
    """
    names = {state.source.id: plain(state.feed.title or "") or state.source.name for state in sources}
    query = parse(river.searched) if river.searched else None
    lines = [line_of(record, names, query) for record in records]
    weather = weather_of(sources, now)
    known = {source.id: source for source in written}
    healths = [
        (names[state.source.id], health_of(state, now, known.get(state.source.id), weather=weather))
        for state in sources
    ]
    return (
        _pages.get_template("river.html")
        .render(
            site=site,
            style=static_path("page.css", site.prefix),
            river=river,
            formats=[(_FORMATS[ending][0], path, _FORMATS[ending][1]) for ending, path in river.feeds],
            newest=f"{river.path}?{urlencode(told)}" if (told := _told(river)) else river.path,
            days=[(day, list(some)) for day, some in groupby(lines, key=lambda line: line.at.date())],
            older=older,
            first=first,
            sources=len(sources),
            tally=_tally(healths),
            troubles=[one for one in healths if one[1].state not in (State.OK, State.MOVED)][:TROUBLES],
        )
        .encode()
    )


def _told(river: River) -> list[tuple[str, str]]:
    return [*river.chosen, ("q", river.searched)] if river.searched else [*river.chosen]


def status_page(
    site: Site, told: Mapping[str, object], lines: Sequence[tuple[str, str]], terms: Sequence[Mapping[str, str]]
) -> bytes:
    """Return how one source is as HTML: words and what they say, and the terms of its next poll."""
    style = static_path("page.css", site.prefix)
    page = _pages.get_template("status.html").render(site=site, style=style, told=told, lines=lines, terms=terms)
    return page.encode()


def _tally(healths: Sequence[tuple[str, Health]]) -> list[tuple[str, int]]:
    """Return how many sources are in each state, in the order in which the states are declared."""
    counted = Counter(health.state for _, health in healths)
    return [(str(state), counted[state]) for state in State if counted[state]]


def error_page(status: int, title: str, detail: str, prefix: str) -> bytes:
    """Return a short page that says in a sentence what is wrong."""
    style = static_path("page.css", prefix)
    return (
        _pages.get_template("error.html")
        .render(status=status, title=title, detail=detail, style=style, prefix=prefix)
        .encode()
    )
