"""No name, id or address of an entry is longer than anybody could use, however long its publisher wrote it."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime

import pytest

from aggregator.intake import read
from aggregator.model import Fetched, Source
from storage.record import Record
from storage.states import Validators

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SOURCE = Source(id="a", url="https://a.example/feed", name="A")
LONG = "x" * 100_000


def record_of(inner: str, channel: str = "") -> Record:
    body = f"<rss version='2.0'><channel>{channel}<item>{inner}</item></channel></rss>".encode()
    [record] = read(SOURCE, Fetched(SOURCE.url, 200, {}, body, Validators()), NOON).records
    return record


@pytest.mark.parametrize(
    "inner",
    [
        pytest.param(f"<guid>{LONG}</guid><title>t</title>", id="guid"),
        pytest.param(f"<guid>http://a.example/{LONG}</guid><title>t</title>", id="permalink"),
        pytest.param(f"<link>http://a.example/{LONG}</link><title>t</title>", id="link"),
        pytest.param(f"<title>t</title><enclosure url='http://a.example/{LONG}' type='audio/mpeg'/>", id="enclosure"),
        pytest.param(f"<title>t</title><enclosure url='http://a.example/1' type='{LONG}'/>", id="media type"),
        pytest.param(f"<title>{LONG}</title>", id="title"),
        pytest.param(f"<title>t</title><author>{LONG}</author>", id="author"),
        pytest.param(f"<title>t</title><category>{LONG}</category>", id="category"),
        pytest.param(f"<title>t</title><pubDate>{LONG}</pubDate>", id="date"),
        pytest.param(
            f"<title>t</title><media:thumbnail xmlns:media='http://search.yahoo.com/mrss/' url='http://a.example/{LONG}'/>",
            id="image",
        ),
        pytest.param(
            f"<title>t</title><itunes:image xmlns:itunes='http://www.itunes.com/dtds/podcast-1.0.dtd' href='http://a.example/{LONG}'/>",
            id="cover",
        ),
        pytest.param(
            f"<title>t</title><itunes:keywords xmlns:itunes='http://www.itunes.com/dtds/podcast-1.0.dtd'>{LONG}</itunes:keywords>",
            id="keywords",
        ),
        pytest.param(
            f"<title>t</title><podcast:person xmlns:podcast='https://podcastindex.org/namespace/1.0' href='http://a.example/{LONG}'>{LONG}</podcast:person>",
            id="person",
        ),
        pytest.param(
            f"<title>t</title><podcast:transcript xmlns:podcast='https://podcastindex.org/namespace/1.0' url='http://a.example/{LONG}' type='{LONG}'/>",
            id="transcript",
        ),
    ],
)
def test_nothing_but_the_text_of_an_entry_is_long(inner: str) -> None:
    record = record_of(inner)

    long = {field.name for field in fields(record) if len(str(getattr(record, field.name))) > 10_000}
    assert long == set()


def test_an_entry_is_known_again_by_an_id_of_any_length() -> None:
    assert record_of(f"<guid>{LONG}</guid>").key == record_of(f"<guid>{LONG}</guid><title>edited</title>").key
    assert record_of(f"<guid>{LONG}</guid>").key != record_of(f"<guid>{LONG}y</guid>").key


@pytest.mark.parametrize("tag", ["title", "link", "language", "description", "copyright", "generator"])
def test_what_a_feed_says_of_itself_makes_no_entry_long(tag: str) -> None:
    record = record_of("<title>t</title>", f"<{tag}>http://a.example/{LONG}</{tag}>")

    assert len(str(record)) < 10_000


@pytest.mark.parametrize("inner", [f"<category>{LONG}</category>", f"<author>{LONG}</author>"])
def test_no_name_is_longer_than_a_thousand_characters(inner: str) -> None:
    record = record_of(f"<title>t</title>{inner}")

    assert [len(name) for name in (*record.tags, *record.writers)] == [1_000]


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (f"<rss version='2.0'><channel><title>{LONG}</title>", "title"),
        (f"<rss version='2.0'><channel><link>http://a.example/{LONG}</link>", "link"),
        (f"<rss version='2.0'><channel><language>{LONG}</language>", "language"),
        (f"<feed xmlns='http://www.w3.org/2005/Atom'><id>urn:x:{LONG}</id>", "id"),
        (f"<feed xmlns='http://www.w3.org/2005/Atom'><icon>http://a.example/{LONG}</icon>", "icon"),
    ],
)
def test_nothing_that_a_feed_says_of_itself_is_long(body: str, name: str) -> None:
    end = "</feed>" if "<feed" in body else "</channel></rss>"

    info = read(SOURCE, Fetched(SOURCE.url, 200, {}, f"{body}{end}".encode(), Validators()), NOON).info

    assert len(getattr(info, name) or "") <= 1_000
    assert len(str(info)) < 10_000


def test_an_address_that_a_server_could_still_answer_stays() -> None:
    link = f"http://a.example/{'x' * 7_900}"

    assert record_of(f"<link>{link}</link><title>t</title>").link == link
