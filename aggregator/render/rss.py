"""Write a merged feed as RSS 2.0 with the Atom, Dublin Core, content and Media RSS modules."""

from __future__ import annotations

from html import escape

from lxml import etree

from aggregator.render.browser import document, explanation
from aggregator.render.characters import language_tag, markup, media_type, plain, rfc822, rfc3339, web_uri
from aggregator.render.extensions import ATOM, add_history, add_others, add_podcast, namespaces, others
from aggregator.render.merged import MergedFeed, SourceInfo
from aggregator.render.wording import categories_of, excerpt, shown_title, writers_of
from storage.record import Enclosure, Record

CONTENT = "http://purl.org/rss/1.0/modules/content/"
DC = "http://purl.org/dc/elements/1.1/"
MEDIA = "http://search.yahoo.com/mrss/"
TYPE = "application/rss+xml"
_PREFIXES = {"atom": ATOM, "content": CONTENT, "dc": DC, "media": MEDIA}


def rss(feed: MergedFeed) -> bytes:
    """Return the feed as an RSS 2.0 document in UTF-8."""
    root = etree.Element("rss", version="2.0", nsmap=_PREFIXES | namespaces(feed))
    channel = etree.SubElement(root, "channel")
    title = plain(feed.title) or "Merged feed"
    _text(channel, "title", title)
    _text(channel, "link", feed.home_url)
    _text(channel, "description", title)
    if language := language_tag(feed.language):
        _text(channel, "language", language)
    _text(channel, "lastBuildDate", rfc822(feed.updated))
    _text(channel, "generator", "feed-aggregator")
    etree.SubElement(channel, f"{{{ATOM}}}link", rel="self", type=TYPE, href=feed.self_url)
    add_history(channel, feed, TYPE)
    channel.append(explanation(feed))
    for record in feed.records:
        item = _item(channel, record, feed.source_of(record))
        add_others(item, others(feed, record))
        add_podcast(item, record)
    return document(root, feed.style)


def _item(channel: etree._Element, record: Record, source: SourceInfo) -> etree._Element:
    item = etree.SubElement(channel, "item")
    html = markup(record.html)
    # Twice: a description is HTML, so that plain text is escaped once as HTML and once more as XML.
    description = escape(excerpt(record), quote=False)
    if title := plain(record.title) or ("" if description else shown_title(record)):
        _text(item, "title", title)
    if link := web_uri(record.link):
        _text(item, "link", link)
    etree.SubElement(item, "guid", isPermaLink="false").text = plain(record.public_id)
    _text(item, "pubDate", rfc822(record.published))
    _text(item, f"{{{ATOM}}}updated", rfc3339(record.updated))
    if source.url:
        etree.SubElement(item, "source", url=source.url).text = source.title
    for name in writers_of(record):
        _text(item, f"{{{DC}}}creator", name)
    for word in categories_of(record):
        _text(item, "category", word)
    if description:
        _text(item, "description", description)
    elif html.strip():  # a body without words, an image: readers want a description before content:encoded
        _text(item, "description", escape(shown_title(record), quote=False))
    if html.strip():
        _text(item, f"{{{CONTENT}}}encoded", html)
    _media(item, record)
    return item


def _media(item: etree._Element, record: Record) -> None:
    """Append the first enclosure as RSS knows it, which is one an item, and the others as media:content."""
    found = [(url, one) for one in record.enclosures if (url := web_uri(one.url))]
    for url, enclosure in found[:1]:
        length = str(
            enclosure.length or 0
        )  # required; 0 says that it is unknown (the W3C validator's UseZeroForUnknown)
        etree.SubElement(item, "enclosure", url=url, length=length, type=media_type(enclosure.type, url))
    for url, enclosure in found[1:]:
        _media_content(item, url, enclosure)
    if thumbnail := web_uri(record.image):
        etree.SubElement(item, f"{{{MEDIA}}}thumbnail", url=thumbnail)


def _media_content(item: etree._Element, url: str, enclosure: Enclosure) -> None:
    element = etree.SubElement(item, f"{{{MEDIA}}}content", url=url, type=media_type(enclosure.type, url))
    if enclosure.length:
        element.set("fileSize", str(enclosure.length))
    if enclosure.duration is not None:
        element.set("duration", str(int(enclosure.duration.total_seconds())))


def _text(parent: etree._Element, name: str, value: str) -> None:
    etree.SubElement(parent, name).text = value
