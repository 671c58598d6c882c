"""The element table of the documentation, field by field in each of the three formats."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from lxml import etree
from unit import feed_rules_samples as samples
from unit.feed_paths import FULL, faults, in_atom, in_rss

from aggregator.render import atom, jsonfeed, rss
from aggregator.render.merged import feed_id
from storage.record import Element

a_record, a_feed = samples.a_record, samples.a_feed

EPISODE = replace(
    FULL,
    podcast=(
        Element("itunes:episode", "7"),
        Element("itunes:image", "", (("href", "https://paper.example/7.jpg"),)),
        Element("podcast:person", "Bob", (("role", "guest"),)),
        Element("podcast:alternateEnclosure", "", (("type", "audio/opus"),)),
        Element("podcast:source", "", (("uri", "https://paper.example/7.opus"),)),
    ),
)
ELSEWHERE = a_record(
    key="b", source_id="left", categories=("Press", "The <Sheet>", "latest"), link="https://sheet.example/9"
)
WHOLE = a_feed(
    EPISODE,
    also={EPISODE.key: (ELSEWHERE, replace(ELSEWHERE, key="c", source_id="paper", link=None))},
    next_url="https://news.example/feed.x?before=c1",
    prev_archive_url="https://news.example/feed/archive/s/0-64.x",
)
TABLE = {
    "the id is the record's public id": (
        ("a:entry/a:id/text()", ["https://paper.example/1"]),
        ("guid[@isPermaLink='false']/text()", ["https://paper.example/1"]),
        ("id", "https://paper.example/1"),
    ),
    "published": (
        ("a:entry/a:published/text()", ["2026-03-01T08:30:00Z"]),
        ("pubDate/text()", ["Sun, 01 Mar 2026 08:30:00 GMT"]),
        ("date_published", "2026-03-01T08:30:00Z"),
    ),
    "updated": (
        ("a:entry/a:updated/text()", ["2026-03-02T09:00:00Z"]),
        ("a:updated/text()", ["2026-03-02T09:00:00Z"]),
        ("date_modified", "2026-03-02T09:00:00Z"),
    ),
    "the title is plain text": (
        ("a:entry/a:title[@type='text']/text()", ["A bridge opens"]),
        ("title/text()", ["A bridge opens"]),
        ("title", "A bridge opens"),
    ),
    "the link": (
        ("a:entry/a:link[@rel='alternate']/@href", ["https://paper.example/1"]),
        ("link/text()", ["https://paper.example/1"]),
        ("url", "https://paper.example/1"),
    ),
    "the source": (
        ("a:entry/a:source/a:title[@type='text']/text()", ["The Paper"]),
        ("source[@url='https://paper.example/feed']/text()", ["The Paper"]),
        (
            "_source",
            {
                "id": "https://paper.example/id",
                "title": "The Paper",
                "url": "https://paper.example/",
                "feed_url": "https://paper.example/feed",
            },
        ),
    ),
    "the author": (
        ("a:entry/a:author/a:name/text()", ["Ann Writer"]),
        ("dc:creator/text()", ["Ann Writer"]),
        ("authors", [{"name": "Ann Writer"}]),
    ),
    "the categories": (
        ("a:entry/a:category/@term", ["Press", "bridges"]),
        ("category/text()", ["Press", "bridges"]),
        ("tags", ["Press", "bridges"]),
    ),
    "the body": (
        ("a:entry/a:content[@type='html']/text()", ["<p>It opens at noon.</p>"]),
        ("content:encoded/text()", ["<p>It opens at noon.</p>"]),
        ("content_html", "<p>It opens at noon.</p>"),
    ),
    "the summary, which in RSS is HTML": (
        ("a:entry/a:summary[@type='text']/text()", ["Noon, with music & <dancing>."]),
        ("description/text()", ["Noon, with music &amp; &lt;dancing&gt;."]),
        ("summary", "Noon, with music & <dancing>."),
    ),
    "the enclosures, of which RSS has one and media:content the others": (
        (
            "a:entry/a:link[@rel='enclosure']/@*[name()='href' or name()='type' or name()='length']",
            ["audio/mpeg", "https://paper.example/a.mp3", "1234", "application/pdf", "https://paper.example/b.pdf"],
        ),
        (
            "enclosure/@* | media:content/@*",
            ["https://paper.example/a.mp3", "1234", "audio/mpeg", "https://paper.example/b.pdf", "application/pdf"],
        ),
        (
            "attachments",
            [
                {
                    "url": "https://paper.example/a.mp3",
                    "mime_type": "audio/mpeg",
                    "title": "Song",
                    "size_in_bytes": 1234,
                    "duration_in_seconds": 180,
                },
                {"url": "https://paper.example/b.pdf", "mime_type": "application/pdf"},
            ],
        ),
    ),
    "the lead image": (
        ("a:entry/media:thumbnail/@url", ["https://paper.example/lead.jpg"]),
        ("media:thumbnail/@url", ["https://paper.example/lead.jpg"]),
        ("image", "https://paper.example/lead.jpg"),
    ),
    "where the story stands too": (
        (
            "a:entry/a:link[@rel='related']/@*[name()='href' or name()='title']",
            ["https://sheet.example/9", "The <Sheet>"],
        ),
        ("a:link[@rel='related']/@*[name()='href' or name()='title']", ["https://sheet.example/9", "The <Sheet>"]),
        (
            "_also_in",
            [
                {"id": feed_id("source", "left"), "title": "The <Sheet>", "url": "https://sheet.example/9"},
                {"id": "https://paper.example/id", "title": "The Paper"},
            ],
        ),
    ),
    "what an episode says": (
        (
            (
                "a:entry/itunes:episode/text() | a:entry/itunes:image/@href | a:entry/podcast:person/@role | a:entry/podcast:person/text()"
                " | a:entry/podcast:alternateEnclosure/podcast:source/@uri"
            ),
            ["7", "https://paper.example/7.jpg", "guest", "Bob", "https://paper.example/7.opus"],
        ),
        (
            (
                "itunes:episode/text() | itunes:image/@href | podcast:person/@role | podcast:person/text()"
                " | podcast:alternateEnclosure/podcast:source/@uri"
            ),
            ["7", "https://paper.example/7.jpg", "guest", "Bob", "https://paper.example/7.opus"],
        ),
        (
            "_podcast",
            [
                {"name": "itunes:episode", "text": "7"},
                {"name": "itunes:image", "attributes": {"href": "https://paper.example/7.jpg"}},
                {"name": "podcast:person", "text": "Bob", "attributes": {"role": "guest"}},
                {
                    "name": "podcast:alternateEnclosure",
                    "attributes": {"type": "audio/opus"},
                    "elements": [{"name": "podcast:source", "attributes": {"uri": "https://paper.example/7.opus"}}],
                },
            ],
        ),
    ),
}


@pytest.mark.parametrize(("in_an_atom", "in_an_rss", "in_a_json"), TABLE.values(), ids=TABLE)
def test_the_element_table_field_by_field(in_an_atom, in_an_rss, in_a_json):
    item = json.loads(jsonfeed(WHOLE))["items"][0]

    assert sorted(
        in_atom(WHOLE, " | ".join(f"/a:feed/{path.strip()}" for path in in_an_atom[0].split(" | ")))
    ) == sorted(in_an_atom[1])
    assert sorted(in_rss(WHOLE, " | ".join(f"//item/{path.strip()}" for path in in_an_rss[0].split(" | ")))) == sorted(
        in_an_rss[1]
    )
    assert item[in_a_json[0]] == in_a_json[1]


def test_pages_and_the_archive_are_linked_from_all_that_have_them():
    links = "//a:link[@rel='next' or @rel='prev-archive']/@href"
    both = ["https://news.example/feed.x?before=c1", "https://news.example/feed/archive/s/0-64.x"]

    assert in_atom(WHOLE, links) == both
    assert in_rss(WHOLE, links) == both
    assert json.loads(jsonfeed(WHOLE))["next_url"] == both[0]
    assert faults(WHOLE) == []


def test_an_archive_document_says_that_it_is_one_and_of_what():
    archive = a_feed(
        a_record(),
        current_url="https://news.example/feed.atom",
        next_archive_url="https://news.example/feed/archive/s/64-128.atom",
    )

    for found in (in_atom, in_rss):
        assert len(found(archive, "//fh:archive")) == 1
        assert found(archive, "//a:link[@rel='current']/@href") == ["https://news.example/feed.atom"]
        assert found(archive, "//a:link[@rel='next-archive']/@href") == [
            "https://news.example/feed/archive/s/64-128.atom"
        ]
    assert faults(archive) == []


def test_a_vocabulary_that_no_entry_uses_is_not_declared():
    for document in (atom(a_feed(FULL)), rss(a_feed(FULL))):
        assert set(etree.fromstring(document).nsmap) & {"itunes", "podcast", "fh"} == set()


def test_the_feed_itself_says_who_it_is():
    assert in_atom(WHOLE, "/a:feed/a:id/text()") == ["urn:uuid:6ba7b811-9dad-11d1-80b4-00c04fd430c8"]
    assert in_atom(WHOLE, "/a:feed/a:title[@type='text']/text()") == ["All the papers"]
    assert in_atom(WHOLE, "/a:feed/a:updated/text()") == ["2026-03-02T09:00:00Z"]
    assert in_atom(WHOLE, "/a:feed/a:link[@rel='self']/@href") == ["https://news.example/feed.atom"]
    assert in_rss(WHOLE, "/rss/channel/a:link[@rel='self']/@href") == ["https://news.example/feed.atom"]
    assert json.loads(jsonfeed(WHOLE))["feed_url"] == "https://news.example/feed.atom"


def test_the_source_of_an_atom_entry_has_all_that_the_grammar_wants():
    assert in_atom(WHOLE, "//a:source/a:id/text()") == ["https://paper.example/id"]
    assert in_atom(WHOLE, "//a:source/a:updated/text()") == ["2026-03-02T09:00:00Z"]
    assert in_atom(WHOLE, "//a:source/a:link[@rel='self']/@href") == ["https://paper.example/feed"]
    assert in_atom(WHOLE, "//a:source/a:link[@rel='alternate']/@href") == ["https://paper.example/"]
