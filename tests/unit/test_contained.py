"""Marks of direction in a line that others stand beside: what honest writing needs stays, what turns round its neighbours goes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from aggregator.intake import read
from aggregator.model import Fetched, Source
from aggregator.plain import contained
from storage.record import Record
from storage.states import Validators

LRM, RLM, LRE, RLE, PDF, LRO, RLO, LRI, RLI, FSI, PDI = (
    "\u200e", "\u200f", "\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069",
)  # fmt: skip
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "A bridge opens",
        f"שלום, C++{LRM} ועוד",
        f"{RLE}مرحبا{PDF} and more",
        f"{RLI}שלום {LRI}C++{PDI} עולם{PDI}!",
        f"{FSI}{LRE}a{PDF}{PDI}",
    ],
)
def test_what_hebrew_and_arabic_need_stays(text: str) -> None:
    assert contained(text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"invoice{RLO}fdp.exe", "invoicefdp.exe"),
        (f"{RLO}{PDF}a{LRO}b{PDF}c", "abc"),
        (f"a{RLI}b", "ab"),
        (f"a{PDI}b{PDF}c", "abc"),
        (f"{RLE}{RLE}a{PDF}", f"{RLE}a{PDF}"),
        (f"{RLI}{LRE}a{PDI}b", f"{RLI}a{PDI}b"),
        (f"{RLE}a{RLI}b{PDF}c{PDI}d", f"a{RLI}bc{PDI}d"),
        (f"{RLO} ", ""),
        (RLI * 50_000 + PDF * 50_000, ""),
    ],
)
def test_what_turns_round_its_neighbours_goes(text: str, left: str) -> None:
    assert contained(text) == left


def test_a_title_is_shown_without_what_turns_it_round_and_its_entry_is_the_same_as_before() -> None:
    def record_of(title: str) -> tuple[str | None, Record]:
        body = f"<rss version='2.0'><channel><title>{RLO}F</title><item><title>{title}</title><description>x</description><author>{RLO}A</author></item></channel></rss>"
        reading = read(
            Source("a", "https://a.example/feed", "A"),
            Fetched("https://a.example/feed", 200, {}, body.encode(), Validators()),
            NOON,
        )
        return reading.info.title, reading.records[0]

    title, record = record_of(f"{RLO}evil")
    _, plain = record_of("evil")

    assert (title, record.title, record.writers, record.categories[1]) == ("F", "evil", ("A",), "F")
    # The key was made of the title as it is written, and that is what it stays.
    assert record.key != plain.key
