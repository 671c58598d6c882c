"""Every entry of the corpus, as it is served: once, valid, and read alike by parsers that know nothing of each other."""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

import feedparser
import httpx
import pytest
from lxml import etree
from unit import feed_rules as rules

from aggregator import clock
from aggregator.health import Facts
from aggregator.model import Content, Polling, Server, Settings, Source, Storage, View
from aggregator.web import create_app
from storage.sqlite import SqliteStore

BASE = "https://news.example.org"
ATOM = "{http://www.w3.org/2005/Atom}"
GRAMMAR = Path(__file__).with_name("atom.rnc")
"""RFC 4287 in the compact syntax of RELAX NG, for jing."""
SOUND = (
    '<feed xmlns="http://www.w3.org/2005/Atom"><id>urn:x:1</id><title type="text">t</title>'
    "<updated>2026-03-01T00:00:00Z</updated><entry><title>a</title><id>urn:x:2</id>"
    '<updated>2026-03-01T00:00:00Z</updated><link href="https://x.example/"/></entry></feed>'
)
BROKEN = {
    "no-id": SOUND.replace("<id>urn:x:2</id>", ""),
    "two-titles": SOUND.replace("<title>a</title>", "<title>a</title><title>b</title>"),
    "a-date-without-zone": SOUND.replace("00Z</updated><link", "00</updated><link"),
    "a-link-to-nowhere": SOUND.replace(' href="https://x.example/"', ""),
    "markup-in-a-text": SOUND.replace(">t<", "><b>t</b><"),
    "an-element-of-no-atom": SOUND.replace("<title>a</title>", "<title>a</title><pubDate>x</pubDate>"),
    "an-entry-too-early": SOUND.replace("</feed>", "<subtitle>s</subtitle></feed>"),
}


VIEWS = (
    View("all", "Everything, in full"),
    View("short", "Summaries only", content=Content.SUMMARY),
    View("bare", "Titles only", content=Content.NONE),
    View("few", "Three of each source", per_source=3, entries=500),
    View("found", "What a search finds", query="the -zzz"),
    View("empty", "Nothing", query="zqxjkv"),
)
KINDS = (
    *(f"/feed/{view.name}.{{}}?limit=500" for view in VIEWS),
    "/feed.{}?limit=500&content=summary",
    "/feed.{}?limit=500&content=none",
    "/feed.{}?category=c&q=and&limit=200",
    "/feed.{}?source=s0&source=s1&source=s2",
    "/feed.{}?since=2020-01-01T00:00:00Z&limit=3",
)
"""What is asked for beside the merged feed itself; `{}` is the ending."""
LONG = "LONG" in os.environ
ENDINGS = ("atom", "rss", "json")
CHECKS = {"atom": rules.atom_faults, "rss": rules.rss_faults, "json": rules.json_faults}


@pytest.fixture(scope="module")
def site(polled_corpus) -> Iterator[object]:
    """The application over the polled corpus."""
    folder = polled_corpus.home.folder / "data"
    store = SqliteStore.open_readonly(folder)
    settings = Settings(
        path=folder / "feeds.yaml",
        server=Server(base_url=f"{BASE}/", title="Corpus"),
        storage=Storage(path=folder),
        polling=Polling(),
        sources=tuple(
            Source(id=id_, url=f"http://{polled_corpus.home.shelf.host}/{id_}", name=id_, category="c")
            for id_ in polled_corpus.rows
        ),
        views=VIEWS,
    )
    yield create_app(store, lambda: settings, lambda: Facts(polls=False), clock.now)
    store.close()


def fetched(site, *paths: str) -> list[bytes]:
    """Return what the application answers, all of it with 200."""

    async def fetch() -> list[bytes]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=site), base_url=BASE, timeout=120) as client:
            answers = [await client.get(path) for path in paths]
        assert {answer.status_code for answer in answers} == {200}, [
            (path, answer.text[:200]) for path, answer in zip(paths, answers, strict=True) if answer.status_code != 200
        ]
        return [answer.content for answer in answers]

    return asyncio.run(fetch())


@pytest.fixture(scope="module")
def served(site) -> dict[str, list[bytes]]:
    """Every page of the merged feed by the ending of its format."""
    return {ending: pages(site, ending) for ending in ENDINGS}


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
    return link_of(body, "next")


def link_of(body: bytes, rel: str) -> str | None:
    """Return the address of the feed's own link of this kind."""
    root = etree.fromstring(body, etree.XMLParser(huge_tree=True))
    link = root.find(f"./{ATOM}link[@rel='{rel}']")
    link = root.find(f"./channel/{ATOM}link[@rel='{rel}']") if link is None else link
    return None if link is None else link.get("href")


def ids(body: bytes, ending: str) -> list[str]:
    if ending == "json":
        return [item["id"] for item in json.loads(body)["items"]]
    root = etree.fromstring(body, etree.XMLParser(huge_tree=True))
    return [one.text for one in root.iterfind(f"{ATOM}entry/{ATOM}id" if ending == "atom" else "channel/item/guid")]


def told(*documents: Path) -> list[str]:
    """Return what jing says of the documents, a line a fault."""
    done = subprocess.run(
        ["jing", "-c", str(GRAMMAR), *map(str, documents)], check=False, capture_output=True, text=True, timeout=60
    )
    faults = done.stdout.splitlines()
    assert done.returncode == bool(faults), done.stderr
    return faults


@pytest.fixture
def jing(require: Callable[[str, bool], None]) -> None:
    require("jing", shutil.which("jing") is not None)


@pytest.mark.usefixtures("jing")
def test_the_grammar_of_atom_tells_sound_from_broken(tmp_path: Path) -> None:
    (tmp_path / "sound.xml").write_text(SOUND)
    for name, document in BROKEN.items():
        (tmp_path / f"{name}.xml").write_text(document)

    faults = told(*tmp_path.glob("*.xml"))

    assert {Path(line.partition(":")[0]).stem for line in faults} == BROKEN.keys()


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("jing")
def test_every_page_of_the_corpus_follows_the_grammar_of_atom(served, tmp_path: Path) -> None:
    for number, page in enumerate(served["atom"]):
        (tmp_path / f"{number}.xml").write_bytes(page)

    assert told(*tmp_path.glob("*.xml")) == []
    assert len(served["atom"]) > 5


@pytest.mark.timeout(600)
def test_every_entry_of_the_corpus_is_served_once_and_validly_in_all_three_formats(served):
    found = {ending: [one for body in served[ending] for one in ids(body, ending)] for ending in ENDINGS}
    faults = [fault for ending, check in CHECKS.items() for body in served[ending] for fault in check(body)]

    assert faults == []
    assert found["atom"] == found["rss"] == found["json"]
    assert len(set(found["atom"])) == len(found["atom"])
    assert len(found["atom"]) > 1000


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("jing")
def test_every_kind_of_feed_is_valid_over_the_whole_corpus(site, polled_corpus, tmp_path: Path) -> None:
    # Every third source, in the formats by turns; with LONG=1 each in all of them.
    own = [
        (ending, f"/source/{id_}.{ending}?limit=500")
        for number, id_ in enumerate(sorted(polled_corpus.rows))
        for place, ending in enumerate(ENDINGS)
        if LONG or number % 9 == 4 * place
    ]
    asked = [(ending, kind.format(ending)) for kind in KINDS for ending in ENDINGS] + own
    bodies = dict(zip(asked, fetched(site, *(path for _, path in asked)), strict=True))
    for number, ((ending, _), body) in enumerate(bodies.items()):
        if ending == "atom":
            (tmp_path / f"{number}.xml").write_bytes(body)

    faults = [(path, fault) for (ending, path), body in bodies.items() for fault in CHECKS[ending](body)]
    assert faults == []
    assert told(*tmp_path.glob("*.xml")) == []
    assert ids(bodies["atom", "/feed/empty.atom?limit=500"], "atom") == []
    assert len(ids(bodies["rss", "/feed/bare.rss?limit=500"], "rss")) == 500


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("jing")
def test_every_archive_document_is_valid_over_the_whole_corpus(site, tmp_path: Path) -> None:
    found = archives(site, "/feed.atom")
    for number, body in enumerate(found.values()):
        (tmp_path / f"{number}.xml").write_bytes(body)
    # The same documents in RSS; with LONG=1 all of them.
    others = fetched(site, *(path.replace(".atom", ".rss") for path in list(found)[:: 1 if LONG else 5]))

    assert [fault for body in found.values() for fault in rules.atom_faults(body)] == []
    assert [fault for body in others for fault in rules.rss_faults(body)] == []
    assert told(*tmp_path.glob("*.xml")) == []
    assert len(found) > 10


def archives(site, path: str) -> dict[str, bytes]:
    """Return the documents that `prev-archive` leads to, the newest first, by their paths."""
    (body,) = fetched(site, path)
    found: dict[str, bytes] = {}
    while older := link_of(body, "prev-archive"):
        path = older.removeprefix(BASE)
        (found[path],) = (body,) = fetched(site, path)
    return found


# --- independent parsers ----------------------------------------------------------------------------------------


@pytest.mark.timeout(600)
@pytest.mark.parametrize("ending", ["atom", "rss"])
def test_feedparser_rss_parser_and_feedsmith_read_what_was_sent(served, parsers, tmp_path: Path, ending: str) -> None:
    sent = [item for page in served["json"] for item in json.loads(page)["items"]]
    read: dict[str, list[dict[str, object]]] = {"feedparser": [], "rss-parser": [], "feedsmith": []}
    for page in served[ending]:
        read["feedparser"] += by_feedparser(page)
        (tmp_path / "feed.xml").write_bytes(page)
        for library, found in parsers.read(tmp_path / "feed.xml").items():
            read[library] += [comparable(entry) for entry in found["entries"]]

    expected = [told_by(item, ending) for item in sent]
    for own, entry in zip(expected, read["rss-parser"], strict=True):
        if own["link"] is None:  # it then says the address of an enclosure
            entry["link"] = None
    for library, entries in read.items():
        assert len(entries) == len(expected)
        different = [(library, a, b) for a, b in zip(expected, entries, strict=True) if a != b]
        assert different[:3] == []


def told_by(item: dict[str, Any], ending: str) -> dict[str, object]:
    """Return what a JSON item says, as all parsers are to read it from the other formats."""
    content = item.get("content_html") or ""
    if ending == "atom" and not content and "url" not in item:  # RFC 4287 section 4.1.2 wants one of the two
        content = escape(item["content_text"])
    return {
        "id": item["id"],
        "title": item["title"],
        "link": item.get("url"),
        "date": item["date_published"][:19],
        "content": content.strip() or None,
        "enclosures": [one["url"] for one in item.get("attachments", [])],
        "categories": item.get("tags", []),
    }


def comparable(entry: dict[str, Any]) -> dict[str, object]:
    """Return an entry that reader.mjs read, in the same words."""
    return {
        "id": entry["id"],
        "title": entry["title"],
        "link": entry["link"],
        "date": entry["date"][:19],
        "content": entry["content"].strip() if entry["content"] else None,
        "enclosures": [url for url, *_ in entry["enclosures"]],
        "categories": entry["categories"],
    }


def by_feedparser(page: bytes) -> list[dict[str, object]]:
    """Return what feedparser reads of a document, in the same words."""
    document = feedparser.parse(io.BytesIO(page), sanitize_html=False, resolve_relative_uris=False)
    assert not document.bozo
    return [
        {
            "id": entry.id,
            "title": entry.title,
            # Of an entry that has none feedparser says its id.
            "link": next((one["href"] for one in dict.get(entry, "links", ()) if one["rel"] == "alternate"), None),
            "date": datetime(*entry.published_parsed[:6]).isoformat(),  # noqa: DTZ001 # compared as text
            "content": entry.content[0].value.strip() if "content" in entry else None,
            "enclosures": [one["href"] for one in dict.get(entry, "links", ()) if one["rel"] == "enclosure"]
            + [one["url"] for one in entry.get("media_content", [])],
            "categories": [tag.term for tag in entry.get("tags", [])],
        }
        for entry in document.entries
    ]
