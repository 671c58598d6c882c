"""What goes down from `defaults` through groups to a source, and what it comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aggregator.config import headers
from aggregator.config.schema import AuthPart, Inherited, KeepPart
from aggregator.model import Bounds, Keep, Source
from storage.images import ImagePolicy

BUILT_IN = Source(id="", url="", name="")
"""What holds where nothing says anything."""
SAME = (
    "category",
    "site",
    "feed",
    "author",
    "record_body",
    "at_least",
    "at_most",
    "timeout",
    "tags",
    "user_agent",
    "tls_verify",
    "max_download",
    "max_body",
    "max_freshness",
    "max_retry_after",
)
"""Keys that a source of the program has under the same name, with the same meaning."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What sources that inherit the same have in common."""

    fields: Mapping[str, Any]
    """Of `Source`."""
    paused: bool


class Shapes:
    """Makes shapes, each once: tens of thousands of sources may have but one."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[Inherited, Shape]] = {}

    def of(self, all_: Inherited) -> Shape:
        """Return the shape of what holds for a source."""
        found = self._made.get(id(all_))
        if found is None:
            # The value is kept beside its shape, so that no other one gets its id.
            found = self._made[id(all_)] = (all_, Shape(_fields(all_), paused=all_.enabled is False))
        return found[1]


def merged(outer: Inherited, inner: Inherited) -> Inherited:
    """
    Return what holds below both: lists add the outer items first, maps merge by key, the rest replaces, null resets.

    A log-in (`auth`) is one thing: it replaces whole.
    """
    own = {key: getattr(inner, key) for key in inner.model_fields_set if key in Inherited.model_fields}
    if not own:
        return outer
    for key, value in own.items():
        before = getattr(outer, key)
        if value is None or before is None:
            continue
        if key == "tags":
            own[key] = tuple(dict.fromkeys((*before, *value)))
        elif key == "filters":
            own[key] = (*before, *value)
        elif key == "keep":
            own[key] = before.model_copy(update={one: getattr(value, one) for one in value.model_fields_set})
        elif key in {"headers", "cookies"}:
            own[key] = _by_name(before, value, folded=key == "headers")
    return outer.model_copy(update=own)


def _by_name(
    before: Mapping[str, str | None], value: Mapping[str, str | None], *, folded: bool
) -> dict[str, str | None]:
    names = {name.casefold() if folded else name for name in value}
    kept = {name: one for name, one in before.items() if (name.casefold() if folded else name) not in names}
    return {**kept, **value}


def _fields(all_: Inherited) -> dict[str, Any]:
    """Return the fields of `Source`, those of which nothing is said as they are built in."""
    found = {key: value for key in SAME if (value := getattr(all_, key)) is not None}
    keep = all_.keep or KeepPart()
    found["keep"] = Keep(keep.days or BUILT_IN.keep.days, keep.entries or BUILT_IN.keep.entries)
    found["every"] = None if all_.every == "auto" else all_.every
    found["proxy"] = all_.proxy or None
    found["bounds"] = Bounds(
        all_.max_entries or BUILT_IN.bounds.entries,
        all_.max_entry or BUILT_IN.bounds.entry,
        all_.max_depth or BUILT_IN.bounds.depth,
        all_.max_attributes or BUILT_IN.bounds.attributes,
    )
    found["filters"] = tuple(one.value() for one in all_.filters or ())
    found["headers"] = tuple(_headers(all_).items())
    if all_.images:
        found["images"] = ImagePolicy(all_.images, all_schemes=all_.images_scope == "all")
    return found


def _headers(all_: Inherited) -> dict[str, str]:
    """Return the request headers; a log-in stands above a header of its name."""
    found = {name: value for name, value in (all_.headers or {}).items() if value is not None}
    cookies = {name: value for name, value in (all_.cookies or {}).items() if value is not None}
    if all_.auth is not None:
        found = {name: value for name, value in found.items() if name.casefold() != "authorization"}
        found["Authorization"] = _authorization(all_.auth)
    if cookies:
        found["Cookie"] = headers.cookie(cookies)
    return found


def _authorization(auth: AuthPart) -> str:
    if auth.bearer is not None:
        return f"Bearer {auth.bearer}"
    return headers.basic(auth.username or "", auth.password)
