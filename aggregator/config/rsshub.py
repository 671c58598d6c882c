"""The shorthand of RSSHub: `rsshub:/woshipm/latest` is that route at each of the bases, in their order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from aggregator.config import urls
from aggregator.config.faults import WrongValueError

SCHEME = "rsshub:"
RULE = "a route begins with /, such as rsshub:/woshipm/latest"


def is_short(text: str) -> bool:
    """Return whether the text is a shorthand and no URL."""
    return text.lstrip()[: len(SCHEME)].casefold() == SCHEME


def route(text: str) -> str:
    """Return the route of `rsshub:/a/b`, `rsshub://a/b`, `/a/b` or the value of `rsshub:`: it begins with one `/`."""
    bare = text.strip()
    bare = bare[len(SCHEME) :].strip() if is_short(bare) else bare
    if "://" in bare:
        raise WrongValueError(
            f'"{urls.cut(bare)}" is a URL; under `rsshub` the route alone is meant: {RULE}', _of(bare)
        )
    if not bare.strip("/"):
        raise WrongValueError(f"names no route; {RULE}")
    if re.search(r"[\s\x00-\x1f\x7f]", bare):
        raise WrongValueError(f'"{urls.cut(bare)}" has a space in it; in a URL it is written %20')
    if not bare.startswith("/"):
        raise WrongValueError(f'"{urls.cut(bare)}" has no / at its beginning; {RULE}', f"/{bare}")
    return "/" + bare.lstrip("/")


def base(text: str) -> str:
    """Return the address of an RSSHub instance, without a `/` at its end."""
    return urls.base_url(text).rstrip("/")


def expanded(route_: str, bases: Sequence[str], key: str) -> tuple[str, ...]:
    """
    Return the URLs of a route, one a base, in the order of the bases.

    `key` goes into the query as RSSHub wants it (`?key=`, its access control); empty: none.
    """
    path, hash_, fragment = route_.partition("#")
    if key:
        path += f"{'&' if '?' in path else '?'}key={quote(key, safe='')}"
    return tuple(f"{one}{path}{hash_}{fragment}" for one in bases)


def _of(url: str) -> str | None:
    path = url.partition("://")[2].partition("/")[2]
    return f"/{path}" if path else None
