"""Every entry of the corpus, as it is served: valid by the rules of all three formats, each exactly once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import httpx
import pytest
from lxml import etree
from unit import feed_rules as rules

from aggregator import clock
from aggregator.health import Facts
from aggregator.model import Polling, Server, Settings, Storage
from aggregator.web import create_app
from storage.sqlite import SqliteStore

BASE = "https://news.example.org"
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def site(polled_corpus) -> Iterator[object]:
    """The application over the polled corpus."""
    folder = polled_corpus.home.folder / "data"
    store = SqliteStore.open_readonly(folder)
    settings = Settings(
        path=folder / "feeds.yaml",
        server=Server(base_url=f"{BASE}/", title="Corpus"),
        storage=Storage(path=folder),
        polling=Polling(),
        sources=(),
    )
    yield create_app(store, lambda: settings, lambda: Facts(polls=False), clock.now)
    store.close()


def pages(site, ending: str) -> list[bytes]:
    """Return the documents of the merged feed from the newest to the oldest."""

    async def walk() -> list[bytes]:
        found, path = [], f"/feed.{ending}?limit=500"
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=site), base_url=BASE, timeout=120) as client:
            while path and len(found) < 1000:
                answer = await client.get(path)
                assert answer.status_code == 200, answer.text
                found.append(answer.content)
                path = next_of(answer.content, ending)
        return found

    return asyncio.run(walk())


def next_of(body: bytes, ending: str) -> str | None:
    if ending == "json":
        return json.loads(body).get("next_url")
    link = etree.fromstring(body, etree.XMLParser(huge_tree=True)).find(f".//{ATOM}link[@rel='next']")
    return None if link is None else link.get("href")


def ids(body: bytes, ending: str) -> list[str]:
    if ending == "json":
        return [item["id"] for item in json.loads(body)["items"]]
    root = etree.fromstring(body, etree.XMLParser(huge_tree=True))
    return [one.text for one in root.iterfind(f"{ATOM}entry/{ATOM}id" if ending == "atom" else "channel/item/guid")]


@pytest.mark.timeout(600)
def test_every_entry_of_the_corpus_is_served_once_and_validly_in_all_three_formats(site):
    checks = {"atom": rules.atom_faults, "rss": rules.rss_faults, "json": rules.json_faults}
    served = {ending: pages(site, ending) for ending in checks}

    found = {ending: [one for body in served[ending] for one in ids(body, ending)] for ending in checks}
    faults = [fault for ending, check in checks.items() for body in served[ending] for fault in check(body)]
    assert faults == []
    assert found["atom"] == found["rss"] == found["json"]
    assert len(set(found["atom"])) == len(found["atom"])
    assert len(found["atom"]) > 1000
