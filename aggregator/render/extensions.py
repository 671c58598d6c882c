"""What a feed says beyond its format: of episodes, of archives, of other sources with the same story."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

from lxml import etree

from aggregator.podcast import NAMESPACES, RULES, usable
from aggregator.render.characters import plain, web_uri
from aggregator.render.merged import MergedFeed
from storage.record import Element, Record

ATOM = "http://www.w3.org/2005/Atom"
HISTORY = "http://purl.org/syndication/history/1.0"
Json: TypeAlias = "str | int | list[Json] | dict[str, Json] | None"


class Other(NamedTuple):
    """Another source in which the story stands too."""

    id: str
    """Of the source, as `atom:source` has it."""
    title: str
    """Of the source."""
    url: str | None
    """Where the story stands there."""


def others(feed: MergedFeed, record: Record) -> tuple[Other, ...]:
    """Return the other sources of the record's story, in the order of preference."""
    named = ((feed.source_of(one), one) for one in feed.also_in(record))
    return tuple(Other(source.id, source.title, web_uri(one.link)) for source, one in named)


def namespaces(feed: MergedFeed) -> dict[str, str]:
    """
    Return the namespaces that the feed's extensions need, by prefix.

    A validator warns of one that it does not know wherever it is declared, so that only those are that are used.
    """
    said = {
        element.name.partition(":")[0]
        for record in feed.records
        if record.podcast
        for element, _ in _grouped(record.podcast)
    }
    used = {prefix: uri for prefix, uri in NAMESPACES.items() if prefix in said}
    return used | ({"fh": HISTORY} if feed.current_url else {})


def add_history(parent: etree._Element, feed: MergedFeed, kind: str) -> None:
    """Append what RFC 5005 says of a feed: its pages, its archive, and that it is an archive; `kind` is its media type."""
    if feed.current_url:
        etree.SubElement(parent, f"{{{HISTORY}}}archive")
    addresses = {
        "next": feed.next_url,
        "current": feed.current_url,
        "prev-archive": feed.prev_archive_url,
        "next-archive": feed.next_archive_url,
    }
    for rel, href in addresses.items():
        if href:
            etree.SubElement(parent, f"{{{ATOM}}}link", rel=rel, type=kind, href=href)


def add_others(parent: etree._Element, found: Iterable[Other]) -> None:
    """Append a link to the story in each other source."""
    for other in found:
        if other.url:
            etree.SubElement(
                parent, f"{{{ATOM}}}link", rel="related", type="text/html", href=other.url, title=other.title
            )


def add_podcast(parent: etree._Element, record: Record) -> None:
    """Append what is said of an episode, each element in the one that it stands in."""
    for element, inner in _grouped(record.podcast):
        outer = _append(parent, element)
        for one in inner:
            _append(outer, one)


def _append(parent: etree._Element, element: Element) -> etree._Element:
    prefix, _, name = element.name.partition(":")
    made = etree.SubElement(parent, f"{{{NAMESPACES[prefix]}}}{name}", dict(element.attributes))
    made.text = element.text or None
    return made


def podcast_value(record: Record) -> list[Json]:
    """Return what is said of an episode as JSON: name, text and attributes of each element, and those that stand in it."""
    return [_value(element, inner) for element, inner in _grouped(record.podcast)]


def _value(element: Element, inner: Iterable[Element] = ()) -> Json:
    value: dict[str, Json] = {"name": element.name}
    if element.text:
        value["text"] = element.text
    if element.attributes:
        value["attributes"] = dict(element.attributes)
    if within := [_value(one) for one in inner]:
        value["elements"] = within
    return value


def _grouped(elements: Iterable[Element]) -> list[tuple[Element, list[Element]]]:
    """Return the elements that stand in the entry itself, each with those that stand in it."""
    groups: list[tuple[Element, list[Element]]] = []
    for element in usable(map(_servable, elements)):
        if RULES[element.name].within is None:
            groups.append((element, []))
        else:
            groups[-1][1].append(element)
    return groups


def _servable(element: Element) -> Element:
    """Return the element with characters and addresses as feeds want them; what it lacks then drops it."""
    rule = RULES.get(element.name)
    urls = rule.urls if rule else frozenset()
    said = ((name, web_uri(value) if name in urls else plain(value)) for name, value in element.attributes)
    return Element(element.name, plain(element.text), tuple((name, value) for name, value in said if value))
