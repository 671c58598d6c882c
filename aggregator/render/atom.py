"""Write a merged feed as Atom (RFC 4287), the canonical one of the three formats."""

from __future__ import annotations

from html import escape

from lxml import etree

from aggregator.render.browser import document, explanation
from aggregator.render.characters import language_tag, markup, media_type, plain, rfc3339, web_uri
from aggregator.render.extensions import ATOM, add_history, add_others, add_podcast, namespaces, others
from aggregator.render.merged import MergedFeed, SourceInfo
from aggregator.render.wording import categories_of, shown_title, writers_of
from storage.record import Enclosure, Record

MEDIA = "http://search.yahoo.com/mrss/"
TYPE = "application/atom+xml"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def atom(feed: MergedFeed) -> bytes:
    """Return the feed as an Atom document in UTF-8."""
    root = etree.Element(f"{{{ATOM}}}feed", nsmap={None: ATOM, "media": MEDIA} | namespaces(feed))
    language = language_tag(feed.language)
    if language:
        root.set(_LANG, language)
    _text(root, "id", feed.id)
    _text(root, "title", plain(feed.title) or "Merged feed", type="text")
    _text(root, "updated", rfc3339(feed.updated))
    _link(root, rel="self", type=TYPE, href=feed.self_url)
    _link(root, rel="alternate", type="text/html", href=feed.home_url)
    add_history(root, feed, TYPE)
    _text(root, "generator", "feed-aggregator")
    root.append(explanation(feed))
    for record in feed.records:
        entry = _entry(root, record, inherited=language)
        add_others(entry, others(feed, record))
        add_podcast(entry, record)
        _source(entry, record, feed.source_of(record))
    return document(root, feed.style)


def _entry(root: etree._Element, record: Record, *, inherited: str | None) -> etree._Element:
    entry = etree.SubElement(root, f"{{{ATOM}}}entry")
    language = language_tag(record.language)
    if language and language != inherited:
        entry.set(_LANG, language)
    title, link, html = shown_title(record), web_uri(record.link), markup(record.html)
    _text(entry, "id", plain(record.public_id))
    _text(entry, "title", title, type="text")
    _text(entry, "updated", rfc3339(record.updated))
    _text(entry, "published", rfc3339(record.published))
    if link:
        _link(entry, rel="alternate", type="text/html", href=link)
    for name in writers_of(record):
        _text(etree.SubElement(entry, f"{{{ATOM}}}author"), "name", name)
    for term in categories_of(record):
        etree.SubElement(entry, f"{{{ATOM}}}category", term=term)
    for enclosure in record.enclosures:
        _enclosure(entry, enclosure)
    thumbnail = web_uri(record.image)
    if thumbnail:
        etree.SubElement(entry, f"{{{MEDIA}}}thumbnail", url=thumbnail)
    if summary := plain(record.summary):
        _text(entry, "summary", summary, type="text")
    if html.strip():
        _text(entry, "content", html, type="html")
    elif not link:  # section 4.1.2: an entry without content must have an alternate link
        _text(entry, "content", escape(summary or title), type="html")
    return entry


def _source(entry: etree._Element, record: Record, source: SourceInfo) -> None:
    """
    Append atom:source (section 4.2.11).

    Its `updated` is the entry's own: what publishers write there changes with every fetch of some of them,
    and a poll that brings nothing must change no byte.
    """
    element = etree.SubElement(entry, f"{{{ATOM}}}source")
    _text(element, "id", source.id)
    _text(element, "title", source.title, type="text")
    _text(element, "updated", rfc3339(record.updated))
    if source.url and source.type:
        _link(element, rel="self", type=source.type, href=source.url)
    elif source.url:
        _link(element, rel="self", href=source.url)
    if source.home:
        _link(element, rel="alternate", type="text/html", href=source.home)


def _enclosure(entry: etree._Element, enclosure: Enclosure) -> None:
    href = web_uri(enclosure.url)
    if href is None:
        return
    link = _link(entry, rel="enclosure", type=media_type(enclosure.type, href), href=href)
    if enclosure.length is not None:
        link.set("length", str(enclosure.length))
    if title := plain(enclosure.title or ""):
        link.set("title", title)


def _text(parent: etree._Element, name: str, value: str, **attributes: str) -> None:
    etree.SubElement(parent, f"{{{ATOM}}}{name}", attributes).text = value


def _link(parent: etree._Element, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{ATOM}}}link", attributes)
