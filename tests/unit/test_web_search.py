"""Feeds of what is searched for: by the query string, and as a view."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from unit import feed_rules_samples as samples

from aggregator import indexing
from aggregator.health import Facts
from aggregator.model import Polling, Server, Settings, Source, Storage, View
from aggregator.web import create_app
from storage.sqlite import SqliteStore
from storage.states import HostState
from storage.values import Changes, Poll

Get = Callable[[str], httpx.Response]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    first, second, third = samples.numbered(3)
    records = (
        replace(first, title="大模型的后台", html="<p>Ports and harbours</p>"),
        replace(second, title="Second", html="<p>关于<b>大模</b>型</p>"),
        replace(third, title="Third"),
    )
    with closing(samples.a_store(tmp_path, *records)) as made:
        indexing.bring_up_to_date(made)
        yield made


@pytest.fixture
def get(store: SqliteStore, tmp_path: Path) -> Get:
    settings = Settings(
        path=tmp_path / "feeds.yaml",
        server=Server(base_url="https://news.example/"),
        storage=Storage(tmp_path),
        polling=Polling(),
        sources=(Source(id="paper", url="https://paper.example/feed", name="My paper"),),
        views=(View("models", "Models", query="大模型 -ports"),),
    )
    app = create_app(store, lambda: settings, lambda: Facts(last_tick_at=samples.NOW), lambda: samples.NOW)

    def asked(path: str) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://news.example") as client:
                return await client.get(path)

        return asyncio.run(send())

    return asked


def titles(answer: httpx.Response) -> set[str]:
    return {item["title"] for item in json.loads(answer.content)["items"]}


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("大模型", {"大模型的后台", "Second"}),
        ("title:大模型", {"大模型的后台"}),
        ("大模型 -harbours", {"Second"}),
        ("後臺", {"大模型的后台"}),
        ('"and harbours"', {"大模型的后台"}),
        ("nowhere", set()),
    ],
)
def test_a_feed_holds_what_is_asked_for(get: Get, q: str, found: set[str]) -> None:
    answer = get(f"/feed.json?q={q}")

    assert (answer.status_code, titles(answer)) == (200, found)


def test_a_view_holds_what_its_query_finds(get: Get) -> None:
    assert titles(get("/feed/models.json")) == {"Second"}


@pytest.mark.parametrize("q", ['"', "-", "*", "a:b:c", "title:", "NEAR(", "\U0001f600", "%00", "x" * 1500])
def test_no_search_is_an_error(get: Get, q: str) -> None:
    assert get(f"/feed.atom?q={q}").status_code == 200


def test_an_entry_shows_as_soon_as_the_index_has_it(get: Get, store: SqliteStore) -> None:
    before = get("/feed.json?q=Third")
    [record] = [one for one in store.records() if one.title == "Third"]
    state = store.states()[0]
    edited = replace(record, html="<p>nowhere else</p>", digest="new")
    store.save_polls([Poll(state, HostState("paper.example"), Changes(updated=(edited,)))], samples.NOW)
    early = get("/feed.json?q=nowhere")

    indexing.bring_up_to_date(store)

    assert titles(before) == {"Third"}
    assert titles(early) == set()
    assert titles(get("/feed.json?q=nowhere")) == {"Third"}
