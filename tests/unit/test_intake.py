"""A body to records in one call."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from aggregator.intake import read
from aggregator.model import Deleted, Fetched, Source
from aggregator.outcomes import FailureKind, PollError
from storage.states import Validators

SOURCE = Source(id="blog", url="https://blog.example/feed.xml", name="Blog")
SEEN = datetime(2026, 11, 22, 12, tzinfo=UTC)


def fetched(body: str) -> Fetched:
    return Fetched(
        "https://blog.example/feed.xml", 200, {"content-type": "application/xml"}, body.encode(), Validators()
    )


RSS = """<rss version="2.0"><channel><title>Blog</title><link>https://blog.example/</link><ttl>90</ttl>
{}</channel></rss>"""


def item(title: str, rest: str = "") -> str:
    return f"<item><title>{title}</title>{rest}</item>"


def test_a_feed_is_read_into_records_in_the_order_of_the_document() -> None:
    reading = read(
        SOURCE, fetched(RSS.format(item("一", "<guid>1</guid>") + item("AT&amp;amp;T", "<guid>2</guid>"))), SEEN
    )

    assert [record.title for record in reading.records] == ["一", "AT&T"]
    assert [record.position for record in reading.records] == [0, 1]
    assert reading.info.title == "Blog"
    assert reading.hints["ttl"] == "5400"
    assert reading.degraded is None


def test_entries_without_ids_and_dates_have_the_same_identity_wherever_they_stand() -> None:
    first, second, third = (item(f"No. {n}", "<link>https://blog.example/</link>") for n in (1, 2, 3))
    before = {record.identity for record in read(SOURCE, fetched(RSS.format(first + second)), SEEN).records}
    after = {record.identity for record in read(SOURCE, fetched(RSS.format(third + second + first)), SEEN).records}

    assert len(before) == 2
    assert before < after
    assert len(after) == 3


def test_an_item_that_says_nothing_is_no_entry() -> None:
    empty = "<item/><item><title> </title><link/><guid></guid></item>"
    reading = read(SOURCE, fetched(RSS.format(empty + item("一") + empty)), SEEN)

    assert [record.title for record in reading.records] == ["一"]


def test_what_is_no_feed_is_a_poll_error() -> None:
    with pytest.raises(PollError) as caught:
        read(SOURCE, fetched("<html><title>Sign in</title></html>"), SEEN)

    assert caught.value.kind is FailureKind.NOT_A_FEED


def test_the_same_body_at_the_same_time_gives_equal_records() -> None:
    body = fetched(RSS.format(item("一", "<description>&lt;p&gt;x&lt;/p&gt;</description>")))

    assert read(SOURCE, body, SEEN) == read(SOURCE, body, SEEN)


def test_what_was_taken_back_goes_by_the_name_that_its_record_would_have() -> None:
    body = (
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:at="http://purl.org/atompub/tombstones/1.0"><title>B</title>'
        '<at:deleted-entry ref="https://blog.example/1"/><link rel="next" href="/older"/></feed>'
    )

    reading = read(SOURCE, replace(fetched(body), delta=True), SEEN)

    assert reading.deleted == (Deleted("http://blog.example/1"),)
    assert reading.previous == "https://blog.example/older"
    assert reading.delta
