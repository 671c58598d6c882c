"""
Where a web page says that its feeds are (rule 66), and where they usually lie.

Used when a source is added, never when one is polled: a page in a feed's place changes no URL.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from aggregator.charset import decode
from aggregator.model import Fetched
from aggregator.plain import contained, line
from storage.markup import Tag, tags, unescape

MOST = 5
"""Candidates that are worth a request each; a page that names more is asked about by name."""
PAGE = 1_000_000
"""Characters of a page that are looked through."""
TYPES = frozenset(
    (
        "application/rss+xml",
        "application/atom+xml",
        "application/feed+json",
        "application/rdf+xml",
        "application/x.atom+xml",
        "application/x-atom+xml",
        "text/rss+xml",
        "text/atom+xml",
    )
)
PERHAPS = frozenset(("application/xml", "text/xml", "application/json", ""))
"""Types that a feed may have, where its address reads like one: `wp-json` and oEmbed are linked as JSON too."""
USUAL = ("feed", "rss.xml", "atom.xml", "index.xml", "feed.xml", "rss", "feed.json", "feeds/posts/default")
"""What is asked for below a site that names no feed, where the operator says so; the commonest first."""

_FEED_LIKE = re.compile(
    r"(?:/(?:feed|rss|atom)/?|\.(?:rss|atom|rdf)|(?:^|[/_.-])(?:feed|rss2?|atom|index|feeds)\.(?:xml|json|rdf))$",
    re.IGNORECASE,
)
_FEED_QUERY = re.compile(r"(?:^|&)(?:feed|format|type|alt)=(?:rss2?|atom|feed|json-?feed|rdf)(?:&|$)", re.IGNORECASE)
_LINK = re.compile(r"<([^<>]*)>((?:\s*;\s*[\w*!#$%&'+.^`|~-]+(?:\s*=\s*(?:\"(?:[^\"\\]|\\.)*\"|[^\s;,\"]*))?)*)")
_PARAMETER = re.compile(r";\s*([\w*!#$%&'+.^`|~-]+)(?:\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s;,\"]*)))?")
_REFRESH = re.compile(r"\s*[\d.]*\s*[;,]\s*(?:url\s*=\s*)?['\"]?([^'\"]+)", re.IGNORECASE)
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Candidate:
    """An address at which a feed may be."""

    url: str
    """Absolute, http(s), without fragment."""
    title: str = ""
    """As the page calls it."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a web page says of feeds."""

    candidates: tuple[Candidate, ...]
    """Each address once, in the order of the page; what it links as text alone counts where nothing else does."""
    onward: str | None = None
    """Where it sends browsers on (a refresh), if it names no feed."""


def look(fetched: Fetched) -> Page:
    """Return what the answer says of feeds: its Link headers first, then links in head and body; never fails."""
    text = decode(fetched.body, fetched.headers.get("content-type")).text[:PAGE]
    found = list(tags(text))
    base = _base(found, text, fetched.url)
    stated = [*_of_headers(fetched.headers, fetched.url), *_of_links(found, text, base)]
    candidates = _each_once(stated, fetched.url) or _each_once(_of_anchors(found, text, base), fetched.url)
    return Page(candidates, None if candidates else _onward(found, text, base))


def usual(url: str) -> tuple[Candidate, ...]:
    """Return where feeds usually lie on the site of a page: nothing of it is known to be there."""
    root = urljoin(url, "/")
    here = urljoin(url, ".") if urlsplit(url).path.endswith("/") else f"{url.partition('?')[0].partition('#')[0]}/"
    places = [urljoin(here, "feed")] if urlsplit(here).path != "/" else []
    return tuple(Candidate(one) for one in dict.fromkeys([*places, *(urljoin(root, name) for name in USUAL)]))


def _base(found: Iterable[Tag], text: str, url: str) -> str:
    """Return what relative URLs of the page stand on: its first base element, if that is of the web."""
    for tag in found:
        if tag.name == "base" and (href := _values(tag, text).get("href")):
            return _absolute(href, url) or url
    return url


def _of_headers(headers: Mapping[str, str], url: str) -> Iterator[tuple[str | None, str]]:
    """Yield what Link headers name (RFC 8288)."""
    for link in _LINK.finditer(headers.get("link", "")[:10_000]):
        said = {name.lower(): quoted or plain for name, quoted, plain in reversed(_PARAMETER.findall(link[2]))}
        if _is_feed(said.get("rel", ""), said.get("type", ""), link[1]):
            yield _absolute(link[1], url), said.get("title", "")


def _of_links(found: Iterable[Tag], text: str, base: str) -> Iterator[tuple[str | None, str]]:
    """Yield what the page's link elements name, and anchors that say their relation as those do."""
    for tag in found:
        if tag.name not in {"link", "a"}:
            continue
        said = _values(tag, text)
        if "rel" in said and _is_feed(said["rel"], said.get("type", ""), said.get("href", "")):
            yield _absolute(said.get("href", ""), base), said.get("title", "")


def _of_anchors(found: Iterable[Tag], text: str, base: str) -> Iterator[tuple[str | None, str]]:
    """Yield what the page links to like any other page, where the address reads like that of a feed."""
    for tag in found:
        if tag.name == "a":
            said = _values(tag, text)
            if _reads_like_a_feed(said.get("href", "")):
                yield _absolute(said["href"], base), said.get("title", "")


def _is_feed(rel: str, type_: str, href: str) -> bool:
    relations = rel.lower().split()
    kind = type_.partition(";")[0].strip().lower()
    if "feed" in relations:
        return True  # an earlier draft of HTML5, and what some generators still write
    if "alternate" not in relations or "stylesheet" in relations:
        return False
    return kind in TYPES or (kind in PERHAPS and _reads_like_a_feed(href))


def _reads_like_a_feed(href: str) -> bool:
    try:
        parts = urlsplit(href.strip())
    except ValueError:
        return False
    return bool(_FEED_LIKE.search(parts.path) or _FEED_QUERY.search(parts.query))


def _onward(found: Iterable[Tag], text: str, base: str) -> str | None:
    for tag in found:
        said = _values(tag, text) if tag.name == "meta" else {}
        if said.get("http-equiv", "").lower() == "refresh" and (to := _REFRESH.match(said.get("content", ""))):
            return _absolute(to[1], base)
    return None


def _values(tag: Tag, text: str) -> dict[str, str]:
    """Return the attributes of a tag, references replaced; of one that stands twice the first."""
    return {one.name: unescape(text[one.start : one.end]) for one in reversed(tag.attributes[:64])}


def _absolute(href: str, base: str) -> str | None:
    """Return the address that is meant; None where it is none of the web."""
    try:
        url = urljoin(base, _SPACE.sub("", href.strip()) if "\n" in href else href.strip().replace(" ", "%20"))
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc or not url.isprintable():
        return None
    return url.partition("#")[0]


def _each_once(found: Iterable[tuple[str | None, str]], page: str) -> tuple[Candidate, ...]:
    """Return each address once with its first title; the page itself is none."""
    titles: dict[str, str] = {}
    for url, title in found:
        if url is not None and url != page and not titles.get(url):
            titles[url] = contained(line(_SPACE.sub(" ", title))[:200])
    return tuple(Candidate(url, title) for url, title in titles.items())
