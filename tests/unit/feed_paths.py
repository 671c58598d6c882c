"""Read our feeds by XPath, and a record that has all that a feed can show."""

from __future__ import annotations

from datetime import timedelta

from lxml import etree
from unit import feed_rules as rules
from unit.feed_rules_samples import a_record

from aggregator.render import MergedFeed, atom, jsonfeed, rss
from storage.record import Enclosure

NS = {
    "a": "http://www.w3.org/2005/Atom",
    "media": "http://search.yahoo.com/mrss/",
    "h": "http://www.w3.org/1999/xhtml",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "podcast": "https://podcastindex.org/namespace/1.0",
    "fh": "http://purl.org/syndication/history/1.0",
}


def in_atom(feed: MergedFeed, path: str) -> list[str]:
    return [str(found) for found in etree.fromstring(atom(feed)).xpath(path, namespaces=NS)]


def in_rss(feed: MergedFeed, path: str) -> list[str]:
    return [str(found) for found in etree.fromstring(rss(feed)).xpath(path, namespaces=NS)]


def faults(feed: MergedFeed) -> list[str]:
    return rules.atom_faults(atom(feed)) + rules.rss_faults(rss(feed)) + rules.json_faults(jsonfeed(feed))


FULL = a_record(
    image="https://paper.example/lead.jpg",
    summary="Noon, with music & <dancing>.",
    enclosures=(
        Enclosure("https://paper.example/a.mp3", "audio/mpeg", 1234, "Song", timedelta(minutes=3)),
        Enclosure("https://paper.example/b.pdf", None, None),
    ),
)
