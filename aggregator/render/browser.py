"""What makes an XML feed readable in a browser: a stylesheet and one XHTML `<div>`, always part of the bytes."""

from __future__ import annotations

from html import escape
from typing import Protocol

from lxml import etree

from aggregator.render.characters import plain

XHTML = "http://www.w3.org/1999/xhtml"


class Addressed(Protocol):
    """A feed of ours: what a person has to know of it."""

    @property
    def title(self) -> str: ...  # noqa: D102 # the names say it

    @property
    def self_url(self) -> str: ...  # noqa: D102

    @property
    def home_url(self) -> str: ...  # noqa: D102


def explanation(feed: Addressed) -> etree._Element:
    """Return the `<div>` that tells a person what this is, for feed or channel to hold before its entries."""
    div = etree.Element(f"{{{XHTML}}}div", nsmap={None: XHTML})
    div.set("class", "about")
    _say(div, "p", plain(feed.title) or "Merged feed").set("class", "name")
    _say(div, "p", "This is a feed. Put its address into a feed reader, and new entries come to you:")
    _say(div, "p", feed.self_url).set("class", "address")
    place = etree.SubElement(div, f"{{{XHTML}}}p")
    _say(place, "a", "The same entries as a page", href=feed.home_url)
    return div


def _say(parent: etree._Element, name: str, text: str, **attributes: str) -> etree._Element:
    element = etree.SubElement(parent, f"{{{XHTML}}}{name}", attributes)
    element.text = text
    return element


def document(root: etree._Element, style: str | None) -> bytes:
    """Return the document in UTF-8 with its declaration; entries stand on lines of their own. No DTD, no entity."""
    for element in (*root.iterchildren(), *(root[0].iterchildren() if root.tag == "rss" else ())):
        element.tail = "\n"
    head = '<?xml version="1.0" encoding="utf-8"?>\n'
    if style:
        head += f'<?xml-stylesheet type="text/css" href="{escape(style)}"?>\n'
    return head.encode() + etree.tostring(root, encoding="utf-8", xml_declaration=False) + b"\n"
