"""From a place below a node (`keep`, `days`) to the line and column, and from pydantic's errors to faults."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from aggregator.config import ids, schema
from aggregator.config.document import ListNode, MapNode, Node, TextNode
from aggregator.config.faults import Report, WrongValueError, near
from aggregator.config.parts import Part
from aggregator.config.values import written

Loc = tuple[int | str, ...]
"""A path of keys and list indices from a node."""
KEY = "[key]"
"""What pydantic puts at the end of a place where the key is meant and not its value."""

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
    "folder": "group",
    "children": "sources",
    "outlines": "sources",
    "label": "tags",
    "labels": "tags",
    "cookie": "cookies",
    "header": "headers",
    "user": "username",
    "login": "auth",
    "passwd": "password",
    "block": "drop",
    "exclude": "drop",
    "hide": "drop",
    "include_only": "keep",
    "only": "keep",
    "insecure": "tls_verify",
    "verify_tls": "tls_verify",
    "verify": "tls_verify",
    "ssl_verify": "tls_verify",
    "disabled": "enabled",
    "paused": "enabled",
    "max_size": "max_body",
    "max_items": "max_entries",
    "limit": "entries",
    "count": "entries",
    "search": "query",
    "filter": "filters",
    "rules": "filters",
    "body": "text",
    "content": "text",
    "category": "categories",
    "tag": "tags",
    "source": "sources",
    "backup": "fallback",
    "alternatives": "fallback",
    "mirrors": "fallback",
    "instances": "base",
    "url": "base",
}
"""What other programs call it."""


class Places:
    """Where things stand below one node of a file, and the report of that file."""

    def __init__(self, root: Node, report: Report, whose: str = "") -> None:
        """`whose` stands before each message: `source "36kr": `."""
        self.root = root
        self.report = report
        self.whose = whose

    def below(self, loc: Sequence[int | str], whose: str) -> Places:
        """Return the places below a place."""
        return Places(self.node(loc), self.report, whose)

    def node(self, loc: Sequence[int | str]) -> Node:
        """Return the node at the place, or the nearest one above it."""
        node: Node = self.root
        above: Node = node
        for step in loc:
            below: Node | None = None
            if isinstance(node, MapNode) and isinstance(step, str):
                below = node.entries[step][1] if step in node.entries else None
            elif isinstance(node, ListNode) and isinstance(step, int):
                below = node.items[step] if step < len(node.items) else None
            if step == KEY and isinstance(above, MapNode):
                return above.entries[str(loc[-2])][0]
            if below is None:
                return node
            above, node = node, below
        return node

    def key(self, name: str) -> Node:
        """Return where a key stands; the mapping itself where it holds no such key."""
        root = self.root
        return root.entries[name][0] if isinstance(root, MapNode) and name in root.entries else root

    def written(self, loc: Sequence[int | str]) -> str:
        """Return the scalar at the place as it stands in the file, variables not replaced."""
        node = self.node(loc)
        return node.text if isinstance(node, TextNode) else ""

    def line(self) -> str:
        """Return `line 12`, of the node itself, with its file where that is not `report`'s."""
        return f"line {self.root.line}"

    def fault(self, loc: Loc, message: str, suggestion: str | None = None) -> None:
        """Note a fault of the value at the place, with what it belongs to and its key before it."""
        self._at(self.node(loc), loc, message, suggestion)

    def tell(self, error: ValidationError, part: type[Part]) -> list[Loc]:
        """Note a fault for every error in what was judged by `part`; return the places that cannot be used."""
        found = error.errors(include_url=False, include_input=False)
        for one in found:
            self._tell(one, part)
        return [one["loc"] for one in found]

    def no_list(self, loc: Loc) -> None:
        """Note that a list is meant at the place."""
        node = self.node(loc)
        if not isinstance(node, TextNode):
            self.fault(loc, "a mapping of keys stands here; a list is meant: each item begins with `- `")
        elif node.text.startswith("-"):
            self.fault(loc, "text stands here; a list is meant: a dash wants a space after it")
        else:
            self.fault(loc, f"text stands here; a list is meant: [{node.text[:60]}]")

    def unknown(self, loc: Loc, part: type[Part], also: Collection[str] = ()) -> None:
        """Note a key that the mapping above it does not take; `also` are keys that would do there too."""
        inner = schema.part_at(part, loc[:-1]) or schema.Document
        key = str(loc[-1])
        above = self.node(loc[:-1])
        at: Node = above.entries[key][0] if isinstance(above, MapNode) and key in above.entries else above
        shown = key if key.isprintable() and len(key) <= 60 else f"{key[:60]!a}"
        known = dict.fromkeys((*schema.known(inner), *also))
        likely = likely_key(key, known)
        elsewhere = next((name for name in schema.names() if name.rpartition(".")[2] == key), None)
        if likely is None and elsewhere is not None:
            where = elsewhere.rpartition(".")[0] or "the first column"
            self._at(at, loc[:-1], f'"{shown}" is no key here; it belongs under {where}')
            return
        tail = "" if likely else f"; known here: {', '.join(known)}"
        self._at(at, loc[:-1], f'unknown key "{shown}"{tail}', likely)

    def _tell(self, error: ErrorDetails, part: type[Part]) -> None:
        loc = error["loc"]
        wrong = error.get("ctx", {}).get("error")
        if error["type"] == "extra_forbidden":
            self.unknown(loc, part)
        elif error["type"] == "missing":
            self._at(self.node(loc[:-1]), loc[:-1], f"lacks its `{loc[-1]}`")
        elif error["type"] in {"tuple_type", "list_type"}:
            self.no_list(loc)
        elif error["type"] == "dict_type":
            self.fault(loc, "a mapping of keys is meant here: {Name: value}")
        elif isinstance(wrong, WrongValueError):
            self.fault(loc, wrong.message, wrong.suggestion)
        else:
            self.fault(loc, error["msg"])

    def _at(self, node: Node, loc: Loc, message: str, suggestion: str | None = None) -> None:
        rest = ".".join(step for step in loc if isinstance(step, str) and step != KEY)
        # `opml "a.opml": ` says already which key is meant.
        named = self.whose if not rest or self.whose.startswith(f'{rest} "') else f"{self.whose}{rest}: "
        self.report.add(node.line, node.column, named + message, suggestion)


def label(node: Node, number: int) -> str:
    """Return what a source is called in messages: its id, its name, or its URL without what may be secret."""
    if isinstance(node, MapNode):
        for key in ("id", "name"):
            value = node.entries[key][1] if key in node.entries else None
            if isinstance(value, TextNode) and not value.null and value.text:
                return f'source "{value.text[:80]}"'
    url = written(node)
    return f'source "{ids.name(url)}"' if url else f"source {number}"


def likely_key(key: str, known: Collection[str]) -> str | None:
    """Return the key that was probably meant."""
    other = OTHER_WORDS.get(key.casefold().replace("-", "_"))
    if other in known:
        return other
    return near(key, known)
