"""From a place in the schema (`sources`, 3, `every`) to the line and column, and from pydantic's errors to faults."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from aggregator.config import ids, schema
from aggregator.config.document import ListNode, MapNode, Node, TextNode
from aggregator.config.faults import Report, WrongValueError, near
from aggregator.config.values import written

Loc = tuple[int | str, ...]
"""A path of keys and list indices from the root."""

OTHER_WORDS = {
    "feeds": "sources",
    "subscriptions": "sources",
    "interval": "every",
    "refresh": "every",
    "title": "name",
    "link": "url",
    "href": "url",
    "xmlurl": "url",
    "xml_url": "url",
    "feed_url": "url",
    "host": "listen",
    "port": "listen",
    "bind": "listen",
    "token": "access_token",
    "categories": "category",
    "useragent": "user_agent",
    "posts": "records",
    "directory": "path",
    "data": "path",
}
"""What other programs call it."""


class Places:
    """Where things stand in one file, and its report."""

    def __init__(self, root: MapNode, report: Report) -> None:
        self.root = root
        self.report = report

    def node(self, loc: Sequence[int | str]) -> Node:
        """Return the node at the place, or the nearest one above it."""
        node: Node = self.root
        for step in loc:
            below: Node | None = None
            if isinstance(node, MapNode) and isinstance(step, str):
                below = node.entries[step][1] if step in node.entries else None
            elif isinstance(node, ListNode) and isinstance(step, int):
                below = node.items[step] if step < len(node.items) else None
            if below is None:
                return node
            node = below
        return node

    def written(self, loc: Sequence[int | str]) -> str:
        """Return the scalar at the place as it stands in the file, variables not replaced."""
        node = self.node(loc)
        return node.text if isinstance(node, TextNode) else ""

    def url(self, index: int) -> str:
        """Return the URL of a source as it stands in the file, variables not replaced."""
        return written(self.node(("sources", index)))

    def fault(self, loc: Loc, message: str, suggestion: str | None = None) -> None:
        """Note a fault of the value at the place, with the name of its source and key before it."""
        node = self.node(loc)
        self.report.add(node.line, node.column, self._named(loc) + message, suggestion)

    def label(self, index: int) -> str:
        """Return what a source is called in messages: its id, its name, or its URL without what may be secret."""
        node = self.node(("sources", index))
        if isinstance(node, MapNode):
            for key in ("id", "name"):
                value = node.entries[key][1] if key in node.entries else None
                if isinstance(value, TextNode) and not value.null and value.text:
                    return f'source "{value.text[:80]}"'
        url = written(node)
        return f'source "{ids.name(url)}"' if url else f"source {index + 1}"

    def tell(self, error: ValidationError) -> list[Loc]:
        """Note a fault for every error; return the places that cannot be used."""
        found = error.errors(include_url=False, include_input=False)
        # Where the URL is there under a wrong name, that it is missing says nothing more.
        renamed = {one["loc"][:-1] for one in found if one["type"] == "extra_forbidden" and _stands_for_url(one["loc"])}
        for one in found:
            if not (one["type"] == "missing" and one["loc"][:-1] in renamed):
                self._tell(one)
        return [one["loc"] for one in found]

    def _tell(self, error: ErrorDetails) -> None:
        loc = error["loc"]
        if error["type"] == "extra_forbidden":
            self._unknown(loc)
        elif error["type"] == "missing":
            here = self.node(loc[:-1])
            self.report.add(here.line, here.column, f"{self._named(loc[:-1])}lacks its `{loc[-1]}`")
        elif error["type"] in {"tuple_type", "list_type"}:
            self._no_list(loc)
        else:
            wrong = error.get("ctx", {}).get("error")
            if isinstance(wrong, WrongValueError):
                self.fault(loc, wrong.message, wrong.suggestion)
            else:
                self.fault(loc, error["msg"])

    def _unknown(self, loc: Loc) -> None:
        part = schema.part_at(loc[:-1]) or schema.Document
        key = str(loc[-1])
        above = self.node(loc[:-1])
        at: Node = above.entries[key][0] if isinstance(above, MapNode) and key in above.entries else above
        named = self._named(loc[:-1])
        shown = key if key.isprintable() and len(key) <= 60 else f"{key[:60]!a}"
        if key in schema.later(part):
            self.report.add(
                at.line, at.column, f'{named}"{shown}" is not supported yet; take it out until a later version'
            )
            return
        likely = _likely(key, part)
        elsewhere = next((name for name in schema.names() if name.rpartition(".")[2] == key), None)
        if likely is None and elsewhere is not None:
            where = elsewhere.rpartition(".")[0] or "the first column"
            self.report.add(at.line, at.column, f'{named}"{shown}" is no key here; it belongs under {where}')
            return
        known = ", ".join(part.model_fields)
        tail = "" if likely else f"; known here: {known}"
        self.report.add(at.line, at.column, f'{named}unknown key "{shown}"{tail}', likely)

    def _no_list(self, loc: Loc) -> None:
        node = self.node(loc)
        if not isinstance(node, TextNode):
            self.fault(loc, "a mapping of keys stands here; a list is meant: each item begins with `- `")
        elif node.text.startswith("-"):
            self.fault(loc, "text stands here; a list is meant: a dash wants a space after it")
        else:
            self.fault(loc, f"text stands here; a list is meant: [{node.text[:60]}]")

    def _named(self, loc: Sequence[int | str]) -> str:
        if len(loc) >= 2 and loc[0] == "sources" and isinstance(loc[1], int):
            rest = ".".join(step for step in loc[2:] if isinstance(step, str))
            return f"{self.label(loc[1])}: {rest}: " if rest else f"{self.label(loc[1])}: "
        rest = ".".join(step for step in loc if isinstance(step, str))
        return f"{rest}: " if rest else ""


def _stands_for_url(loc: Loc) -> bool:
    part = schema.part_at(loc[:-1])
    return part is schema.SourcePart and (
        loc[-1] in schema.LATER_IN_PLACE_OF_URL or _likely(str(loc[-1]), schema.SourcePart) == "url"
    )


def _likely(key: str, part: type[schema.Part]) -> str | None:
    other = OTHER_WORDS.get(key.casefold().replace("-", "_"))
    if other in part.model_fields:
        return other
    return near(key, part.model_fields)
