"""HTML to plain text: what a reader would see of a body, a title or a name, as characters."""

from __future__ import annotations

import re
from html import escape

from aggregator.markup import TOKEN, names
from storage.markup import unescape

_UNSEEN = names("script style iframe noembed noframes noscript xmp")
_BLOCKS = names(
    "address article aside audio blockquote body br button caption center col colgroup dd details dialog dir div dl dt "
    "fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 head header hgroup hr html img legend li main menu nav "
    "object ol optgroup option p pre section select summary table tbody td tfoot th thead tr ul video"
)
# What a title may hold as markup. Another `<word>` in a title is text: `Vec<T>`, `<script setup>` said of Vue is not.
_TITLE_TAGS = names(
    "a abbr acronym b bdi bdo big blink br center cite code del dfn div em font h1 h2 h3 h4 h5 h6 i img ins kbd label "
    "li mark nobr p pre q rp rt ruby s samp small span strike strong sub sup time tt u ul ol var wbr"
)
_TITLE_SOURCE = 8_000
"""Characters of a title's source that are read; a longer one is no title, and unclosed comments cost their square."""
_LETTERS = frozenset("abiqsu")
_TITLE_TAG = re.compile(
    r"<(?P<end>/?)(?P<name>[a-z][a-z0-9]*)(?P<attributes>(?:\s[^<>]*+)?)/?>|<!--.*?-->", re.I | re.S
)

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\ufffe\uffff\ud800-\udfff]")
_BLANKS = re.compile("[ \t\r\n\x85\u2028\u2029]+")
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_EMBEDDINGS, _ISOLATES, _OVERRIDES = "\u202a\u202b\u202d\u202e", "\u2066\u2067\u2068", "\u202d\u202e"
_POP_ISOLATE = "\u2069"


def line(value: str) -> str:
    """Return the text as one line: controls removed, tabs and line ends with what is around them one space, trimmed (R1)."""
    if value.isprintable():
        return value.strip()
    return _BLANKS.sub(_blank, _CONTROLS.sub("", value)).strip()


def _blank(run: re.Match[str]) -> str:
    return " " if run[0].strip(" ") else run[0]


def contained(text: str) -> str:
    """
    Return a line that turns round no letters but its own: without overrides, and without other marks that it leaves open.

    The rules of directions are those of Unicode's UAX #9. Pairs that are closed stay, as do the plain marks
    (U+200E, U+200F): Hebrew and Arabic need them.
    """
    if text.isprintable() or not _TURNS.search(text):
        return text
    kept, opened, isolates = set[int](), list[re.Match[str]](), 0
    for turn in _TURNS.finditer(text):
        if turn[0] in _EMBEDDINGS + _ISOLATES:
            opened.append(turn)
            isolates += turn[0] in _ISOLATES
            continue
        if turn[0] == _POP_ISOLATE and isolates:
            while opened[-1][0] not in _ISOLATES:
                opened.pop()  # ends with the isolate that it stands in
            isolates -= 1
        elif turn[0] == _POP_ISOLATE or not opened or opened[-1][0] in _ISOLATES:
            continue
        begun = opened.pop()
        kept |= set() if begun[0] in _OVERRIDES else {begun.start(), turn.start()}
    return _TURNS.sub(lambda turn: turn[0] if turn.start() in kept else "", text).strip()


def text_of(html: str) -> str:
    """Return the visible text of the HTML as one line; blocks are parted by a space, scripts and styles dropped."""
    if "<" in html:
        html = TOKEN.sub(_seen, html)
    if "&" in html:
        html = unescape(html)
    return " ".join(_CONTROLS.sub("", html).split())


def text_of_clean(html: str) -> str:
    """Return what `text_of` returns, for HTML that the cleaner made: no `<` or `>` but those of tags, a third of the time."""
    if "<" in html:
        html = _TAG.sub("", _BLOCK.sub(" ", html))
    if "&" in html:
        html = unescape(html)
    return " ".join(_CONTROLS.sub("", html).split())


_BLOCK = re.compile(rf"</?(?:{'|'.join(sorted(_BLOCKS))})(?:\s[^<>]*)?/?>")
_TAG = re.compile(r"<[^<>]*>")


def _seen(token: re.Match[str]) -> str:
    name = token["name"]
    if name is not None:
        return " " if name.lower() in _BLOCKS else ""
    raw = token["raw"]
    if raw is None or raw.lower() in _UNSEEN:
        return ""
    return f" {escape(unescape(token['content']), quote=False)} "


def title_of(html: str) -> str:
    """
    Return a title written as HTML as one line of plain text: known tags removed, entities decoded once.

    RSS does not say whether a title is text or markup. A tag that HTML has is markup; any other `<word>` is text,
    and so is a `<b>` that nothing closes (`List<b>`).
    """
    html = html[:_TITLE_SOURCE]
    if "<" in html:
        ended = {match["name"].lower() for match in _TITLE_TAG.finditer(html) if match["end"]}
        html = _TITLE_TAG.sub(lambda match: _title_tag(match, ended), html)
    return line(unescape(html) if "&" in html else html)


def _title_tag(match: re.Match[str], ended: set[str]) -> str:
    if match["name"] is None:
        return ""
    name = match["name"].lower()
    if name not in _TITLE_TAGS:
        return match[0]
    if name in _LETTERS and not match["end"] and not match["attributes"].strip() and name not in ended:
        return match[0]
    return " " if name in _BLOCKS else ""


def paragraphs(text: str) -> str:
    """Return plain text as HTML: a blank line parts paragraphs, a single line end is a `<br>`."""
    parts = re.split(r"\n[ \t]*\n\s*", text.replace("\r\n", "\n").replace("\r", "\n").strip())
    return "\n".join(f"<p>{escaped(part).replace(chr(10), '<br>' + chr(10))}</p>" for part in parts if part.strip())


def escaped(text: str) -> str:
    """Return the text as HTML, written the way the HTML serialiser writes it."""
    return escape(text, quote=False).replace("\xa0", "&nbsp;")


def shortened(text: str, limit: int) -> str:
    """Return the text cut to about `limit` characters, at a space where one is near, never inside a grapheme."""
    if len(text) <= limit:
        return text
    cut = limit
    while cut > limit // 2 and _joins(text, cut):
        cut -= 1
    space = text.rfind(" ", limit * 3 // 4, cut + 1)
    return text[: space if space > 0 else cut].rstrip(" ,;:，、；：") + "…"


_MODIFIERS = re.compile(
    "[\u0300-\u036f\u1ab0-\u1aff\u20d0-\u20ff\u3099\u309a\ufe00-\ufe0f\u200d\U0001f3fb-\U0001f3ff\U000e0100-\U000e01ef]"
)
_REGIONAL = re.compile("[\U0001f1e6-\U0001f1ff]")


def _joins(text: str, at: int) -> bool:
    """Tell whether the characters before and after `at` belong to one grapheme."""
    after, before = text[at], text[at - 1]
    return bool(_MODIFIERS.match(after) or before == "\u200d" or (_REGIONAL.match(after) and _REGIONAL.match(before)))
