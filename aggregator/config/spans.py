"""
Where the items of a list of feeds.yaml begin and end in its text.

Nodes know where they begin; an end is found from the text. Whoever edits by it reads the result again and compares.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from aggregator.config.document import ListNode, MapNode, Node
from aggregator.config.faults import LINE_BREAK


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of the text, from `start` up to `end`."""

    start: int
    end: int


class Page:
    """The text, by lines and by places."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0, *(found.end() for found in LINE_BREAK.finditer(text))]
        found = LINE_BREAK.search(text)
        self.newline = found[0] if found else "\n"
        """As the first line ends, which the lines that are added do too."""

    def place(self, node: Node) -> int:
        """Return where the node begins, behind its anchor and tag."""
        at = self.starts[node.line - 1] + node.column - 1
        while at < len(self.text) and self.text[at] in "&!":
            while at < len(self.text) and not self.text[at].isspace():
                at += 1
            at = self.skipped(at)
        return at

    def skipped(self, at: int) -> int:
        """Return the place of what follows, white space and comments passed over."""
        while at < len(self.text):
            if self.text[at].isspace():
                at += 1
            elif self.text[at] == "#" and (at == 0 or self.text[at - 1].isspace()):
                at = self.line_end(at)
            else:
                break
        return at

    def number(self, at: int) -> int:
        """Return the line in which a place lies, counted from 0."""
        return bisect_right(self.starts, at) - 1

    def line(self, number: int) -> str:
        """Return a line without its end."""
        return LINE_BREAK.sub("", self.text[self.starts[number] : self.after(number)])

    def after(self, number: int) -> int:
        """Return where the line after this one begins; the end of the text where there is none."""
        return self.starts[number + 1] if number + 1 < len(self.starts) else len(self.text)

    def line_end(self, at: int) -> int:
        """Return the place of the line's end."""
        found = LINE_BREAK.search(self.text, at)
        return found.start() if found else len(self.text)

    def last_with_words(self) -> int:
        """Return the last line that is not empty; the first where all are."""
        return next((number for number in reversed(range(len(self.starts))) if self.line(number).strip()), 0)

    def flow(self, node: Node) -> bool:
        """Tell whether the node stands in brackets or braces."""
        return self.text[self.place(node)] in "[{"


def dash_column(page: Page, listed: ListNode) -> int:
    """Return the column of the dashes of a list that is not in brackets, from 0."""
    at = page.place(listed)
    return at - page.starts[page.number(at)]


def block_item(page: Page, listed: ListNode, item: Node) -> Span:
    """Return the lines of an item of a list that is not in brackets, its dash and its own comments with it."""
    column = dash_column(page, listed)
    first = page.number(page.starts[item.line - 1])
    while first > 0 and not _has_dash(page.line(first), column):
        first -= 1
    return Span(page.starts[first], page.after(last_line(page, first, column)))


def last_line(page: Page, first: int, column: int) -> int:
    """
    Return the last line of what begins in line `first` and is indented by more than `column`.

    A comment that is indented so too belongs to it; one that is not may stand in its midst, but does not end it.
    """
    last, apart = first, False
    for number in range(first + 1, len(page.starts)):
        line = page.line(number)
        words = line.lstrip(" ")
        comment, deep = words.startswith("#"), len(line) - len(words) > column
        if not words.strip():
            continue
        if not deep and not comment:
            break
        if comment and (apart or not deep):
            apart = True
        else:
            last, apart = number, False
    return last


def _has_dash(line: str, column: int) -> bool:
    return (
        not line[:column].strip(" ")
        and line[column : column + 1] == "-"
        and line[column + 1 : column + 2] in ("", " ", "\t")
    )


def flow_item(page: Page, item: Node) -> Span:
    """Return an item of a list in brackets, without the comma after it."""
    start = page.starts[item.line - 1] + item.column - 1
    end = closing(page.text, start)
    return Span(start, end)


def flow_end(page: Page, node: Node) -> int:
    """Return the place of the bracket that closes the list or mapping."""
    at = page.place(node)
    return closing(page.text, at + 1, inside=True)


def closing(text: str, start: int, *, inside: bool = False) -> int:
    """
    Return where the item of a flow collection that begins at `start` ends: after its last character.

    With `inside`, the place of the bracket that closes the collection whose inside begins at `start`.
    """
    at, depth, last, fresh = start, 0, start, True
    while at < len(text):
        character = text[at]
        if fresh and character in "'\"":
            at = _quoted(text, at)
            last, fresh = at, False
            continue
        if character == "#" and text[at - 1 : at].isspace():
            found = LINE_BREAK.search(text, at)
            at = found.end() if found else len(text)
            continue
        if character in "]}" and depth == 0:
            return at if inside else last
        if character == "," and depth == 0 and not inside:
            return last
        depth += (character in "[{") - (character in "]}")
        if character in ",[{:":
            fresh = True
        elif not character.isspace():
            fresh = False
        at += 1
        last = last if character.isspace() else at
    return last


def _quoted(text: str, at: int) -> int:
    """Return the place after the quoted scalar that begins here."""
    quote, at = text[at], at + 1
    while at < len(text):
        if (quote == '"' and text[at] == "\\") or (text[at] == quote and quote == "'" and text[at + 1 : at + 2] == "'"):
            at += 2
        elif text[at] == quote:
            return at + 1
        else:
            at += 1
    return len(text)


def entries_of(node: MapNode, key: str) -> Node | None:
    """Return the value of a key; None where it is not there."""
    found = node.entries.get(key)
    return found[1] if found else None
