"""An entry on a page of its own: its body, what is attached, where its dates are from, why it stands where it does, its file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aggregator.filing import filed
from aggregator.merge import Shown
from aggregator.model import Settings
from aggregator.render.characters import plain
from aggregator.render.wording import writers_of
from aggregator.web.choice import looks
from aggregator.web.pages import Frame, framed
from aggregator.web.records import stored
from aggregator.web.river import line_of, names_of
from aggregator.web.standing import PlaceOf, of_entry
from storage.contract import Store
from storage.frontmatter import dumps
from storage.record import Record

LONGEST_HEAD = 20_000
"""Characters of a record file's front matter that a page shows."""


def entry_page(store: Store, settings: Settings, frame: Frame, key: str, place: PlaceOf) -> bytes:
    """
    Return the page of an entry. Blocks: to be called in a thread.

    Raises HTTPException 404 where there is none or where it is hidden, and StoreError.
    """
    record = stored(store, key)
    looking = looks(settings)
    told: Mapping[str, Any] = of_entry(store, settings, record, place)
    others = [one for one in store.stories([key]).get(key, ()) if one.key != key and one.hidden is None]
    names = names_of(store.states({record.source_id, *(one.source_id for one in others)}))
    line = line_of(Shown(looking(record), record.public_id, tuple(others)), names, below=1, most=len(record.html))
    keys = [other.key for other in others]
    return framed(
        "entry.html",
        frame,
        line=line,
        told=told,
        writers=", ".join(writers_of(record)),
        category=plain(record.categories[0]),
        others=[(name, link, other) for (name, link), other in zip(line.also, keys, strict=True)],
        story=_story(told),
        titles={view.name: view.title for view in settings.views},
        head=_head(settings, record),
    )


def _head(settings: Settings, record: Record) -> str:
    """Return the front matter of the record's file, as it stands there."""
    text = dumps(*filed(settings)(record)).lstrip("\n")
    head = text[: text.find("\n---\n", 4) + 4]
    return head if len(head) <= LONGEST_HEAD else f"{head[:LONGEST_HEAD]}\n... (the file has all of it)"


def _story(told: Mapping[str, Any]) -> str | None:
    """Return in a sentence why the entry is one story with others, None where it stands alone."""
    if not (story := told["story"]):
        return None
    which = "this one" if story["shown"] == told["key"] else f"the one of {story['source']}"
    if story["shown"] is None:
        which = "none of them"
    why = "its source stands first in feeds.yaml" if story["first"] else "it came first"
    shares = sorted({name for other in story["others"] for name in other["shares"]})
    both = f"They share {' and '.join(shares)}. " if shares else ""
    return f"{both}Merged feeds show {which}, as {why}, and name the others."
