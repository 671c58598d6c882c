"""What tells one entry of a source from another: identity, alias, public id, digest (docs/etiquette.md, rules 69, 70, 74)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from urllib.parse import urlsplit

from aggregator.hosts import host_and_port, registrable
from storage.links import canonical_link
from storage.record import Enclosure, minted_id

_LONGEST = 2_000
"""Characters of an identity or a public id; a longer one stands as its SHA-256."""
_TEXT = 1_024
"""Characters of text that tell entries apart which have neither guid nor link (rule 69)."""

_FRONT_PAGE = re.compile(r"/*(?:index\.\w{2,5}|home/?)?")
# RFC 3987, as an atom:id is an IRI: a scheme, none of the characters that stand in no URI, a percent sign before two
# digits only, one fragment.
_IN_IRI = r"(?:[^\s%#<>\[\]\"{}|\\^`\x00-\x20\x7f-\xa0\ud800-\udfff\ufeff\ufffe\uffff]|%[0-9A-Fa-f]{2})"
_IRI = re.compile(rf"[A-Za-z][A-Za-z0-9+.-]*:{_IN_IRI}+(?:#{_IN_IRI}*)?")
# RFC 4151; the date is a year, a month or a day.
_IN_TAG = r"[A-Za-z0-9;/?:@&=+$._!~*'()%,-]*"
_TAG = re.compile(rf"tag:(?:[a-z0-9._-]+@)?[a-z0-9.-]+,\d{{4}}(?:-\d\d(?:-\d\d)?)?:{_IN_TAG}(?:#{_IN_TAG})?", re.ASCII)
# RFC 8141 section 2, RFC 9562 section 4.
_UUID = re.compile(r"(?ai)urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_URN = re.compile(r"(?ai)urn:(?!uuid:)[a-z0-9][a-z0-9-]{1,31}:(?:[a-z0-9()+,.:=@;$_!*'-]|%[0-9a-f]{2})+")
_STRICT = {"tag": (_TAG,), "urn": (_UUID, _URN)}
"""Schemes whose ids have a form of their own."""


def identity_of(guid: str | None, link: str | None, title: str, text: str, site: str | None) -> str:
    """
    Return what tells the entry from others of its source, from what it says itself and nothing else (rule 69).

    The guid, else the canonical link, else a digest of title and first text. `site` is the link of the feed: an
    entry without a guid that links to the front page has no address of its own, so its title goes with the link.
    Several entries of one document may share an identity (rule 71): reconciling, which knows what is stored, parts them.
    """
    if guid:
        return guid if len(guid) <= _LONGEST else f"sha256:{_hex(guid)}"
    if not link:
        return f"sha256:{_hex(title, text[:_TEXT])}"
    address = canonical_link(link)
    if _is_front_page(address, site):
        return f"{address}|{_hex(title or text[:_TEXT])[:32]}"
    return address if len(address) <= _LONGEST else f"sha256:{_hex(address)}"


def alias_of(identity: str) -> str:
    """Return the identity with http and https made one, and nothing else (rule 70)."""
    return f"http{identity[5:]}" if identity[:6].lower() == "https:" else identity


def is_sound_id(text: str) -> bool:
    """Return whether it may be an `atom:id`: an absolute IRI, and where it is a `tag:` or `urn:` one of their form."""
    if not _IRI.fullmatch(text):
        return False
    forms = _STRICT.get(text.partition(":")[0].lower(), ())
    return not forms or any(form.fullmatch(text) for form in forms)


def public_id_of(guid: str | None, source_url: str, first_seen: datetime, key: str) -> str:
    """
    Return the id that subscribers see: the guid where it is a sound id that the source may use, else a minted one.

    An http(s) guid must lie on the source's registrable domain, so that no source takes another's ids.
    """
    if guid and len(guid) <= _LONGEST and is_sound_id(guid) and _is_theirs(guid, source_url):
        return guid
    return minted_id(_host(source_url) or "localhost", first_seen, key)


def _is_theirs(guid: str, source_url: str) -> bool:
    if not guid.lower().startswith(("http:", "https:")):
        return True
    host = _host(guid)
    return bool(host) and registrable(host) == registrable(_host(source_url))


@lru_cache(maxsize=1024)
def _host(url: str) -> str:
    return host_and_port(url).rpartition(":")[0].strip("[]")


def digest_of(title: str, link: str | None, text: str, media: Iterable[str], enclosures: Iterable[Enclosure]) -> str:
    """
    Return a digest of what a reader sees of the entry; equal digest: not an update (rule 74).

    Media count by their URL without query, as signed URLs change from poll to poll.
    """
    seen = [title, canonical_link(link) if link else "", text, *map(_unsigned, media)]
    seen += [_unsigned(enclosure.url) for enclosure in enclosures]
    return _hex(*seen)


def _is_front_page(address: str, site: str | None) -> bool:
    if site is not None and alias_of(address) == alias_of(canonical_link(site)):
        return True
    parts = urlsplit(address)
    return not parts.query and not parts.fragment and _FRONT_PAGE.fullmatch(parts.path) is not None


def _unsigned(url: str) -> str:
    return url.partition("?")[0].partition("#")[0]


def _hex(*parts: str) -> str:
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
