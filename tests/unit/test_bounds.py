"""What of a document is read, as feeds.yaml bounds it: each limit bites where it is lowered, and lets through where raised."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from aggregator.filters import shown
from aggregator.importing import returning
from aggregator.intake import read
from aggregator.model import Bounds, Fetched, Filter, FilterKind, Reading, Source
from aggregator.outcomes import FailureKind, PollError
from plugins.records import plain_record
from storage.states import Validators

URL = "https://news.example/feed.xml"
SEEN = datetime(2026, 11, 22, 12, tzinfo=UTC)


def bounded(body: str, bounds: Bounds) -> Reading:
    source = Source(id="news", url=URL, name="News", bounds=bounds)
    return read(source, Fetched(URL, 200, {}, body.encode(), Validators()), SEEN)


def refused(body: str, bounds: Bounds) -> PollError:
    with pytest.raises(PollError) as caught:
        bounded(body, bounds)
    return caught.value


def rss(items: str) -> str:
    return f"<rss version='2.0'><channel><title>News</title>{items}</channel></rss>"


def dated(count: int) -> str:
    return rss(
        "".join(
            f"<item><title>{n}</title><pubDate>2026-01-{n:02}T00:00:00Z</pubDate></item>"
            for n in (*range(1, count + 1),)
        )
    )


# --- entries ---


def test_of_more_entries_than_are_read_the_newest_stay() -> None:
    reading = bounded(dated(5), Bounds(entries=3))

    assert [record.title for record in reading.records] == ["3", "4", "5"]
    assert reading.degraded == "only the newest 3 of 5 entries were read (max_entries)"


def test_more_entries_are_read_where_the_limit_is_raised() -> None:
    body = rss("".join(f"<item><guid>{n}</guid><title>{n}</title></item>" for n in range(2001)))

    reading = bounded(body, Bounds(entries=2001))

    assert (len(reading.records), reading.degraded) == (2001, None)


# --- text of one entry ---


def test_a_long_entry_is_cut_where_the_limit_is_lowered() -> None:
    reading = bounded(
        rss(f"<item><title>t</title><description>{'word ' * 4000}</description></item>"), Bounds(entry=10 * 1024)
    )

    assert len(reading.records[0].html) < 10_300
    assert reading.degraded == "entries beyond 10 KB were cut (max_entry)"


@pytest.mark.parametrize("markup", ["", "&lt;b&gt;"])
def test_a_long_entry_stays_whole_where_the_limit_is_raised(markup: str) -> None:
    text = "word " * 300_000

    reading = bounded(
        rss(f"<item><title>t</title><description>{markup}{text}</description></item>"), Bounds(entry=2 * 1024**2)
    )

    assert len(reading.records[0].html) >= len(text) - 1
    assert reading.degraded is None


# --- depth ---


def deep(levels: int) -> str:
    return rss(f"<item><title>t</title>{'<x>' * levels}{'</x>' * levels}</item>")


def deep_json(levels: int) -> str:
    lists = levels - 1
    return (
        f'{{"version": "https://jsonfeed.org/version/1.1", "items": [{{"id": "1"}}], "x": {"[" * lists}{"]" * lists}}}'
    )


def test_depth_is_refused_where_the_limit_is_lowered() -> None:
    assert refused(deep(20), Bounds(depth=16)).detail == "elements are nested more than 16 deep (max_depth)"
    assert refused(deep_json(17), Bounds(depth=16)).detail == "the JSON is nested more than 16 deep (max_depth)"
    assert refused(deep_json(17), Bounds(depth=16)).kind is FailureKind.PARSE_LIMIT


def test_json_as_deep_as_the_limit_is_read() -> None:
    assert len(bounded(deep_json(16), Bounds(depth=16)).records) == 1
    assert len(bounded(deep_json(256), Bounds()).records) == 1


@pytest.mark.parametrize("body", [deep(700), deep_json(800)], ids=["XML", "JSON"])
def test_depth_is_read_where_the_limit_is_raised(body: str) -> None:
    assert len(bounded(body, Bounds(depth=800)).records) == 1
    assert refused(body, Bounds()).kind is FailureKind.PARSE_LIMIT


def test_depth_counts_by_the_same_limit_in_tag_soup() -> None:
    soup = rss(f"<item><title>t</title>{'<x a=b>' * 20}</item>")

    assert refused(soup, Bounds(depth=16)).detail == "elements are nested more than 16 deep (max_depth)"
    assert len(bounded(soup, Bounds(depth=100)).records) == 1


# --- attributes ---


def enclosed(before: int, unquoted: bool = False) -> str:
    """An enclosure whose address comes after so many other attributes; unquoted ones no XML parser takes."""
    others = " ".join(f"a{n}={n}" if unquoted else f"a{n}='{n}'" for n in range(before))
    return rss(f"<item><title>t</title><enclosure {others} url='https://news.example/a.mp3' type='audio/mpeg'/></item>")


@pytest.mark.parametrize("unquoted", [False, True], ids=["XML", "tag soup"])
def test_attributes_beyond_the_limit_are_left_out_and_it_is_said(unquoted: bool) -> None:
    reading = bounded(enclosed(20, unquoted), Bounds(attributes=16))

    assert reading.records[0].enclosures == ()
    assert "attributes beyond 16 of an element were left out (max_attributes)" in str(reading.degraded)


@pytest.mark.parametrize("unquoted", [False, True], ids=["XML", "tag soup"])
def test_more_attributes_are_read_where_the_limit_is_raised(unquoted: bool) -> None:
    reading = bounded(enclosed(100, unquoted), Bounds(attributes=200))

    assert [one.url for one in reading.records[0].enclosures] == ["https://news.example/a.mp3"]
    assert "attributes" not in str(reading.degraded)


def test_namespaces_are_no_attributes_in_tag_soup() -> None:
    declared = " ".join(f"xmlns:n{n}='urn:n{n}'" for n in range(20))
    body = f"<rss version='2.0' {declared} xmlns:dc='http://purl.org/dc/elements/1.1/'><channel><title>News</title><item a=b><title>t</title><dc:creator>Ann</dc:creator></item></channel></rss>"

    reading = bounded(body, Bounds(attributes=8))

    assert reading.records[0].writers == ("Ann",)
    assert "attributes" not in str(reading.degraded)


def test_a_document_full_of_such_elements_says_it_once() -> None:
    many = " ".join(f"a{n}='{n}'" for n in range(9))

    reading = bounded(rss(f"<item {many}><title {many}>t</title></item>" * 3), Bounds(attributes=8))

    assert reading.degraded == "attributes beyond 8 of an element were left out (max_attributes)"


# --- what comes after reading ---


def test_rules_leave_a_body_as_long_as_it_was_stored() -> None:
    body = f"<p>{'word ' * 300_000}and an advertisement</p>"
    rule = Filter(FilterKind.REPLACE, "a rule", field="body", pattern="advertisement", replacement="ad")

    after = shown(plain_record(html=body), [rule])

    assert after.html == body.replace("advertisement", "ad")


def test_an_archive_brings_a_body_back_as_long_as_it_was_stored() -> None:
    stored = plain_record(public_id="tag:news.example,2026:1", identity="1", html=f"<p>{'word ' * 300_000}end</p>")

    assert returning(stored, longest=2 * 1024**2).html == stored.html
    assert returning(stored).html.endswith("<p>[…]</p>")
