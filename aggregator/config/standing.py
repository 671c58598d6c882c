"""Where each source stands, and what is written there: for whoever edits feeds.yaml or hands it on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from aggregator.config import ids, rsshub
from aggregator.config.document import ListNode, MapNode, Node, TextNode
from aggregator.config.durations import short
from aggregator.config.gathering import Gathered
from aggregator.config.quoting import Value
from aggregator.config.schema import Inherited, KeepPart
from aggregator.config.settings import Before, addressed

ADDED = frozenset(("filters", "tags"))
"""Keys of which the lists of all levels hold, the outer first."""
MERGED = frozenset(("cookies", "headers", "keep"))
"""Keys of which the mappings of all levels are merged."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A source, where it stands, and what holds for it as it is written there, variables and all."""

    id: str
    url: str
    """As it is asked; with what variables hold, so not to be shown where `written` has one."""
    written: str
    """The URL or shorthand (`rsshub:/a/b`) as it stands in the file."""
    name: str
    """As it is written; `""` where none is given."""
    given_id: bool
    """Whether the file gives the id, or it differs from what the URL alone would make."""
    file: Path
    """Resolved: feeds.yaml itself, or the file that it includes."""
    line: int
    node: Node
    listed: str
    """The OPML list that it comes from, as written; `""` for all others."""
    values: Mapping[str, Value]
    """What defaults, groups and the source itself come to, `url`, `id`, `name` and `rsshub` aside."""


def standing(
    path: Path, environ: Mapping[str, str], lists: Mapping[str, bytes], before: Before = ()
) -> dict[str, Standing]:
    """Return all sources by id, paused ones too, in the order of feeds.yaml; of a file that can be loaded."""
    return {one.id: _one(one.id, one.url, one.source) for one in addressed(path, environ, lists, before)}


def _one(id_: str, url: str, source: Gathered) -> Standing:
    root = source.places.root
    listed = root.entries.get("opml") if isinstance(root, MapNode) else None
    return Standing(
        id=id_,
        url=url,
        written=source.written,
        name=(source.part.name or "") if source.foreign else _text(root, "name"),
        given_id=source.part.id is not None or id_ != ids.slug(source.written),
        file=source.above.files[-1],
        line=root.line,
        node=root,
        listed=listed[1].text if source.foreign and listed and isinstance(listed[1], TextNode) else "",
        values=_merged(source),
    )


def _text(node: Node, key: str) -> str:
    """Return what stands under the key as it is written; `""` where nothing does."""
    entry = node.entries.get(key) if isinstance(node, MapNode) else None
    return entry[1].text.strip() if entry and isinstance(entry[1], TextNode) and not entry[1].null else ""


def route(written: str) -> str:
    """Return the route of a shorthand of RSSHub, `""` for every other URL."""
    return rsshub.route(written) if rsshub.is_short(written) else ""


def _merged(source: Gathered) -> dict[str, Value]:
    """Return what holds, merged as `inheritance.merged` does with values, but as it is written."""
    found: dict[str, Value] = {}
    levels = [level.places.root for level in source.above.levels]
    for node in levels if source.foreign else [*levels, source.places.root]:
        for key, value in _own(node).items():
            _take(found, key, value)
    if source.foreign:
        for key in source.part.model_fields_set & Inherited.model_fields.keys():
            _take(found, key, _typed(getattr(source.part, key)))
    fallback = _own(source.places.root, "fallback").get("fallback")
    if fallback and not source.foreign:
        found["fallback"] = fallback
    return found


def _take(found: dict[str, Value], key: str, value: Value | None) -> None:
    before = found.get(key)
    if value is None:
        found.pop(key, None)
    elif key in ADDED and isinstance(before, list) and isinstance(value, list):
        joined = [*before, *value]
        found[key] = (
            [one for number, one in enumerate(joined) if one not in joined[:number]] if key == "tags" else joined
        )
    elif key in MERGED and isinstance(before, dict) and isinstance(value, dict):
        found[key] = {**before, **value}
    else:
        found[key] = value


def _own(node: Node, *only: str) -> dict[str, Value | None]:
    entries = node.entries if isinstance(node, MapNode) else {}
    keys = only or Inherited.model_fields
    return {key: _plain(value) for key, (_, value) in entries.items() if key in keys}


def _plain(node: Node) -> Value | None:
    """Return the value as it is written; None where it resets."""
    if isinstance(node, TextNode):
        return None if node.null else node.text
    if isinstance(node, ListNode):
        return [value for item in node.items if (value := _plain(item)) is not None]
    return {key: value for key, (_, one) in node.entries.items() if (value := _plain(one)) is not None}


def _typed(value: object) -> Value | None:
    """Return a value that was read as feeds.yaml writes it; None where it has no simple form."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, timedelta):
        return short(value)
    if isinstance(value, KeepPart):
        return {key: str(one) for key, one in value.model_dump().items() if one is not None}
    if isinstance(value, tuple):
        return [str(one) for one in value] if all(isinstance(one, str) for one in value) else None
    if isinstance(value, str):
        return value.value if isinstance(value, StrEnum) else value
    return str(value) if isinstance(value, int) else None
