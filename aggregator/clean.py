"""
Cleans a publisher's HTML: what is not on the allow-list goes, URLs become absolute, the rest stays as it was.

The only module that imports nh3. Everything that is stored as an entry's body, served in a feed or shown on a page
has passed here once; docs/security.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache, partial
from itertools import zip_longest

import nh3

from aggregator import pictures
from aggregator.markup import TOKEN, VOID, names, valid, within_bounds
from aggregator.plain import paragraphs, text_of
from storage.markup import unescape

CLEANER = 1
"""Version of the rules; a record cleaned under an older one is cleaned again by maintenance."""

LONGEST = 1024 * 1024
"""Characters of a body; a longer one is cut and ends with a mark."""
CUT_MARK = "<p>[…]</p>"

TAGS = names(
    "a abbr acronym address article aside audio b bdi bdo big blockquote br caption center cite code col colgroup data "
    "dd del details dfn div dl dt em figcaption figure footer h1 h2 h3 h4 h5 h6 header hgroup hr i img ins kbd li main "
    "mark nav ol p picture pre q rb rp rt rtc ruby s samp section small source span strike strong sub summary sup "
    "table tbody td tfoot th thead time tr tt u ul var video wbr"
)
"""Nothing here switches the tokenizer's state (no `style`, `title`, `textarea`, `noscript`, `svg`): text stays text."""

DROPPED = names("script style iframe noembed noframes noscript template title svg math select object applet")
"""Elements that go with their content: what they hold is no text, or a fallback for what was dropped."""

_CELL = frozenset({"colspan", "rowspan", "headers", "scope", "align", "abbr"}) - {"headers"}
ATTRIBUTES: dict[str, frozenset[str]] = {
    "*": frozenset({"dir", "lang", "title"}),
    "a": frozenset({"href", "hreflang"}),
    "audio": frozenset({"src", "loop", "preload"}),
    "col": frozenset({"span", "align"}),
    "colgroup": frozenset({"span", "align"}),
    "data": frozenset({"value"}),
    "del": frozenset({"datetime"}),
    "details": frozenset({"open"}),
    "img": frozenset({"src", "srcset", "sizes", "alt", "width", "height", "loading", "referrerpolicy"}),
    "ins": frozenset({"datetime"}),
    "li": frozenset({"value"}),
    "ol": frozenset({"start", "reversed", "type"}),
    "source": frozenset({"src", "srcset", "sizes", "media", "type"}),
    "td": _CELL,
    "th": _CELL,
    "time": frozenset({"datetime"}),
    "video": frozenset({"src", "poster", "width", "height", "loop", "muted", "preload"}),
}
"""What an element may say; `rel` of a link and `controls` of a player are set here and are not the publisher's."""

_SELECTABLE = TAGS | names(
    "button dialog fieldset font form input label legend menu meter nav option output progress search"
)
_CHOSEN_BY = {
    **ATTRIBUTES,
    "*": ATTRIBUTES["*"] | {"aria-hidden", "aria-label", "class", "hidden", "id", "role", "style"},
    "a": ATTRIBUTES["a"] | {"rel", "target"},
    "button": frozenset({"type"}),
    "input": frozenset({"type", "name"}),
}
"""What a rule may choose an element by, and nobody is shown (`marked`)."""

LINK_REL = "noopener noreferrer nofollow"
SCHEMES = frozenset({"http", "https", "mailto", "tel"})

_PASSING = {
    **ATTRIBUTES,
    "img": ATTRIBUTES["img"] | {*pictures.LAZY, *pictures.LAZY_SETS},
    "source": ATTRIBUTES["source"] | set(pictures.LAZY_SETS),
}
"""What passes the sanitiser: also what tells a picture's real URL, until `pictures.mended` has read it."""
_MEDIA_URLS = re.compile(r'(<(?:img|source|audio|video)\b[^>]*?) (src|poster)="(?!https?:)[^"]*"')

_ROUNDS = 6


def clean(html: str, base: str | None, longest: int = LONGEST) -> str:
    """
    Return the HTML with nothing but what the allow-list names, balanced, every URL absolute against `base`.

    HTML that is clean already is returned as it was written. Idempotent. Without an http(s) base relative URLs are
    dropped. What nests deeper than 256 elements comes back as its text, what has more than `longest` characters cut.
    """
    html = valid(html)
    if "<" not in html and "&" not in html and ">" not in html and "\r" not in html and len(html) <= longest:
        return html
    room = longest
    while True:
        result = _cleaned(html if len(html) <= room else _cut(html, room), base)
        if len(result) <= longest:
            return result
        # Escaping makes some texts longer: cut the source in proportion.
        room = min(len(html) - 1, room) * longest // len(result) - len(CUT_MARK)


def marked(html: str, base: str | None, longest: int = LONGEST) -> str | None:
    """
    Return the HTML as `clean` does, but with the classes, ids and elements that rules choose by; None where it is too much.

    It is not clean: what a rule leaves of it is to pass `clean` before anybody sees it.
    """
    html = valid(html)
    bounded = within_bounds(html) if len(html) <= longest else None
    if bounded is None:
        return None
    sanitiser = _sanitiser(base, selectable=True)
    result = _sanitised(_without_noscript(bounded), sanitiser=sanitiser, base=base).strip()
    return result if len(result) <= longest else None


def _cut(html: str, room: int) -> str:
    """Return the start of the HTML up to the last tag that begins before `room`, and a mark."""
    at = html.rfind("<", room // 2, room)
    return html[: at if at > 0 else room] + CUT_MARK


def _cleaned(html: str, base: str | None) -> str:
    bounded = within_bounds(html)
    if bounded is None:
        return _as_text(html)
    sanitise = partial(_sanitised, sanitiser=_sanitiser(base), base=base)
    result = sanitise(_without_noscript(bounded))
    if result == html or _differ_in_form_only(html, result):
        return html
    # What a parser writes is not always what it reads again (`<pre>` and a newline, links in tables): the body is
    # stored only in a form that comes out of the sanitiser as it went in, so no second parser can see another tree.
    for _ in range(_ROUNDS):
        again = sanitise(result)
        if again == result:
            return result
        result = again
    return _as_text(html)


def _as_text(html: str) -> str:
    return paragraphs(text_of(html))


def _sanitised(html: str, *, sanitiser: nh3.Cleaner, base: str | None) -> str:
    result = sanitiser.clean(html)
    # A character reference may stand for a character that no XML may hold: looked for again after they are decoded.
    return pictures.mended(_MEDIA_URLS.sub(r"\1", valid(result) if "&#" in html else result), base)


@lru_cache(maxsize=64)
def _sanitiser(base: str | None, *, selectable: bool = False) -> nh3.Cleaner:
    """
    Return the sanitiser for that base; building one takes 0.1 ms, and entries of a feed share theirs.

    `selectable` lets pass what rules choose elements by.
    """
    usable = pictures.absolute(base, None) if base else None
    return nh3.Cleaner(
        tags=_SELECTABLE if selectable else TAGS,
        clean_content_tags=DROPPED,
        attributes={name: _PASSING.get(name, frozenset()) | own for name, own in _CHOSEN_BY.items()}
        if selectable
        else _PASSING,
        generic_attribute_prefixes={"data-"} if selectable else None,
        link_rel=None if selectable else LINK_REL,
        set_tag_attribute_values={"audio": {"controls": ""}, "video": {"controls": ""}},
        url_schemes=SCHEMES,
        # An empty `src` would be the page itself; `absolute` gives None for it, and the attribute goes.
        url_relative=partial(pictures.absolute, base=usable) if usable else "deny",
    )


_SRC = re.compile(r"""<img\b[^>]*?\ssrc\s*=\s*["']?([^"'\s>]+)""", re.IGNORECASE)
_LAZY_PICTURES = 200


def _without_noscript(html: str) -> str:
    """Return the HTML with each `noscript` as its picture where that stands nowhere else (lazy loading), else gone."""
    if "<noscript" not in html.lower():
        return html
    left = _LAZY_PICTURES

    def opened(token: re.Match[str]) -> str:
        nonlocal left
        if (token["raw"] or "").lower() != "noscript":
            return token[0]
        left -= 1
        picture = _SRC.search(token["content"][:10_000]) if left >= 0 else None
        return token["content"] if picture and html.count(picture[1]) == 1 else ""

    return TOKEN.sub(opened, html)


# --- is it clean already? ---------------------------------------------------------------------------------------

# Markup about which no two parsers disagree: lower-case names, every value quoted, no `<` or `>` inside a value.
_PLAIN_ATTRIBUTES = r"""(?:\s+[a-z][a-z-]*(?:="[^"<>]*"|='[^'<>]*')?)*+"""
_PLAIN_TOKEN = re.compile(
    rf"(?P<text>[^<]++)|<(?P<end>/?)(?P<name>[a-z][a-z0-9]*)(?P<attributes>{_PLAIN_ATTRIBUTES})\s*(?P<slash>/?)>"
)
_PLAIN_ATTRIBUTE = re.compile(r"""([a-z][a-z-]*)(?:="([^"<>]*)"|='([^'<>]*)')?""")
_REFERENCE = re.compile(r"&#[0-9xXa-fA-F]*+;?")
"""A numeric character reference; one to a character that nothing may hold (`&#1;`) is no matter of form."""

_Token = tuple[str, str, frozenset[tuple[str, str]]]


def _differ_in_form_only(html: str, result: str) -> bool:
    """
    Tell whether both are the same tokens, so that cleaning changed nothing but how they are written.

    Both are read by a strict grammar that refuses whatever a browser would have to guess about. As no allowed element
    changes the tokenizer's state, and `result` is clean, equal tokens mean that `html` is clean too.
    """
    if "&#" not in html:
        # The sanitiser says this of most links; only by a reference could the publisher have said it otherwise.
        if LINK_REL in result and LINK_REL not in html:
            return False
    elif any(unescape(reference) in ("", "\ufffd") for reference in _REFERENCE.findall(html)):
        return False
    return all(one is not None and one == other for one, other in zip_longest(_tokens(html), _tokens(result)))


def _tokens(html: str) -> Iterator[_Token | None]:
    """Yield the tokens; None, and no more, where the HTML is not in the strict grammar."""
    at, after_pre = 0, False
    while at < len(html):
        match = _PLAIN_TOKEN.match(html, at)
        if match is None:
            yield None
            return
        at = match.end()
        if (text := match["text"]) is not None:
            text = unescape(text).replace("\r\n", "\n").replace("\r", "\n")
            text = text.removeprefix("\n") if after_pre else text
            after_pre = False
            if text:
                yield "text", text, frozenset()
            continue
        token = _tag(match)
        after_pre = token is not None and token[:2] == ("", "pre")
        yield token
        if token is None:
            return


def _tag(match: re.Match[str]) -> _Token | None:
    name = match["name"]
    found = _PLAIN_ATTRIBUTE.findall(match["attributes"])
    pairs = frozenset((key, unescape(double or single)) for key, double, single in found)
    if len({key for key, _ in pairs}) != len(found) or (match["end"] and (found or match["slash"])):
        return None
    if match["slash"] and name not in VOID:
        return None
    return match["end"], name, pairs
