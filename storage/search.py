"""The search syntax, and how texts are folded and cut into words so that Chinese of any length is found."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from itertools import pairwise

import opencc

FIELDS = ("title", "author")
"""Words may be asked of these alone; without one of them they are asked of title, author and body."""

LONGEST = 4000
"""Characters of a query that are read: what a view asks for and what is asked of it besides."""
MOST_TERMS = 128

# One token a character where a script writes no spaces: Han, kana, Hangul, Bopomofo, Thai, Lao, Burmese, Khmer, and
# what lies beyond the BMP (rare Han, emoji).
_ALONE = re.compile(
    "[\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0eff\u1000-\u1049\u1050-\u109f\u1780-\u17d3\u17dd"
    "\u1100-\u11ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3041-\u30ff\u3105-\u312f\u3131-\u318e\u31a0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00010000-\U0010ffff]"
)
# Vowel signs are no letters to `re`, but parts of words in the scripts of India and of the South-East.
_WORD = re.compile(
    "(?:[^\\W_]|[\u0900-\u0963\u0970-\u0dff\u0e31-\u0e3a\u0e47-\u0e4e\u0eb1-\u0ecd\u102b-\u103e\u1056-\u109d\u17b4-\u17d3\u17dd])+"
)
# What is taken together when a text is folded piece by piece: a character with its marks, the parts of a Hangul syllable.
_CLUSTER = re.compile("[\u1100-\u11ff]+|.[\u0300-\u036f\u3099\u309a\uff9e\uff9f]*", re.DOTALL)
_UNSEEN = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
"""Where a line may or may not break: no part of what is read."""
_MARKS = ((0x0300, 0x0370), (0x0591, 0x05BE), (0x05BF, 0x05C0), (0x05C1, 0x05C8), (0x064B, 0x0660), (0x0670, 0x0671))
"""Accents that no composed character holds, Hebrew points, Arabic vowels: written or not, as one likes."""
_ACCENTED = ((0x00C0, 0x0250), (0x0370, 0x0400), (0x1E00, 0x2000))
"""Latin and Greek letters with their accents; in other scripts a mark makes another letter."""
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
    """Folded text that the record's first category is; True: must not be."""
    tags: tuple[tuple[str, bool], ...] = ()
    """Folded text that one of the source's tags is; True: none may be."""
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
    Return what the text asks for: words, "phrases", -not; `title:` `author:` `source:` `category:` `tag:` `since:`.

    No text is an error: what is no known form is taken as the words in it, and what holds no word asks for nothing.
    """
    terms: list[Term] = []
    found: dict[str, list[tuple[str, bool]]] = {"source": [], "category": [], "tag": []}
    since: datetime | None = None
    within: timedelta | None = None
    for match in list(_TERM.finditer(unicodedata.normalize("NFKC", text[:LONGEST])))[:MOST_TERMS]:
        name, negated = (match["field"] or "").lower(), bool(match["minus"])
        said = match["phrase"] if match["phrase"] is not None else match["word"]
        if name in found and fold(said).strip():
            found[name].append((fold(said).strip(), negated))
        elif name == "since" and not negated and (date := _date(said)):
            since = date
        elif name == "since" and not negated and (span := _SPAN.fullmatch(said.lower())):
            within = timedelta(hours=int(span[1]) * {"h": 1, "d": 24, "w": 168}[span[2]])
        else:
            known = name if name in FIELDS else None
            whole = said if known or not match["field"] else f"{match['field']}:{said}"
            if words := tuple(tokens(whole)):
                terms.append(Term(words, known, negated))
    sources, categories, tags = (tuple(found[name]) for name in ("source", "category", "tag"))
    return Query(tuple(terms), sources, categories, tags, since, within)


def both(first: str | None, second: str | None) -> str | None:
    """Return the query that asks for what both ask for; None where neither asks for anything."""
    texts = [unicodedata.normalize("NFKC", text) for text in (first, second) if text]
    # A quote that nobody closed would take the words behind it in.
    return " ".join(text + '"' * (text.count('"') % 2) for text in texts) or None


def expression(term: Term, most: int | None = None) -> str:
    """Return the term as FTS5 reads it: a phrase of its first `most` tokens, of a column where it names one."""
    phrase = f'"{" ".join(term.tokens[:most])}"'
    return f"{term.field} : {phrase}" if term.field else phrase


def tokens(text: str) -> Iterator[str]:
    """Yield the words of a text, folded: a character each where a script has no spaces between words."""
    yield from indexed(text).split()


def indexed(text: str) -> str:
    """Return the text as the index holds it: its words, folded, with a space between."""
    return " ".join(_WORD.findall(_ALONE.sub(_apart, fold(text))))


def fold(text: str) -> str:
    """Return the text with case, full width, compatibility forms, accents and traditional characters made one."""
    return unicodedata.normalize("NFKC", text).casefold().translate(_folds())


def snippet(text: str, query: Query, around: int = 60) -> tuple[Piece, ...]:
    """
    Return the part of the text round the first place that matches, cut into what was asked for and what was not.

    Where no word of the query stands in its first 40,000 characters (it may stand in the title): its beginning.
    """
    spans = _first_hits(text, query)
    first = spans[0][0] if spans else 0
    start, end = _at_blanks(text, max(0, first - around), first, min(len(text), first + 2 * around))
    pieces = [Piece("…", hit=False)] if start else []
    pieces += _cut(text, [(max(a, start), min(b, end)) for a, b in spans if b > start and a < end], start, end)
    return (*pieces, Piece("…", hit=False)) if end < len(text) else tuple(pieces)


def marked(text: str, query: Query, field: str) -> tuple[Piece, ...]:
    """Return all of a short text that is one of `FIELDS`, cut into what was asked for and what was not."""
    return tuple(_cut(text, _hits(text, query, field), 0, len(text)))


def _cut(text: str, spans: Sequence[tuple[int, int]], start: int, end: int) -> list[Piece]:
    edges = [start, *(edge for span in spans for edge in span), end]
    return [Piece(text[a:b], hit=place % 2 == 1) for place, (a, b) in enumerate(pairwise(edges)) if a < b]


def _at_blanks(text: str, start: int, first: int, end: int) -> tuple[int, int]:
    """Return start and end moved to a blank where one is near, so that no word is cut in two."""
    if start and (blank := text.find(" ", start, min(first, start + _NEAR))) >= 0:
        start = blank + 1
    if end < len(text) and (blank := text.rfind(" ", max(first + 1, end - _NEAR), end)) >= 0:
        end = blank
    return start, end


_NEAR = 20
_WINDOW, _OVERLAP, _READ = 4000, 400, 40_000


def _first_hits(text: str, query: Query) -> list[tuple[int, int]]:
    """Return where phrases stand in the first window of the text in which one does."""
    for start in range(0, min(len(text), _READ), _WINDOW):
        if spans := _hits(text[start : start + _WINDOW + _OVERLAP], query):
            return [(a + start, b + start) for a, b in spans]
    return []


def _hits(text: str, query: Query, field: str | None = None) -> list[tuple[int, int]]:
    """Return where the query's phrases stand in the text, in order; what touches or overlaps is one."""
    found = list(_placed(text))
    words = [word for word, _, _ in found]
    spans = [
        (found[at][1], found[at + len(term.tokens) - 1][2])
        for term in query.terms
        if not term.negated and term.field in (None, field)
        for at in range(len(words) - len(term.tokens) + 1)
        if words[at] == term.tokens[0] and tuple(words[at : at + len(term.tokens)]) == term.tokens
    ]
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _placed(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield the words of a text with where each stands in it."""
    folded, places = list[str](), list[tuple[int, int]]()
    for cluster in _CLUSTER.finditer(text):
        for part in _parted(cluster[0]):
            folded.append(part)
            places.append(cluster.span())
    for match in _WORD.finditer("".join(folded)):
        yield match[0], places[match.start()][0], places[match.end() - 1][1]


@lru_cache(10_000)
def _parted(cluster: str) -> str:
    return _ALONE.sub(_apart, fold(cluster))


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
def _folds() -> dict[int, str | None]:
    """Return what each character becomes: one at a time, so that a part of a text folds as the whole does."""
    han = [chr(code) for first, end in _HAN for code in range(first, end)]
    simple = opencc.OpenCC("t2s").convert("\n".join(han)).split("\n")
    folds: dict[int, str | None] = {ord(old): new for old, new in zip(han, simple, strict=True) if old != new}
    for first, end in _ACCENTED:
        for letter in map(chr, range(first, end)):
            bare = "".join(part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part))
            if bare != letter:
                folds[ord(letter)] = bare
    folds |= dict.fromkeys(code for first, end in _MARKS for code in range(first, end))
    return folds | dict.fromkeys(map(ord, _UNSEEN))
