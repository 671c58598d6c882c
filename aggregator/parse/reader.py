"""
XML text to feedparser's dictionaries: expat's events, handed to feedparser's handlers.

The handlers are driven by our own loop because `feedparser.parse` opens local files, decodes a second time,
throws a document's good entries away at its first fault and lets exceptions out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html.entities import html5
from xml.parsers import expat

from aggregator.model import Bounds
from aggregator.outcomes import FailureKind, PollError
from aggregator.parse.handlers import Loose, Strict

_PIECE = 1_000_000

_BAR = "\x0c"
"""Stands between URI, local name and prefix in expat's names: no character of XML, so that none of them holds it."""
_DRAWN = {"svg": "http://www.w3.org/2000/svg", "math": "http://www.w3.org/1998/Math/MathML"}
_CUT = {
    expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS],
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN],
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION],
    expat.errors.codes[expat.errors.XML_ERROR_PARTIAL_CHAR],
}
_JUNK_AFTER = expat.errors.codes[expat.errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT]


class MalformedError(Exception):
    """The text is not well-formed XML; the message says how and where."""


@dataclass(slots=True)
class Document:
    """What feedparser's handlers made of a document."""

    version: str
    """feedparser's word for the format; empty where it is no feed."""
    feed: dict[str, object]
    entries: list[dict[str, object]]
    truncated: bool = False
    """True: it ends before its root does; its last entry may be half of one."""
    notes: list[str] = field(default_factory=list)
    """What was mended or left out while reading, in words."""


def read_strictly(text: str, base: str, bounds: Bounds = Bounds()) -> Document:
    """
    Return what a well-formed document says; one that ends early is read as far as it goes.

    `base` is the document's URL. Raises `MalformedError`, and `PollError` where it is nested too deep.
    """
    reader = _Reader(base, bounds)
    try:
        # Piece by piece, of which each is a copy in UTF-8; of the whole text the copy would stay as long as the text.
        for start in range(0, len(text) - _PIECE, _PIECE):
            reader.parser.Parse(text[start : start + _PIECE], False)
        reader.parser.Parse(text[-(len(text) % _PIECE or _PIECE) :], True)
    except expat.ExpatError as error:
        if error.code == _JUNK_AFTER and reader.handler.version:
            reader.notes.append("text after the end was left out")
        elif error.code in _CUT and reader.opened:
            reader.end_early()
        else:
            msg = f"{expat.ErrorString(error.code)}, line {error.lineno}"
            raise MalformedError(msg) from error
    except (PollError, MalformedError, MemoryError):
        raise
    except Exception as error:
        # feedparser's handlers raise what they like on elements that nobody foresaw; the tag-soup parser may do better.
        msg = f"{type(error).__name__} in its elements"
        raise MalformedError(msg) from error
    return reader.document()


def read_loosely(text: str, base: str, bounds: Bounds = Bounds()) -> Document:
    """Return what can be made out of a document that cannot be mended into well-formed XML."""
    handler = Loose(base, None, "utf-8", {})
    handler.bounds, handler.max_depth = bounds, bounds.depth
    try:
        handler.feed(text)
    except (PollError, MemoryError):
        raise
    except Exception as error:
        # The tag-soup parser meets arbitrary bytes and raises what it likes; each is the document's fault.
        raise PollError(FailureKind.PARSE, f"cannot be read even loosely: {type(error).__name__}: {error}") from error
    notes = [_attributes_cut(bounds)] if handler.cut_attributes else []
    return Document(handler.version, handler.feeddata, handler.entries, notes=notes)


def _attributes_cut(bounds: Bounds) -> str:
    return f"attributes beyond {bounds.attributes} of an element were left out (max_attributes)"


class _Reader:
    """Expat's events, handed to feedparser's handlers."""

    def __init__(self, base: str, bounds: Bounds) -> None:
        self.handler = Strict(base, None, "utf-8")
        self.handler.max_depth = bounds.depth
        self._bounds = bounds
        self._most = bounds.attributes
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

    def end_early(self) -> None:
        """Note that the document is cut, and keep a title within which it ends: it may be all that its entry has."""
        self.truncated = True
        self.notes.append("the document ends before its root is closed")
        self.parser.buffer_text = False  # hands on the text that came last, which expat's fault has held back
        open_elements = self.handler.elementstack
        if self.handler.inentry and open_elements and open_elements[-1][0] == "title":
            self.handler.unknown_endtag("title")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.opened += 1
        tag = self._tags.get(name)
        if tag is None:
            tag = self._tags[name] = self._tag_of(name)
        if not attributes and not self.handler.decls and name not in self._foreign:
            self.handler.start(tag, {})
            return
        if len(attributes) > self._most:
            attributes = dict(list(attributes.items())[: self._most])
            if (note := _attributes_cut(self._bounds)) not in self.notes:
                self.notes.append(note)
        given, self.handler.decls = self.handler.decls, {}
        if name in self._foreign:
            given["xmlns"] = self._foreign[name]
        for key, value in attributes.items():
            names = self._attributes.get(key)
            if names is None:
                names = self._attributes[key] = self._names_of(key)
            for each in names:
                given[each] = value
        self.handler.start(tag, given)

    def _end(self, name: str) -> None:
        tag = self._tags.get(name)
        self.handler.end(self._tag_of(name) if tag is None else tag)

    def _namespace(self, prefix: str | None, uri: str | None) -> None:
        if uri:
            self.handler.startPrefixMapping(prefix, uri)
            self._tags.clear()

    def _tag_of(self, name: str) -> str:
        """Return feedparser's name of an element, of what expat gives: local name, or URI, local name and prefix."""
        uri, local = name.split(_BAR)[:2] if _BAR in name else ("", name)
        prefix = self.handler.prefix_of(uri)
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
        known = self.handler.prefix_of(uri)
        names = (f"{known}:{local}" if known else local, f"{prefix[0]}:{local}" if prefix else local)
        return tuple(dict.fromkeys(name.lower() for name in names))

    def _doctype(self, name: str, system: str | None, public: str | None, internal: bool) -> None:
        self._netscape = "netscape" in f"{name} {system} {public}".lower()

    def _entity(self, name: str, *_: object) -> None:
        # A declared entity is how bombs and local files come in; mend puts HTML's own in their place.
        msg = f"an entity is declared: {name[:40]}"
        raise MalformedError(msg)

    def _skipped(self, name: str, is_parameter: bool) -> None:
        # Behind the DOCTYPE of RSS 0.91 an entity may be declared where we do not look: HTML's is meant.
        if not is_parameter:
            self.handler.handle_data(html5.get(f"{name};", f"&{name};"))
