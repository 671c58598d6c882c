"""What a source's documents are like, and when that turned."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from aggregator.intake import read
from aggregator.model import Fetched, Reading, Source
from aggregator.profile import profiled
from storage.states import Profile, Validators

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SOURCE = Source(id="paper", url="https://paper.example/feed", name="Paper")
WHOLE = "<pubDate>Thu, 05 Mar 2026 08:00:00 GMT</pubDate><description>Some words.</description>"


def reading(
    inside: str = WHOLE, *, entries: int = 6, language: str = "zh-CN", link: str = "https://paper.example/{}"
) -> Reading:
    """Return what is read of a document with so many entries that hold this."""
    items = "".join(
        f"<item><guid>{n}</guid><title>Entry {n}</title><link>{link.format(n)}</link>{inside}</item>"
        for n in range(entries)
    )
    body = f"<rss version='2.0'><channel><title>P</title><language>{language}</language>{items}</channel></rss>"
    return read(SOURCE, Fetched(SOURCE.url, 200, {}, body.encode(), Validators()), NOW)


USUAL = Profile("zh", 100, 100, 100)


def test_the_first_document_says_what_is_usual() -> None:
    assert profiled(None, reading(), NOW) == USUAL


def test_few_entries_say_nothing() -> None:
    assert profiled(None, reading(entries=4), NOW) is None
    assert profiled(USUAL, reading("", entries=4), NOW) == USUAL


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (reading(WHOLE.replace("Some words.", "")), "entries have no text any more"),
        (reading("<description>Words.</description>"), "entries have no date any more"),
        (reading(link=""), "entries have no link any more"),
        (reading(language="en-US"), "its language was zh and is en"),
        (reading("", language="en"), "entries have no text any more; entries have no date any more; its language was zh and is en"),
    ],
    ids=["text", "date", "link", "language", "all"],
)  # fmt: skip
def test_a_turn_is_named(document: Reading, said: str) -> None:
    turned = profiled(USUAL, document, NOW)

    assert turned is not None
    assert (turned.turned, turned.turned_at) == (said, NOW)


def test_a_turn_is_news_for_a_week() -> None:
    bare = reading(language="en")
    turned = profiled(USUAL, bare, NOW)

    later, much_later = profiled(turned, bare, NOW + 6 * DAY), profiled(turned, bare, NOW + 7 * DAY)

    assert later == turned
    assert much_later == Profile("en", 100, 100, 100)


def test_a_region_or_a_missing_language_is_no_turn() -> None:
    assert profiled(USUAL, reading(language="zh-TW"), NOW) == USUAL
    assert profiled(USUAL, reading(language=""), NOW) == USUAL


def test_half_of_the_entries_without_text_is_no_turn() -> None:
    mixed = replace(reading(), records=(*reading().records[:3], *reading(WHOLE.replace("Some words.", "")).records[3:]))

    assert profiled(USUAL, mixed, NOW) == USUAL._replace(texts=50)
