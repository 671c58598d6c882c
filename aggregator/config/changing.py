"""
A source more or less in the text of feeds.yaml, every other byte as it was.

Each change is read back and compared with what was meant, node by node: what does not come out so is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from aggregator.config.document import ListNode, MapNode, Node, TextNode, compose
from aggregator.config.faults import ConfigError, Report
from aggregator.config.quoting import Value, as_json, inline, lines
from aggregator.config.spans import (
    Page,
    Span,
    block_item,
    dash_column,
    entries_of,
    flow_end,
    flow_item,
    last_line,
)

Plain = str | None | list["Plain"] | dict[str, "Plain"]
Entry = Mapping[str, Value]
"""A source as feeds.yaml says it: `url` and what else there is."""


class EditError(Exception):
    """The text cannot be changed without touching more than is meant; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Change:
    """A text, and what became of it."""

    text: str
    at: int
    """The line where it changed, from 1."""
    lines: tuple[str, ...]
    """The lines that came, or that went."""


def inserted(text: str, entries: Sequence[Entry], group: str | None = None) -> Change:
    """
    Return the text with the sources at the end of its list, or of the list of the group.

    A group that is not there is made, at the end. Raises `EditError`; the text must be a sound feeds.yaml.
    """
    root = _root(text)
    page = Page(text)
    holder = _group(root, group) if group is not None else root
    items: list[Value] = [entry["url"] if set(entry) == {"url"} else entry for entry in entries]
    if holder is None:
        items = [{"group": group or "", "sources": items}]
        holder = root
    pieces = _insertion(page, root, holder, items)
    changed = text
    for at, piece in reversed(pieces):
        changed = changed[:at] + piece + changed[at:]
    meant = _plain(root)
    _listed_in(meant, _path(root, holder)).extend(_as_read(item) for item in items)
    _compare(changed, meant)
    start = pieces[-1][0] + sum(len(piece) for _, piece in pieces[:-1])
    return replace(_described(changed, start, start + len(pieces[-1][1])), text=changed)


def removed(text: str, chosen: Callable[[Sequence[Node]], Node | None]) -> Change:
    """
    Return the text without one source: the one that `chosen` names of all, groups and the like left out.

    Comments above it stay, as they may speak of more than one. A group goes with the last of its sources: feeds.yaml
    takes no empty one. Raises `EditError`.
    """
    root = _root(text)
    page = Page(text)
    all_ = list(sources(root))
    node = chosen([item for item, _ in all_])
    if node is None:
        raise EditError("the source does not stand in this file")
    item, holders = next(one for one in all_ if one[0] is node)
    while len(holders) > 1 and len(_items(holders[-1])) == 1:
        item, holders = holders[-1], holders[:-1]
    listed = _list_of(holders[-1])
    assert isinstance(listed, ListNode)  # noqa: S101 - the item was found in it
    if page.place(listed) > page.starts[item.line - 1] + item.column - 1:
        raise EditError("it is an alias of another one")
    place = next(number for number, one in enumerate(listed.items) if one is item)
    span = _without(page, listed, place)
    meant = _plain(root)
    _listed_in(meant, _path(root, holders[-1])).pop(place)
    changed = _without_comma(page, listed, place, text[: span.start] + text[span.end :])
    _compare(changed, meant)
    return replace(_described(text, span.start, span.end), text=changed)


def sources(root: Node, above: tuple[Node, ...] = ()) -> Iterator[tuple[Node, tuple[Node, ...]]]:
    """Yield the sources of a file in its order, each with what holds it: the root, and groups, the innermost last."""
    holders = (*above, root)
    for item in _items(root):
        if isinstance(item, MapNode) and "group" in item.entries:
            yield from sources(item, holders)
        elif isinstance(item, TextNode) or (isinstance(item, MapNode) and {"url", "rsshub"} & item.entries.keys()):
            yield item, holders


def _items(node: Node) -> list[Node]:
    listed = _list_of(node)
    return listed.items if isinstance(listed, ListNode) else []


def _list_of(node: Node) -> Node | None:
    """Return the list of sources of a file or group, or what stands in its place."""
    if isinstance(node, ListNode):
        return node
    return entries_of(node, "sources") if isinstance(node, MapNode) else None


def read(text: str) -> Node | None:
    """Return the root node of the text. Raises `EditError` where it is no YAML, or says a key twice."""
    report = Report("feeds.yaml", text)
    try:
        root = compose(text, report)
        report.raise_any()
    except ConfigError as error:
        raise EditError(str(error.faults[0].message)) from None
    return root


def _root(text: str) -> Node:
    root = read(text)
    if root is None or isinstance(root, TextNode):
        raise EditError("the file holds no keys yet")
    return root


def _group(root: Node, name: str) -> Node | None:
    found = list(_groups(root, ()))
    exact = [node for path, node in found if path[-1] == name] or [
        node for path, node in found if "/".join(path) == name
    ]
    if len(exact) > 1:
        raise EditError(f'{len(exact)} groups are called "{name}"')
    return exact[0] if exact else None


def _groups(node: Node, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Node]]:
    for item in _items(node):
        name = entries_of(item, "group") if isinstance(item, MapNode) else None
        if isinstance(name, TextNode):
            yield (*above, name.text), item
            yield from _groups(item, (*above, name.text))


def _path(root: Node, holder: Node) -> list[int]:
    """Return the places of the groups that lead from the root to the holder."""

    def found(node: Node) -> list[int] | None:
        if node is holder:
            return []
        for number, item in enumerate(_items(node)):
            if isinstance(item, MapNode) and "group" in item.entries and (rest := found(item)) is not None:
                return [number, *rest]
        return None

    return found(root) or []


def _listed_in(value: Plain, path: Sequence[int]) -> list[Plain]:
    """Return the list of sources at the path; one that is empty or missing is made."""
    for step in [*path, None]:
        listed: Plain = value
        if isinstance(value, dict):
            listed = value["sources"] = value.get("sources") or []
        if not isinstance(listed, list):
            raise EditError("`sources` is no list there")
        if step is None:
            return listed
        value = listed[step]
    raise AssertionError  # pragma: no cover - the last step is None


# --- where to put what comes ---

Pieces = list[tuple[int, str]]
"""What is put where, in the order of the text; the last is the new items."""


def _insertion(page: Page, root: Node, holder: Node, items: Sequence[Value]) -> Pieces:
    listed = _list_of(holder)
    if isinstance(listed, ListNode):
        if isinstance(holder, MapNode) and page.place(listed) < page.place(holder.entries["sources"][0]):
            raise EditError("its list of sources is an alias of another one")
        if page.flow(listed):
            return _in_brackets(page, listed, [(as_json if page.flow(root) else inline)(item) for item in items])
        return _under_the_last(page, listed, items)
    if not isinstance(holder, MapNode) or page.flow(holder):
        raise EditError("it stands in braces and has no list of sources")
    if listed is None:
        return _new_list(page, holder, items)
    key = holder.entries["sources"][0]
    rest = page.line(key.line - 1)[key.column - 1 + len("sources") :].lstrip().removeprefix(":").strip()
    if not isinstance(listed, TextNode) or listed.text or (rest and not rest.startswith("#")):
        raise EditError("what stands under `sources` is no list")
    return _at_line(page, key.line, _indented(items, key.column - 1 + 2, 2))


def _under_the_last(page: Page, listed: ListNode, items: Sequence[Value]) -> Pieces:
    column, last = dash_column(page, listed), listed.items[-1]
    span = block_item(page, listed, last)
    on_its_line = page.number(span.start) == last.line - 1
    gap = max(2, last.column - 1 - column) if on_its_line else 2
    return _at_line(page, page.number(span.end - 1) + 1, _indented(items, column, gap))


def _new_list(page: Page, holder: MapNode, items: Sequence[Value]) -> Pieces:
    """Return `sources:` with the items, as the last key of the mapping."""
    column, first = holder.column - 1, page.number(page.place(holder))
    # Behind a dash, the lines of a mapping's keys are indented by more than the dash is.
    end = last_line(page, first, column - 1) if column else page.last_with_words()
    if page.line(end).startswith(("...", "---")):
        raise EditError("a mark of the document's end stands where the list would be put")
    return _at_line(page, end + 1, [" " * column + "sources:", *_indented(items, column + 2, 2)])


def _indented(items: Sequence[Value], column: int, gap: int) -> list[str]:
    return [" " * column + line for item in items for line in lines(item, gap)]


def _at_line(page: Page, number: int, new: Sequence[str]) -> Pieces:
    """Return the lines as they are put where line `number`, from 0, begins."""
    at = page.starts[number] if number < len(page.starts) else len(page.text)
    joined = page.newline.join(new)
    open_ended = at == len(page.text) and at > 0 and page.text[-1] not in "\r\n"
    return [(at, page.newline + joined if open_ended else joined + page.newline)]


def _in_brackets(page: Page, listed: ListNode, new: Sequence[str]) -> Pieces:
    if not listed.items:
        opening = page.place(listed) + 1
        line = page.line(page.number(opening))
        outer = page.newline + line[: len(line) - len(line.lstrip())]
        inner = [f"{outer}  {one}" for one in new]
        return [(opening, new[0] if len(new) == 1 else ",".join(inner) + outer)]
    last, end = flow_item(page, listed.items[-1]), flow_end(page, listed)
    before = page.text[page.starts[page.number(last.start)] : last.start]
    own_line = not before.strip()
    between = page.newline + before if own_line else " "
    comma = _comma(page, last.end, end)
    # Behind a comment that speaks of the last one, where the bracket does not close before.
    behind = page.line_end(last.end if comma is None else comma)
    if comma is not None:
        at = behind if own_line and behind < end else comma + 1
        return [(at, "".join(f"{between}{one}," for one in new))]
    joined = f",{between}".join(new)
    if own_line and behind < end:
        return [(last.end, ","), (behind, between + joined)]
    return [(last.end, f",{between}{joined}")]


def _comma(page: Page, start: int, end: int) -> int | None:
    """Return the place of the comma between two places, comments passed over."""
    at = page.skipped(start)
    return at if at < end and page.text[at] == "," else None


# --- what goes ---


def _without(page: Page, listed: ListNode, place: int) -> Span:
    item = listed.items[place]
    if not page.flow(listed):
        span = block_item(page, listed, item)
        if span.end == len(page.text) and page.text[-1] not in "\r\n" and span.start:
            return Span(page.line_end(page.starts[page.number(span.start) - 1]), span.end)
        return span
    return _without_in_brackets(page, listed, place)


def _without_in_brackets(page: Page, listed: ListNode, place: int) -> Span:
    span, end = flow_item(page, listed.items[place]), flow_end(page, listed)
    comma = _comma(page, span.end, end)
    behind = span.end if comma is None else comma + 1
    line = page.number(span.start)
    before = page.text[page.starts[line] : span.start]
    rest = page.text[behind : page.line_end(behind)].strip()
    if not before.strip() and (not rest or rest.startswith("#")) and page.line_end(behind) < end:
        return Span(page.line_end(page.starts[line - 1]) if line else 0, page.line_end(behind))
    if place + 1 < len(listed.items):
        return Span(span.start, flow_item(page, listed.items[place + 1]).start)
    if place:
        before_it = flow_item(page, listed.items[place - 1]).end
        parting = _comma(page, before_it, span.start)
        return Span(before_it, span.end) if comma is None or parting is None else Span(parting + 1, behind)
    return Span(span.start, behind)


def _without_comma(page: Page, listed: ListNode, place: int, changed: str) -> str:
    """Return the changed text without the comma that now stands last, where none stood last before."""
    if not page.flow(listed) or not place or place + 1 < len(listed.items):
        return changed
    if _comma(page, flow_item(page, listed.items[place]).end, flow_end(page, listed)) is not None:
        return changed
    before = flow_item(page, listed.items[place - 1]).end
    comma = _comma(Page(changed), before, len(changed))
    return changed if comma is None else changed[:comma] + changed[comma + 1 :]


# --- whether it came out as it was meant ---


def _plain(node: Node | None) -> Plain:
    if node is None:
        return None
    if isinstance(node, TextNode):
        return None if node.null else node.text
    if isinstance(node, ListNode):
        return [_plain(item) for item in node.items]
    return {key: _plain(value) for key, (_, value) in node.entries.items()}


def _as_read(value: Value) -> Plain:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return {key: _as_read(one) for key, one in value.items()}
    return [_as_read(one) for one in value]


def _compare(changed: str, meant: Plain) -> None:
    if _settled(_plain(read(changed))) != _settled(meant):
        raise EditError("the text is laid out in a way that cannot be changed without touching more than is meant")


def _settled(value: Plain) -> Plain:
    """Return the value: an empty list of sources counts as none, and the line end of literal text, which the file may end before, is left out."""
    if isinstance(value, dict):
        return {key: _settled(one) for key, one in value.items() if key != "sources" or one}
    if isinstance(value, str):
        return value.rstrip("\n")
    return [_settled(one) for one in value] if isinstance(value, list) else value


def _described(text: str, start: int, end: int) -> Change:
    """Return the change as the whole lines of `text` in which it lies."""
    page = Page(text)
    while start < end and text[start] in "\r\n":
        start += 1
    first, last = page.number(start), page.number(max(start, end - 1))
    return Change("", first + 1, tuple(page.line(number) for number in range(first, last + 1)))
