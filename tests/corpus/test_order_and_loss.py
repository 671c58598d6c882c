"""Items of real feeds dropped, reordered and added again between polls: nothing twice, nothing back as new, nothing lost."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from aggregator import clock
from aggregator.health import Facts
from aggregator.model import Polling, Server, Settings, Storage
from aggregator.web import create_app
from plugins.served_corpus import Home, Shelf, manifest
from storage.sqlite import SqliteStore

pytestmark = pytest.mark.timeout(600)

ITEM = re.compile(rb"<(item|entry)[\s>].*?</\1\s*>\s*", re.DOTALL)


@dataclass
class Document:
    """A feed's bytes around its items, and its items."""

    head: bytes
    items: list[bytes]
    between: bytes
    """Whatever stands between and after the items."""

    def of(self, items: list[bytes]) -> bytes:
        return self.head + b"".join(items) + self.between

    def without(self, rest: int) -> list[bytes]:
        """Return the items without every third, beginning with this one."""
        return [item for place, item in enumerate(self.items) if place % 3 != rest]


def document(body: bytes) -> Document:
    found = list(ITEM.finditer(body))
    ends = [found[-1].end()] if found else [0]
    starts = [one.start() for one in found] + [len(body)]
    between = b"".join(body[one.end() : start] for one, start in zip(found, starts[1:], strict=True))
    return Document(body[: starts[0]], [one[0] for one in found], between) if ends[0] else Document(body, [], b"")


@dataclass
class Seen:
    """What there is after a poll."""

    entries: list[dict[str, Any]]
    files: dict[str, bytes]
    feeds: dict[str, bytes]


def feeds(folder: Path) -> dict[str, bytes]:
    """Return the newest page of the merged feed in its three formats."""
    store = SqliteStore.open_readonly(folder)
    settings = Settings(folder / "feeds.yaml", Server(base_url="https://n.example/"), Storage(folder), Polling(), ())
    app = create_app(store, lambda: settings, lambda: Facts(polls=False), clock.now)

    async def get() -> dict[str, bytes]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="https://n.example", timeout=120) as client:
            answers = {form: await client.get(f"/feed.{form}?limit=500") for form in ("atom", "rss", "json")}
            return {form: answer.raise_for_status().content for form, answer in answers.items()}

    try:
        return asyncio.run(get())
    finally:
        store.close()


@dataclass
class Walk:
    """The same sources, polled again and again while their items come and go."""

    documents: dict[str, Document]
    after: dict[str, Seen]


@pytest.fixture(scope="module")
def walk(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    rows = [row for row in manifest(corpus, "feed") if row["capture"].startswith("captured")]
    documents = {}
    for number, row in enumerate(rows):
        one = document((corpus / row["file"]).read_bytes())
        if len(one.items) == row["gold_entries"] >= 3:
            documents[f"s{number}"] = one
    assert len(documents) >= 100
    shelf = Shelf({})
    try:
        home = Home(tmp_path_factory.mktemp("order"), shelf, {id_: f"/{id_}" for id_ in documents})
        walk = Walk(documents, {})
        for what, served in {
            "some": {id_: one.of(one.without(1)) for id_, one in documents.items()},
            "all": {id_: one.of(one.items) for id_, one in documents.items()},
            "turned, some gone": {id_: one.of(one.without(0)[::-1]) for id_, one in documents.items()},
            "none": {id_: one.of([]) for id_, one in documents.items()},
            "added again on top": {
                id_: one.of(sorted(one.items, key=lambda item: item in one.without(0)))
                for id_, one in documents.items()
            },
        }.items():
            shelf.files = {f"/{id_}": body for id_, body in served.items()}
            done = home.run("poll", "--all")
            assert "Traceback" not in done.stderr
            walk.after[what] = Seen(home.entries(), home.tree(), feeds(home.folder / "data"))
        yield walk
    finally:
        shelf.close()


LATER = ["turned, some gone", "none", "added again on top"]


def test_nothing_of_what_came_late_is_lost(walk: Walk, polled_corpus: Any, corpus: Path) -> None:
    rows = [row for row in manifest(corpus, "feed") if row["capture"].startswith("captured")]
    id_of = {row["file"]: id_ for id_, row in polled_corpus.rows.items()}
    at_once = Counter(entry["source"] for entry in polled_corpus.home.entries())

    in_two_goes = Counter(entry["source"] for entry in walk.after["all"].entries)

    wanted = {id_: at_once[id_of[rows[int(id_[1:])]["file"]]] for id_ in walk.documents}
    assert {id_: in_two_goes[id_] for id_ in walk.documents} == wanted


def test_what_was_stored_first_is_as_it_was_when_more_comes(walk: Walk) -> None:
    # Who else has the same article is no part of an entry: it is told anew when another source brings it.
    first = {entry["key"]: entry | {"also_in": []} for entry in walk.after["some"].entries}
    then = {entry["key"]: entry | {"also_in": []} for entry in walk.after["all"].entries}

    assert {key: then.get(key) for key in first} == first


@pytest.mark.parametrize("what", LATER)
def test_entries_that_are_dropped_reordered_or_added_again_change_nothing(walk: Walk, what: str) -> None:
    before, now = walk.after["all"].entries, walk.after[what].entries

    assert len(now) == len(before)
    assert [(a["source"], a["title"], b["title"]) for a, b in zip(before, now, strict=True) if a != b] == []


@pytest.mark.parametrize("what", LATER)
def test_undated_entries_keep_the_date_that_they_were_given(walk: Walk, what: str) -> None:
    given = {e["key"]: e["published"] for e in walk.after["all"].entries if e["date_source"] == "first_seen"}
    now = {e["key"]: e["published"] for e in walk.after[what].entries if e["key"] in given}

    assert len(given) > 20
    assert now == given


@pytest.mark.parametrize("what", LATER)
def test_the_merged_feeds_and_the_record_files_are_the_same_bytes(walk: Walk, what: str) -> None:
    assert walk.after[what].files == walk.after["all"].files
    assert walk.after[what].feeds == walk.after["all"].feeds
