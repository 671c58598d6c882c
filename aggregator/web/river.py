"""The river: entries by day, newest first, to be read where they stand, with the addresses to subscribe to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from urllib.parse import urlencode

from markupsafe import Markup

from aggregator.health import Health, State, health_of, weather_of
from aggregator.indexing import body_text
from aggregator.merge import Shown
from aggregator.model import Source
from aggregator.render.characters import language_tag, media_type, plain, web_uri
from aggregator.render.wording import excerpt, shown_title
from aggregator.web.bodies import body_of
from aggregator.web.pages import FORMATS, Frame, framed
from storage.record import Enclosure, Record
from storage.search import Piece, Query, marked, parse, snippet
from storage.states import PollState

TROUBLES = 20
"""Sources in trouble that the first page names, at most; /sources has them all."""

IN_PLACE = 60_000
"""Characters of a body that may be read in the river; a longer one has its own page only."""

TOGETHER = 600_000
"""Characters of all bodies on a page of the river."""

_AROUND = 40
"""Characters before what was found in a text; twice as many are shown from there on."""


@dataclass(frozen=True, slots=True)
class Medium:
    """A file that is attached to an entry."""

    url: str
    kind: str
    """`audio`, `video`, or empty for what a browser does not play."""
    title: str
    type: str


@dataclass(frozen=True, slots=True)
class Line:
    """An entry as pages show it; text plain, escaped by the template."""

    key: str
    title: Sequence[Piece]
    name: str
    """The title as one text."""
    link: str | None
    source_id: str
    source: str
    at: datetime
    said: Sequence[Piece]
    """The beginning of its text, or what a search found there."""
    image: str | None
    language: str | None
    body: Markup | None
    """None where it has none, or is too long to stand among others."""
    media: Sequence[Medium]
    also: Sequence[tuple[str, str | None]]
    """Names of the story's other sources, and where they have it."""


def line_of(
    shown: Shown, names: Mapping[str, str], query: Query | None = None, *, below: int = 3, most: int = IN_PLACE
) -> Line:
    """
    Return the record as a line of the river; `names` are the sources' by id, `query` is what was searched for.

    A body longer than `most` characters is left out; the headings of others stand below that level.
    """
    record = shown.record
    title = shown_title(record)
    return Line(
        key=record.key,
        title=marked(title, query, "title") if query else (Piece(title, hit=False),),
        name=title,
        link=web_uri(record.link),
        source_id=record.source_id,
        source=_name_of(record, names),
        at=record.published.astimezone(UTC),
        said=_said(record, title, query),
        image=web_uri(record.image),
        language=language_tag(record.language),
        body=body_of(record.html, below) if record.html and len(record.html) <= most else None,
        media=[medium for one in record.enclosures if (medium := medium_of(one))],
        also=[(_name_of(one, names), web_uri(one.link)) for one in shown.also],
    )


def _name_of(record: Record, names: Mapping[str, str]) -> str:
    return names.get(record.source_id) or plain(record.categories[1]) or record.source_id


def medium_of(enclosure: Enclosure) -> Medium | None:
    """Return what a page shows of an enclosure, None where its address is none of the web."""
    url = web_uri(enclosure.url)
    if url is None:
        return None
    type_ = media_type(enclosure.type, url)
    kind = type_.partition("/")[0]
    title = plain(enclosure.title or "") or url.rpartition("/")[2] or url
    return Medium(url, kind if kind in ("audio", "video") else "", title, type_)


def _said(record: Record, title: str, query: Query | None) -> Sequence[Piece]:
    found = snippet(plain(body_text(record)), query, _AROUND) if query else ()
    if any(piece.hit for piece in found):
        return found
    said = excerpt(record)
    return (Piece(said, hit=False),) if said and said != title else ()


def lines_of(shown: Sequence[Shown], names: Mapping[str, str], query: Query | None = None) -> list[Line]:
    """Return the entries as lines; the page does not grow beyond `TOGETHER` by their bodies."""
    lines, left = [], TOGETHER
    for one in shown:
        line = line_of(one, names, query, most=min(IN_PLACE, left))
        left -= len(line.body or "")
        lines.append(line)
    return lines


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
    source: str | None = None
    """The source whose own river this is."""

    @property
    def place(self) -> str:
        """Return where its top lies, below base_url."""
        told = [*self.chosen, *([("q", self.searched)] if self.searched else [])]
        return f"{self.path}?{urlencode(told)}" if told else self.path

    def after(self, parameters: str) -> str:
        """Return where the page that these parameters ask for lies, below base_url."""
        return f"{self.path}?{parameters}"


def names_of(sources: Sequence[PollState]) -> dict[str, str]:
    """Return what the sources are called, by id: as their feeds say, else as feeds.yaml does."""
    return {state.source.id: plain(state.feed.title or "") or state.source.name for state in sources}


def river_page(
    frame: Frame,
    river: River,
    shown: Sequence[Shown],
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
    names = names_of(sources)
    query = parse(river.searched) if river.searched else None
    lines = lines_of(shown, names, query)
    weather = weather_of(sources, now)
    known = {source.id: source for source in written}
    healths = [
        (state.source.id, health_of(state, now, known.get(state.source.id), weather=weather)) for state in sources
    ]
    troubles = [(id_, names[id_], health) for id_, health in healths if health.state not in (State.OK, State.MOVED)]
    return framed(
        "river.html",
        frame,
        river=river,
        formats=[(FORMATS[ending][0], path, FORMATS[ending][1]) for ending, path in river.feeds],
        days=[(day, list(some)) for day, some in groupby(lines, key=lambda line: line.at.date())],
        older=older,
        first=first,
        sources=len(sources),
        tally=_tally([health for _, health in healths]),
        troubles=troubles[:TROUBLES],
    )


def _tally(healths: Sequence[Health]) -> list[tuple[str, int]]:
    """Return how many sources are in each state, in the order in which the states are declared."""
    counted = Counter(health.state for health in healths)
    return [(str(state), counted[state]) for state in State if counted[state]]
