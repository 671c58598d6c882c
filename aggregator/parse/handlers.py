"""
The only module that meets feedparser: its handlers of elements, and what they do otherwise for us.

What the handlers merge and the corridor must tell apart (a guid and what is made of it, a description and a
podcast's summary) is kept apart here; what they do in quadratic time is bounded.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

from feedparser.api import LooseFeedParser, StrictFeedParser
from feedparser.mixin import _cp1252
from feedparser.util import FeedParserDict

from aggregator import podcast
from aggregator.model import Bounds
from aggregator.outcomes import FailureKind, PollError
from aggregator.parse.lookups import with_quick_lookups

MAX_NAMESPACES = 256
MAX_TAGS = 200
MAX_DELETED = 2000
MAX_PODCAST = 200

_HISTORY = "http://purl.org/syndication/history/1.0"
_TOMBSTONES = "http://purl.org/atompub/tombstones/1.0"
# The vocabulary's first documents named its description.
_PODCAST = (podcast.PODCAST, "https://github.com/podcastindex-org/podcast-namespace/blob/main/docs/1.0.md")
# Attributes that hold for all that an element contains, and elements whose language is the feed's.
_INHERITED = frozenset({"xml:base", "base", "xml:lang", "lang", "xmlns"})
_ROOTS = frozenset({"feed", "rss", "rdf:RDF", "rdf:rdf"})
# Where the handlers keep lists: an element of that name would take their place.
_KEPT_BY_HANDLERS = frozenset({"links", "authors", "contributors", "tags", "published_parsed", "guidislink"})
_OF_TEXTINPUT = frozenset({"title", "link", "description", "name"})
_OF_IMAGE = frozenset({"title", "link", "description", "url", "href", "width", "height"})

# Kept by the handlers themselves.
_KEPT_ELSEWHERE = frozenset({"category", "tags", "itunes_keywords"})
# A URL that joining with any base leaves as it is.
_ABSOLUTE = re.compile(
    r"https?://[a-z0-9][a-z0-9.-]*(?::[0-9]+)?/[A-Za-z0-9_.~/%+-]*(?:\?[A-Za-z0-9_.~/%=&+-]+)?(?:#[A-Za-z0-9_.~/%=&+-]+)?"
)
_HALF_REFERENCE = re.compile("&([A-Za-z0-9_]+);")
_C1 = re.compile("[\x80-\x9f]")

_ENDS_OF_EMPTY = frozenset(
    f"</{name}>"
    for name in ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr")
)


_EntryDict = with_quick_lookups(FeedParserDict)


class _Elements:
    """What we do otherwise than feedparser, over either of its parsers."""

    # What feedparser.parse sets on its handlers when asked for neither cleaning nor resolving.
    sanitize_html = False
    resolve_relative_uris = False
    item_depth = 0
    bounds = Bounds()
    max_depth = bounds.depth
    """Of `bounds`, looked up for every element."""
    _matchnamespaces = {uri.lower(): prefix for uri, prefix in StrictFeedParser.namespaces.items()} | {
        _HISTORY: "fh",
        _TOMBSTONES: "at",
        **dict.fromkeys(_PODCAST, "podcast"),
    }

    def unknown_starttag(self: Any, tag: str, attrs: list[tuple[str, str]]) -> None:
        if self.depth >= self.max_depth:
            raise _too_deep(self.max_depth)
        super().unknown_starttag(tag, attrs)  # type: ignore[misc] # feedparser's, found by the order of the bases

    def track_namespace(self: Any, prefix: str | None, uri: str) -> None:
        # Every element of an unknown namespace is looked up among all of them.
        if len(self.namespaces_in_use) < MAX_NAMESPACES or uri in self.namespaces_in_use.values():
            super().track_namespace(prefix, uri)  # type: ignore[misc] # feedparser's

    # XHTML is kept as HTML, where </br> is a second break.
    def handle_data(self: Any, text: str, escape: int = 1) -> None:
        if escape or text not in _ENDS_OF_EMPTY:
            super().handle_data(text, escape)  # type: ignore[misc] # feedparser's

    # The guid as it was written: feedparser resolves one that is a permalink, and derives one from rdf:about.
    def _end_guid(self: Any) -> None:
        if self.inentry and not self.insource and self.elementstack and self.elementstack[-1][0] == "id":
            dict.__setitem__(self._get_context(), "guid", _joined(self.elementstack[-1][2]))
        super()._end_guid()  # type: ignore[misc] # feedparser's

    _end_id = _end_guid

    # Only the item's own title and description are its: some publishers put the author's job title below `author`.
    def _start_item(self: Any, attrs: dict[str, str]) -> None:
        self.item_depth = self.depth
        super()._start_item(attrs)  # type: ignore[misc] # feedparser's
        self.entries[-1] = _EntryDict(self.entries[-1])

    _start_entry = _start_item

    def _end_title(self: Any) -> None:
        context = self._get_context()
        before = context.get("title_detail")
        super()._end_title()  # type: ignore[misc] # feedparser's
        if before and before.get("value") == context.get("title"):
            context["title_detail"] = before

    def _start_description(self: Any, attrs: dict[str, str]) -> None:
        if self.inentry and self.depth > self.item_depth + 1:
            self.push_content("nested_description", attrs, "text/html", 1)
        else:
            super()._start_description(attrs)  # type: ignore[misc] # feedparser's

    def _end_description(self: Any) -> None:
        if self.elementstack and self.elementstack[-1][0] == "nested_description":
            self.pop_content("nested_description")
        else:
            super()._end_description()  # type: ignore[misc] # feedparser's

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
    def _start_dc_date(self: Any, attrs: dict[str, str]) -> None:
        self.push("dc_date", 1)

    def _end_dc_date(self: Any) -> None:
        self.pop("dc_date")

    # These three, and a podcast's subtitle, would take the place of the description or be taken for the full content.
    def _start_itunes_summary(self: Any, attrs: dict[str, str]) -> None:
        self.push_content("itunes_summary", attrs, "text/plain", 1)

    def _end_itunes_summary(self: Any) -> None:
        self.pop_content("itunes_summary")

    def _start_media_description(self: Any, attrs: dict[str, str]) -> None:
        self.push_content("media_description", attrs, "text/plain", 1)

    def _end_media_description(self: Any) -> None:
        self.pop_content("media_description")

    def _start_dc_description(self: Any, attrs: dict[str, str]) -> None:
        self.push_content("dc_description", attrs, "text/html", 1)

    def _end_dc_description(self: Any) -> None:
        self.pop_content("dc_description")

    def start_podcast(self: Any, name: str, attrs: dict[str, str]) -> None:
        """Keep an element of a podcast's vocabulary in the order of the document; it is not the feed's own."""
        if self.inentry and not self.insource:
            kept = dict.setdefault(self._get_context(), "podcast elements", [])
            if len(kept) < MAX_PODCAST:
                kept.append([name, "", dict(attrs)])
        if name == "itunes_image":
            super()._start_itunes_image(attrs)  # type: ignore[misc] # feedparser's
        elif name == "itunes_subtitle":
            self.push_content(name, attrs, "text/plain", 1)
        else:
            self.push(name, 1)

    def end_podcast(self: Any, name: str) -> None:
        text = self.pop_content(name) if name == "itunes_subtitle" else self.pop(name)
        if text and self.inentry and not self.insource:
            kept = dict.get(self._get_context(), "podcast elements") or []
            begun = next((element for element in reversed(kept) if element[0] == name and not element[1]), None)
            if begun:
                begun[1] = text

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

    # feedparser keeps the last hour and the last day only. Keys with a blank: no element can be called that.
    def _end_hour(self: Any) -> None:
        self.feeddata.setdefault("skip hours", []).append(self.pop("hour") or "")

    def _end_day(self: Any) -> None:
        self.feeddata.setdefault("skip days", []).append(self.pop("day") or "")

    def _start_fh_complete(self: Any, attrs: dict[str, str]) -> None:
        self.push("complete", 0)
        self.feeddata["fh complete"] = "yes"

    def _end_fh_complete(self: Any) -> None:
        self.pop("complete")

    # RFC 6721. What stands in it (who took the entry back, its links) is neither the feed's nor an entry's: it goes
    # where the handlers put what another feed says of itself.
    def start_deleted(self: Any, attrs: dict[str, str]) -> None:
        deleted = self.feeddata.setdefault("deleted entries", [])
        if not self.inentry and attrs.get("ref") and len(deleted) < MAX_DELETED:
            deleted.append((attrs["ref"], attrs.get("when")))
        self.push("deleted", 0)
        self.insource = 1

    def end_deleted(self: Any) -> None:
        self.pop("deleted")
        self.insource = 0
        self.sourcedata.clear()


# An element's handler is found by its name, which here has a hyphen.
setattr(_Elements, "_start_at_deleted-entry", _Elements.start_deleted)
setattr(_Elements, "_end_at_deleted-entry", _Elements.end_deleted)


def _take(name: str) -> None:
    def start(self: Any, attrs: dict[str, str]) -> None:
        self.start_podcast(name, attrs)

    def end(self: Any) -> None:
        self.end_podcast(name)

    setattr(_Elements, f"_start_{name}", start)
    setattr(_Elements, f"_end_{name}", end)


for _name in podcast.RULES:
    _take(_name.lower().replace(":", "_"))


def _too_deep(most: int) -> PollError:
    return PollError(FailureKind.PARSE_LIMIT, f"elements are nested more than {most} deep (max_depth)")


def _joined(pieces: list[str | bytes]) -> str:
    return "".join(piece if isinstance(piece, str) else piece.decode("utf-8", "replace") for piece in pieces).strip()


class Strict(_Elements, StrictFeedParser):  # type: ignore[misc] # feedparser has no types
    """feedparser's handlers behind expat."""

    intextinput: int
    inimage: int

    def prefix_of(self, uri: str) -> str:
        """Return feedparser's prefix for a namespace; empty for those of feeds themselves and for unknown ones."""
        return str(self._matchnamespaces.get(uri.lower(), ""))

    def start(self, tag: str, attrs: dict[str, str]) -> None:
        """
        Do what `unknown_starttag` does, without what only a few elements need.

        For every element it joins the base URL with itself, a tenth of the time of a feed.
        """
        markup = self.incontent and self.contentparams.get("type") == "application/xhtml+xml"
        unusual = not _INHERITED.isdisjoint(attrs) or tag in _ROOTS or (self.incontent and not markup) or self.svgOK
        if unusual or (markup and (":" in tag or tag == "svg")):
            self.unknown_starttag(tag, list(attrs.items()))
            return
        self.depth += 1
        if self.depth > self.max_depth:
            raise _too_deep(self.max_depth)
        self.basestack.append(self.baseuri)
        self.langstack.append(self.lang)
        for key in ("rel", "type"):
            if key in attrs:
                attrs[key] = attrs[key].lower()
        if markup:
            self.handle_data(f"<{tag}{self.strattrs(attrs.items())}>", escape=0)
        else:
            self._dispatch(tag, attrs)

    def _dispatch(self, tag: str, attrs: dict[str, str]) -> None:
        prefix, _, name = tag.rpartition(":")
        if prefix:
            prefix = self.namespacemap.get(prefix, prefix)
        if not prefix:
            self.intextinput = self.intextinput if name in _OF_TEXTINPUT else 0
            self.inimage = self.inimage if name in _OF_IMAGE else 0
        known = f"{prefix}_{name}" if prefix else name
        method = getattr(self, f"_start_{known}", None)
        try:
            if method:
                method(attrs)
                return
        except AttributeError:
            # feedparser's handlers raise it where an element stands in a place that they do not expect;
            # feedparser itself then keeps the element as one that it does not know.
            pass
        kept = known not in _KEPT_BY_HANDLERS and not known.endswith("_detail")
        if not attrs:
            self.push(known, int(kept))
        elif kept:
            self._get_context()[known] = attrs

    # What follows does what feedparser's methods of these names do, as far as it comes to anything for well-formed
    # XML that is neither cleaned nor resolved here: they took a quarter of the time of a feed.

    def end(self: Any, tag: str) -> None:
        """Do what `unknown_endtag` does; what it does for markup within a text construct is left to it."""
        if self.incontent or self.svgOK or not self.basestack or not self.langstack:
            self.unknown_endtag(tag)
            return
        prefix, _, name = tag.rpartition(":")
        if prefix:
            prefix = self.namespacemap.get(prefix, prefix)
        known = f"{prefix}_{name}" if prefix else name
        method = getattr(self, f"_end_{known}", None)
        try:
            if method:
                method()
            else:
                self.pop(known)
        except AttributeError:  # as in `_dispatch`
            self.pop(known)
        self.basestack.pop()
        if self.basestack and self.basestack[-1]:
            self.baseuri = self.basestack[-1]
        self.langstack.pop()
        if self.langstack:
            self.lang = self.langstack[-1]
        self.depth -= 1

    def push_content(self: Any, tag: str, attrs: dict[str, str], default_type: str, expecting_text: int) -> None:
        """Begin a text construct, its parameters in a plain dictionary: feedparser's looks every key up in two tables."""
        super().push_content(tag, attrs, default_type, expecting_text)
        self.contentparams = dict(self.contentparams)

    def pop(self: Any, element: str, strip_whitespace: int = 1) -> str | None:
        """End an element and keep its text where feedparser would."""
        stack = self.elementstack
        if not stack or stack[-1][0] != element:
            return None
        params = self.contentparams
        if params and (params.get("base64") or params.get("type") == "application/xhtml+xml"):
            unusual: str | None = super().pop(element, strip_whitespace)
            return unusual
        _, expecting_text, pieces = stack.pop()
        output = "".join(pieces)
        if strip_whitespace:
            output = output.strip()
        if not expecting_text:
            return output
        meant: str = self._meant(element, output, params)
        if element not in _KEPT_ELSEWHERE and not (element == "title" and -1 < self.title_depth <= self.depth):
            self._keep(element, meant, params)
        return meant

    def _meant(self: Any, element: str, output: str, params: dict[str, Any]) -> str:
        """Return the text as it is meant: a link absolute, a second encoding undone; guess whether it is HTML."""
        if element in self.can_be_relative_uri and output and (element != "id" or self.guidislink):
            output = output if _ABSOLUTE.fullmatch(output) else self.resolve_uri(output)
        if params:
            may_be_html = params.get("type") == "text/plain" and not self.version.startswith("atom")
            if may_be_html and ("<" in output or "&" in output) and self.looks_like_html(output):
                params["type"] = "text/html"
            params.pop("mode", None)
            params.pop("base64", None)
        if output.isascii():
            return output
        with suppress(UnicodeError):
            output = output.encode("iso-8859-1").decode("utf-8")
        return output.translate(_cp1252) if _C1.search(output) else output

    def _keep(self: Any, element: str, output: str, params: dict[str, Any]) -> None:
        """Put the text into the entry or the feed, and what is known of it into its `_detail`."""
        if self.inentry and not self.insource:
            entry = self.entries[-1]
            if element == "content":
                entry.setdefault(element, []).append(params | {"value": output})
            elif element == "link":
                if not self.inimage:
                    output = _HALF_REFERENCE.sub(r"&\g<1>", output.replace("&amp;", "&"))
                    entry[element] = output
                    if output:
                        entry["links"][-1]["href"] = output
            else:
                element = "summary" if element == "description" else element
                depths = self.property_depth_map.setdefault(entry, {})
                depth = depths.get(element)
                if depth is None or self.depth <= depth:
                    depths[element] = self.depth
                    entry[element] = output
                if self.incontent:
                    entry[f"{element}_detail"] = params | {"value": output}
        elif self.infeed or self.insource:
            context = self._get_context()
            element = "subtitle" if element == "description" else element
            context[element] = output
            if element == "link":
                output = _HALF_REFERENCE.sub(r"&\g<1>", output)
                context[element] = output
                context["links"][-1]["href"] = output
            elif self.incontent:
                context[f"{element}_detail"] = params | {"value": output}


class Loose(_Elements, LooseFeedParser):  # type: ignore[misc] # feedparser has no types
    """feedparser's own reader of tag soup."""

    cut_attributes = False
    """Whether an element had more of them than are read."""

    def unknown_starttag(self: Any, tag: str, attrs: list[tuple[str, str]]) -> None:
        """Begin an element with as many of its attributes as are read; namespaces do not count."""
        if len(attrs) > self.bounds.attributes:
            own = [pair for pair in attrs if not pair[0].startswith("xmlns")]
            self.cut_attributes = self.cut_attributes or len(own) > self.bounds.attributes
            names = {name for name, _ in own[self.bounds.attributes :]}
            attrs = [pair for pair in attrs if pair[0] not in names]
        super().unknown_starttag(tag, attrs)
