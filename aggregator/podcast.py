"""
Which elements of a podcast's vocabulary are passed on, and what each may say.

Apple's (`itunes:`) as of help.apple.com/itc/podcasts_connect, the Podcasting 2.0 ones (`podcast:`) as of
podcastindex.org/namespace/1.0. What the table does not name is dropped: recipients of payments, live items, orders to
directories (`itunes:block`). `itunes:keywords` become tags, `itunes:summary` the summary.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from aggregator import pictures
from aggregator.plain import contained, line, shortened, title_of
from storage.record import Element

ITUNES = "http://www.itunes.com/dtds/podcast-1.0.dtd"
PODCAST = "https://podcastindex.org/namespace/1.0"
NAMESPACES: Mapping[str, str] = {"itunes": ITUNES, "podcast": PODCAST}
"""Namespaces by the prefix that an element's name has."""

MOST_ELEMENTS = 100
"""Of an entry."""
LONGEST_TEXT = 255
"""Characters of a text (the W3C validator's TooLong) and of an attribute that is no URL."""
LONGEST_URL = 2_000

_NUMBER = re.compile(r"0*([1-9]\d{0,8})")
_DECIMAL = re.compile(r"\d{1,12}(?:\.\d{1,6})?")
_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,4}):(\d{1,2})(?:\.\d*)?|(\d{1,7})(?:\.\d*)?")
_EXPLICIT = {"yes": "true", "true": "true", "explicit": "true", "no": "false", "false": "false", "clean": "false"}


def _words(text: str) -> str:
    return contained(shortened(title_of(text) if "<" in text else line(text), LONGEST_TEXT))


def _number(text: str) -> str:
    found = _NUMBER.fullmatch(text)
    return found[1] if found else ""


def _decimal(text: str) -> str:
    return text if _DECIMAL.fullmatch(text) else ""


def _explicit(text: str) -> str:
    return _EXPLICIT.get(text.lower(), "")


def _episode_type(text: str) -> str:
    return text.lower() if text.lower() in {"full", "trailer", "bonus"} else ""


def _duration(text: str) -> str:
    """Return seconds and `MM:SS` as `H:MM:SS`, the one form that the W3C validator takes for a long and a short one."""
    found = _CLOCK.fullmatch(text)
    if not found:
        return ""
    hours, minutes, seconds, alone = (int(part or 0) for part in found.groups())
    total = hours * 3600 + minutes * 60 + seconds + alone
    return f"{total // 3600}:{total // 60 % 60:02}:{total % 60:02}" if total else ""


@dataclass(frozen=True, slots=True)
class Rule:
    """What an element may say. One that has neither a required part nor any text is dropped."""

    attributes: tuple[str, ...] = ()
    """Their names as the specification spells them."""
    urls: frozenset[str] = frozenset()
    """Of the attributes, those that are addresses: made absolute, and dropped where they are not http or https."""
    numbers: frozenset[str] = frozenset()
    """Of the attributes, those that are numbers, and dropped where they are none."""
    needs: tuple[str, ...] = ()
    """Attributes without which it says nothing."""
    text: Callable[[str], str] | None = None
    """Makes its text sound; empty: it is dropped. None: it has no text."""
    once: bool = False
    """True: of several of an entry the first is kept."""
    within: str | None = None
    """The element that it stands in, and follows in a list of them. None: the entry."""


def _some(*names: str) -> frozenset[str]:
    return frozenset(names)


RULES: Mapping[str, Rule] = {
    "itunes:title": Rule(text=_words, once=True),
    "itunes:subtitle": Rule(text=_words, once=True),
    "itunes:author": Rule(text=_words, once=True),
    "itunes:duration": Rule(text=_duration, once=True),
    "itunes:explicit": Rule(text=_explicit, once=True),
    "itunes:image": Rule(("href",), _some("href"), needs=("href",), once=True),
    "itunes:episode": Rule(text=_number, once=True),
    "itunes:season": Rule(text=_number, once=True),
    "itunes:episodeType": Rule(text=_episode_type, once=True),
    "podcast:transcript": Rule(("url", "type", "language", "rel"), _some("url"), needs=("url", "type")),
    "podcast:chapters": Rule(("url", "type"), _some("url"), needs=("url", "type"), once=True),
    "podcast:soundbite": Rule(
        ("startTime", "duration"),
        numbers=_some("startTime", "duration"),
        needs=("startTime", "duration"),
        text=_words,
    ),
    "podcast:person": Rule(("role", "group", "img", "href"), _some("img", "href"), text=_words),
    "podcast:location": Rule(("geo", "osm", "rel", "country"), text=_words),
    "podcast:season": Rule(("name",), text=_number, once=True),
    "podcast:episode": Rule(("display",), text=_decimal, once=True),
    "podcast:license": Rule(("url",), _some("url"), text=_words, once=True),
    "podcast:image": Rule(
        ("href", "alt", "aspect-ratio", "width", "height", "type", "purpose"),
        _some("href"),
        _some("width", "height"),
        ("href",),
    ),
    "podcast:alternateEnclosure": Rule(
        ("type", "length", "bitrate", "height", "lang", "title", "rel", "codecs", "default"),
        numbers=_some("length", "bitrate", "height"),
        needs=("type",),
    ),
    "podcast:source": Rule(("uri", "contentType"), _some("uri"), needs=("uri",), within="podcast:alternateEnclosure"),
    "podcast:integrity": Rule(("type", "value"), needs=("type", "value"), within="podcast:alternateEnclosure"),
    "podcast:socialInteract": Rule(
        ("uri", "protocol", "accountId", "accountUrl", "priority"),
        _some("uri", "accountUrl"),
        _some("priority"),
        ("protocol",),
    ),
    "podcast:contentLink": Rule(("href",), _some("href"), needs=("href",), text=_words),
}
"""By name as the specifications spell it."""

_PICTURES = {"itunes:image": "href", "podcast:image": "href", "podcast:person": "img"}
"""Attributes that are addresses of pictures, by element."""
_SPELLED = {name.lower(): name for name in RULES}


def usable(said: Iterable[Element], base: str | None = None) -> tuple[Element, ...]:
    """
    Return the elements that may be passed on, in their order, names spelled as they should be.

    Texts are plain and on one line, URLs absolute (relative ones stand on `base`), numbers numbers. An element that
    stands in another comes right behind it, and goes with it.
    """
    groups: list[list[Element]] = []
    seen: set[str] = set()
    outer = ""
    for each in said:
        name = _SPELLED.get(each.name.lower(), "")
        rule = RULES.get(name)
        if rule is None or (rule.within and rule.within != outer):
            continue
        element = _checked(name, rule, each, base)
        if rule.within:
            groups[-1] += [] if element is None else [element]
            continue
        outer = ""
        if element is not None and not (rule.once and name in seen):
            outer = name
            seen.add(name)
            groups.append([element])
    return tuple(element for group in groups if _says_all(group) for element in group)[:MOST_ELEMENTS]


def _checked(name: str, rule: Rule, said: Element, base: str | None) -> Element | None:
    given = {key.lower(): value for key, value in said.attributes}
    attributes = {key: _attribute(rule, key, given.get(key.lower(), ""), base) for key in rule.attributes}
    told = tuple((key, value) for key, value in attributes.items() if value)
    text = rule.text(line(said.text)) if rule.text and said.text else ""
    complete = all(attributes[key] for key in rule.needs) and bool(text or rule.text is None or rule.needs)
    return Element(name, text, told) if complete else None


def _attribute(rule: Rule, name: str, value: str, base: str | None) -> str:
    value = line(value)
    if name in rule.numbers:
        return _decimal(value)
    if name in rule.urls:
        return (pictures.absolute(value, base) or "") if len(value) <= LONGEST_URL else ""
    return value if len(value) <= LONGEST_TEXT else ""


def _says_all(group: Sequence[Element]) -> bool:
    """Tell whether the element that begins the group has what must stand in it or on it."""
    match group[0].name:
        case "podcast:alternateEnclosure":  # names a file
            return any(one.name == "podcast:source" for one in group)
        case "podcast:socialInteract":  # leads somewhere, or says that nobody may answer
            attributes = dict(group[0].attributes)
            return "uri" in attributes or attributes["protocol"] == "disabled"
    return True


def with_images(elements: tuple[Element, ...], through: Callable[[str], str]) -> tuple[Element, ...]:
    """Return the elements with the addresses of their pictures made new."""
    return tuple(
        element._replace(
            attributes=tuple(
                (key, through(value) if key == _PICTURES.get(element.name) else value)
                for key, value in element.attributes
            )
        )
        for element in elements
    )
