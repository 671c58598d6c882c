"""
Regular expressions of linear time and CSS selectors: what is wrong with one, and what it finds.

The only module that meets RE2 and Lexbor. RE2 takes time linear in the text for every pattern; a selector's cost
grows with the depth and the width of the document, so one that would take long there is passed over.
"""

from __future__ import annotations

import re
from functools import lru_cache

import re2
from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

LONGEST_PATTERN = 2_000
LONGEST_SELECTOR = 1_000
MOST_MATCHES = 10_000
"""Matches of a text that are replaced; what comes after them stays as it is."""
MOST_STEPS = 20_000_000
"""Elements that one selector may look at in one body: about a tenth of a second."""

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False

_LOOKAROUND = re.compile(r"(?<!\\)(?:\\\\)*\(\?<?[=!]")
_BACKREFERENCE = re.compile(r"(?<!\\)(?:\\\\)*\\(?:[1-9]|k[<{'])")
_POSSESSIVE = re.compile(r"(?<!\\)(?:\\\\)*(?:\(\?>|[*+?}]\+)")
_OTHER_END = re.compile(r"(?<!\\)(?:\\\\)*\\Z")


# --- regular expressions ----------------------------------------------------------------------------------------


def pattern_fault(text: str) -> str | None:
    """Return in a clause what keeps the text from being a regular expression of linear time; None where it is one."""
    if len(text) > LONGEST_PATTERN:
        return f"is longer than {LONGEST_PATTERN} characters; write several rules"
    try:
        _compiled(text)
    except UnicodeEncodeError:
        return "holds half of a character (a lone surrogate); write it anew"
    except re2.error as error:
        return _explained(text, error)
    return None


def _explained(text: str, error: Exception) -> str:
    said = _said(error)
    if _LOOKAROUND.search(text) and "(?" in said:
        return (
            f"looks around itself ({said.rpartition(' ')[2]}...), which RE2 does not, as that may take for ever; "
            "write what is to match, and a `keep` or `drop` rule of its own for what is not"
        )
    if _BACKREFERENCE.search(text) and "escape" in said:
        return "refers back to a group (\\1), which RE2 does not, as that may take for ever; write the text out"
    if _POSSESSIVE.search(text) and ("(?>" in said or "repetition operator" in said):
        return "is possessive or atomic, which RE2 needs not be: it never goes back; leave the + or ?> out"
    if _OTHER_END.search(text) and "\\Z" in said:
        return "ends with \\Z; RE2 writes that \\z"
    return f"is no regular expression that RE2 can read: {said}"


def _said(error: Exception) -> str:
    """Return RE2's own words, which come as bytes."""
    told = error.args[0] if error.args else ""
    return told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)


def replacement_fault(pattern: str, replacement: str) -> str | None:
    """Return in a clause what is wrong with what takes the place of a sound pattern's matches; None where nothing is."""
    groups = int(_compiled(pattern).groups)
    for reference in _REFERENCE.finditer(replacement):
        if reference[1].isdigit() and int(reference[1]) > groups:
            return f"names the group {reference[0]}, and the pattern has {groups or 'none'}"
    if len(replacement) > LONGEST_PATTERN:
        return f"is longer than {LONGEST_PATTERN} characters"
    return None


def found(pattern: str, text: str) -> bool:
    """Return whether the pattern, one without fault, matches anywhere in the text."""
    return _compiled(pattern).search(_whole(text)) is not None


_REFERENCE = re.compile(r"\\([0-9\\])")


def replaced(pattern: str, replacement: str, text: str, longest: int) -> str:
    r"""
    Return the text with the pattern's matches replaced, the first 10,000 of them; `\1` to `\9` are its groups, `\0` all.

    Text that would become longer than `longest` and than it was is returned as it was.
    """
    text = _whole(text)
    pieces, at, length = list[str](), 0, 0
    for number, match in enumerate(_compiled(pattern).finditer(text)):
        if number == MOST_MATCHES:
            break
        put = _REFERENCE.sub(lambda one: _group(match, one[1]), replacement)  # noqa: B023 # called at once
        pieces += (text[at : match.start()], put)
        at = match.end()
        length += len(put)
        if length > longest:
            return text
    result = "".join((*pieces, text[at:]))
    return result if len(result) <= max(longest, len(text)) else text


def _group(match: re.Match[str], name: str) -> str:
    return "\\" if name == "\\" else match[int(name)] or ""


def without_long_accents(text: str) -> str:
    """Return the text with at most 30 combining marks in a row: Unicode normal forms take the square of their number."""
    marks = _compiled(r"(\p{M}{30})\p{M}+")
    text = _whole(text)
    return str(marks.sub(r"\1", text)) if marks.search(text) else text


def _whole(text: str) -> str:
    """Return the text without lone surrogates, which are no UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    compiled: re.Pattern[str] = re2.compile(pattern, _OPTIONS)
    return compiled


# --- selectors --------------------------------------------------------------------------------------------------

_PSEUDO = re.compile(r"::?([a-z-]*)", re.IGNORECASE)
_SIMPLE = frozenset(
    ("empty", "first-child", "first-of-type", "is", "last-child", "last-of-type", "not", "only-child", "where")
)
_COUNTING = frozenset(("nth-child", "nth-last-child", "nth-last-of-type", "nth-of-type"))
_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|\\.", re.DOTALL)
_DESCENDANT = re.compile(r"(?<=[^\s>+~,(])\s+(?=[^\s>+~,)])")


def selector_fault(text: str) -> str | None:
    """Return in a clause what keeps the text from being a CSS selector that we use; None where it is one."""
    if len(text) > LONGEST_SELECTOR:
        return f"is longer than {LONGEST_SELECTOR} characters; write several"
    bare = _QUOTED.sub("q", text)
    taken = _SIMPLE | _COUNTING | {"has"}
    for pseudo in _PSEUDO.findall(bare):
        if pseudo.lower() not in taken:
            return f"asks for :{pseudo}, which is not taken here; there are {', '.join(f':{name}' for name in sorted(taken))}"
    if bare.lower().count(":has(") > 1:
        return "has more than one :has(), which takes long; write two selectors"
    if "|" in bare.replace("|=", ""):
        return "names a namespace, and a body has none; leave out what stands before |"
    try:
        LexborHTMLParser("").css(_whole(text))
    except SelectolaxError:
        return 'is no CSS selector; write such as .share-buttons, #footer or img[width="1"]'
    return None


def without(html: str, selectors: tuple[str, ...]) -> str | None:
    """
    Return the HTML without the elements that any of the selectors, without fault, choose in it; None where none does.

    The result is what Lexbor writes of its tree: to be cleaned. A selector that would look at more than 20 million
    elements is passed over; so is one that chooses the body itself or what stands around it.
    """
    tree = LexborHTMLParser(_whole(html))
    body = tree.body
    if body is None:
        return None
    steps = _Steps.of(html)
    chosen: dict[int, LexborNode] = {}
    for selector in selectors:
        if steps.of_selector(selector) <= MOST_STEPS:
            chosen |= {node.mem_id: node for node in body.css(selector)}
    chosen.pop(body.mem_id, None)
    # An element goes with all that it holds, and must not be looked at after that.
    topmost = [node for node in chosen.values() if not _stands_in(node, chosen)]
    for node in topmost:
        node.decompose()
    return (body.inner_html or "") if topmost else None


def _stands_in(node: LexborNode, chosen: dict[int, LexborNode]) -> bool:
    above = node.parent
    while above is not None:
        if above.mem_id in chosen:
            return True
        above = above.parent
    return False


class _Steps:
    """How many elements a selector may look at in a document, at most."""

    def __init__(self, elements: int, depth: int) -> None:
        self._elements, self._depth = elements, depth

    @classmethod
    def of(cls, html: str) -> _Steps:
        """Measure the document: elements, and how many may be open at once."""
        opened = deepest = elements = 0
        for tag in _TAG.finditer(html):
            if tag[1]:
                opened -= 1
            elif tag[2].lower() not in _ALONE:
                opened += 1
                elements += 1
                deepest = max(deepest, opened)
            else:
                elements += 1
        return cls(elements + 1, deepest + 1)

    def of_selector(self, selector: str) -> int:
        bare = _QUOTED.sub("q", selector)
        descendants = len(_DESCENDANT.findall(bare))
        wide = bare.count("~") - bare.count("~=")
        wide += sum(pseudo.lower() in _COUNTING or pseudo.lower() == "has" for pseudo in _PSEUDO.findall(bare))
        parts = bare.count(",") + 1
        return int(parts * self._elements ** (1 + min(wide, 8)) * self._depth ** min(descendants, 16))


_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_ALONE = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
