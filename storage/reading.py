"""
Read a front-matter file: ours, an older form, or one that a site tool has quoted anew (R13).

ruamel.yaml is at home here and in `aggregator.config`; its nodes do not leave this module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from storage.escapes import unescaped
from storage.frontmatter import FrontMatter, Value
from storage.markup import tags

MOST_CHARACTERS = 8_000_000
"""Of the block between the two `---`: a record with everything has a few thousand, one with its body in `rss` more."""
MOST_VALUES = 20_000
"""In the block, aliases followed: nine lists of nine aliases each would make 387 million."""
DEEPEST = 20

_SHORT = 50_000
"""Characters up to which a block is read at once; in a longer one the values are counted first, as each costs 30 us."""
_OPENING = re.compile(r"\ufeff?(?:[^\S\n]*+\n)*+---[^\S\n]*+\n")
_CLOSING = re.compile(r"^(?:---|\.\.\.)[^\S\n]*+$", re.MULTILINE)
_DIV = re.compile(r"<div>[ \t]*+\n")
_END = re.compile(r"\n[ \t]*+</div>$")
_TEXT_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "timestamp"))
_NULL = "tag:yaml.org,2002:null"


class FrontMatterError(Exception):
    """A file that is no record: its name, the line where it goes wrong (1 the first), and why."""

    def __init__(self, place: str, line: int, reason: str) -> None:
        super().__init__(f"{place}:{line}: {reason}")
        self.place = place
        self.line = line
        self.reason = reason

    def __reduce__(self) -> tuple[type[FrontMatterError], tuple[str, int, str]]:
        """Keep the fields when the error crosses a process border."""
        return type(self), (self.place, self.line, self.reason)


def loads(text: str, place: str = "record") -> FrontMatter:
    """
    Return what a front-matter file says, or raise `FrontMatterError`.

    Any valid YAML 1.2 mapping is taken, with `---` or `...` at its end. Scalars are kept as their text, so that
    no number, date or `no` changes on the way; keys that say something twice, tags of a program's own types and
    aliases that blow up are refused. The body is read without the `<div>` that we write round it.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    opening = _OPENING.match(text)
    if opening is None:
        raise FrontMatterError(place, 1, _no_opening(text))
    first_line = text.count("\n", 0, opening.end()) + 1
    closing = _CLOSING.search(text, opening.end())
    if closing is None:
        raise FrontMatterError(place, first_line - 1, "the front matter is not closed: there is no second `---`")
    block = text[opening.end() : closing.start()]
    return FrontMatter(_Block(place, first_line).fields(block), _body(text[closing.end() :]), place)


def _yaml() -> YAML:
    return YAML(typ="safe", pure=True)


def _no_opening(text: str) -> str:
    start = text.lstrip("\ufeff \t\n")[:3]
    if start == "+++":
        return "this is TOML front matter; only YAML, between two lines `---`, is read"
    if start in {";;;", "{"} or start[:1] == "{":
        return "this is JSON front matter; only YAML, between two lines `---`, is read"
    return "there is no front matter: the file does not start with a line `---`"


def _body(text: str) -> str:
    stripped = text.strip()
    opening, closing = _DIV.match(stripped), _END.search(stripped)
    if opening is None:
        return unescaped(stripped)
    if closing is None or closing.start() < opening.end() - 1:
        empty = re.fullmatch(r"<div>\s*+</div>", stripped)
        return "" if empty else unescaped(stripped)
    inner = stripped[opening.end() : max(closing.start(), opening.end())]
    ours = opening[0] == "<div>   \n" and inner.endswith("  ")
    return unescaped(inner.strip()) if ours or _stands_alone(inner) else unescaped(stripped)


def _stands_alone(html: str) -> bool:
    """Tell whether no `</div>` in it closes a `<div>` that stands before it."""
    depth = 0
    for tag in tags(html):
        depth += {"div": 1, "/div": -1}.get(tag.name, 0)
        if depth < 0:
            return False
    return True


class _Block:
    """One block of YAML: where its lines are counted from, and how many values it may still have."""

    def __init__(self, place: str, first_line: int) -> None:
        self._place = place
        self._first_line = first_line
        self._left = MOST_VALUES

    def fields(self, block: str) -> Mapping[str, Value]:
        if len(block) > MOST_CHARACTERS:
            raise self._error(0, f"the front matter has more than {MOST_CHARACTERS:,} characters")
        node = self._composed(block)
        if not isinstance(node, MappingNode):
            raise self._error(0, "the front matter is not a list of `key: value` lines")
        return self._mapping(node, 0)

    def _composed(self, block: str) -> Node | None:
        try:
            if len(block) > _SHORT:
                self._look_through(block)
            node = _yaml().compose(block)
        except MarkedYAMLError as error:
            # A quote that is never closed is found at the end; it is mended where it opens.
            unclosed = "end of stream" in str(error.problem)
            mark = error.context_mark if unclosed and error.context_mark else error.problem_mark
            reason = " ".join(str(part) for part in (error.context, error.problem) if part)
            raise self._error(mark.line if mark else 0, reason) from error
        except ReaderError as error:
            line = block.count("\n", 0, error.position)
            raise self._error(
                line, f"the character U+{ord(block[error.position]):04X} may not stand in YAML"
            ) from error
        except YAMLError as error:
            raise self._error(0, str(error)) from error
        except RecursionError as error:
            raise self._error(0, "the front matter is nested too deep") from error
        # The parser itself trips over a few broken inputs (an escape beyond Unicode, a lone `%` line).
        except (ValueError, OverflowError, IndexError, AttributeError, TypeError, AssertionError) as error:
            raise self._error(0, f"the YAML cannot be read ({type(error).__name__}: {error})") from error
        return node if isinstance(node, Node) else None

    def _look_through(self, block: str) -> None:
        """Refuse a long block of too many values, or nested too deep: reading 50,000 brackets in a row takes minutes."""
        depth = 0
        for number, event in enumerate(_yaml().parse(block)):
            depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
            if depth > DEEPEST:
                raise self._error(0, "the front matter is nested too deep")
            if number > 3 * MOST_VALUES:
                raise self._error(0, f"the front matter has more than {MOST_VALUES:,} values")

    def _value(self, node: Node, depth: int) -> Value:
        self._left -= 1
        if self._left < 0:
            raise self._error(node.start_mark.line, f"the front matter has more than {MOST_VALUES:,} values")
        if depth > DEEPEST:
            raise self._error(node.start_mark.line, "the front matter is nested too deep")
        match node:
            case MappingNode():
                return self._mapping(node, depth)
            case SequenceNode():
                return tuple(self._value(item, depth + 1) for item in node.value)
            case _:
                return self._scalar(node)

    def _mapping(self, node: MappingNode, depth: int) -> Mapping[str, Value]:
        fields: dict[str, Value] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                raise self._error(key_node.start_mark.line, "a key is a list or a map")
            key = str(key_node.value)
            if key in fields:
                raise self._error(key_node.start_mark.line, f"the key {key!r} stands there twice")
            fields[key] = self._value(value_node, depth + 1)
        return fields

    def _scalar(self, node: Node) -> str | None:
        if node.tag == _NULL:
            return None
        if node.tag not in _TEXT_TAGS:
            raise self._error(node.start_mark.line, f"a value of the type {node.tag} is not read")
        return str(node.value)

    def _error(self, line: int, reason: str) -> FrontMatterError:
        return FrontMatterError(self._place, self._first_line + line, reason)
