"""What subscribers see: the served feeds in newsboat, sfeed and feedparser, as entries come, change and stay."""

from __future__ import annotations

import calendar
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from xml.sax.saxutils import escape

import feedparser
import pytest

from plugins.daemons import Running
from plugins.served_corpus import Home, PolledCorpus, Shelf

pytestmark = pytest.mark.timeout(120)


@dataclass(frozen=True, order=True)
class Shown:
    """An entry as a reader has it."""

    id: str
    title: str
    link: str
    body: str
    dated: int | None
    """Seconds since 1970."""
    enclosure: str


Look = Callable[[], dict[str, list[Shown]]]
"""Lets every reader reload, and returns what each then has, by reader and format, sorted by id."""

# --- the publishers ---

TEA_BODY = "<p>八十度太低，九十度太高？差别更多在壶。</p>"
QUEUE_BODY = '<p>A queue says <em>how long</em> to wait, "please" &amp; thanks.</p>'


def tea(body: str = TEA_BODY, *more: str) -> bytes:
    """Return an RSS feed in Chinese whose guids are plain words, with an entry for each slug of `more` above."""
    items = "".join(
        f'<item><guid isPermaLink="false">{slug}</guid><title>新茶：{slug}</title><link>https://tea.example/{slug}</link>'
        f"<description>&lt;p&gt;{slug}&lt;/p&gt;</description><pubDate>Tue, 03 Mar 2026 04:00:00 GMT</pubDate></item>"
        for slug in more
    )
    return (
        f'<rss version="2.0"><channel><title>茶与器</title><link>https://tea.example/</link><description>茶</description>{items}'
        '<item><guid isPermaLink="false">water</guid><title>明前茶的水温 &amp; 壶</title><link>https://tea.example/water</link>'
        f"<description>{escape(body)}</description><pubDate>Sat, 28 Feb 2026 04:00:00 GMT</pubDate></item>"
        '<item><guid isPermaLink="false">cups</guid><title>“薄胎”的杯子</title><link>https://tea.example/cups</link>'
        "<description>&lt;p&gt;薄杯散热快。&lt;/p&gt;</description><pubDate>Wed, 18 Feb 2026 04:00:00 GMT</pubDate></item>"
        "</channel></rss>"
    ).encode()


def notebook(body: str = QUEUE_BODY, updated: str = "2026-03-02T14:05:00Z") -> bytes:
    """Return an Atom feed in English whose ids are URIs."""
    return (
        '<feed xmlns="http://www.w3.org/2005/Atom"><title>A notebook</title><id>tag:notebook.example,2026:feed</id>'
        f'<updated>{updated}</updated><link href="https://notebook.example/"/><author><name>Imogen Hale</name></author>'
        '<entry><id>tag:notebook.example,2026:queues</id><title type="html">Queues &amp;lt;T&amp;gt; that say when</title>'
        f'<link href="https://notebook.example/queues"/><published>2026-03-02T14:05:00Z</published><updated>{updated}</updated>'
        f'<content type="html">{escape(body)}</content></entry></feed>'
    ).encode()


WALKS = json.dumps(
    {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "Sound walks",
        "home_page_url": "https://walks.example/",
        "items": [
            {
                "id": "urn:uuid:7d2b9f0e-52a1-4f7e-9c56-0d6a4f1e8b21",
                "url": "https://walks.example/harbour",
                "title": "Harbour, before the ferries",
                "content_html": "<p>Four minutes of gulls.</p>",
                "date_published": "2026-03-01T06:10:00Z",
                "attachments": [
                    {"url": "https://walks.example/harbour.mp3", "mime_type": "audio/mpeg", "size_in_bytes": 4800000}
                ],
            }
        ],
    }
).encode()

NOTES = (
    "<rss version='2.0'><channel><title>Notes without dates</title><link>https://notes.example/</link>"
    "<description>x</description>"
    "<item><title>One</title><link>https://notes.example/1</link><description>The first.</description></item>"
    "<item><title>二</title><link>https://notes.example/2</link><description>第二条。</description></item>"
    "</channel></rss>"
).encode()

TITLES = {
    "https://tea.example/water": "明前茶的水温 & 壶",
    "https://tea.example/cups": "“薄胎”的杯子",
    "https://notebook.example/queues": "Queues <T> that say when",
    "https://walks.example/harbour": "Harbour, before the ferries",
    "https://notes.example/1": "One",
    "https://notes.example/2": "二",
}
EVERY = [f"{reader} {ending}" for reader in ("newsboat", "sfeed", "feedparser") for ending in ("atom", "rss")]


@pytest.fixture
def running(home: Home, shelf: Shelf, daemon: Callable[..., Running]) -> Running:
    """The daemon, once it serves all that four publishers list."""
    shelf.files = {"/tea.xml": tea(), "/notebook.atom": notebook(), "/walks.json": WALKS, "/notes.xml": NOTES}
    home.sources = {"tea": "/tea.xml", "notebook": "/notebook.atom", "walks": "/walks.json", "notes": "/notes.xml"}
    home.write()
    started = daemon()
    started.until(lambda: len(started.titles()) == len(TITLES))
    return started


# --- the readers ---


@pytest.fixture
def look(running: Running, tmp_path: Path, require: Callable[[str, bool], None]) -> Look:
    """Every reader, with no memory of an earlier day; newsboat keeps its own between two looks."""
    for program in ("newsboat", "sfeed"):
        require(program, shutil.which(program) is not None)
    # A cache of newsboat has each id once: of two feeds with the same entries one would stand empty.
    homes = {ending: tmp_path / f"newsboat-{ending}" for ending in ("atom", "rss")}
    for ending, folder in homes.items():
        subscribe(folder, f"{running.base}feed.{ending}")

    def looking() -> dict[str, list[Shown]]:
        found = {}
        for ending, folder in homes.items():
            found[f"newsboat {ending}"] = in_newsboat(folder)
            body = running.get(f"/feed.{ending}")[2]
            found[f"sfeed {ending}"] = in_sfeed(body)
            found[f"feedparser {ending}"] = in_feedparser(body)
        assert all(found.values())
        return {name: sorted(entries) for name, entries in found.items()}

    return looking


def subscribe(folder: Path, url: str) -> None:
    """Make a home of newsboat with one feed in it."""
    folder.mkdir()
    (folder / "config").touch()
    (folder / "urls").write_text(f"{url}\n")


def in_newsboat(folder: Path) -> list[Shown]:
    files = ("-C", "config", "-u", "urls", "-c", "cache.db")
    home = os.environ | {"HOME": str(folder), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        ["newsboat", *files, "-x", "reload"],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
        env=home,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with closing(sqlite3.connect(folder / "cache.db")) as cache:
        rows = cache.execute("SELECT guid, title, url, content, pubDate, enclosure_url FROM rss_item WHERE NOT deleted")
        return [Shown(*row) for row in rows]


def in_sfeed(body: bytes) -> list[Shown]:
    done = subprocess.run(["sfeed"], input=body, check=True, capture_output=True, timeout=30)
    found = []
    for line in done.stdout.decode().removesuffix("\n").split("\n"):
        at, title, link, text, kind, id_, _, enclosure, *_ = line.split("\t")
        assert kind == ("html" if text else "")
        plain = text.replace("\\n", "\n").replace("\\t", "\t").replace("\\\\", "\\")
        found.append(Shown(id_, title, link, plain, int(at), enclosure))
    return found


def in_feedparser(body: bytes) -> list[Shown]:
    parsed = feedparser.parse(body, sanitize_html=False)
    assert not parsed.bozo
    return [
        Shown(
            entry.id,
            entry.title,
            entry.get("link", ""),
            entry.content[0].value if "content" in entry else "",
            calendar.timegm(entry.published_parsed),
            entry.enclosures[0].href if entry.get("links") and entry.enclosures else "",
        )
        for entry in parsed.entries
    ]


def stored(home: Home) -> list[Shown]:
    """Return what the store has, as a reader should show it."""
    return sorted(
        Shown(
            row["public_id"],
            row["title"],
            row["link"],
            row["html"],
            int(datetime.fromisoformat(row["published"]).timestamp()),
            row["enclosures"][0]["url"] if row["enclosures"] else "",
        )
        for row in home.entries()
    )


# --- what they see ---


def test_each_reader_has_every_entry_with_its_id_title_link_body_date_and_enclosure(home: Home, look: Look) -> None:
    found = look()

    assert found == dict.fromkeys(EVERY, stored(home))
    for entries in found.values():
        by_link = {one.link: one for one in entries}
        assert {link: one.title for link, one in by_link.items()} == TITLES
        assert by_link["https://notebook.example/queues"].id == "tag:notebook.example,2026:queues"
        assert by_link["https://walks.example/harbour"].id == "urn:uuid:7d2b9f0e-52a1-4f7e-9c56-0d6a4f1e8b21"
        assert by_link["https://walks.example/harbour"].enclosure == "https://walks.example/harbour.mp3"
        assert by_link["https://notebook.example/queues"].body == QUEUE_BODY
        assert by_link["https://tea.example/water"].body == TEA_BODY


def test_a_second_reload_brings_nothing(look: Look) -> None:
    before = look()

    assert look() == before


def test_a_changed_body_shows_once_under_its_old_id(home: Home, shelf: Shelf, running: Running, look: Look) -> None:
    before = look()
    shelf.files["/tea.xml"] = tea("<p>改过的正文。</p>")
    shelf.files["/notebook.atom"] = notebook("<p>Rewritten.</p>", "2026-03-04T09:00:00Z")
    running.until(lambda: all(word in running.get("/feed.json")[2].decode() for word in ("改过的正文", "Rewritten")))

    after = look()

    assert after == dict.fromkeys(EVERY, stored(home))
    for name in EVERY:
        changed = sorted(set(after[name]) - set(before[name]))
        assert sorted(one.body for one in changed) == ["<p>Rewritten.</p>", "<p>改过的正文。</p>"]
        assert {one.id for one in after[name]} == {one.id for one in before[name]}
        assert len(after[name]) == len(TITLES)


def test_a_new_entry_shows_once_and_the_others_stay_as_they_are(shelf: Shelf, running: Running, look: Look) -> None:
    before = look()
    shelf.files["/tea.xml"] = tea(TEA_BODY, "龙井")
    running.until(lambda: "新茶：龙井" in running.titles())

    after = look()

    for name in EVERY:
        assert set(before[name]) < set(after[name])
        assert [one.title for one in after[name] if one not in before[name]] == ["新茶：龙井"]
        assert len(after[name]) == len(TITLES) + 1
    assert look() == after


def test_what_a_publisher_drops_and_lists_again_is_never_new(shelf: Shelf, running: Running, look: Look) -> None:
    before = look()
    shelf.files["/notes.xml"] = NOTES.replace(NOTES[NOTES.index(b"<item>") : NOTES.rindex(b"<item>")], b"")
    asked = len(shelf.statuses)
    running.until(lambda: shelf.statuses[asked:].count(200))
    dropped = look()
    shelf.files["/notes.xml"] = NOTES
    asked = len(shelf.statuses)
    running.until(lambda: shelf.statuses[asked:].count(200))

    assert (dropped, look()) == (before, before)


def test_a_reader_that_asks_again_gets_a_304_and_no_date_that_would_hide_a_new_entry(running: Running) -> None:
    for path in ("/feed.atom", "/feed.rss", "/feed.json"):
        status, headers, _ = running.get(path)

        assert status == 200
        assert "last-modified" not in headers
        assert running.get(path, If_None_Match=headers["etag"])[0] == 304


def test_a_json_feed_reader_has_the_same_entries(home: Home, running: Running) -> None:
    feed = json.loads(running.get("/feed.json")[2])

    found = [
        Shown(
            item["id"],
            item["title"],
            item["url"],
            item["content_html"],
            int(datetime.fromisoformat(item["date_published"]).timestamp()),
            item["attachments"][0]["url"] if "attachments" in item else "",
        )
        for item in feed["items"]
    ]
    assert sorted(found) == stored(home)


@pytest.fixture
def serving_corpus(polled_corpus: PolledCorpus) -> Iterator[Running]:
    """`aggregator serve` on everything that the real feeds list."""
    home = polled_corpus.home
    command = [sys.executable, "-m", "aggregator", "-c", str(home.config), "serve"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=home.folder
    ) as process:
        running = Running(process)
        try:
            yield running
        finally:
            running.stop(signal.SIGKILL)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("ending", ["atom", "rss"])
def test_500_entries_of_real_feeds_reach_each_reader_under_their_ids_and_titles(
    serving_corpus: Running, require: Callable[[str, bool], None], tmp_path: Path, ending: str
) -> None:
    for program in ("newsboat", "sfeed"):
        require(program, shutil.which(program) is not None)
    subscribe(tmp_path / "newsboat", f"{serving_corpus.base}feed.{ending}?limit=500")
    items = json.loads(serving_corpus.get("/feed.json?limit=500")[2])["items"]
    titles = {item["id"]: item["title"] for item in items if "title" in item}

    body = serving_corpus.get(f"/feed.{ending}?limit=500")[2]
    readers = [in_newsboat(tmp_path / "newsboat"), in_sfeed(body), in_feedparser(body)]

    assert len(items) == 500
    for entries in readers:
        assert len(entries) == 500
        assert {one.id: one.title for one in entries if one.id in titles} == titles
