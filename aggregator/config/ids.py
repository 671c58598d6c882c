"""Ids and names of sources: what may be given, and what a source has that gives none. Nothing secret goes into them."""

from __future__ import annotations

import re
from hashlib import sha256

from aggregator.config.environment import without_placeholders
from aggregator.config.faults import WrongValueError
from aggregator.config.urls import dns_form

LONGEST = 64
RULE = "an id is made of a-z, 0-9 and . _ -, begins with a letter or digit, and has at most 64 characters"

PATTERN = rf"^[a-z0-9][a-z0-9._-]{{0,{LONGEST - 1}}}$"

_ID = re.compile(PATTERN[1:-1])
_WORDS = re.compile(r"[a-z0-9]+")
_PARTS = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?(?://)?(?:www\.)?(?P<host>[^/?#]*)(?P<path>[^?#]*)(?P<rest>.*)", re.DOTALL
)
_SHORT = re.compile("^rsshub:/*", re.IGNORECASE)
_ROOM = LONGEST - 7
"""Characters of a slug, so that a hyphen and six digits of a suffix find room."""


def given(text: str) -> str:
    """Return an id that feeds.yaml gives; raise `WrongValueError` where it could not stand in a path or a key."""
    if _ID.fullmatch(text):
        return text
    mended = re.sub(r"[^a-z0-9._-]+", "-", text.casefold()).strip("-._")[:LONGEST]
    raise WrongValueError(f'"{text[:80]}" is no id; {RULE}', mended or None)


def slug(written_url: str) -> str:
    """
    Return the id of a source that gives none: the words of host (without `www.`) and path, joined by `-`.

    Made of the URL as it stands in the file, variables and query left out: ids are public, and both may be secret.
    """
    parts = _PARTS.fullmatch(_SHORT.sub("rsshub/", without_placeholders(written_url).strip()))
    host, path = (parts["host"], parts["path"]) if parts else ("", "")
    words = _WORDS.findall(f"{dns_form(host)}/{path}".casefold())
    return "-".join(words)[:_ROOM].strip("-") or "source"


def suffixed(slug_: str, written_url: str, length: int = 6) -> str:
    """Return the slug with a suffix that depends on the URL as written, and on nothing else."""
    return f"{slug_[: LONGEST - 1 - length]}-{sha256(written_url.encode()).hexdigest()[:length]}"


def name(written_url: str) -> str:
    """Return what a source is called that has no name: host and path, variables as `…`, without the query."""
    url = without_placeholders(written_url, "…").strip()
    if _SHORT.match(url):
        return url.partition("?")[0].partition("#")[0][:120]
    parts = _PARTS.fullmatch(url)
    text = f"{parts['host']}{parts['path'].rstrip('/')}" if parts else ""
    return text[:120] or "source"
