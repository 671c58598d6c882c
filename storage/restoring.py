"""Make a record again of what its file says: whole where the file has the `rss` map, else as much as it tells (R13)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from storage import images
from storage.escapes import cleared, escaped, unescaped
from storage.frontmatter import RULED, FrontMatter, Value, instant, scalar, shown_digest
from storage.images import ImagePolicy
from storage.reading import FrontMatterError
from storage.record import DateSource, Element, Enclosure, Record

UNCLEANED = 0
"""`Record.cleaner` of a record whose `html` is still the publisher's own: it must be cleaned before it is shown."""


@dataclass(frozen=True, slots=True)
class Outline:
    """What a file without `rss` tells of its record: not its ids, so that the importer has to find or mint them."""

    title: str
    categories: tuple[str, ...]
    """As many as the file names; the original's older forms have two."""
    author: str
    date: datetime | None
    """None where the file has none or no valid one; one without a zone is taken as UTC."""
    image: str | None
    html: str
    """Not cleaned; image URLs as they stand in the file."""
    link: str | None
    tags: tuple[str, ...]


def to_record(said: FrontMatter) -> Record | Outline:
    """
    Return the record of a file; `FrontMatterError` where its `rss` map is damaged.

    With `rss` it is the record that was written, key, ids and instants unchanged; where a person edited a key or
    the body since, the edit stands. What rules changed on its way into the file comes back as it is stored. Of a verbatim body (R8) the publisher's own HTML comes back in `raw_html` and,
    with the cleaner's version 0, in `html`: import cleans it, as it cleans every body that it takes in.
    """
    rss = said.fields.get("rss")
    if not isinstance(rss, Mapping):
        return _outline(said)
    found = _Rss(rss, said.place)
    return _before_rules(said, found, _record(said, found))


def _outline(said: FrontMatter) -> Outline:
    return Outline(
        title=said.text("title"),
        categories=_texts(said.fields.get("categories")),
        author=said.text("author"),
        date=said.date,
        image=said.text("headimg") or said.text("thumbnail") or None,
        html=said.body,
        link=said.text("link") or None,
        tags=_texts(said.fields.get("tags")),
    )


def _record(said: FrontMatter, rss: _Rss) -> Record:
    ids = rss.map("ids")
    policy = rss.policy()
    body = _body(said, rss, policy)
    verbatim = rss.text("body") == "verbatim"
    return Record(
        key=ids.text("key"),
        public_id=ids.text("public"),
        source_id=rss.text("source"),
        identity=ids.text("identity"),
        alias=ids.text("alias"),
        categories=_categories(said, rss),
        title=_edited(said.text("title"), rss.optional("title")),
        link=rss.optional("link"),
        guid=rss.optional("guid"),
        author=_edited(said.text("author"), rss.optional("author")),
        writers=rss.texts("writers"),
        tags=rss.texts("tags"),
        published=_published(said, rss),
        updated=rss.instant("updated"),
        first_seen=rss.instant("first_seen"),
        date_source=rss.date_source(),
        publisher_date=None if rss.optional("publisher_date") is None else rss.instant("publisher_date"),
        image=_image(said, rss, policy),
        html=body,
        summary=rss.text("summary"),
        enclosures=tuple(_enclosure(one) for one in rss.maps("enclosures")),
        language=rss.optional("language"),
        digest=rss.text("digest"),
        cleaner=UNCLEANED if verbatim else rss.number("cleaner"),
        raw_html=body if verbatim else None,
        position=rss.number("position"),
        arrival=rss.number("arrival"),
        updates=rss.number("updates"),
        backlog=rss.text("backlog") == "true",
        hidden=rss.optional("hidden"),
        podcast=tuple(map(_element, rss.maps("podcast"))),
        story_id=rss.optional("story_id"),
    )


def is_as_ruled(said: FrontMatter) -> bool:
    """Return whether rules changed what the file shows, and no person did since."""
    rss = said.fields.get("rss")
    before = rss.get("before") if isinstance(rss, Mapping) else None
    shown = shown_digest(said.text("title"), said.body, said.text("headimg"))
    return isinstance(before, Mapping) and before.get("shown") == shown


def _before_rules(said: FrontMatter, rss: _Rss, shown: Record) -> Record:
    """Return the record as it was stored, where rules changed what the file shows and no person did since."""
    if not is_as_ruled(said):
        return shown
    before = rss.map("before")
    kept = {name: before.optional(name) for name in RULED if before.has(name)}
    cleaner = rss.number("cleaner") if "html" in kept else shown.cleaner
    return replace(
        shown,
        title=kept.get("title") or shown.title,
        html=kept.get("html", shown.html) or "",
        raw_html=kept.get("raw_html", shown.raw_html),
        summary=kept.get("summary", shown.summary) or "",
        image=kept.get("image", shown.image),
        marked_html=kept.get("marked_html"),
        cleaner=cleaner,
    )


def _edited(shown: str, kept: str | None) -> str:
    """Return the exact text that `rss` keeps, unless what stands above it is no longer that text's form."""
    return kept if kept is not None and scalar(kept) == shown else shown


def _categories(said: FrontMatter, rss: _Rss) -> tuple[str, str, str]:
    shown = _texts(said.fields.get("categories"))
    kept = rss.texts("categories") if rss.optional_value("categories") is not None else shown
    match kept if tuple(map(scalar, kept)) == shown else shown:
        case (category, site, feed):
            return category, site, feed
        case others:
            raise rss.error(f"there are {len(others)} categories instead of three (category, site, feed)")


def _published(said: FrontMatter, rss: _Rss) -> datetime:
    kept, shown = rss.instant("published"), said.date
    return kept if shown is None or shown == kept.replace(microsecond=0) else shown


def _image(said: FrontMatter, rss: _Rss, policy: ImagePolicy | None) -> str | None:
    kept, shown = rss.optional("image"), said.text("headimg")
    if shown == (scalar(images.through(kept, policy)) if kept else ""):
        return kept
    return images.original(shown, policy) or None


def _body(said: FrontMatter, rss: _Rss, policy: ImagePolicy | None) -> str:
    kept = rss.optional("html")
    if kept is not None and unescaped(escaped(images.rewrite(cleared(kept), policy))) == said.body:
        return kept
    return images.restore(said.body, policy)


def _enclosure(one: _Rss) -> Enclosure:
    duration = one.optional("duration")
    return Enclosure(
        url=one.text("url"),
        type=one.optional("type"),
        length=None if one.optional("length") is None else one.number("length"),
        title=one.optional("title"),
        duration=None if duration is None else one.seconds(duration),
    )


def _element(one: _Rss) -> Element:
    said = one.texts("attributes")
    return Element(one.text("name"), one.optional("text") or "", tuple(zip(said[::2], said[1::2], strict=False)))


def _texts(value: Value) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, tuple) else ()


class _Rss:
    """The `rss` map or a map in it, read with an error that names the file."""

    def __init__(self, fields: Mapping[str, Value], place: str) -> None:
        self._fields = fields
        self._place = place

    def error(self, reason: str) -> FrontMatterError:
        return FrontMatterError(self._place, 1, f"the record cannot be made again: {reason}")

    def has(self, key: str) -> bool:
        return key in self._fields

    def optional_value(self, key: str) -> Value:
        return self._fields.get(key)

    def optional(self, key: str) -> str | None:
        value = self._fields.get(key)
        if value is None or isinstance(value, str):
            return value
        raise self.error(f"`rss.{key}` is not a text")

    def text(self, key: str) -> str:
        value = self.optional(key)
        if value is None:
            raise self.error(f"`rss.{key}` is missing")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        return _texts(self._fields.get(key))

    def map(self, key: str) -> _Rss:
        value = self._fields.get(key)
        if isinstance(value, Mapping):
            return _Rss(value, self._place)
        raise self.error(f"`rss.{key}` is missing")

    def maps(self, key: str) -> tuple[_Rss, ...]:
        value = self._fields.get(key)
        items = value if isinstance(value, tuple) else ()
        return tuple(_Rss(item, self._place) for item in items if isinstance(item, Mapping))

    def number(self, key: str) -> int:
        text = self.text(key)
        if text.isdecimal() and text.isascii() and len(text) < 20:
            return int(text)
        raise self.error(f"`rss.{key}` is no number: {text[:40]!r}")

    def seconds(self, text: str) -> timedelta:
        try:
            return timedelta(microseconds=int(Decimal(text) * 1_000_000))
        except (InvalidOperation, OverflowError, ValueError) as error:
            raise self.error(f"`duration` is no number of seconds: {text[:40]!r}") from error

    def instant(self, key: str) -> datetime:
        text = self.text(key)
        if (at := instant(text)) is None:
            raise self.error(f"`rss.{key}` is no date: {text[:40]!r}")
        return at.astimezone(UTC)

    def date_source(self) -> DateSource:
        text = self.text("date_source")
        if text in DateSource.__members__.values():
            return DateSource(text)
        raise self.error(f"`rss.date_source` is none of {', '.join(DateSource)}: {text[:40]!r}")

    def policy(self) -> ImagePolicy | None:
        value = self._fields.get("images")
        if not isinstance(value, Mapping):
            return None
        policy = _Rss(value, self._place)
        return ImagePolicy(policy.text("template"), policy.text("all_schemes") == "true")
