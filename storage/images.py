"""Rewrite the image URLs of a body and of a lead image through an image proxy, and back (R9)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote

from storage.markup import replaced, tags, unescape

_URL_ATTRIBUTES = frozenset({"src", "poster"})
_CANDIDATE = re.compile(r"(?P<before>[\s,]*+)(?P<url>\S++)(?P<rest>[^,(]*+(?:\([^)]*+\)?[^,(]*+)*+)")
_SCHEME = re.compile(r"(https?)://", re.IGNORECASE)
_PLACES = re.compile(r"\{(url|url_encoded)\}")
_IN_ATTRIBUTE = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;", "`": "&#96;", " ": "&#32;"}
)


@dataclass(frozen=True, slots=True)
class ImagePolicy:
    """A template such as `https://proxy.example/?{url}` (`{url_encoded}` too) and which URLs it takes."""

    template: str
    all_schemes: bool = False
    """False: http URLs only (`images_scope: http`); True: https ones too."""


def through(url: str, policy: ImagePolicy | None) -> str:
    """
    Return the URL that is written in place of an image's URL.

    A URL outside the scope, and one that already goes through the template, stays as it is.
    """
    if policy is None or not _in_scope(url, policy) or _original(url, policy) is not None:
        return url
    return _fill(policy.template, url, url)


def rewrite(html: str, policy: ImagePolicy | None) -> str:
    """Return the HTML with every image URL in `src`, `srcset` and `poster` rewritten in place, every other character kept."""
    if policy is None:
        return html
    return _with_urls(html, lambda raw: _through_raw(raw, policy))


def restore(html: str, policy: ImagePolicy | None) -> str:
    """
    Return the HTML with the original URLs: the reverse of `rewrite`.

    URLs that went through the template before are indistinguishable from those that `rewrite` sent through it,
    and a template that names the URL twice cannot be reversed: its URLs stay as they are.
    """
    if policy is None:
        return html
    return _with_urls(html, lambda raw: _restored_raw(raw, policy))


def original(url: str, policy: ImagePolicy | None) -> str:
    """Return the URL that `through` was given, or the URL itself where it does not go through the template."""
    if policy is None:
        return url
    found = _original(url, policy)
    return url if found is None else found


def _with_urls(html: str, change: Callable[[str], str]) -> str:
    return replaced(html, (edit for edit in _edits(html, change) if html[edit[0] : edit[1]] != edit[2]))


def _edits(html: str, change: Callable[[str], str]) -> Iterator[tuple[int, int, str]]:
    for tag in tags(html):
        if tag.name.startswith("/"):
            continue
        for attribute in tag.attributes:
            value = html[attribute.start : attribute.end]
            if attribute.name in _URL_ATTRIBUTES:
                yield attribute.start, attribute.end, _around(value, change)
            elif attribute.name == "srcset":
                yield attribute.start, attribute.end, "".join(_candidates(value, change))


def _around(value: str, change: Callable[[str], str]) -> str:
    """Return the value with its URL changed and the white space round it kept."""
    url = value.strip()
    if not url:
        return value
    before = len(value) - len(value.lstrip())
    return value[:before] + change(url) + value[before + len(url) :]


def _candidates(srcset: str, change: Callable[[str], str]) -> Iterator[str]:
    """Yield the pieces of a srcset (HTML standard, "parse a srcset attribute") with their URLs changed."""
    at = 0
    while found := _CANDIDATE.match(srcset, at):
        # A URL that ends in commas has no descriptor: what follows is the next URL.
        url = found["url"].rstrip(",")
        at = found.end() if url == found["url"] else found.end("url")
        yield found["before"] + (change(url) if url else "") + srcset[found.start("url") + len(url) : at]
    yield srcset[at:]


def _through_raw(raw: str, policy: ImagePolicy) -> str:
    """Return the attribute's text for a URL that stands there as `raw`; its entities stay as they are."""
    url = unescape(raw) if "&" in raw else raw
    if not _in_scope(url, policy) or _original(url, policy) is not None:
        return raw
    return _fill(_in_attribute(policy.template), raw, url)


def _restored_raw(raw: str, policy: ImagePolicy) -> str:
    url = unescape(raw) if "&" in raw else raw
    found = _original(url, policy)
    if found is None:
        return raw
    as_written = _cut_out(raw, _in_attribute(policy.template), "{url}")
    return found.translate(_IN_ATTRIBUTE) if as_written is None else as_written


@lru_cache(maxsize=64)
def _in_attribute(template: str) -> str:
    return template.translate(_IN_ATTRIBUTE)


def _fill(template: str, url: str, plain: str) -> str:
    """Return the template with `url` as it stands and `plain` percent-encoded."""
    return _PLACES.sub(lambda place: url if place[1] == "url" else quote(plain, safe="", errors="replace"), template)


def _original(url: str, policy: ImagePolicy) -> str | None:
    """Return what went through the template to give this URL; None where nothing in scope did."""
    found = _cut_out(url, policy.template, "{url}")
    if found is None:
        encoded = _cut_out(url, policy.template, "{url_encoded}")
        found = None if encoded is None else unquote(encoded)
    return found if found is not None and _in_scope(found, policy) else None


def _cut_out(url: str, template: str, place: str) -> str | None:
    if len(_PLACES.findall(template)) != 1 or place not in template:
        return None
    before, _, after = template.partition(place)
    if not (url.startswith(before) and url.endswith(after) and len(url) > len(before) + len(after)):
        return None
    return url[len(before) : len(url) - len(after)]


def _in_scope(url: str, policy: ImagePolicy) -> bool:
    scheme = _SCHEME.match(url)
    return scheme is not None and (policy.all_schemes or scheme[1].lower() == "http")
