"""A list of subscriptions as OPML 2.0, of which reading gives the same back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from aggregator.opml.values import ILLEGAL, NAMESPACE, PLACE, ROUTE, Listed, folders_of, one_line


def write(feeds: Iterable[Listed], title: str = "Subscriptions") -> bytes:
    """
    Return the list as OPML 2.0, UTF-8; reading it gives the same feeds in the same order.

    The same feeds give the same bytes: no date is written. Feeds of one folder stand together.
    """
    from lxml import etree  # noqa: PLC0415 - who only reads does without it

    listed = list(feeds)
    root = etree.Element("opml", {"version": "2.0"}, nsmap={"aggregator": NAMESPACE})
    head, body = etree.SubElement(root, "head"), etree.SubElement(root, "body")
    etree.SubElement(head, "title").text = one_line(title)
    folders: dict[tuple[str, ...], etree._Element] = {(): body}
    for place, one in _placed(listed):
        for depth, name in enumerate(one.folders, 1):
            path = one.folders[:depth]
            if path not in folders:
                folders[path] = etree.SubElement(folders[path[:-1]], "outline", {"text": name, "title": name})
        etree.SubElement(folders[one.folders], "outline", _attributes(one, place))
    # etree.tostring promises str or bytes by its arguments; with an encoding it is bytes.
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True))


def _placed(listed: Sequence[Listed]) -> Iterator[tuple[str, Listed]]:
    """Return the feeds with their places as text, `""` for all where folders leave the order as it is."""
    clean = [replace(one, title=one_line(one.title), folders=folders_of(one.folders)) for one in listed]
    # A folder stands where the first of its feeds would.
    first: dict[tuple[str, ...], int] = {}
    for index, one in enumerate(clean):
        for depth in range(1, len(one.folders) + 1):
            first.setdefault(one.folders[:depth], index)
    order = sorted(range(len(clean)), key=lambda index: [*_steps(clean[index].folders, first), index])
    kept = order == list(range(len(clean)))
    return (("" if kept else str(index), one) for index, one in enumerate(clean))


def _steps(folders: tuple[str, ...], first: Mapping[tuple[str, ...], int]) -> list[int]:
    return [first[folders[:depth]] for depth in range(1, len(folders) + 1)]


def _attributes(one: Listed, place: str) -> dict[str, str]:
    title = one.title or one.url
    found = {"type": "rss", "text": title, "title": title, "xmlUrl": one.url}
    if one.html_url:
        found["htmlUrl"] = one.html_url
    for key in sorted(one.settings):
        value = one.settings[key]
        found[f"{{{NAMESPACE}}}{key}"] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    ours = {PLACE: place, ROUTE: one.route}
    found |= {f"{{{NAMESPACE}}}{key}": value for key, value in ours.items() if value}
    return {key: ILLEGAL.sub("", value) for key, value in found.items()}
