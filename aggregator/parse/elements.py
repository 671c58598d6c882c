"""
The only module that meets feedparser: XML text in, feedparser's dictionaries out.

feedparser's handlers of elements are driven directly, by our own loop over expat, because `feedparser.parse`
opens local files, decodes a second time, throws a document's good entries away at its first fault and lets
exceptions out. What the handlers merge and the corridor must tell apart (a guid and what is made of it, a
description and a podcast's summary) is kept apart here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html.entities import html5
from typing import Any
from xml.parsers import expat

from feedparser.api import LooseFeedParser, StrictFeedParser

from aggregator.model import FailureKind, PollError

MAX_DEPTH = 256
MAX_ATTRIBUTES = 64
MAX_NAMESPACES = 256
MAX_TAGS = 200

_BAR = "\x0c"
"""Stands between URI, local name and prefix in expat's names: no character of XML, so that none of them holds it."""
_HISTORY = "http://purl.org/syndication/history/1.0"
_DRAWN = {"svg": "http://www.w3.org/2000/svg", "math": "http://www.w3.org/1998/Math/MathML"}
_CUT = {
    expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS],
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN],
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION],
    expat.errors.codes[expat.errors.XML_ERROR_PARTIAL_CHAR],
}
_JUNK_AFTER = expat.errors.codes[expat.errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT]


class Malformed(Exception):  # noqa: N818 - a state of the document that is mended, no failure of ours
    """The text is not well-formed XML; the message says how and where."""


@dataclass(slots=True)
class Document:
    """What feedparser's handlers made of a document."""

    version: str
    """feedparser's word for the format; empty where it is no feed."""
    feed: dict[str, Any]
    entries: list[dict[str, Any]]
    truncated: bool = False
    """True: it ends before its root does; its last entry may be half of one."""
    notes: list[str] = field(default_factory=list)
    """What was mended or left out while reading, in words."""


class _Elements:
    """What we do otherwise than feedparser, over either of its parsers."""

    # What feedparser.parse sets on its handlers when asked for neither cleaning nor resolving.
    sanitize_html = False
    resolve_relative_uris = False
    _matchnamespaces = {uri.lower(): prefix for uri, prefix in StrictFeedParser.namespaces.items()} | {_HISTORY: "fh"}

    def unknown_starttag(self: Any, tag: str, attrs: list[tuple[str, str]]) -> None:
        if self.depth >= MAX_DEPTH:
            raise PollError(FailureKind.PARSE_LIMIT, f"elements are nested more than {MAX_DEPTH} deep")
        super().unknown_starttag(tag, attrs)  # type: ignore[misc] # feedparser's, found by the order of the bases

    def track_namespace(self: Any, prefix: str | None, uri: str) -> None:
        # Every element of an unknown namespace is looked up among all of them.
        if len(self.namespaces_in_use) < MAX_NAMESPACES or uri in self.namespaces_in_use.values():
            super().track_namespace(prefix, uri)  # type: ignore[misc] # feedparser's

    # The guid as it was written: feedparser resolves one that is a permalink, and derives one from rdf:about.
    def _end_guid(self: Any) -> None:
        if self.inentry and not self.insource and self.elementstack and self.elementstack[-1][0] == "id":
            dict.__setitem__(self._get_context(), "guid", _joined(self.elementstack[-1][2]))
        super()._end_guid()  # type: ignore[misc] # feedparser's

    _end_id = _end_guid

    # Dates stay text: aggregator.parse.dates reads them.
    def _end_published(self: Any) -> None:
        self.pop("published")

    _end_issued = _end_pubdate = _end_dcterms_issued = _end_published

    def _end_updated(self: Any) -> None:
        self.pop("updated")

    _end_modified = _end_lastbuilddate = _end_dcterms_modified = _end_updated

    def _end_created(self: Any) -> None:
        self.pop("created")

    _end_dcterms_created = _end_created

    # In RSS dc:date is when it was published; feedparser takes it for the update.
    def _start_dc_date(self: Any, attrs: dict[str, str]) -> None:  # noqa: ARG002 - feedparser's signature
        self.push("dc_date", 1)

    def _end_dc_date(self: Any) -> None:
        self.pop("dc_date")

    # These four would take the place of the description or be taken for the full content.
    def _start_itunes_summary(self: Any, attrs: dict[str, str]) -> None:
        self.push_content("itunes_summary", attrs, "text/plain", 1)

    def _end_itunes_summary(self: Any) -> None:
        self.pop_content("itunes_summary")

    def _start_itunes_subtitle(self: Any, attrs: dict[str, str]) -> None:
        self.push_content("itunes_subtitle", attrs, "text/plain", 1)

    def _end_itunes_subtitle(self: Any) -> None:
        self.pop_content("itunes_subtitle")

    def _start_media_description(self: Any, attrs: dict[str, str]) -> None:
        self.push_content("media_description", attrs, "text/plain", 1)

    def _end_media_description(self: Any) -> None:
        self.pop_content("media_description")

    def _start_dc_description(self: Any, attrs: dict[str, str]) -> None:
        self.push_content("dc_description", attrs, "text/html", 1)

    def _end_dc_description(self: Any) -> None:
        self.pop_content("dc_description")

    # The host of a podcast is not the writer of an entry that names one.
    def _start_itunes_author(self: Any, attrs: dict[str, str]) -> None:  # noqa: ARG002 - feedparser's signature
        self.push("itunes_author", 1)

    def _end_itunes_author(self: Any) -> None:
        self.pop("itunes_author")

    def _sync_author_detail(self: Any, key: str = "author") -> None:
        # feedparser's own search for an e-mail address is quadratic in a long name; ours is in xmlfeed.
        context = self._get_context()
        people = context.get(f"{key}s")
        if key == "author" and people and not people[-1] and context.get("author"):
            people[-1]["name"] = context["author"]

    def _add_tag(self: Any, term: str | None, scheme: str | None, label: str | None) -> None:
        # feedparser looks through all tags for each one.
        if len(self._get_context().get("tags") or ()) < MAX_TAGS:
            super()._add_tag(term, scheme, label)  # type: ignore[misc] # feedparser's

    # feedparser keeps the last hour and the last day only.
    def _end_hour(self: Any) -> None:
        self.feeddata.setdefault("skip_hours", []).append(self.pop("hour"))

    def _end_day(self: Any) -> None:
        self.feeddata.setdefault("skip_days", []).append(self.pop("day"))

    def _start_fh_complete(self: Any, attrs: dict[str, str]) -> None:  # noqa: ARG002 - feedparser's signature
        self.push("complete", 0)
        self.feeddata["fh_complete"] = "yes"

    def _end_fh_complete(self: Any) -> None:
        self.pop("complete")


def _joined(pieces: list[str | bytes]) -> str:
    return "".join(piece if isinstance(piece, str) else piece.decode("utf-8", "replace") for piece in pieces).strip()


class _Strict(_Elements, StrictFeedParser):  # type: ignore[misc] # feedparser has no types
    """feedparser's handlers behind expat."""


class _Loose(_Elements, LooseFeedParser):  # type: ignore[misc] # feedparser has no types
    """feedparser's own reader of tag soup."""


def read_strictly(text: str, base: str) -> Document:
    """
    Return what a well-formed document says; one that ends early is read as far as it goes.

    `base` is the document's URL. Raises `Malformed`, and `PollError` where it is nested too deep.
    """
    reader = _Reader(base)
    try:
        reader.parser.Parse(text, True)
    except expat.ExpatError as error:
        if error.code == _JUNK_AFTER:
            reader.notes.append("text after the end was left out")
        elif error.code in _CUT and reader.opened:
            reader.truncated = True
        else:
            msg = f"{expat.ErrorString(error.code)}, line {error.lineno}"
            raise Malformed(msg) from error
    return reader.document()


def read_loosely(text: str, base: str) -> Document:
    """Return what can be made out of a document that cannot be mended into well-formed XML."""
    handler = _Loose(base, None, "utf-8", {})
    try:
        handler.feed(text)
    except PollError:
        raise
    except Exception as error:
        # The tag-soup parser meets arbitrary bytes and raises what it likes; each is the document's fault.
        raise PollError(FailureKind.PARSE, f"cannot be read even loosely: {type(error).__name__}: {error}") from error
    return Document(handler.version, handler.feeddata, handler.entries)


class _Reader:
    """Expat's events, handed to feedparser's handlers."""

    def __init__(self, base: str) -> None:
        self.handler = _Strict(base, None, "utf-8")
        self.parser = expat.ParserCreate("utf-8", _BAR)
        self.parser.namespace_prefixes = True
        # Text comes whole instead of in pieces: a fifth of the time of a feed.
        self.parser.buffer_text = True
        self.parser.buffer_size = 65536
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self.handler.handle_data
        self.parser.StartNamespaceDeclHandler = self._namespace
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.EntityDeclHandler = self._entity
        self.parser.SkippedEntityHandler = self._skipped
        self.opened = 0
        self.truncated = False
        self.notes: list[str] = []
        self._netscape = False
        self._tags: dict[str, str] = {}
        self._attributes: dict[str, tuple[str, ...]] = {}
        self._foreign: dict[str, str] = {}

    def document(self) -> Document:
        handler = self.handler
        version = "rss091n" if self._netscape else handler.version
        return Document(version, handler.feeddata, handler.entries, self.truncated, self.notes)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.opened += 1
        tag = self._tags.get(name)
        if tag is None:
            tag = self._tags[name] = self._tag_of(name)
        if not attributes and not self.handler.decls and name not in self._foreign:
            self.handler.unknown_starttag(tag, [])
            return
        if len(attributes) > MAX_ATTRIBUTES:
            attributes = dict(list(attributes.items())[:MAX_ATTRIBUTES])
            self.notes.append(f"attributes beyond {MAX_ATTRIBUTES} of an element were left out")
        given, self.handler.decls = self.handler.decls, {}
        if name in self._foreign:
            given["xmlns"] = self._foreign[name]
        for key, value in attributes.items():
            names = self._attributes.get(key)
            if names is None:
                names = self._attributes[key] = self._names_of(key)
            for each in names:
                given[each] = value
        self.handler.unknown_starttag(tag, list(given.items()))

    def _end(self, name: str) -> None:
        tag = self._tags.get(name)
        self.handler.unknown_endtag(self._tag_of(name) if tag is None else tag)

    def _namespace(self, prefix: str | None, uri: str | None) -> None:
        if uri:
            self.handler.startPrefixMapping(prefix, uri)
            self._tags.clear()

    def _tag_of(self, name: str) -> str:
        """Return feedparser's name of an element, of what expat gives: local name, or URI, local name and prefix."""
        uri, local = name.split(_BAR)[:2] if _BAR in name else ("", name)
        prefix = self.handler._matchnamespaces.get(uri.lower(), "")  # noqa: SLF001 - feedparser's table
        if _DRAWN.get(local.lower()) == uri:
            self._foreign[name] = uri
        if not prefix and uri:
            used = self.handler.namespaces_in_use.items()
            prefix = next((known for known, value in used if known and value == uri), "")
        return f"{prefix}:{local}".lower() if prefix else local.lower()

    def _names_of(self, key: str) -> tuple[str, ...]:
        """Return feedparser's names of an attribute: by its namespace, and by the prefix that the document uses."""
        if _BAR not in key:
            return (key.lower(),)
        uri, local, *prefix = key.split(_BAR)
        known = self.handler._matchnamespaces.get(uri.lower(), "")  # noqa: SLF001 - feedparser's table
        names = (f"{known}:{local}" if known else local, f"{prefix[0]}:{local}" if prefix else local)
        return tuple(dict.fromkeys(name.lower() for name in names))

    def _doctype(self, name: str, system: str | None, public: str | None, internal: bool) -> None:  # noqa: ARG002, FBT001 - expat's signature
        self._netscape = "netscape" in f"{name} {system} {public}".lower()

    def _entity(self, name: str, *_: object) -> None:
        # A declared entity is how bombs and local files come in; mend puts HTML's own in their place.
        msg = f"an entity is declared: {name[:40]}"
        raise Malformed(msg)

    def _skipped(self, name: str, is_parameter: bool) -> None:  # noqa: FBT001 - expat's signature
        # Behind the DOCTYPE of RSS 0.91 an entity may be declared where we do not look: HTML's is meant.
        if not is_parameter:
            self.handler.handle_data(html5.get(f"{name};", f"&{name};"))
