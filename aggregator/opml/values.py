"""What a list of subscriptions says: its feeds, and what of it is none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

NAMESPACE = "urn:feed-aggregator:opml"
"""Of attributes that are keys of a source in feeds.yaml."""
STRUCTURED = frozenset(("auth", "cookies", "fallback", "filters", "headers", "keep", "tags"))
"""Keys whose value is a list or a mapping, which stands there as JSON."""
MAX_BYTES = 32 * 1024 * 1024
"""A list of 100,000 feeds has about 20 MB."""
MAX_FEEDS = 100_000
MAX_FOLDERS = 32
"""Folders within each other whose names are kept; deeper ones are read as if they stood in the last of these."""
MAX_TEXT = 500
"""Characters of a title or the name of a folder."""
PLACE = "position"
"""The attribute that holds a feed's place where folders part the order of feeds.yaml."""
LONGEST_PLACE = 10
"""Digits of it; of one with more than 4,300 Python makes no number at all."""
ROUTE = "rsshub"
"""The attribute that holds the route of RSSHub."""

ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
"""Characters that XML 1.0 or feeds.yaml does not take."""
SPACE = re.compile(r"[\s\x85\u2028\u2029]+")

Setting = str | list[object] | dict[str, object]


class OpmlError(ValueError):
    """The document is no list of subscriptions; the text says what it is, and the way out."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A feed of a list."""

    url: str
    """http or https, as the list has it, trimmed; `feed:` and the like are mended, the rest is not judged."""
    title: str = ""
    """One line; `""` where the list gives none, or the address for one."""
    html_url: str = ""
    folders: tuple[str, ...] = ()
    """Names of the folders that it stands in, outermost first."""
    settings: Mapping[str, Setting] = field(default_factory=dict)
    """
    Keys of a source in feeds.yaml with their values as written there, `${VAR}` among them.

    Of a list that somebody else wrote they are somebody else's wishes, and so is a variable in `url`.
    """
    route: str = ""
    """The route of RSSHub that `url` was made of, `/a/b`, where our settings name one."""
    line: int = 0
    """Where its outline begins, for messages; no part of what is written."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a list says, as far as it can be read."""

    feeds: tuple[Listed, ...]
    """Each address once (with each id once, where settings give one), in the order of the list."""
    skipped: tuple[str, ...] = ()
    """What is no feed, or stands twice: a sentence each, `line 12: ...`, in the order of the list."""
    title: str = ""
    degraded: str | None = None
    """Why it had to be read tag by tag; None where it is well-formed."""


def category(folders: Sequence[str]) -> str | None:
    """
    Return the category of a feed in these folders: the innermost, None outside of all.

    Some programs put every folder into one that is named after themselves, so that the outermost says nothing.
    """
    return folders[-1] if folders else None


def folders_of(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that say something, of the outermost folders."""
    return tuple(one_line(name) for name in names if one_line(name))[:MAX_FOLDERS]


def one_line(text: str) -> str:
    """Return the text as one line that feeds.yaml takes."""
    return SPACE.sub(" ", ILLEGAL.sub("", text)).strip()[:MAX_TEXT].rstrip()
