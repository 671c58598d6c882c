"""However records come, change and go, the stories of a store are those that a look at all of them would find."""

from __future__ import annotations

import os
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.telling import NOON, record, sources, tell
from storage.contract import Store
from storage.record import Record
from storage.sqlite import SqliteStore
from storage.stories import words_of
from storage.values import Archived, RecordQuery

ROUNDS = 1_000 if os.environ.get("LONG") == "1" else 24
SOURCES = ("paper", "gazette", "planet", "echo")
LINKS = (
    None,
    "https://blog.example/a/one",
    "http://www.blog.example/a/one/?utm_source=rss",
    "https://blog.example/a/two",
    "https://m.blog.example/a/two",
    "https://blog.example/a/three",
    "https://blog.example/",
)
GUIDS = (
    None,
    None,
    "1",
    "tag:blog.example,2026:1",
    "tag:blog.example,2026:2",
    "https://blog.example/a/two",
    "https://blog.example/a/four",
)


def found(records: Iterable[Record]) -> set[frozenset[str]]:
    """Return the stories by the rule, from nothing: records that hang together by names, no source twice."""
    there = {one.key: one for one in records}
    holders: dict[str, list[str]] = defaultdict(list)
    for one in there.values():
        for name in words_of(one.link, one.guid):
            holders[name].append(one.key)
    groups = {key: frozenset([key]) for key in there}
    for keys in holders.values():
        if len({there[key].source_id for key in keys}) == len(keys):
            together = frozenset().union(*(groups[key] for key in keys))
            groups |= dict.fromkeys(together, together)
    return {
        group
        for group in groups.values()
        if len(group) > 1 and max(Counter(there[key].source_id for key in group).values()) == 1
    }


def kept(store: Store) -> set[frozenset[str]]:
    """Return the stories as the store has them."""
    groups: dict[int, set[str]] = defaultdict(set)
    for one in store.records():
        if one.story:
            groups[one.story].add(one.key)
    return {frozenset(group) for group in groups.values()}


def shown(store: Store) -> set[str]:
    """Return the ids of a merged feed of everything."""
    records = store.page(RecordQuery(limit=500)).records
    told = store.stories([one.key for one in records])
    return {first.story_id or first.public_id for first in (told.get(one.key, (one,))[0] for one in records)}


@dataclass
class World:
    """A store and what has come into it, for steps that hypothesis draws."""

    store: Store
    names: int = 0

    def come(self, source: str, link: str | None, guid: str | None) -> None:
        self.names += 1
        tell(self.store, self._new(source, link, guid))

    def _new(self, source: str, link: str | None, guid: str | None) -> Record:
        return record(source, f"{self.names}", link, **({"guid": guid} if guid else {}))

    def change(self, source: str, link: str | None, guid: str | None) -> None:
        if there := list(self.store.records_of(source)):
            tell(
                self.store,
                updated=[replace(there[self.names % len(there)], link=link, guid=guid, digest=f"{self.names}")],
            )

    def go(self, source: str, _: str | None, guid: str | None) -> None:
        there = list(self.store.records_of(source))
        if there and guid is None:
            self.store.purge(source)
            self.store.sync_sources(sources(*SOURCES), NOON)
        elif there:
            tell(self.store, updated=[there[-1]], listed=False)
            self.store.prune(NOON + timedelta(days=31))

    def come_back(self, source: str, link: str | None, guid: str | None) -> None:
        self.names += 1
        self.store.restore([Archived(replace(self._new(source, link, guid), arrival=self.names % 3))], [], NOON)


STEPS: Sequence[Callable[[World, str, str | None, str | None], None]] = (
    World.come, World.come, World.come, World.change, World.go, World.come_back,
)  # fmt: skip
STEP = st.tuples(st.sampled_from(STEPS), st.sampled_from(SOURCES), st.sampled_from(LINKS), st.sampled_from(GUIDS))


@given(steps=st.lists(STEP, min_size=1, max_size=14))
@settings(max_examples=ROUNDS, deadline=None)
def test_the_stories_kept_are_those_that_a_look_at_everything_finds(
    steps: list[tuple[Callable[[World, str, str | None, str | None], None], str, str | None, str | None]],
) -> None:
    with tempfile.TemporaryDirectory() as folder, closing(SqliteStore.open(Path(folder))) as store:
        store.sync_sources(sources(*SOURCES), NOON)
        world = World(store)
        for do, source, link, guid in steps:
            do(world, source, link, guid)

            assert kept(store) == found(store.records())
            assert _ids_of_two_entries(store) == []


def _ids_of_two_entries(store: Store) -> list[str]:
    """Return the ids by which two entries go that are not of one story, whichever record stands for a story."""
    by_id: dict[str, set[object]] = defaultdict(set)
    for one in store.page(RecordQuery(limit=500)).records:
        by_id[one.story_id or one.public_id].add(one.story or one.key)
    return [id_ for id_, entries in by_id.items() if len(entries) > 1]


COMING = st.lists(st.tuples(st.sampled_from(SOURCES), st.sampled_from(LINKS), st.sampled_from(GUIDS)), max_size=10)


@given(coming=COMING, order=st.randoms(use_true_random=False))
@settings(max_examples=ROUNDS // 2, deadline=None)
def test_the_order_in_which_records_come_makes_no_other_stories(
    coming: list[tuple[str, str | None, str | None]], order: object
) -> None:
    records = [
        record(source, f"{at}", link, **({"guid": guid} if guid else {}))
        for at, (source, link, guid) in enumerate(coming)
    ]
    mixed = list(records)
    order.shuffle(mixed)  # type: ignore[attr-defined]  # hypothesis gives a random.Random

    assert _brought(records) == _brought(mixed)


def _brought(records: list[Record]) -> set[frozenset[str]]:
    with tempfile.TemporaryDirectory() as folder, closing(SqliteStore.open(Path(folder))) as store:
        store.sync_sources(sources(*SOURCES), NOON)
        for one in records:
            tell(store, one)
        return kept(store)


@given(coming=COMING)
@settings(max_examples=ROUNDS // 2, deadline=None)
def test_what_joins_a_story_brings_no_id_that_was_not_shown(coming: list[tuple[str, str | None, str | None]]) -> None:
    with tempfile.TemporaryDirectory() as folder, closing(SqliteStore.open(Path(folder))) as store:
        store.sync_sources(sources(*SOURCES), NOON)
        for at, (source, link, guid) in enumerate(coming):
            before, stories = shown(store), kept(store)
            new = record(source, f"{at}", link, **({"guid": guid} if guid else {}))
            tell(store, new)

            parted = any(not any(story <= group for group in kept(store)) for story in stories)
            joined = any(new.key in group for group in kept(store))
            assert parted or shown(store) - before <= (set() if joined else {new.public_id})
