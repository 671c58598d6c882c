"""What is kept is answered without touching the store, and what is committed by anybody shows at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp
from unit import feed_rules_samples as samples
from unit.test_web_feeds import ask, settings_in, titles

from aggregator.health import Facts
from aggregator.web import create_app
from aggregator.web.memory import Revision, Seen
from storage.sqlite import SqliteStore
from storage.values import Searchable

NOW = samples.NOW


class Counting:
    """A store that counts what is asked of it, but for whether anything was committed."""

    def __init__(self, store: SqliteStore) -> None:
        self._store, self.asked = store, Counter[str]()

    def __getattr__(self, name: str) -> Any:
        if name != "stamp":
            self.asked[name] += 1
        return getattr(self._store, name)


def serving(store: Any, folder: Path) -> ASGIApp:
    settings = settings_in(folder)
    return create_app(store, lambda: settings, lambda: Facts(last_tick_at=NOW), lambda: NOW)


def asked_often(app: ASGIApp, path: str, times: int, **headers: str) -> Counter[int]:
    """Ask many times in one event loop, without a client between, which would take most of the time."""
    place, _, query = path.partition("?")
    told = [(name.encode(), value.encode()) for name, value in headers.items()]
    statuses = Counter[int]()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses[message["status"]] += 1

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def ask_all() -> None:
        scope = {"type": "http", "method": "GET", "path": place, "query_string": query.encode(), "headers": told}
        for _ in range(times):
            await app(dict(scope), receive, send)

    asyncio.run(ask_all())
    return statuses


@pytest.mark.parametrize("path", ["/feed.atom", "/feed.json?q=entry", "/api/v1/entries", "/entry/{key}.md", "/opml"])
@pytest.mark.parametrize("writes", [True, False], ids=["the process that polls", "one that only serves"])
def test_a_thousand_conditional_requests_ask_the_store_for_nothing(tmp_path, path, writes):
    records = samples.numbered(3)
    opened = samples.a_store(tmp_path, *records)
    store = Counting(opened if writes else SqliteStore.open_readonly(tmp_path))
    app = serving(store, tmp_path)
    path = path.format(key=records[0].key)
    tag = ask(app, path).headers["etag"]
    store.asked.clear()

    answers = asked_often(app, path, 1000, **{"if-none-match": tag})

    assert answers == {304: 1000}
    assert store.asked == {}
    store.close()
    opened.close()


@pytest.mark.parametrize("writes", [True, False], ids=["the process that polls", "one that only serves"])
def test_a_new_entry_shows_in_the_next_request(tmp_path, writes):
    writer = samples.a_store(tmp_path)
    store = writer if writes else SqliteStore.open_readonly(tmp_path)
    app = serving(store, tmp_path)
    seen = []

    for record in samples.numbered(20):
        samples.add(writer, record, states=[samples.a_state()])
        seen.append(len(titles(ask(app, "/feed.atom"))))

    assert seen == list(range(1, 21))
    store.close()
    writer.close()


def test_a_poll_that_brings_nothing_has_the_process_that_polls_read_nothing(tmp_path):
    store = Counting(samples.a_store(tmp_path, *samples.numbered(3)))
    app = serving(store, tmp_path)
    tag = ask(app, "/feed.atom").headers["etag"]
    samples.add(store, states=[samples.a_state()])
    store.asked.clear()

    answer = ask(app, "/feed.atom", if_none_match=tag)

    assert answer.status_code == 304
    assert store.asked == {}
    store.close()


def test_what_search_finds_anew_shows_in_the_next_request(tmp_path):
    store = samples.a_store(tmp_path, samples.a_record())
    app = serving(store, tmp_path)
    before = titles(ask(app, "/feed.atom?q=bridge"))

    waiting = store.unsearched()
    store.index([Searchable(one.record.key, one.change, one.record.title, "", "") for one in waiting])

    assert before == []
    assert titles(ask(app, "/feed.atom?q=bridge")) == ["A bridge opens"]
    store.close()


async def test_a_commit_while_the_store_is_read_has_the_next_request_read_again():
    class Busy:
        stamps, revisions = iter([1, 2, 2, 2]), iter([10, 11])

        def stamp(self) -> int:
            return next(self.stamps)

        def revision(self) -> int:
            return next(self.revisions)

        def indexed(self) -> int:
            return 0

    revision = Revision(Busy())  # type: ignore[arg-type]  # what it asks of a store, and no more

    assert [await revision.read() for _ in range(3)] == [Seen(10, 0), Seen(11, 0), Seen(11, 0)]


def test_a_store_that_was_closed_is_told_of_though_answers_are_kept(tmp_path):
    store = samples.a_store(tmp_path, *samples.numbered(1))
    app = serving(store, tmp_path)
    ask(app, "/feed.atom")
    store.close()

    assert ask(app, "/feed.atom").status_code == 503
    assert ask(app, "/readyz").status_code == 503
