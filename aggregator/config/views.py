"""`views`: each judged by itself, and held to the sources, categories and tags that there are."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from aggregator.config import ids
from aggregator.config.document import MapNode, Node, TextNode
from aggregator.config.faults import near
from aggregator.config.places import Places
from aggregator.config.schema import ViewPart
from aggregator.config.values import Values, written
from aggregator.model import Source, View
from storage.images import ImagePolicy
from storage.states import Earlier

AS_PUBLISHED = ImagePolicy("{url}", all_schemes=True)
"""`images: false` of a view: each image under its publisher's own URL, whatever its source says."""
TAKEN = {"all": "`all` is the merged feed of every source; it needs no view"}
ENDINGS = (".atom", ".rss", ".json", ".md", ".html", ".xml")


@dataclass(frozen=True, slots=True)
class Known:
    """What a view may name."""

    sources: Collection[str]
    categories: Collection[str]
    tags: Collection[str]
    whole: bool
    """False where more sources may come (a list that was not fetched yet): then nothing is unknown for sure."""


def known_of(
    sources: Iterable[Source], unread: Collection[Node], before: Iterable[Earlier] = (), *, whole: bool
) -> Known:
    """
    Return what the sources are called; items that could not be used count by what is written in them.

    One of those may have kept an id that its URL does not tell: where there are any, all of `before` are known too.
    """
    ids_: set[str] = set()
    categories: set[str] = set()
    tags: set[str] = set()
    for source in sources:
        ids_.add(source.id)
        categories.add(source.category)
        tags.update(source.tags)
    if unread:
        ids_.update(one.id for one in before)
    for node in unread:
        for key, word in _mentioned(node):
            {"id": ids_, "category": categories, "tags": tags}[key].add(word)
    return Known(ids_, categories, tags, whole)


def views_of(node: Node | None, values: Values, known: Known, places: Places) -> tuple[View, ...]:
    """Return the views in the order of the file; `places` are those of feeds.yaml. Faults go into its report."""
    if node is None or (isinstance(node, TextNode) and node.null):
        return ()
    if not isinstance(node, MapNode):
        places.fault(("views",), "a mapping is meant: the name of each view, and its keys under it")
        return ()
    made = (
        _view(name, places.below(("views", name), f'view "{name[:60]}": '), values, known, at)
        for name, (at, _) in node.entries.items()
    )
    return tuple(view for view in made if view is not None)


def _view(name: str, places: Places, values: Values, known: Known, at: Node) -> View | None:
    told = len(places.report.faults)
    _check_name(name, places, at)
    value = values.part(places.root)
    if len(places.report.faults) > told:
        return None
    try:
        part = ViewPart.model_validate({} if value is None else value)
    except ValidationError as error:
        places.tell(error, ViewPart)
        return None
    _check_words(part, places, known)
    return _made(name, part, f"{Path(places.report.file).name}:{at.line}")


def _check_name(name: str, places: Places, at: Node) -> None:
    """Note a name that could not stand in `/feed/<name>.atom`."""
    ending = next((one for one in ENDINGS if name.endswith(one)), None)
    mended: str | None = None
    if name in TAKEN:
        why = TAKEN[name]
    elif ending:
        why, mended = (
            f"a name without {ending} is meant: each view is served in every format",
            name.removesuffix(ending),
        )
    elif re.fullmatch(ids.PATTERN[1:-1], name):
        return
    else:
        mended = re.sub(r"[^a-z0-9._-]+", "-", name.casefold()).strip("-._")[: ids.LONGEST] or None
        why = f"the name of a view stands in its address; like {ids.RULE}; what is shown goes under `title`"
    places.report.add(at.line, at.column, f"{places.whose}{why}", mended)


def _check_words(part: ViewPart, places: Places, known: Known) -> None:
    """Note sources, categories and tags that no source has."""
    if not known.whole:
        return
    named: Mapping[str, tuple[Collection[str], str]] = {
        "sources": (known.sources, "no source has the id"),
        "categories": (known.categories, "no source has the category"),
        "tags": (known.tags, "no source has the tag"),
    }
    for key, (there, sentence) in named.items():
        words: tuple[str, ...] = getattr(part, key)
        for number, word in enumerate(words):
            if word not in there:
                shown = places.written((key, number)) or word
                places.fault((key, number), f'{sentence} "{shown}"', near(word, there))


def _made(name: str, part: ViewPart, place: str) -> View:
    images = AS_PUBLISHED if part.images is False else None
    if isinstance(part.images, str):
        images = ImagePolicy(part.images, all_schemes=part.images_scope == "all")
    return View(
        name=name,
        title=part.title or name,
        sources=part.sources,
        categories=part.categories,
        entries=part.entries,
        window=part.window,
        per_source=part.per_source,
        tags=part.tags,
        query=part.query,
        content=part.content,
        images=images,
        filters=tuple(one.value() for one in part.filters),
        place=place,
    )


def _mentioned(node: Node) -> Iterator[tuple[str, str]]:
    """Yield the ids, categories and tags that stand in an item, and in the items of a group."""
    url = written(node).strip()
    if url:
        yield "id", ids.slug(url)
    if not isinstance(node, MapNode):
        return
    for key, (_, value) in node.entries.items():
        if key in {"id", "category"} and isinstance(value, TextNode):
            yield key, value.text.strip()
        elif key == "tags" and not isinstance(value, TextNode | MapNode):
            yield from ((key, one.text.strip()) for one in value.items if isinstance(one, TextNode))
        elif key == "sources" and not isinstance(value, TextNode | MapNode):
            for item in value.items:
                yield from _mentioned(item)
