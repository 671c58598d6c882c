"""Floods: far too much of one thing in one document, one list, one story, one token; each is cut or refused, soon."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree
from unit import feed_rules as rules
from unit import feed_rules_samples as samples
from unit.test_web_feeds import ask, settings_in

from aggregator.config import load
from aggregator.filters import judge
from aggregator.health import Facts
from aggregator.indexing import bring_up_to_date
from aggregator.model import Condition, Fetched, Filter, FilterKind, Source
from aggregator.opml import OpmlError
from aggregator.opml import read as read_opml
from aggregator.parse import parse
from aggregator.patterns import found, pattern_fault, replaced
from aggregator.web import create_app
from aggregator.workers import Workers
from plugins.telling import record, sources, tell
from storage.record import Record
from storage.sqlite import SqliteStore
from storage.states import Validators
from storage.values import RecordQuery

pytestmark = pytest.mark.timeout(120)

FULL = os.environ.get("LONG") == "1"
MANY = 1 if FULL else 10
"""What the largest numbers are divided by where all tests run: it is the same bound that bites."""
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SOURCE = Source(id="a", url="https://a.example/feed", name="A")
MB = 1_000_000


# --- one document -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Flood:
    """A body, and the most that comes of it."""

    name: str
    body: Callable[[], bytes]
    entries: int = 1
    files: int = 0
    tags: int = 0
    podcast: int = 0


def rss(inner: str) -> bytes:
    spaces = "xmlns:podcast='https://podcastindex.org/namespace/1.0'"
    return f"<rss version='2.0' {spaces}><channel><title>F</title>{inner}</channel></rss>".encode()


def attached(count: int, url: str) -> bytes:
    files = [{"url": url.format(n=n), "mime_type": "audio/mpeg"} for n in range(count)]
    items = [{"id": "1", "title": "t", "attachments": files}]
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": "J", "items": items}).encode()


FLOODS = [
    Flood("a title of 15 MB", lambda: rss(f"<item><title>{'x' * 15 * MB}</title></item>")),
    Flood(
        "1,999 entries in 16 MB",
        lambda: rss("".join(f"<item><guid>{n}</guid><description>{'x ' * (3900 // MANY)}</description></item>" for n in range(1999))),
        entries=1999,
    ),
    Flood("300,000 equal attachments", lambda: attached(300_000 // MANY, "http://a.example/1"), files=1),
    Flood("50,000 attachments", lambda: attached(50_000, "http://a.example/{n}"), files=64),
    Flood(
        "200,000 podcast elements",
        lambda: rss(f"<item><title>t</title>{'<podcast:person>a</podcast:person>' * (200_000 // MANY)}</item>"),
        podcast=100,
    ),
    Flood(
        "300,000 categories",
        lambda: rss("<item><title>t</title>" + "".join(f"<category>{n}</category>" for n in range(300_000 // MANY)) + "</item>"),
        tags=64,
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    made = Workers(1)
    yield made
    made.close()


@pytest.mark.parametrize("flood", FLOODS, ids=lambda flood: flood.name)
async def test_of_a_flood_in_a_document_comes_what_an_entry_can_hold(workers: Workers, flood: Flood) -> None:
    reading = await workers.read(SOURCE, Fetched(SOURCE.url, 200, {}, flood.body(), Validators()), NOON)

    first = reading.records[0]
    assert len(reading.records) == flood.entries
    assert (len(first.enclosures), len(first.tags), len(first.podcast)) == (flood.files, flood.tags, flood.podcast)
    assert all(len(one.title) <= 1_001 for one in reading.records)
    assert sum(len(one.html) + len(one.summary) for one in reading.records) < 17 * MB


# --- the search index -------------------------------------------------------------------------------------------


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())


@pytest.mark.parametrize(
    ("text", "finds"),
    [
        ("x" * MB, "x" * 50),
        (" ".join(f"t{n:06}" for n in range(100_000)), "t000007"),
        ("长" * (MB // 3), "长长"),
        (" ".join(chr(0x4E00 + n % 20_000) for n in range(300_000)), "一"),
    ],
    ids=["a word of 1 MB", "100,000 words", "a character on end", "20,000 characters"],
)
def test_no_text_makes_the_index_large_or_slow(tmp_path: Path, text: str, finds: str) -> None:
    flood = samples.a_record(html=f"<p>needle {text}</p>")
    with closing(samples.a_store(tmp_path, flood)) as store:
        before, began = size(tmp_path), time.process_time()
        bring_up_to_date(store)
        took, grown = time.process_time() - began, size(tmp_path) - before

        assert [one.key for one in store.page(RecordQuery(text="needle")).records] == [flood.key]
        assert len(store.page(RecordQuery(text=finds)).records) <= 1
    assert took < 3
    assert grown < 4 * MB


# --- stories ----------------------------------------------------------------------------------------------------

LINKS = 40 if FULL else 15


def flooded(links: int, each: int) -> dict[str, list[Record]]:
    """Return records of 50 sources, each of which tells of these links so often."""
    return {
        f"s{n}": [
            record(f"s{n}", f"{link}-{again}", f"https://blog.example/2026/harbour-{link}")
            for link in range(links)
            for again in range(each)
        ]
        for n in range(50)
    }


@pytest.mark.parametrize(
    ("links", "each", "alike", "shown"),
    [(LINKS, 1, 50, LINKS), (1, 40, 0, 500), (20, 2, 0, 500)],
    ids=["each link in every source", "one link 40 times in every source", "each link twice in every source"],
)
def test_a_flood_of_stories_is_saved_soon_and_served_soundly(
    tmp_path: Path, links: int, each: int, alike: int, shown: int
) -> None:
    told = flooded(links, each)
    with closing(SqliteStore.open(tmp_path)) as store:
        store.sync_sources(sources(*told), NOON)
        began = time.process_time()
        for records in told.values():
            tell(store, *records)
        saving = time.process_time() - began
        some = next(store.records())
        settings = replace(
            settings_in(tmp_path), sources=tuple(Source(id_, f"https://{id_}.example/feed", id_) for id_ in told)
        )
        app = create_app(store, lambda: settings, lambda: Facts(last_tick_at=NOON), lambda: NOON)
        began = time.process_time()
        atom = ask(app, "/feed.atom?limit=500")
        serving = time.process_time() - began

        assert len(store.stories([some.key]).get(some.key, ())) == alike
    assert rules.atom_faults(atom.content) == []
    assert len(etree.fromstring(atom.content).findall(f"{rules.ATOM}entry")) == shown
    assert saving < 8
    assert serving < 4


# --- patterns of the operator on texts of a publisher ------------------------------------------------------------


PATTERNS = [
    "(a*)*b", "(a+)+$", "(a|aa)+b", "(a|a?)+b", "(.*)(.*)(.*)(.*)b", "^(.*?,){11}b", "(x+x+)+y", r"(\w+\s?)+!", "(?i)(a|b)*a(a|b){12}c", "a{0,500}b", "(.{0,20}){5}b",
]  # fmt: skip
TEXTS = ["a" * MB, "a " * (MB // 2), "ab" * (MB // 2)]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_no_pattern_is_dear_on_any_text(pattern: str) -> None:
    assert pattern_fault(pattern) is None
    began = time.process_time()

    for text in TEXTS:
        found(pattern, text)
        replaced(pattern, "", text, MB)

    assert time.process_time() - began < 3


def test_a_rule_over_an_entry_of_a_megabyte_is_judged_at_once() -> None:
    flood = samples.a_record(title="a" * 1000, html=f"<p>{'a ' * (MB // 2)}</p>")
    rule = Filter(FilterKind.DROP, "drop: ...", conditions=(Condition("text", pattern=r"(\w+\s?)+!"),))
    began = time.process_time()

    assert judge(flood, [rule]) is None

    assert time.process_time() - began < 2


@pytest.mark.parametrize("pattern", ["((a{100}){100}){100}", "(" * 1500, "a{1001}", r"(\pL{500}){500}"])
def test_a_pattern_that_would_be_huge_is_refused(pattern: str) -> None:
    began = time.process_time()

    assert pattern_fault(pattern)

    assert time.process_time() - began < 1


# --- lists of subscriptions --------------------------------------------------------------------------------------


def opml(inner: str, prolog: str = "") -> bytes:
    return f"<?xml version='1.0'?>{prolog}<opml version='2.0'><body>{inner}</body></opml>".encode()


FEED = "<outline text='{n}' xmlUrl='https://a.example/{n}'/>"
LAUGHS = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10 if n else 'ha'}'>" for n in range(10))
LISTS: dict[str, tuple[Callable[[], bytes], int]] = {
    "laughs": (lambda: opml("<outline text='&l9;' xmlUrl='https://a.example/1'/>", f"<!DOCTYPE opml [{LAUGHS}]>"), 1),
    "a blowup": (lambda: opml(f"<outline text='{'&a;' * 50_000}' xmlUrl='https://a.example/1'/>", f"<!DOCTYPE opml [<!ENTITY a '{'a' * 50_000}'>]>"), 1),
    "a file": (lambda: opml("<outline text='&x;' xmlUrl='https://a.example/1'/>", "<!DOCTYPE opml [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"), 1),
    "a DTD elsewhere": (lambda: opml(FEED.format(n=1), "<!DOCTYPE opml SYSTEM 'http://127.0.0.1:1/x.dtd'>"), 1),
    "depth": (lambda: opml("<outline text='f'>" * 50_000 + FEED.format(n=1) + "</outline>" * 50_000), 1),
    "outlines": (lambda: opml("".join(FEED.format(n=n) for n in range(100_000 // MANY))), 100_000 // MANY),
    "one outline again and again": (lambda: opml(FEED.format(n=1) * (100_000 // MANY)), 1),
    "a title of 10 MB": (lambda: opml(f"<outline text='{'x' * 10 * MB}' xmlUrl='https://a.example/1'/>"), 1),
    "a thousand attributes": (lambda: opml("<outline " + " ".join(f"a{n}='1'" for n in range(1000)) + " xmlUrl='https://a.example/1'/>"), 1),
    "10 MB that are not closed": (lambda: opml("<outline text='" * (10 * MB // MANY // 15)), 0),
}  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_subscriptions_is_read_within_bounds(name: str) -> None:
    made, feeds = LISTS[name]
    data = made()
    began = time.process_time()

    listing = read_opml(data)

    assert time.process_time() - began < (20 if FULL else 4)
    assert len(listing.feeds) == feeds
    assert len(str(listing.feeds[:1])) < 2_000
    assert "root:" not in str(listing.feeds[:1])


def test_a_list_beyond_what_any_has_is_refused_in_a_sentence() -> None:
    with pytest.raises(OpmlError, match="larger than 32 MB"):
        read_opml(b" " * (33 * 1024 * 1024))


def test_of_a_list_with_a_feed_too_many_the_last_is_left_out_in_a_sentence() -> None:
    lines = "\n".join(f"https://a.example/{n}" for n in range(100_001))

    listing = read_opml(lines.encode())

    assert len(listing.feeds) == 100_000
    assert [line for line in listing.skipped if "more than 100,000 feeds" in line] == [*listing.skipped]
    assert len(listing.skipped) == 1


@pytest.mark.parametrize("name", ["laughs", "a file", "depth", "one outline again and again", "a thousand attributes"])
def test_a_list_that_feeds_yaml_names_is_taken_in_as_far_as_it_says_feeds(tmp_path: Path, name: str) -> None:
    data = LISTS[name][0]()
    (tmp_path / "list.opml").write_bytes(data)
    for written, lists in (("list.opml", {}), ("https://l.example/o", {"https://l.example/o": data})):
        config = tmp_path / "feeds.yaml"
        config.write_text(
            f"version: 1\nsources:\n  - opml: {written}\n  - {{id: own, url: 'https://own.example/feed'}}\n"
        )
        began = time.process_time()

        settings = load(config, {}, lists)

        assert [source.url for source in settings.sources] == ["https://a.example/1", "https://own.example/feed"]
        assert time.process_time() - began < 5


@pytest.mark.parametrize("name", ["laughs", *(["outlines"] if FULL else [])])
def test_importing_a_list_ends_soon_with_a_sentence(tmp_path: Path, name: str) -> None:
    made, feeds = LISTS[name]
    (tmp_path / "list.opml").write_bytes(made())
    (tmp_path / "feeds.yaml").write_text("version: 1\nsources: [{id: own, url: 'https://own.example/feed'}]\n")
    command = [sys.executable, "-m", "aggregator", "-c", "feeds.yaml", "import", "opml", "list.opml", "--dry-run"]

    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=110, cwd=tmp_path)

    assert done.returncode == 0, done.stderr[-2000:]
    assert f"{feeds:,} source" in done.stdout + done.stderr
    assert len(done.stderr) < 2_000


def test_a_document_with_a_namespace_for_each_element_is_read_soon() -> None:
    each = "".join(f"<p{n}:x xmlns:p{n}='urn:n{n}'>a</p{n}:x>" for n in range(20_000))
    body = f"<rss version='2.0'><channel>{each}<item><title>t</title></item></channel></rss>".encode()
    began = time.process_time()

    feed = parse(Fetched("https://a.example/feed", 200, {}, body, Validators()))

    assert time.process_time() - began < 4
    assert [entry.title.value for entry in feed.entries if entry.title] == ["t"]
