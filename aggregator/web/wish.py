"""What a request asks of a feed: its parameters read, told in one form, and turned into a view."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from starlette.exceptions import HTTPException

from aggregator.merge import MOST
from aggregator.model import Content, Settings, View
from aggregator.web.choice import with_tagged
from aggregator.web.stream import NO_CURSOR
from aggregator.web.stretches import Stretch
from storage.search import both

DEFAULT_LIMIT = 50

_CURSOR = re.compile(r"[A-Za-z0-9_\-.~:=]{1,200}")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request asks of a feed; equal wishes get equal bytes."""

    format: str
    source: str | None = None
    """The source whose own feed this is."""
    view: str | None = None
    """The view of feeds.yaml that this is; neither: the merged feed."""
    limit: int | None = None
    """Exactly so many at most; None: the view's own number, and on its first page all that arrived of late."""
    before: str | None = None
    since: datetime | None = None
    categories: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    """The operator's words for sources."""
    text: str | None = None
    """What is searched for."""
    content: Content | None = None
    """None: as the view says."""
    stretch: Stretch | None = None
    """The archive document of the feed that this is (RFC 5005 section 4); None: it is none."""

    @property
    def choice(self) -> list[tuple[str, str]]:
        """Return the parameters that choose records, in one order."""
        chosen = [("category", word) for word in self.categories] + [("source", word) for word in self.sources]
        return chosen + [("tag", word) for word in self.tags] + ([("q", self.text)] if self.text else [])

    def view_of(self, settings: Settings) -> View:
        """Return what is asked for as a view; what is chosen in several ways must be so in all of them."""
        named = next((view for view in settings.views if view.name == self.view), None)
        if named is not None:
            return with_tagged(replace(named, query=both(named.query, self.text)), settings)
        view = View(
            self.name(),
            "",
            sources=(self.source,) if self.source else self.sources,
            categories=self.categories,
            tags=self.tags,
            entries=self.limit or DEFAULT_LIMIT,
            backlog=self.source is not None,
            query=self.text,
            in_all=True,
        )
        return with_tagged(view, settings)

    def name(self) -> str:
        """Return what the feed's id rests on: the view and its filters, not the page of it."""
        return f"merged?{urlencode(self.choice)}" if self.choice else "merged"

    @property
    def place(self) -> str:
        """Return where it lies below base_url, in every format."""
        if self.view:
            return f"feed/{quote(self.view, safe='')}"
        return f"source/{self.source}" if self.source else "feed"

    @property
    def feeds(self) -> list[tuple[str, str]]:
        """Return the endings and the paths of the feeds, from their top, that hold what is asked for."""
        top = replace(self, limit=None, before=None, since=None)
        return [(ending, replace(top, format=ending).path()) for ending in ("atom", "rss", "json")]

    def archive(self, stretch: Stretch | None) -> Wish:
        """Return what asks for a document of the feed's archive; with None for the feed itself, from its top."""
        return replace(self, stretch=stretch, limit=None, before=None, since=None)

    def path(self) -> str:
        """Return the feed's path below base_url."""
        place = f"{self.place}/archive/{self.stretch}" if self.stretch else self.place
        place = f"{place}.{self.format}"
        told = self.parameters()
        return f"{place}?{told}" if told else place

    def parameters(self) -> str:
        """Return the query string that asks for the same, without what is the default, in one order."""
        told = self.choice
        told += [("content", str(self.content))] if self.content else []
        told += [("since", self.since.isoformat().replace("+00:00", "Z"))] if self.since else []
        told += [("limit", str(self.limit))] if self.limit else []
        told += [("before", self.before)] if self.before else []
        return urlencode(told)


def wish_of(
    ending: str,
    parameters: Sequence[tuple[str, str]],
    source: str | None = None,
    view: str | None = None,
    stretch: Stretch | None = None,
) -> Wish:
    """
    Return what the query string asks for. Unknown parameters are passed over, as trackers add some.

    Of an archive document, the `stretch`, the place in the feed is given: `limit`, `before` and `since` are passed over.

    Raises HTTPException 400 with a sentence where a parameter cannot be read, or asks a view for another choice than
    its own: passing over a filter would show more than was asked for.
    """
    given: dict[str, list[str]] = {}
    for name, value in parameters:
        given.setdefault(name, []).append(value)
    if view and (refused := sorted({"category", "source", "tag"} & given.keys())):
        raise HTTPException(400, f"{refused[0]}= is not for a view, which chooses by feeds.yaml; ask /feed.{ending}")
    wish = Wish(
        format=ending,
        source=source,
        view=view,
        limit=_limit(given.get("limit", [])),
        before=_before(given.get("before", [])),
        since=_since(given.get("since", [])),
        categories=_words(given.get("category", [])),
        sources=() if source else _words(given.get("source", [])),
        tags=_words(given.get("tag", [])),
        text=" ".join(" ".join(given.get("q", [])).split()) or None,
        content=_content(given.get("content", [])),
    )
    return wish.archive(stretch) if stretch else wish


def _words(values: list[str]) -> tuple[str, ...]:
    return tuple(sorted(set(filter(None, values))))


def _content(values: list[str]) -> Content | None:
    if not values:
        return None
    try:
        return Content(values[-1])
    except ValueError:
        raise HTTPException(400, f"content={values[-1][:40]} is none of {', '.join(Content)}") from None


def _limit(values: list[str]) -> int | None:
    if not values:
        return None
    if not (values[-1].isascii() and values[-1].isdigit() and values[-1].strip("0")):
        raise HTTPException(400, f"limit={values[-1][:40]} is no whole number from 1 to {MOST}")
    return MOST if len(values[-1]) > len(str(MOST)) else min(int(values[-1]), MOST)


def _before(values: list[str]) -> str | None:
    if not values:
        return None
    if not _CURSOR.fullmatch(values[-1]):
        raise HTTPException(400, NO_CURSOR)
    return values[-1]


def _since(values: list[str]) -> datetime | None:
    if not values:
        return None
    try:
        # A bare + in a query string is a blank.
        instant = datetime.fromisoformat(values[-1].strip().replace(" ", "+").upper())
        instant = instant if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        instant = None
    if instant is None or instant.tzinfo is None:
        sentence = f"since={values[-1][:40]} is no instant of RFC 3339, such as 2026-01-31T08:00:00Z"
        raise HTTPException(400, sentence)
    return instant


def near(word: str, known: Sequence[str]) -> str:
    """Return ` (did you mean 'x'?)` for the known word that is nearest, or nothing."""
    found = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {found[0]!r}?)" if found else ""
