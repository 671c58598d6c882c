"""Every entry of the corpus, as it is served: once, valid by the rules of all three formats and by the grammar of Atom."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

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
def test_every_page_of_the_corpus_follows_the_grammar_of_atom(site, tmp_path: Path) -> None:
    served = pages(site, "atom")
    for number, page in enumerate(served):
        (tmp_path / f"{number}.xml").write_bytes(page)

    assert told(*tmp_path.glob("*.xml")) == []
    assert len(served) > 10


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
