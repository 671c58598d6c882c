"""
The outlines of a document, one after the other as they open and close: by expat where it is XML, else tag by tag.

No entity is expanded, no file but the text itself is read, and the time is linear in its length.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html.entities import html5
from typing import Protocol
from xml.parsers import expat

from aggregator.opml.values import NAMESPACE

BAR = "\x0c"
"""Stands between a namespace and a name: no character of XML, so that none of them holds it."""
LINE = re.compile(r"\r\n|\r|\n")

_ENTITY = re.compile(r"&(?:#([0-9]{1,7})|#[xX]([0-9A-Fa-f]{1,6})|([A-Za-z][A-Za-z0-9]{1,31}));")
# An attribute's value may hold `<` (that is not XML, and it happens), but not the tag that follows: there a quote is missing.
_VALUE = r"(?:[^{0}<]|<(?!/?(?:outline|body|opml)\b))*+"
_QUOTED = f'"{_VALUE.format(chr(34))}"', f"'{_VALUE.format(chr(39))}'"
# What is never closed runs to the end: looking for its end again and again would be quadratic.
_SPOT = re.compile(
    r"<!--.*?(?:-->|\Z)|<!\[CDATA\[.*?(?:\]\]>|\Z)|<\?.*?(?:\?>|\Z)"
    rf"|<(?P<end>/?)(?:[\w.-]+:)?outline\b(?P<rest>(?:{_QUOTED[0]}|{_QUOTED[1]}|[^>\"'<]|[\"']|<(?!/?outline\b))*+)(?P<closed>>?)",
    re.IGNORECASE | re.DOTALL,
)
_ATTRIBUTE = re.compile(rf"([^\s=/>\"'<]+)\s*=\s*({_QUOTED[0]}|{_QUOTED[1]}|[^\s>\"']+)", re.IGNORECASE)


class Outlines(Protocol):
    """Takes in outlines."""

    def start(self, attributes: Mapping[str, str], line: int) -> None:
        """An outline opens; the names of its attributes are in lower case, ours after the namespace and `BAR`."""

    def end(self) -> None:
        """The outline that was opened last closes."""

    def skip(self, line: int, sentence: str) -> None:
        """Something here cannot be read."""


class NotXmlError(Exception):
    """The text is not well-formed XML, or declares an entity; the message says how and where."""


def read_strictly(text: str, reader: Outlines) -> None:
    """Hand the outlines of well-formed XML to the reader. Raises `NotXmlError`."""
    parser = expat.ParserCreate("utf-8", BAR)

    def start(name: str, attributes: dict[str, str]) -> None:
        if _is_outline(name):
            found = {key if BAR in key else key.lower(): value for key, value in attributes.items()}
            reader.start(found, parser.CurrentLineNumber)

    def refuse(name: str, *_: object) -> None:
        msg = f"an entity is declared: {name[:40]}"
        raise NotXmlError(msg)

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda name: reader.end() if _is_outline(name) else None
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(text.replace("\x00", " "), True)
    except expat.ExpatError as error:
        msg = f"{expat.ErrorString(error.code)}, line {error.lineno}"
        raise NotXmlError(msg) from error


def _is_outline(name: str) -> bool:
    return name.rpartition(BAR)[2].lower() == "outline"


def read_loosely(text: str, reader: Outlines) -> None:
    """Hand the outlines to the reader as their tags come, however broken the rest is; linear in the text."""
    ours = _prefix(text)
    lines = _line_counter(text)
    for spot in _SPOT.finditer(text):
        if spot["rest"] is None:
            continue
        if spot["end"]:
            reader.end()
            continue
        line = lines(spot.start())
        if not spot["closed"]:
            reader.skip(line, "an outline that is never closed; a quote or a > is missing")
            continue
        reader.start(_loose_attributes(spot["rest"], ours), line)
        if spot["rest"].endswith("/"):
            reader.end()


def _line_counter(text: str) -> Callable[[int], int]:
    """Return a function that tells the line of a place; places only ever rise."""
    breaks = LINE.finditer(text)
    following = next(breaks, None)
    line = 1

    def at(place: int) -> int:
        nonlocal following, line
        while following is not None and following.end() <= place:
            line += 1
            following = next(breaks, None)
        return line

    return at


def _prefix(text: str) -> str:
    """Return the prefix of our namespace with its colon, `""` where it is not declared."""
    found = re.search(rf"xmlns:([\w.-]{{1,40}})\s*=\s*[\"']{NAMESPACE}[\"']", text[:65_536])
    return f"{found[1]}:" if found else ""


def _loose_attributes(rest: str, ours: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, quoted in _ATTRIBUTE.findall(rest):
        value = unescaped(quoted[1:-1] if quoted[0] in "\"'" else quoted.removesuffix("/"))
        key = f"{NAMESPACE}{BAR}{name.removeprefix(ours)}" if ours and name.startswith(ours) else name.lower()
        found.setdefault(key, value)
    return found


def unescaped(text: str) -> str:
    """Return the text with the references of XML and HTML replaced; a bare ampersand stays one."""
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(found: re.Match[str]) -> str:
    if found[3]:
        return html5.get(f"{found[3]};", found[0])
    number = int(found[1]) if found[1] else int(found[2], 16)
    return chr(number) if 0 < number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF else ""
