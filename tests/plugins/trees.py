"""What cleaning leaves of a body, told from the body as a tree: another road than the product's."""

from __future__ import annotations

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from aggregator.clean import ATTRIBUTES, DROPPED, TAGS
from aggregator.pictures import LAZY, LAZY_SETS
from aggregator.plain import text_of

URLS = {"href", "src", "srcset", "poster", "sizes", *LAZY, *LAZY_SETS}


def body(html: str) -> LexborNode:
    root = LexborHTMLParser(f"<!doctype html><body>{html}").body
    assert root is not None
    return root


def elements(node: LexborNode, *, keep_all: bool) -> Iterator[tuple[str, frozenset[tuple[str, str]]]]:
    """Yield the allowed elements in order, with what of their attributes may stay and is no URL."""
    for child in node.iter(include_text=False):
        tag = child.tag or ""
        if tag in DROPPED and not keep_all:
            continue
        if tag in TAGS and not _is_lost(child):
            names = ATTRIBUTES["*"] | ATTRIBUTES.get(tag, frozenset())
            said = {(name, value or "") for name, value in child.attributes.items()}
            yield tag, frozenset((name, value) for name, value in said if name in names - URLS)
        yield from elements(child, keep_all=keep_all)


def _is_lost(node: LexborNode) -> bool:
    """Tell of a picture that it is a counter, or has no URL that may stay."""
    if node.tag not in ("img", "source"):
        return False
    attributes = node.attributes
    sizes = [(attributes.get(name) or "").removesuffix("px").strip() for name in ("width", "height")]
    if node.tag == "img" and all(size.isdigit() and int(size) <= 2 for size in sizes):
        return True
    urls = [attributes.get(name) or "" for name in ("src", "srcset", *LAZY, *LAZY_SETS)]
    return not any(url.strip() and not url.strip().lower().startswith(("data:", "javascript:")) for url in urls)


def visible(html: str) -> str:
    return re.sub(r"\s+", "", text_of(html))
