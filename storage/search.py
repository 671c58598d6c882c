"""The search syntax, and how texts are folded and cut into words so that Chinese of any length is found."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise

import opencc

FIELDS = ("title", "author")
"""Words may be asked of these alone; without one of them they are asked of title, author and body."""

LONGEST = 1000
"""Characters of a query that are read."""
MOST_TERMS = 64

# One token a character where a script writes no spaces: Han, kana, Hangul, Bopomofo, and what lies beyond the BMP
# (rare Han, emoji), which SQLite's own tables of letters know in part only.
_ALONE = re.compile(
    "[\u1100-\u11ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3041-\u30ff\u3105-\u312f\u3131-\u318e\u31a0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00010000-\U0010ffff]"
)
_WORD = re.compile(r"[^\W_]+")
_TERM = re.compile(r"""(?P<minus>-)?(?:(?P<field>[A-Za-z]+):)?(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))""")
_SPAN = re.compile(r"(\d{1,4})([hdw])")
_HAN = ((0x3400, 0x4DC0), (0x4E00, 0xA000), (0xF900, 0xFB00), (0x20000, 0x323B0))


@dataclass(frozen=True, slots=True)
class Term:
    """Words that must stand one after the other, or must not."""

    tokens: tuple[str, ...]
    field: str | None = None
    """One of `FIELDS`; None: anywhere."""
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for; all of it must hold."""

    terms: tuple[Term, ...] = ()
    sources: tuple[tuple[str, bool], ...] = ()
    """Folded text that the id or the name of the source holds; True: must not hold."""
    categories: tuple[tuple[str, bool], ...] = ()
    """Folded text that one of the record's three categories is; True: none may be."""
    since: datetime | None = None
    """Date shown at or after it."""
    within: timedelta | None = None
    """Date shown at most this long before the newest arrival of all."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a snippet."""

    text: str
    hit: bool


def parse(text: str) -> Query:
    """
    Return what the text asks for: words, "phrases", -not, and `title:` `author:` `source:` `category:` `since:`.

    No text is an error: what is no known form is taken as the words in it, and what holds no word asks for nothing.
    """
    terms: list[Term] = []
    found: dict[str, list[tuple[str, bool]]] = {"source": [], "category": []}
    since: datetime | None = None
    within: timedelta | None = None
    for match in list(_TERM.finditer(unicodedata.normalize("NFKC", text[:LONGEST])))[:MOST_TERMS]:
        name, negated = (match["field"] or "").lower(), bool(match["minus"])
        said = match["phrase"] if match["phrase"] is not None else match["word"]
        if name in found and fold(said).strip():
            found[name].append((fold(said).strip(), negated))
        elif name == "since" and (date := _date(said)):
            since = date
        elif name == "since" and (span := _SPAN.fullmatch(said.lower())):
            within = timedelta(hours=int(span[1]) * {"h": 1, "d": 24, "w": 168}[span[2]])
        else:
            known = name if name in FIELDS else None
            whole = said if known or not match["field"] else f"{match['field']}:{said}"
            if words := tuple(tokens(whole)):
                terms.append(Term(words, known, negated))
    return Query(tuple(terms), tuple(found["source"]), tuple(found["category"]), since, within)


def expression(term: Term) -> str:
    """Return the term as FTS5 reads it: a phrase, of a column where it names one."""
    phrase = f'"{" ".join(term.tokens)}"'
    return f"{term.field} : {phrase}" if term.field else phrase


def tokens(text: str) -> Iterator[str]:
    """Yield the words of a text, folded: a character each where a script has no spaces between words."""
    yield from indexed(text).split()


def indexed(text: str) -> str:
    """Return the text as the index holds it: its words, folded, with a space between."""
    return " ".join(_WORD.findall(_ALONE.sub(_apart, fold(text))))


def fold(text: str) -> str:
    """Return the text with case, full width, compatibility forms and traditional characters made one."""
    return unicodedata.normalize("NFKC", text).casefold().translate(_simplified())


def snippet(text: str, query: Query, around: int = 60) -> tuple[Piece, ...]:
    """
    Return the part of the text round the first place that matches, cut into what was asked for and what was not.

    Where no word of the query stands in it (it may stand in the title): its beginning.
    """
    spans = _hits(text, query)
    first = spans[0][0] if spans else 0
    start, end = max(0, first - around), min(len(text), first + 2 * around)
    cuts = [(max(a, start), min(b, end)) for a, b in spans if b > start and a < end]
    pieces = [Piece("…", hit=False)] if start else []
    edges = [start, *(edge for cut in cuts for edge in cut), end]
    for place, (a, b) in enumerate(pairwise(edges)):
        if a < b:
            pieces.append(Piece(text[a:b], hit=place % 2 == 1))
    return (*pieces, Piece("…", hit=False)) if end < len(text) else tuple(pieces)


def _hits(text: str, query: Query) -> list[tuple[int, int]]:
    """Return where the query's phrases stand in the text, in order, none over another."""
    found = list(_placed(text))
    words = [word for word, _, _ in found]
    spans = [
        (found[at][1], found[at + len(term.tokens) - 1][2])
        for term in query.terms
        if not term.negated and term.field is None
        for at in range(len(words) - len(term.tokens) + 1)
        if words[at] == term.tokens[0] and tuple(words[at : at + len(term.tokens)]) == term.tokens
    ]
    apart: list[tuple[int, int]] = []
    for span in sorted(spans):
        if not apart or span[0] >= apart[-1][1]:
            apart.append(span)
    return apart


def _placed(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield the words of a text with where each stands in it."""
    folded, places = [], []
    for place, character in enumerate(text):
        for part in _ALONE.sub(_apart, fold(character)):
            folded.append(part)
            places.append(place)
    whole = "".join(folded)
    for match in _WORD.finditer(whole):
        yield match[0], places[match.start()], places[match.end() - 1] + 1


def _apart(match: re.Match[str]) -> str:
    character = match[0]
    return f" {character} " if character <= "\uffff" else f" u{ord(character):x} "


def _date(text: str) -> datetime | None:
    try:
        date = datetime.fromisoformat(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


@cache
def _simplified() -> dict[int, str]:
    """Return the simplified form of each traditional character: by character, so that a part folds as the whole does."""
    han = [chr(code) for first, end in _HAN for code in range(first, end)]
    simple = opencc.OpenCC("t2s").convert("\n".join(han)).split("\n")
    return {ord(old): new for old, new in zip(han, simple, strict=True) if old != new}
