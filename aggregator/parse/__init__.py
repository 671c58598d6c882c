"""
A body that was fetched to the feed in it: entries as the publisher wrote them, nothing cleaned.

Only the worker imports this package: feedparser is heavy, and hostile input is to cost one worker.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from aggregator import charset
from aggregator.challenges import challenger
from aggregator.model import Bounds, Feed, Fetched
from aggregator.outcomes import FailureKind, PollError
from aggregator.parse.bounds import bounded
from aggregator.parse.jsonfeed import read_json
from aggregator.parse.xmlfeed import read_xml
from aggregator.plain import contained, line
from storage.markup import unescape

__all__ = ["Opened", "feed_in", "opened", "parse"]

_FIRST_ELEMENT = re.compile(
    r"<(?:[A-Za-z_][\w.-]*:)?(rss|feed|rdf|channel|html|head|body|opml|urlset|svg)\b", re.IGNORECASE
)
_HTML_DOCTYPE = re.compile(r"\s*(?:<!--(?:(?!-->).)*-->\s*)*<!DOCTYPE\s+html\b", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(r"<title\b[^>]*>([^<]{0,300})", re.IGNORECASE)
_SPACE = re.compile(r"\s+")
_FEEDS = ("rss", "feed", "rdf", "channel")
_SNIFF = 65_536
_BLANK = " \t\r\n"
_AROUND = f"\ufeff\0{_BLANK}"
_FEW = 64


@dataclass(frozen=True, slots=True)
class Opened:
    """A body as characters; the bytes are needed no more."""

    text: str
    url: str
    whole: bool
    """Whether the transport itself says that all of the body came."""
    degraded: str | None
    """What is not as the publisher declared it."""


def parse(fetched: Fetched, bounds: Bounds = Bounds()) -> Feed:
    """
    Return the feed in the body, as much of it as the bounds take.

    The content type counts for its charset only; what the body is, is told from its first characters
    (rule 65). Raises `PollError`: EMPTY, NOT_A_FEED (with the title of a page), BLOCKED (a page that asks a browser
    to prove itself), PARSE, PARSE_LIMIT.
    """
    return feed_in(opened(fetched), bounds)


def opened(fetched: Fetched) -> Opened:
    """Return the body's characters: whoever lets go of the bytes then needs a third less memory. Raises EMPTY."""
    if not fetched.body or fetched.body.isspace():
        raise PollError(FailureKind.EMPTY, "the body is empty")
    decoded = charset.decode(fetched.body, fetched.headers.get("content-type"))
    text = _stripped(decoded.text)
    if not text:
        raise PollError(FailureKind.EMPTY, "the body holds nothing but blanks")
    return Opened(text, fetched.url, _came_whole(fetched), decoded.degraded)


def feed_in(document: Opened, bounds: Bounds) -> Feed:
    """Return the feed in the characters; raises what `parse` does."""
    text = document.text
    if text[0] in "{[":
        feed = read_json(text, document.url, bounds)
    else:
        _refuse_pages(text)
        feed = read_xml(text, document.url, whole=document.whole, bounds=bounds)
    degraded = "; ".join(note for note in (document.degraded, feed.degraded) if note) or None
    return bounded(replace(feed, degraded=degraded) if degraded != feed.degraded else feed, bounds)


def _stripped(text: str) -> str:
    """Return the text without what stands around it; a few blanks may stay behind it, as without them it is a copy."""
    if text[:1] in _AROUND:
        text = text.lstrip(_AROUND)
    end = text[-_FEW:]
    after = end[len(end.rstrip(_AROUND)) :]
    return text.rstrip(_AROUND) if len(after) == _FEW or after.strip(_BLANK) else text


def _came_whole(fetched: Fetched) -> bool:
    """Tell whether the transport itself says that all of the body came: by a length, or by a last chunk."""
    sized = "content-length" in fetched.headers or "chunked" in fetched.headers.get("transfer-encoding", "").lower()
    return fetched.truncated is None and sized


def _refuse_pages(text: str) -> None:
    """Raise NOT_A_FEED for a web page and for what is no markup at all; a server's warning before a feed passes."""
    head = text[:_SNIFF]
    element = _FIRST_ELEMENT.search(head)
    name = element[1].lower() if element else None
    if name in _FEEDS and not _HTML_DOCTYPE.match(head):
        return
    if name in ("html", "head", "body") or _HTML_DOCTYPE.match(head):
        found = _TITLE.search(head)
        title = contained(line(_SPACE.sub(" ", unescape(found[1])))) if found else ""
        if asks := challenger(head):
            said = f', titled "{title}"' if title else ""
            raise PollError(FailureKind.BLOCKED, f"a challenge for browsers in place of the feed ({asks}){said}")
        raise PollError(FailureKind.NOT_A_FEED, f'it is a web page, titled "{title}"' if title else "it is a web page")
    if name or "<" not in head:
        raise PollError(FailureKind.NOT_A_FEED, f"its root is <{name}>" if name else "it is plain text")
