"""Find the tags of an HTML text and where their attribute values lie, so that a value can be changed in place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import unescape as _unescape

# HTML white space only: Python's \s also takes NO-BREAK SPACE, which is part of a name or a value.
_TAG = re.compile(r"<(?:(?P<name>/?[a-zA-Z][^ \t\n\f\r/>]*+)|(?P<comment>!--)|[!?/])")
_COMMENT = re.compile(r"<!--(?:-?>|.*?--!?>)", re.DOTALL)
_BETWEEN = re.compile(r"[ \t\n\f\r/]*+")
_NAME = re.compile(r"[^ \t\n\f\r/>][^ \t\n\f\r/>=]*+")
_EQUALS = re.compile(r"[ \t\n\f\r]*+=[ \t\n\f\r]*+")
_UNQUOTED = re.compile(r"[^ \t\n\f\r>]*+")
_RAW = frozenset({"script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"})
"""Elements whose content is text, whatever it looks like. noscript is not one: readers without scripts show it."""
_RAW_END = {name: re.compile(rf"</{name}(?=[ \t\n\f\r/>])", re.IGNORECASE) for name in _RAW}

_LONG_REFERENCE = re.compile(r"&#([0-9]{1000,});?")


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute with a value: its name in lower case, and where the value lies, quotes not counted."""

    name: str
    start: int
    end: int


def unescape(text: str) -> str:
    """Return the text with its character references as the characters they stand for, however long they are written."""
    try:
        return _unescape(text)
    except ValueError:  # Python makes no number of more than 4,300 digits
        return _unescape(_LONG_REFERENCE.sub(_shortened, text))


def _shortened(reference: re.Match[str]) -> str:
    digits = reference[1].lstrip("0")
    return f"&#{digits or 0};" if len(digits) < 8 else "\ufffd"


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag from its `<` to behind its `>`; an end tag's name starts with `/`."""

    name: str
    start: int
    end: int
    attributes: tuple[Attribute, ...]
    content_end: int
    """Where the text of a script, style or the like ends; `end` for every other tag."""


def tags(html: str) -> Iterator[Tag]:
    """
    Yield the tags in their order, as a browser's tokenizer sees them (HTML standard, section 13.2.5).

    Comments and the content of scripts, styles and the like hold none. A tag, quote or comment that is never
    closed ends the search: no browser shows what follows either. Linear in the length of the text.
    """
    at = 0
    while found := _TAG.search(html, at):
        if found["comment"]:
            comment = _COMMENT.match(html, found.start())
            if comment is None:
                return
            at = comment.end()
        elif found["name"] is None:
            at = html.find(">", found.end()) + 1
            if at == 0:
                return
        else:
            tag = _tag(html, found.start(), found["name"].lower(), found.end())
            if tag is None:
                return
            yield tag
            at = tag.content_end


def _tag(html: str, start: int, name: str, at: int) -> Tag | None:
    attributes: list[Attribute] = []
    while True:
        at = _end(_BETWEEN, html, at)
        if at >= len(html):
            return None
        if html[at] == ">":
            return Tag(name, start, at + 1, tuple(attributes), _content_end(html, name, at + 1))
        named = _end(_NAME, html, at)
        equals = _EQUALS.match(html, named)
        if equals is None:
            at, named = named, at
            continue
        value = _value(html, equals.end())
        if value is None:
            return None
        attributes.append(Attribute(html[at:named].lower(), value[0], value[1]))
        at = value[2]


def _value(html: str, at: int) -> tuple[int, int, int] | None:
    """Return where the value starts and ends, and where the tag goes on; None where its quote is never closed."""
    quote = html[at : at + 1]
    if quote not in {'"', "'"}:
        end = _end(_UNQUOTED, html, at)
        return at, end, end
    end = html.find(quote, at + 1)
    return None if end < 0 else (at + 1, end, end + 1)


def _content_end(html: str, name: str, at: int) -> int:
    if name == "plaintext":
        return len(html)
    if name not in _RAW:
        return at
    closing = _RAW_END[name].search(html, at)
    return closing.start() if closing else len(html)


def _end(pattern: re.Pattern[str], html: str, at: int) -> int:
    match = pattern.match(html, at)
    return match.end() if match else at


def replaced(text: str, edits: Iterable[tuple[int, int, str]]) -> str:
    """Return the text with each `(start, end, new)` put in place; the edits rise and do not overlap."""
    parts: list[str] = []
    at = 0
    for start, end, new in edits:
        parts += (text[at:start], new)
        at = end
    return "".join((*parts, text[at:]))
