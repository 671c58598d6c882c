"""What a document says, as far as it can be read: its outlines to feeds, and a sentence on each that is none."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from aggregator.charset import decode
from aggregator.opml.outlines import BAR, LINE, NotXmlError, read_loosely, read_strictly, unescaped
from aggregator.opml.values import (
    ILLEGAL,
    LONGEST_PLACE,
    MAX_BYTES,
    MAX_FEEDS,
    MAX_FOLDERS,
    NAMESPACE,
    PLACE,
    ROUTE,
    SPACE,
    STRUCTURED,
    Listed,
    Listing,
    OpmlError,
    Setting,
    one_line,
)

_OUTLINES = re.compile(r"<(?:[\w.-]+:)?(?:opml|outline)\b", re.IGNORECASE)
_TITLE = re.compile(r"<title\b[^>]*>([^<]*)", re.IGNORECASE)
_WEB = re.compile(r"https?://[^\s/?#]", re.IGNORECASE)
_MENDED = re.compile(r"(?:feed|rss|itpc|pcast|podcast):(?://)?", re.IGNORECASE)
_ROOT = re.compile(r"<(?:[\w.-]+:)?(rss|feed|rdf|html|head|body)\b", re.IGNORECASE)


def read(data: bytes, content_type: str | None = None) -> Listing:
    """
    Return the feeds of an OPML document, or of a plain list with an address on each line.

    `content_type` is the HTTP header, where there was one. Raises `OpmlError` for anything else.
    """
    if len(data) > MAX_BYTES:
        raise OpmlError(f"it is larger than {MAX_BYTES // 1024 // 1024} MB; a list of subscriptions never is")
    text = decode(data, content_type).text
    if not _OUTLINES.search(text):
        return _plain_list(text)
    reader = _Reader()
    degraded = None
    try:
        read_strictly(text, reader)
    except NotXmlError as error:
        degraded = f"it is not well-formed XML ({error}); it was read tag by tag"
        reader = _Reader()
        read_loosely(text, reader)
    return reader.listing(_title(text), degraded)


class _Reader:
    """Takes in outlines as they open and close."""

    def __init__(self) -> None:
        self.feeds: dict[tuple[str, object], tuple[str, Listed]] = {}
        self.skipped: list[tuple[int, str]] = []
        self._open: list[_Outline] = []

    def start(self, attributes: Mapping[str, str], line: int) -> None:
        """Take in an outline; the names of its attributes are in lower case, ours after the namespace and `BAR`."""
        text = one_line(attributes.get("text") or attributes.get("title") or "")
        if self._open:
            self._open[-1].holds = True
        kind = attributes.get("type", "").strip().lower()
        url = attributes.get("xmlurl") or (attributes.get("url", "") if kind in {"rss", "atom", "feed"} else "")
        folders = self._open[-1].within() if self._open else ()
        self._open.append(
            _Outline(text, folders, line, kind, attributes.get("url", "").strip(), holds=bool(url.strip()))
        )
        if url.strip():
            self._feed(url, text, attributes, line)

    def end(self) -> None:
        """Close the outline that was opened last; one that held nothing is told of."""
        if not self._open:
            return
        closed = self._open.pop()
        if not closed.holds:
            self.skipped.append((closed.line, closed.told()))

    def listing(self, title: str, degraded: str | None) -> Listing:
        """Return what was read; outlines that are still open end here."""
        while self._open:
            self.end()
        found = list(self.feeds.values())
        if found and all(place.isdecimal() and len(place) <= LONGEST_PLACE for place, _ in found):
            found.sort(key=lambda one: int(one[0]))
        told = tuple(f"line {line}: {sentence}" for line, sentence in sorted(self.skipped))
        return Listing(tuple(one for _, one in found), told, title, degraded)

    def _feed(self, written: str, text: str, attributes: Mapping[str, str], line: int) -> None:
        url, wrong = _address(written)
        label = f'"{text}"' if text else f'"{_cut(url)}"'
        settings = _settings(attributes)
        place, route = str(settings.pop(PLACE, "")), str(settings.pop(ROUTE, ""))
        before = self.feeds.get((url, settings.get("id")))
        if wrong:
            self.skipped.append((line, f"{label}: {wrong}"))
        elif before is not None:
            self.skipped.append((line, f"{_cut(url)} stands in line {before[1].line} already"))
        elif len(self.feeds) >= MAX_FEEDS:
            self.skipped.append((line, f"{label}: more than {MAX_FEEDS:,} feeds are not read"))
        else:
            title = "" if text == url else text
            html_url = _address(attributes.get("htmlurl", ""))
            one = Listed(url, title, "" if html_url[1] else html_url[0], self._open[-1].folders, settings, route, line)
            self.feeds[url, settings.get("id")] = place, one

    def skip(self, line: int, sentence: str) -> None:
        """Note what cannot be read."""
        self.skipped.append((line, sentence))


@dataclass(slots=True)
class _Outline:
    text: str
    folders: tuple[str, ...]
    line: int
    kind: str
    url: str
    holds: bool
    """Whether it is a feed, or has an outline in it."""

    def within(self) -> tuple[str, ...]:
        """Return the folders of what stands in it."""
        return (*self.folders, self.text) if self.text and len(self.folders) < MAX_FOLDERS else self.folders

    def told(self) -> str:
        """Return why nothing was made of it."""
        name = f'"{self.text}"' if self.text else "an outline without a name"
        if self.kind == "include" and self.url:
            return f"{name} includes another list, {_cut(self.url)}; it is not fetched: import that one too"
        if self.kind in {"link", "include"}:
            return f"{name} is a link and no feed"
        return f"{name} has no xmlUrl, the address of a feed"


def _settings(attributes: Mapping[str, str]) -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    for name, value in attributes.items():
        key = name.partition(f"{NAMESPACE}{BAR}")[2]
        if not key:
            continue
        found[key] = value
        if key in STRUCTURED:
            try:
                made = json.loads(value)
            except (ValueError, RecursionError):
                continue  # stays text, which feeds.yaml will not take for a list: it is told of there
            found[key] = made if isinstance(made, list | dict) else value
    return found


def _address(written: str) -> tuple[str, str]:
    """Return the address as it is fetched, and `""` or why it cannot be."""
    url = _MENDED.sub(_scheme, written.strip(), count=1)
    if url.startswith("//"):
        url = f"https:{url}"
    url = url.replace(" ", "%20")
    if not _WEB.match(url):
        scheme = re.match(r"[A-Za-z][\w+.-]*(?=:)", url)
        return url, f"{scheme[0]}: is not fetched, only http and https are" if scheme else "its address has no scheme"
    return url, "its address has characters that none may have" if SPACE.search(url) or ILLEGAL.search(url) else ""


def _scheme(found: re.Match[str]) -> str:
    """Return what `feed:` and the like stand for: nothing before a whole address, else http."""
    return "" if found.start() or _WEB.match(found.string, found.end()) else "http://"


def _cut(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:97]}..."


def _title(text: str) -> str:
    found = _TITLE.search(text, 0, 65_536)
    return one_line(unescaped(found[1])) if found else ""


def _plain_list(text: str) -> Listing:
    """Return the feeds of a text with an address on each line; empty lines and those that begin with # are left out."""
    if found := _ROOT.search(text, 0, 65_536):
        what = "a web page" if found[1].lower() in {"html", "head", "body"} else "a feed itself"
        raise OpmlError(f"it is {what}, no list of subscriptions; `aggregator add` takes the address of one")
    lines = [(number, line.strip()) for number, line in enumerate(LINE.split(text), 1)]
    lines = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if not lines or not any(_WEB.match(line) for _, line in lines):
        raise OpmlError("it is no OPML: there is no <outline> in it")
    reader = _Reader()
    for number, line in lines:
        reader.start({"xmlurl": line}, number)
        reader.end()
    return reader.listing("", None)
