"""Rules of what podcasts say (Apple's tags, the podcast namespace), as the W3C validator and the specifications have them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from lxml import etree

ITUNES = "{http://www.itunes.com/dtds/podcast-1.0.dtd}"
PODCAST = "{https://podcastindex.org/namespace/1.0}"
MAY_STAND_UNUSED = {
    None,
    "atom",
    "content",
    "dc",
    "media",
}
_POSITIVE = r"[1-9]\d*"
_TEXTS = {
    f"{ITUNES}title": r"\S.{0,254}",
    f"{ITUNES}subtitle": r"\S.{0,254}",
    f"{ITUNES}author": r"\S.{0,254}",
    f"{ITUNES}duration": r"\d+:[0-5]\d:[0-5]\d",
    f"{ITUNES}explicit": "true|false",
    f"{ITUNES}image": "",
    f"{ITUNES}episode": _POSITIVE,
    f"{ITUNES}season": _POSITIVE,
    f"{ITUNES}episodeType": "full|trailer|bonus",
    f"{PODCAST}transcript": "",
    f"{PODCAST}chapters": "",
    f"{PODCAST}soundbite": ".{0,255}",
    f"{PODCAST}person": r"\S.{0,254}",
    f"{PODCAST}location": r"\S.{0,254}",
    f"{PODCAST}season": _POSITIVE,
    f"{PODCAST}episode": r"\d+(\.\d+)?",
    f"{PODCAST}license": r"\S.{0,254}",
    f"{PODCAST}image": "",
    f"{PODCAST}alternateEnclosure": "",
    f"{PODCAST}socialInteract": "",
    f"{PODCAST}contentLink": ".{0,255}",
    f"{PODCAST}source": "",
    f"{PODCAST}integrity": "",
}
_WITHIN = {f"{PODCAST}source", f"{PODCAST}integrity"}
_NEEDED = {
    f"{ITUNES}image": ("href",),
    f"{PODCAST}transcript": ("url", "type"),
    f"{PODCAST}chapters": ("url", "type"),
    f"{PODCAST}soundbite": ("startTime", "duration"),
    f"{PODCAST}image": ("href",),
    f"{PODCAST}alternateEnclosure": ("type",),
    f"{PODCAST}source": ("uri",),
    f"{PODCAST}integrity": ("type", "value"),
    f"{PODCAST}socialInteract": ("protocol",),
    f"{PODCAST}contentLink": ("href",),
}
_ONCE = {name for name in _TEXTS if name.startswith(ITUNES)} | {
    f"{PODCAST}{name}" for name in ("chapters", "season", "episode", "license")
}
_ADDRESSES = {"url", "href", "img", "uri", "accountUrl"}
KNOWN = _TEXTS.keys() - _WITHIN
UriFault = Callable[[str, str], list[str]]


def namespace_faults(root: etree._Element) -> list[str]:
    """Return which namespaces are declared and used by nothing: of some the validator warns wherever they are declared."""
    used = {etree.QName(one).namespace for one in root.iter() if isinstance(one.tag, str)}
    extra = {uri for prefix, uri in root.nsmap.items() if prefix not in MAY_STAND_UNUSED} - used
    return [f"UnsupportedNamespace: {uri} is declared and not used" for uri in extra]


def podcast_faults(item: etree._Element, name: str, uri_fault: UriFault) -> list[str]:
    """Return what is wrong with an item's elements of these namespaces."""
    found = [one for one in item if one.tag in KNOWN]
    counts = Counter(one.tag for one in found)
    faults = [f"DuplicateElement: {name} {tag}" for tag in _ONCE if counts[tag] > 1]
    for one in found:
        faults += _element_faults(one, name, uri_fault)
        inner = list(one)
        if inner and one.tag != f"{PODCAST}alternateEnclosure":
            faults.append(f"UndefinedElement: {name} {one.tag} has {inner[0].tag}")
        for each in inner:
            faults += [] if each.tag in _WITHIN else [f"UndefinedElement: {name} {each.tag}"]
            faults += _element_faults(each, name, uri_fault) if each.tag in _WITHIN else []
    return faults


def _element_faults(one: etree._Element, name: str, uri_fault: UriFault) -> list[str]:
    return _faults(one.tag, one.text or "", {str(k): str(v) for k, v in one.attrib.items()}, name, uri_fault)


def _faults(tag: str, text: str, attributes: Mapping[str, str], name: str, uri_fault: UriFault) -> list[str]:
    faults = [] if re.fullmatch(_TEXTS[tag], text) else [f"InvalidValue: {name} {tag} {text!r}"]
    faults += [f"MissingAttribute: {name} {tag} {one}" for one in _NEEDED.get(tag, ()) if not attributes.get(one)]
    faults += [f"AttrNotBlank: {name} {tag} {key}" for key, value in attributes.items() if not value.strip()]
    for key in attributes.keys() & _ADDRESSES:
        faults += uri_fault(f"{name} {tag} {key}", attributes[key])
        faults += [] if attributes[key].startswith(("http://", "https://")) else [f"InvalidURLAttribute: {name} {tag}"]
    return faults


def json_faults(said: object, name: str, uri_fault: UriFault) -> list[str]:
    """Return what is wrong with `_podcast` of a JSON item."""
    if not isinstance(said, Sequence):
        return [f"{name}: _podcast is no list"]
    faults = []
    for each in said:
        prefix, _, local = each["name"].partition(":")
        tag = f"{ {'itunes': ITUNES, 'podcast': PODCAST}.get(prefix, '') }{local}"
        if tag not in _TEXTS:
            faults.append(f"{name}: _podcast has {each['name']}")
            continue
        faults += _faults(tag, each.get("text", ""), each.get("attributes", {}), name, uri_fault)
        faults += json_faults(each.get("elements", []), name, uri_fault)
    return faults
