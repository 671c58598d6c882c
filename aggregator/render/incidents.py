"""Write what happened to sources as an Atom feed (RFC 4287): an entry an incident, edited when it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from lxml import etree

from aggregator.render.browser import document, explanation
from aggregator.render.characters import plain, rfc3339
from aggregator.render.merged import EMPTY_AT, feed_id
from storage.states import Incident

ATOM = "http://www.w3.org/2005/Atom"


@dataclass(frozen=True, slots=True)
class IncidentFeed:
    """What the feed of incidents holds. URLs absolute and without the access token."""

    title: str
    self_url: str
    home_url: str
    incidents: Sequence[Incident]
    """The last changed first."""
    names: Mapping[str, str]
    """Of the sources, by id; plain text."""
    style: str | None = None


def incidents(feed: IncidentFeed) -> bytes:
    """Return the feed as an Atom document in UTF-8. Nothing in it is of the present: equal incidents, equal bytes."""
    root = etree.Element(f"{{{ATOM}}}feed", nsmap={None: ATOM})
    _text(root, "id", feed_id("feed", "health"))
    _text(root, "title", plain(feed.title) or "Health", type="text")
    newest = max((one.changed_at for one in feed.incidents), default=EMPTY_AT)
    _text(root, "updated", rfc3339(newest))
    etree.SubElement(root, f"{{{ATOM}}}link", rel="self", type="application/atom+xml", href=feed.self_url)
    etree.SubElement(root, f"{{{ATOM}}}link", rel="alternate", type="text/html", href=f"{feed.home_url}sources")
    _text(root, "generator", "feed-aggregator")
    _text(etree.SubElement(root, f"{{{ATOM}}}author"), "name", "feed-aggregator")
    root.append(explanation(feed))
    for one in feed.incidents:
        _entry(root, feed, one)
    return document(root, feed.style)


def _entry(root: etree._Element, feed: IncidentFeed, one: Incident) -> None:
    entry = etree.SubElement(root, f"{{{ATOM}}}entry")
    name = plain(feed.names.get(one.source_id, "")) or one.source_id
    # Source and beginning, not the number: a store that is made anew must not bring the old ones back as new.
    _text(entry, "id", feed_id("incident", f"{one.source_id}/{rfc3339(one.began_at)}"))
    _text(entry, "title", f"{name}: {one.state}" + (", and well again" if one.ended_at else ""), type="text")
    _text(entry, "updated", rfc3339(one.changed_at))
    _text(entry, "published", rfc3339(one.began_at))
    page = f"{feed.home_url}source/{quote(one.source_id, safe='')}/status"
    etree.SubElement(entry, f"{{{ATOM}}}link", rel="alternate", type="text/html", href=page)
    for term in filter(None, (one.state, one.kind)):
        etree.SubElement(entry, f"{{{ATOM}}}category", term=term)
    _text(entry, "content", said(one), type="text")


def said(one: Incident) -> str:
    """Return the incident in words: why, since when, until when."""
    spans = (
        f"since {_minute(one.began_at)}"
        if one.ended_at is None
        else (f"from {_minute(one.began_at)} to {_minute(one.ended_at)}")
    )
    return f"{plain(one.reason)} ({spans})"


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _text(parent: etree._Element, name: str, value: str, **attributes: str) -> None:
    etree.SubElement(parent, f"{{{ATOM}}}{name}", attributes).text = value
