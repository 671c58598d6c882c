"""What makes records of different sources one story: the names of an article, equal wherever it is told of."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256

from storage.pages import LONGEST, is_nobodys, page_of

_SITE, _ARTICLE = 4, 8
"""
Bytes of a name in the store. Names of one site lie side by side, so that those of a poll touch few pages of the index;
of ten million names of one site two are equal by chance once in 300,000 stores.
"""

_TAG = re.compile(r"tag:(?:[^@,:]+@)?([a-z0-9.-]+),\d{4}(?:-\d\d(?:-\d\d)?)?:.*[^/]", re.IGNORECASE)
_UUID = re.compile(r"(?ai)urn:uuid:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_URN = re.compile(r"(?ai)urn:([a-z0-9][a-z0-9-]{1,31}):(?=.*[a-z0-9._-]{8})(.+)")
_PATH = re.compile(r"[/,].*", re.DOTALL)
_NIL = re.compile(r"([0f])(?:\1|-)+")
_COPIED = {
    "1225c695-cfb8-4ebb-aaaa-80da344efa6a",
    "60a76c80-d399-11d9-b93c-0003939e0af6",
    "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
}
"""The examples of RFC 4287 and RFC 4122, which stand in many a feed written by hand."""


def names_of(link: str | None, guid: str | None) -> tuple[bytes, ...]:
    """
    Return the names of an article, as the store keeps them: records of two sources with one name in common are one story.

    At most two: of its link, and of its id where that is an absolute URI. None for what names no article.
    """
    return tuple(name_of(text) for text in words_of(link, guid))


def name_of(words: str) -> bytes:
    """Return the name, as the store keeps it, of one of `words_of`."""
    return _site(_PATH.sub("", words)) + _digest(words)[:_ARTICLE]


@lru_cache(maxsize=4096)
def _site(words: str) -> bytes:
    return _digest(words)[:_SITE]


def _digest(words: str) -> bytes:
    return sha256(words.encode("utf-8", "surrogatepass")).digest()


def words_of(link: str | None, guid: str | None) -> tuple[str, ...]:
    """Return the same names for people: `blog.example/2026/harbour`, `tag:blog.example,2026:7`."""
    of_link = page_of(link) if link else None
    if not guid or guid == link:
        return (of_link,) if of_link else ()
    of_guid = page_of(guid) if guid[:4].lower() == "http" else _uri(guid)
    return tuple(dict.fromkeys(name for name in (of_link, of_guid) if name))


def _uri(guid: str) -> str | None:
    """Return an id that is one everywhere, in its one spelling; None for one that another publisher may use as well."""
    if len(guid) > LONGEST:
        return None
    if found := _TAG.fullmatch(guid):
        return None if is_nobodys(found[1].lower()) else guid
    if found := _UUID.fullmatch(guid):
        uuid = found[1].lower()
        return None if uuid in _COPIED or _NIL.fullmatch(uuid) else f"urn:uuid:{uuid}"
    found = _URN.fullmatch(guid)
    return f"urn:{found[1].lower()}:{found[2]}" if found and found[1].lower() != "uuid" else None
