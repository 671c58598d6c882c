"""
YAML 1.2 as nodes with positions: every scalar is the text as written, so `no`, `2021` and `12:30` stay what they are.

The only module that meets ruamel.yaml. What JSON calls a value is one here too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from aggregator.config.faults import Report

DEPTH = 40
"""Nesting that no honest feeds.yaml reaches."""
ALIASED = 100_000
"""Nodes that aliases may add altogether: nine levels of ten would make a billion."""
NULLS = frozenset(("", "~", "null", "Null", "NULL"))
TEXT_TAG = "tag:yaml.org,2002:str"
_LONE = re.compile("[\ud800-\udfff]")


# Plain dataclasses, not frozen ones: 36,000 sources make 200,000 of them, and frozen ones take twice the time to make.
@dataclass(slots=True, eq=False)
class TextNode:
    """A scalar; `plain` where it stands without quotes."""

    line: int
    column: int
    text: str
    plain: bool

    @property
    def null(self) -> bool:
        """True where it says nothing (`key:`, `~`, `null`)."""
        return self.plain and self.text in NULLS


@dataclass(slots=True, eq=False)
class ListNode:
    """A sequence."""

    line: int
    column: int
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class MapNode:
    """A mapping: by the key's text, the key and the value."""

    line: int
    column: int
    entries: dict[str, tuple[TextNode, Node]] = field(default_factory=dict)


Node = TextNode | ListNode | MapNode


def compose(text: str, report: Report) -> Node | None:
    """
    Return the root node of the text, or None where the text holds nothing.

    Duplicate keys are noted in the report and the first is kept. What is not YAML, or more than one
    document of it, raises `ConfigError`.
    """
    if text.lstrip()[:1] == "{":
        # JSON may be indented by tabs, which YAML's scanner does not take between tokens; in JSON's strings there are none.
        text = text.replace("\t", " ")
    try:
        return _Composer(text, report).root()
    except MarkedYAMLError as error:
        problem, mark = str(error.problem or error.context), error.problem_mark
        # Where the file just ends, or a colon is missing, the place to look at is where the scanner began.
        if error.context_mark and (mark is None or not report.line(mark.line + 1) or "find expected ':'" in problem):
            mark = error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        report.refuse(_in_words(problem, report, line, column), line, column)
    except (YAMLError, ValueError, AssertionError) as error:
        # ruamel.yaml lets a few of its own slips out (an escape beyond Unicode, a broken directive): not our file's shape.
        report.refuse(f"this is not YAML: {str(error).splitlines()[0] if str(error) else type(error).__name__}", 1, 1)


class _Composer:
    """Makes nodes of the events of one text."""

    def __init__(self, text: str, report: Report) -> None:
        self.report = report
        self.events: Iterator[Any] = YAML(typ="safe", pure=True).parse(text)
        self.anchors: dict[str, Node | None] = {}
        self.aliased = 0

    def root(self) -> Node | None:
        next(self.events)
        if not isinstance(next(self.events), DocumentStartEvent):
            return None
        node = self._node(next(self.events), 0)
        while isinstance(event := next(self.events), DocumentEndEvent):
            pass
        if isinstance(event, DocumentStartEvent):
            mark = event.start_mark
            self.report.refuse(
                "a second document starts here (`---`); the file holds one", mark.line + 1, mark.column + 1
            )
        return node

    def _node(self, event: Any, depth: int) -> Node:
        mark = event.start_mark
        line, column = mark.line + 1, mark.column + 1
        if isinstance(event, AliasEvent):
            return self._alias(event.anchor, line, column)
        if event.ctag is not None:
            self._tag(str(event.ctag), event, line, column)
        if depth > DEPTH:
            self.report.refuse(f"this is nested more than {DEPTH} deep", line, column)
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        node: Node
        if isinstance(event, ScalarEvent):
            plain = event.style is None and event.ctag is None
            node = TextNode(line, column, self._characters(event.value, line, column), plain)
        elif isinstance(event, SequenceStartEvent):
            node = self._list(line, column, depth)
        else:
            node = self._map(line, column, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def _list(self, line: int, column: int, depth: int) -> ListNode:
        node = ListNode(line, column)
        while not isinstance(event := next(self.events), SequenceEndEvent):
            node.items.append(self._node(event, depth + 1))
        return node

    def _map(self, line: int, column: int, depth: int) -> MapNode:
        node = MapNode(line, column)
        while not isinstance(event := next(self.events), MappingEndEvent):
            key = self._node(event, depth + 1)
            value = self._node(next(self.events), depth + 1)
            if not isinstance(key, TextNode):
                self.report.add(key.line, key.column, "a key must be a word; here stands a list or a mapping")
            elif key.text == "<<" and key.plain:
                self.report.add(
                    key.line,
                    key.column,
                    "`<<` (a merge key) is not part of YAML 1.2; what sources share goes under `defaults`",
                )
            elif key.text in node.entries:
                first = node.entries[key.text][0]
                self.report.add(
                    key.line, key.column, f'"{key.text}" stands twice; it was first set in line {first.line}'
                )
            else:
                node.entries[key.text] = (key, value)
        return node

    def _alias(self, name: str, line: int, column: int) -> Node:
        if name not in self.anchors:
            self.report.refuse(
                f"`*{name}` refers to an anchor that is not there; put text that begins with * in quotes", line, column
            )
        node = self.anchors[name]
        if node is None:
            self.report.refuse(f"`*{name}` stands inside what it refers to", line, column)
        self.aliased += _size(node, ALIASED + 1 - self.aliased)
        if self.aliased > ALIASED:
            self.report.refuse(
                f"`*{name}`: the aliases of this file blow up to more than {ALIASED:,} values", line, column
            )
        return node

    def _tag(self, tag: str, event: Any, line: int, column: int) -> None:
        if tag != "!" and not (tag == TEXT_TAG and isinstance(event, ScalarEvent)):
            shown = tag.replace("tag:yaml.org,2002:", "!!")
            self.report.add(line, column, f"the tag `{shown}` is not understood here; write the plain value")

    def _characters(self, value: str, line: int, column: int) -> str:
        if not _LONE.search(value):
            return value
        # JSON writes what lies beyond U+FFFF as two escapes, which YAML reads as two halves.
        joined = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        if "\ufffd" in joined:
            self.report.add(line, column, "half of a surrogate pair is no character")
        return joined


def _size(node: Node, most: int) -> int:
    """Return how many nodes hang on this one, itself counted; it stops counting beyond `most`."""
    found, waiting = 0, [node]
    while waiting and found <= most:
        one = waiting.pop()
        found += 1
        if isinstance(one, ListNode):
            waiting.extend(one.items)
        elif isinstance(one, MapNode):
            waiting.extend(value for _, value in one.entries.values())
    return found


def _in_words(problem: str, report: Report, number: int, column: int) -> str:
    """Return what ruamel.yaml says as a sentence with the way out."""
    line = report.line(number)
    if "'\\t'" in problem or line.startswith("\t"):
        return "a tab stands here; YAML wants spaces"
    if re.match(r"\s*-[^\s-]", line):
        return "a dash wants a space after it"
    if "mapping values" in problem and re.match(r"\s*- https?://", report.line(number - 1)):
        return "a key under a bare URL; a source with more than its URL begins with `- url: `"
    if "expected <block end>" in problem and line[: column - 1].strip(" -"):
        return "nothing can follow the bracket or quote that closes before this; put the whole text in quotes"
    for part, sentence in SENTENCES.items():
        if part in problem:
            return sentence
    return f"this is not YAML: {problem}"


SENTENCES = {
    "mapping values are not allowed here": (
        "a key cannot stand here: is the line indented as its neighbours are? text that holds `: ` goes in quotes"
    ),
    "could not find expected ':'": "a key without its colon: write `key: value`, and put longer text in quotes",
    "expected <block end>, but found": (
        "this does not line up with what stands above: give keys of one mapping, and dashes of one list, the same indent"
    ),
    "sequence entries are not allowed here": "a dash cannot start a list here; put it on its own line, under its key",
    "found unexpected end of stream": "the quotes that open here are never closed",
    "found unknown escape character": "a backslash in double quotes starts an escape; use single quotes for plain text",
    "that cannot start any token": "text cannot begin with this character; put it in quotes",
    "expected ',' or ']'": "the `[` is not closed: a comma or `]` is missing",
    "expected ',' or '}'": "the `{` is not closed: a comma or `}` is missing",
    "expected the node content": "a value is missing here, or a bracket too many stands",
    "expected '<document start>'": "this stands outside of the mapping that the file is: keys begin in the first column",
    "found undefined tag handle": "text that begins with ! goes in quotes",
    "found unexpected ':'": "text that holds a colon goes in quotes inside [ ] and { }",
    "found duplicate anchor": "an anchor name is used twice",
}
