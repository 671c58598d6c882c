"""
HTML as tokens: where tags, comments and raw text begin and end, found in time linear in the input.

A browser's tokenizer (HTML Standard section 13.2.5) in one regular expression. It decides nothing about safety;
it is used to read text, and to refuse what would take the sanitiser long.
"""

from __future__ import annotations

import re
from collections import Counter

DEPTH = 256
"""Elements open at once; the sanitiser is quadratic in it (16,000 deep: 485 ms, 256 deep: 0.3 ms)."""
ATTRIBUTES = 64
"""Attributes of an element; the sanitiser is quadratic in them (50,000: 466 ms, 64: 0.05 ms)."""
REOPENED = 50_000
"""Formatting elements that paragraphs may reopen (`<b><i>...<p>`): each costs memory, and a megabyte can ask for millions."""
AMPERSANDS = 50_000
"""Bare ones of a body; the sanitiser is quadratic in them too (a million: 9 s; written as `&amp;`: 0.4 s)."""

_SPACE = r"[ \t\n\f\r]"
# Every branch is possessive and ends at the end of input too, so a lone `<a ` costs one pass, not one a character.
_ATTRIBUTE = (
    rf"(?:=[^ \t\n\f\r/>=]*+|[^ \t\n\f\r/>=]++)"
    rf"(?:{_SPACE}*+={_SPACE}*+(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|[^ \t\n\f\r>\"'][^ \t\n\f\r>]*+|(?=>)|\Z))?+"
)
_ATTRIBUTES = rf"(?:[ \t\n\f\r/]++|{_ATTRIBUTE})*+"
_COMMENT = r"<!--(?:-?>|[^-]*+(?:-(?!-!?>)[^-]*+)*+(?:--!?>|\Z))"
_RAW = "script|style|iframe|noembed|noframes|noscript|xmp|textarea|title"

TOKEN = re.compile(
    rf"(?P<comment>{_COMMENT})"
    rf"|<(?P<raw>{_RAW})(?=[ \t\n\f\r/>]){_ATTRIBUTES}(?:>|\Z)"
    rf"(?P<content>[^<]*+(?:<(?!/(?P=raw)[ \t\n\f\r/>])[^<]*+)*+)(?:</(?P=raw){_ATTRIBUTES}(?:>|\Z))?+"
    rf"|<(?P<end>/?)(?P<name>[a-z][^ \t\n\f\r/>]*+)(?P<attributes>{_ATTRIBUTES})(?:>|\Z)"
    r"|<(?:[!?]|/(?=[^a-z]))[^>]*+(?:>|\Z)",
    re.IGNORECASE,
)
"""One piece of markup; what lies between two matches is text. Raw text elements are one token, content included."""

_ATTRIBUTE_ALONE = re.compile(_ATTRIBUTE)


def names(listed: str) -> frozenset[str]:
    """Return the element names that the text lists."""
    return frozenset(listed.split())


VOID = names("area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr")
_FORMATTING = names("a b big code em font i nobr s small strike strong tt u")
# An open one of these is closed by the next one's start tag, so a list without end tags is no deep document.
_CLOSED_BY_THE_NEXT = names("p li dt dd tr td th tbody thead tfoot colgroup option optgroup rt rp rb rtc")

_NOT_NESTING = VOID | _CLOSED_BY_THE_NEXT

_INVALID = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff\ufffe\uffff\ud800-\udfff]")


def valid(html: str) -> str:
    """Return the HTML without the characters that XML 1.0 or a YAML reader refuses (C0, U+FFFE/F, lone surrogates)."""
    return html if html.isprintable() or not _INVALID.search(html) else _INVALID.sub("", html)


def within_bounds(html: str) -> str | None:
    """Return the HTML with at most 64 attributes an element, or None where cleaning it would cost too much."""
    if _CROWDED.search(html):
        html = TOKEN.sub(_fewer_attributes, html)
    if html.count("&") > AMPERSANDS and len(_BARE_AMPERSAND.findall(html)) > AMPERSANDS:
        return None
    return html if _is_flat(html) or _is_bounded(html) else None


_CROWDED = re.compile(rf"<[a-z][^ \t\n\f\r/>]*+(?:[ \t\n\f\r/]*+{_ATTRIBUTE}){{{ATTRIBUTES + 1}}}", re.IGNORECASE)
_BARE_AMPERSAND = re.compile(r"&(?!(?:#[0-9]++|#x[0-9a-f]++|[a-z][a-z0-9]{1,31}+);)", re.IGNORECASE)
_NAME = re.compile(r"<([a-z][^ \t\n\f\r/>]*+)", re.IGNORECASE)


def _is_flat(html: str) -> bool:
    """
    Tell whether there are too few elements for any bound to be reached, however they nest.

    Counts what only looks like a tag too (in a comment), and no end tags: never too few. A tenth of the cost of reading.
    """
    names = Counter(_NAME.findall(html))
    if sum(names.values()) <= DEPTH:
        return True
    nesting = sum(count for name, count in names.items() if name.lower() not in _NOT_NESTING)
    formatting = sum(count for name, count in names.items() if name.lower() in _FORMATTING)
    return nesting <= DEPTH and formatting * sum(names.values()) <= REOPENED


def _is_bounded(html: str) -> bool:
    opened: Counter[str] = Counter()
    depth = formatting = reopened = 0
    for token in TOKEN.finditer(html):
        name = (token["name"] or "br").lower()
        if name in VOID:
            continue
        if not token["end"]:
            if name in _FORMATTING:
                formatting += 1
            else:
                reopened += formatting
            if name not in _CLOSED_BY_THE_NEXT:
                opened[name] += 1
                depth += 1
        elif opened[name]:
            opened[name] -= 1
            depth -= 1
            # A formatting element that a block's end tag cuts off is reopened later; only its own end tag ends it.
            formatting -= name in _FORMATTING
        if depth > DEPTH or reopened > REOPENED:
            return False
    return True


def _fewer_attributes(token: re.Match[str]) -> str:
    attributes = token["attributes"] or ""
    if len(attributes) <= 2 * ATTRIBUTES:
        return token[0]
    found = _ATTRIBUTE_ALONE.findall(attributes)
    if len(found) <= ATTRIBUTES:
        return token[0]
    return f"<{token['end']}{token['name']} {' '.join(found[:ATTRIBUTES])}>"
