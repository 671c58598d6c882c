"""Make of a clean body the one that stands on a page: pictures wait until they are seen, headings fit in."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from aggregator.render.characters import markup
from storage.markup import Tag, replaced, tags

_PICTURE = ' loading="lazy" decoding="async" referrerpolicy="no-referrer"'
_MEDIA = ' preload="none"'
_REACHED = ' tabindex="0"'
"""What is wider than the page is scrolled with the keys, too."""
_HEADINGS = {f"h{level}": level for level in range(1, 7)}


def body_of(html: str, below: int) -> Markup:
    """
    Return the clean HTML for a page, where it stands under a heading of level `below`.

    Its own headings follow on that level without a gap. Of attributes that are there twice a browser takes the first:
    what is put in here holds.
    """
    html = markup(html)
    found = list(tags(html))
    used = sorted({_HEADINGS[tag.name] for tag in found if tag.name in _HEADINGS})
    levels = {f"h{level}": f"h{min(6, below + 1 + place)}" for place, level in enumerate(used)}
    return Markup(replaced(html, (edit for tag in found for edit in _edits(tag, levels))))  # noqa: S704 - it was cleaned when it came


def _edits(tag: Tag, levels: dict[str, str]) -> Iterator[tuple[int, int, str]]:
    named = tag.start + 1 + len(tag.name)
    if tag.name == "img":
        yield named, named, _PICTURE
    elif tag.name in ("audio", "video"):
        yield named, named, _MEDIA
    elif tag.name == "pre":
        yield named, named, _REACHED
    elif new := levels.get(tag.name.removeprefix("/")):
        yield named - 2, named, new
