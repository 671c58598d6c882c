"""Tells how a source is asked: under which name, alike with which others, and what of that an operator is reminded of."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from dataclasses import astuple

from aggregator.hosts import redact
from aggregator.model import Bounds, FilterKind, Source

_SECRET_DIGITS = 3


def agent_of(source: Source, usual: str) -> str:
    """
    Return the `User-Agent` of the source's requests: its own as written, else the usual one with the feed's id.

    `feed-aggregator/0.1.0 (+https://news.example.org/; feed-id=5f1d0a3b92c4)`: a publisher with many feeds sees which
    of our subscriptions asks, also after it has moved the feed. Without an address to open there is nobody to tell it
    to, and no id. Subscribers are not counted: docs/etiquette.md, rule 55.
    """
    if source.user_agent is not None:
        return " ".join("".join(c if "!" <= c <= "~" else " " for c in source.user_agent).split()) or usual
    before, opening, comment = usual.partition("(+")
    if not opening:
        return usual
    address, closing, after = comment.partition(")")
    return f"{before}{opening}{address}; feed-id={feed_id(source.id)}{closing}{after}"


def feed_id(source_id: str) -> str:
    """Return what names the source to its publisher: the same for ever, and nothing of feeds.yaml can be read from it."""
    return hashlib.sha256(f"feed-id\0{source_id}".encode()).hexdigest()[:12]


def unusual(source: Source) -> tuple[str, ...]:
    """Return a sentence for each way in which the source is asked otherwise than rules 54 to 58 have it."""
    own = next((value for name, value in source.headers if name.lower() == "user-agent"), source.user_agent)
    said = []
    if not source.tls_verify:
        said.append("its certificate is not verified (tls_verify: false): anybody on the way can read and change it")
    if own is not None:
        said.append(f'it is asked under the name "{own}" (user_agent)')
    if source.proxy is not None:
        said.append(f"it is asked through the proxy {redact(source.proxy)}")
    return tuple(said)


def request_of(source: Source) -> Hashable:
    """Return all that decides what its request is: those who share it share the request (rule 62)."""
    own = source.user_agent, source.proxy, source.tls_verify, source.max_download, source.max_body
    return source.url, source.fallback, source.headers, own, source.timeout


def settings_digest(source: Source) -> str:
    """
    Return what changes when feeds.yaml asks for something else, or reads it otherwise: validators go then (rule 3).

    Headers hold secrets, and this is stored: of them it tells three hexadecimal digits. Of a password that could be
    guessed, one guess in 4,096 looks right by chance; of a changed header, one in 4,096 goes by unseen, which costs
    nothing where the publisher's own validators tell the difference.
    """
    # Rules that choose by classes need them kept besides: what is listed is to be read once more (`marked_html`).
    marks = "\0marked" if any(rule.kind is FilterKind.REMOVE for rule in source.filters) else ""
    bounds = "" if source.bounds == Bounds() else f"\0{astuple(source.bounds)}"
    reading = f"{source.url}\0{source.record_body}{marks}{bounds}"
    digest = hashlib.sha256(reading.encode()).hexdigest()[:16]
    if not source.headers and source.user_agent is None:
        return digest
    asking = repr((source.id, source.url, source.headers, source.user_agent))
    return f"{digest}-{hashlib.sha256(asking.encode()).hexdigest()[:_SECRET_DIGITS]}"
