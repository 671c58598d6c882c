"""Whatever comes, changes and goes while somebody walks down an archive: all of it is met, and nothing twice."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from aggregator.merge import Shown, judged, lasting, may_stand
from aggregator.model import Condition, Filter, FilterKind, View
from aggregator.web.archive import Archive
from aggregator.web.choice import Span, chosen
from aggregator.web.stretches import Stretch
from plugins.telling import NOON, record, sources, tell
from storage.record import Record
from storage.sqlite import SqliteStore

SOURCES = ("paper", "gazette", "planet", "echo")
LIVES = 60 if os.environ.get("LONG") else 6
VIEWS = {
    "everything": View("all", "", entries=4, window=timedelta(hours=3)),
    "capped": View("capped", "", entries=5, per_source=1, window=timedelta(0)),
    "of two sources": View("two", "", sources=("paper", "echo"), entries=3, window=timedelta(0)),
    "a source's own": View("own", "", sources=("paper",), entries=3, backlog=True, in_all=True),
    "with rules": View(
        "rules",
        "",
        entries=3,
        window=timedelta(0),
        filters=(
            Filter(FilterKind.DROP, "drop", (Condition("title", words=("7",)),)),
            Filter(FilterKind.DROP, "older", (Condition("age", older=timedelta(hours=40)),)),
            Filter(FilterKind.UNIQUE, "unique", field="title"),
        ),
    ),
}


@dataclass
class Life:
    """A store to which things happen by dice."""

    store: SqliteStore
    dice: Random
    hour: int = 0
    number: int = 0
    touched: set[str] = field(default_factory=set)
    """Keys of records that may have changed their place since somebody began to walk."""

    def happens(self) -> None:
        """Let one thing happen, and note whose story it parted or joined with another."""
        before = self.stories()
        self.something()
        after = self.stories()
        for key, story in before.items():
            if after.get(key, story) & before.keys() != story:
                self.touched |= story | after.get(key, story)

    def stories(self) -> dict[str, set[str]]:
        """Return by key of each record those of its story."""
        every = [one.key for source in SOURCES for one in self.store.records_of(source)]
        told = self.store.stories(every)
        return {key: {one.key for one in told.get(key, ())} | {key} for key in every}

    def something(self) -> None:
        """Let one thing happen."""
        what = self.dice.random()
        if what < 0.7:
            self.comes()
        elif what < 0.8:
            self.is_edited()
        elif what < 0.9:
            self.is_hidden()
        else:
            ages = NOON + timedelta(hours=self.hour, days=31)
            self.forget(lambda: self.store.prune(ages))

    def comes(self) -> None:
        """Bring a poll of a source: some of it tells of articles that others told of."""
        self.hour += 1
        source, now = self.dice.choice(SOURCES), NOON + timedelta(hours=self.hour)
        new = []
        for place in range(self.dice.choice((1, 1, 2, 3, 12))):
            self.number += 1
            article = self.number if self.dice.random() < 0.6 else self.dice.randint(1, self.number)
            link = f"https://blog.example/2026/article-{article}"
            aged = timedelta(hours=self.dice.choice((0, 0, 1, 30, 90)))
            new.append(
                record(source, f"{self.number}", link, title=f"Title {self.dice.randint(1, 40)}", published=now - aged)
            )
            new[-1] = replace(new[-1], first_seen=now, position=place, backlog=self.dice.random() < 0.1)
        tell(self.store, *new, listed=self.dice.random() < 0.5, now=now)

    def is_edited(self) -> None:
        """Change a record, now and then so that it becomes another story."""
        if one := self.any():
            if self.dice.random() < 0.5:
                self.touch(one)
                one = replace(one, link=f"https://blog.example/2026/article-{self.dice.randint(1, self.number)}")
            changed = replace(one, html="<p>Corrected</p>", digest=f"{self.number}-{self.dice.random()}")
            tell(self.store, updated=(changed,))
            self.touch(changed)

    def is_hidden(self) -> None:
        """Hide a record or show it again."""
        if one := self.any():
            self.touch(one)
            self.store.mark_hidden({one.key: self.dice.choice(("by hand", None))})

    def forget(self, remove: object) -> None:
        """Let go of records."""
        before = list(self.store.records())
        stories = self.store.stories([one.key for one in before])
        assert callable(remove)
        remove()
        gone = {one.key for one in before} - {one.key for one in self.store.records()}
        self.touched |= {other.key for key in gone for other in stories.get(key, ())} | gone

    def touch(self, one: Record) -> None:
        """Note that the record, and its story, may have changed their place."""
        self.touched |= {one.key} | {other.key for other in self.store.stories([one.key]).get(one.key, ())}

    def any(self) -> Record | None:
        """Return a record."""
        records = list(self.store.records())
        return self.dice.choice(records) if records else None

    def standing(self, view: View) -> set[str]:
        """Return the keys of the records that stand in the view for good."""
        return {
            one.key
            for one in (record for source in SOURCES for record in self.store.records_of(source))
            if may_stand(view, one) and judged(one, lasting(view), one.first_seen)
        }


def walked(archive: Archive, stretch: Stretch | None) -> Iterator[tuple[Shown, ...]]:
    """Yield what stands in the documents that each document names before itself."""
    while stretch is not None:
        yield archive.held(stretch)
        stretch = archive.before(stretch)


def keys(shown: tuple[Shown, ...]) -> set[str]:
    return {record.key for one in shown for record in (one.record, *one.also)}


@pytest.mark.parametrize("life", range(LIVES))
@pytest.mark.parametrize("name", VIEWS)
def test_whoever_walks_down_an_archive_meets_all_of_it_once(tmp_path: Path, name: str, life: int) -> None:
    view = VIEWS[name]
    with closing(SqliteStore.open(tmp_path)) as store:
        store.sync_sources(sources(*SOURCES), NOON)
        it = Life(store, Random(f"{name} {life}"))
        for _ in range(25):
            it.comes()
            it.happens()
        before = it.standing(view)
        it.touched.clear()

        document = chosen(store, view, Span()).shown
        archive = Archive(store, view, most=it.dice.choice((3, 8, 100)), most_looked_at=it.dice.choice((9, 10_000)))
        met = list[tuple[Shown, ...]]()
        for shown in walked(archive, archive.newest(document)):
            met.append(shown)
            it.happens()

        archived = Counter(key for shown in met for key in keys(shown))
        still = (before & it.standing(view)) - it.touched
        assert still - keys(document) - archived.keys() == set()
        assert [key for key, times in archived.items() if times > 1 and key not in it.touched] == []
        assert len(met) < 200
        told = Counter(one.id for shown in met for one in shown if not keys((one,)) & it.touched)
        assert [id_ for id_, times in told.items() if times > 1] == []


@pytest.mark.parametrize("name", VIEWS)
def test_pages_are_all_of_a_view_and_have_nothing_twice(tmp_path: Path, name: str) -> None:
    view = VIEWS[name]
    with closing(SqliteStore.open(tmp_path)) as store:
        store.sync_sources(sources(*SOURCES), NOON)
        it = Life(store, Random(name))
        for _ in range(40):
            it.comes()
            it.happens()

        whole = chosen(store, replace(view, per_source=None), Span(limit=500))
        document = chosen(store, view, Span())
        pages, following = [], chosen(store, replace(view, per_source=None), Span(limit=1)).next
        while following:
            page = chosen(store, view, Span(limit=7, before=following))
            pages += [one.id for one in page.shown]
            following = page.next

        assert [whole.shown[0].id, *pages] == [one.id for one in whole.shown]
        assert {one.id for one in document.shown} <= {one.id for one in whole.shown}
        after = chosen(store, view, Span(limit=500, before=document.next)) if document.next else None
        rest = {one.id for one in after.shown} if after else set()
        assert {one.id for one in document.shown} | rest == {one.id for one in whole.shown}
