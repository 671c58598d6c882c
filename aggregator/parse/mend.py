"""
Mend XML that is not well-formed, as far as it is plain what was meant (rule 68).

Only documents that expat has refused come here: a sound feed pays nothing for it. CDATA sections are left
as they are, illegal characters aside.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html.entities import html5
from io import StringIO

from aggregator.outcomes import FailureKind, PollError

MOST_SPOTS = 1_000_000
"""A stray ampersand in every line of 16 MB, twice; three times as many took all the time that a worker has."""
_HEAD = 65_536
"""Characters in which a DOCTYPE is looked for."""
_ROOT = re.compile(r"<(?:[A-Za-z_][\w.-]*:)?(?:rss|feed|rdf|channel)\b", re.IGNORECASE)
# XML 1.0 section 2.2: these characters may not stand in a document, as they are or as references.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# Passed over, as an escaped page is made of little else, and each spot costs a hundred bytes while there are some.
_NOT_KNOWN = r"&(?!(?:amp|lt|gt|quot|apos);)"
_SPOT = re.compile(
    # What is never closed runs to the end: looking for its end again and again would be quadratic.
    r"(?P<kept><!\[CDATA\[.*?(?:\]\]>|\Z)|<\?[^<]*?\?>)"
    r"|(?P<comment><!--.*?(?:-->|\Z))"
    rf"|{_NOT_KNOWN}(?P<name>[A-Za-z][A-Za-z0-9]*);"
    r"|&\#(?P<decimal>[0-9]+);|&\#[xX](?P<hex>[0-9A-Fa-f]+);"
    rf"|(?P<bare>{_NOT_KNOWN})"
    r"|(?P<less><(?![A-Za-z_/!?]))",
    re.DOTALL,
)
_PROLOGUE = re.compile(r"(?:\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE\b[^\[>]*>)*", re.DOTALL | re.IGNORECASE)
_DOCTYPE = re.compile(r"<!DOCTYPE\b[^\[>]{0,2000}(?:\[[^\]]{0,20000}\]\s*)?>", re.DOTALL | re.IGNORECASE)
_USED = re.compile(r"</?([A-Za-z_][\w.-]*):[A-Za-z_]|\s([A-Za-z_][\w.-]*):[\w.-]+\s*=")
_DECLARED = re.compile(r"\sxmlns:([\w.-]+)\s*=")
_TAG = re.compile(r"<(?!!|\?)[^<>]*>")
_QUIET = re.compile(r"<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)", re.DOTALL)

# Prefixes that everybody means the same by; any other one gets a name of its own.
_USUAL = {
    "atom": "http://www.w3.org/2005/Atom",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "feedburner": "http://rssnamespace.org/feedburner/ext/1.0",
    "fh": "http://purl.org/syndication/history/1.0",
    "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "media": "http://search.yahoo.com/mrss/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "slash": "http://purl.org/rss/1.0/modules/slash/",
    "sy": "http://purl.org/rss/1.0/modules/syndication/",
    "thr": "http://purl.org/syndication/thread/1.0",
    "wfw": "http://wellformedweb.org/CommentAPI/",
    "xhtml": "http://www.w3.org/1999/xhtml",
    "xlink": "http://www.w3.org/1999/xlink",
}


def mend(text: str) -> tuple[str, tuple[str, ...]]:
    """
    Return the text with its plain faults mended, and what they were; the same text and nothing where it has none.

    Raises PollError PARSE_LIMIT where they are too many.
    """
    notes: list[str] = []
    steps: tuple[tuple[Callable[[str], str], str], ...] = (
        (_from_root, "what stood before the root was left out"),
        (_without_illegal, "illegal characters were removed"),
        (_with_entities, "undefined entities and stray & or < were mended"),
        (_with_prefixes, "undeclared namespace prefixes were declared"),
    )
    for step, note in steps:
        mended = step(text)
        if mended != text:
            notes.append(note)
            text = mended
    return text, tuple(notes)


def _from_root(text: str) -> str:
    """Return the text without what may not stand before its root: a server's warnings, declared entities."""
    text = _DOCTYPE.sub("", text, count=1) if "[" in text[:_HEAD] else text
    root = _ROOT.search(text)
    prologue = _PROLOGUE.match(text)
    if root is None or (prologue and prologue.end() == root.start() and text.find("<?xml", 1, root.start()) < 0):
        return text
    return text[root.start() :]


def _without_illegal(text: str) -> str:
    return _ILLEGAL.sub("", text)


def _with_entities(text: str) -> str:
    # Not `sub`, which keeps all pieces until the end: of 15 MB with a stray & in every line 90 MB of them.
    mended, at = StringIO(), 0
    for number, spot in enumerate(_SPOT.finditer(text)):
        if number == MOST_SPOTS:
            raise PollError(FailureKind.PARSE_LIMIT, f"its XML is to be mended at more than {MOST_SPOTS:,} places")
        mended.write(text[at : spot.start()])
        mended.write(_mended_spot(spot))
        at = spot.end()
    mended.write(text[at:])
    return mended.getvalue()


def _mended_spot(found: re.Match[str]) -> str:
    part = found.lastgroup
    if part == "comment":
        return "" if "--" in found["comment"][4:-3] else found[0]
    if part == "name":
        return _entity(found["name"])
    if part in ("decimal", "hex"):
        return _reference(found[part], 10 if part == "decimal" else 16, found[0])
    return {"bare": "&amp;", "less": "&lt;"}.get(part or "", found[0])


def _entity(name: str) -> str:
    """Return a reference that XML knows: HTML's as characters, an unknown one as text."""
    meant = html5.get(f"{name};")
    if meant is None:
        return f"&amp;{name};"
    # HTML has names for & and < as well (&AMP;), and they stay references.
    return "".join(f"&#{ord(character)};" for character in meant)


def _reference(digits: str, radix: int, whole: str) -> str:
    """Return a reference to a character that XML allows as it is; one to any other character is taken out."""
    number = int(digits, radix) if len(digits) <= 8 else 0
    legal = 0 < number <= 0x10FFFF and not _ILLEGAL.match(chr(number))
    return whole.replace("X", "x") if legal else ""


def _with_prefixes(text: str) -> str:
    """Return the text with every prefix that is used and nowhere declared declared at its root."""
    loud = _QUIET.sub("", text)
    used = {found[1] or found[2] for tag in _TAG.finditer(loud) for found in _USED.finditer(tag[0])}
    missing = sorted(used - set(_DECLARED.findall(loud)) - {"xml", "xmlns"})
    root = _ROOT.search(text)
    if not missing or root is None:
        return text
    declared = "".join(f' xmlns:{prefix}="{_USUAL.get(prefix, f"urn:undeclared:{prefix}")}"' for prefix in missing)
    # The root's own prefix stands in the match; the declarations follow its name.
    return f"{text[: root.end()]}{declared}{text[root.end() :]}"
