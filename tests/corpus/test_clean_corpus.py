"""Real entries as records: the seed's own items, and what cleaning takes from real bodies, compared as trees."""

from __future__ import annotations

import json
import random
import re
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from aggregator.clean import ATTRIBUTES, TAGS, clean
from aggregator.intake import read
from aggregator.model import BodyStyle, Entry, Fetched, Reading, Source
from aggregator.outcomes import PollError
from aggregator.parse import parse
from aggregator.plain import text_of, text_of_clean
from aggregator.reconcile import reconcile
from plugins.records import known_entry
from plugins.trees import body, elements, visible
from storage.record import Record
from storage.states import Validators
from storage.values import Known

SEEN = datetime(2026, 11, 22, 12, tzinfo=UTC)
SOURCE = Source(id="blog", url="https://blog.example/feed", name="Blog", record_body=BodyStyle.VERBATIM)

ADDED = {"a": {"rel"}, "audio": {"controls"}, "video": {"controls"}}


def rows(corpus: Path, kind: str) -> list[dict[str, object]]:
    lines = (corpus / "MANIFEST.jsonl").read_text(encoding="utf-8").splitlines()
    return [row for row in map(json.loads, lines) if row["kind"] == kind]


def fetched(path: Path) -> Fetched:
    return Fetched("https://blog.example/feed", 200, {}, path.read_bytes(), Validators())


@cache
def reading(path: Path) -> Reading | None:
    try:
        return read(SOURCE, fetched(path), SEEN)
    except PollError:
        return None


@pytest.fixture(scope="module")
def readings(corpus: Path) -> list[tuple[str, Reading]]:
    """Every feed of the corpus that can be read, as records."""
    found = ((str(row["file"]), reading(corpus / str(row["file"]))) for row in rows(corpus, "feed"))
    return [(name, one) for name, one in found if one is not None]


# --- the seed's items -------------------------------------------------------------------------------------------


def test_every_item_of_the_seeds_publishers_keeps_its_body_title_and_picture(corpus: Path) -> None:
    checked = 0
    for row in rows(corpus, "seed-feed"):
        path = corpus / str(row["file"])
        items = list(ET.fromstring(path.read_bytes()).iter("item"))
        records = read(SOURCE, fetched(path), SEEN).records
        assert len(records) == len(items)
        for item, record in zip(items, records, strict=True):
            description = (item.findtext("description") or "").strip()
            assert record.raw_html == description
            assert record.title == (item.findtext("title") or "").strip()
            first = re.search(r'<img[^>]*? src="([^"]*)"', description)
            assert record.image == (first[1].replace("&amp;", "&") if first else None)
            checked += 1

    assert checked >= 24


# --- cleaning, compared as trees --------------------------------------------------------------------------------


def test_cleaning_the_seeds_bodies_removes_only_what_the_list_does_not_name(corpus: Path) -> None:
    for row in rows(corpus, "seed-feed"):
        for record in read(SOURCE, fetched(corpus / str(row["file"])), SEEN).records:
            assert record.raw_html is not None
            before = list(elements(body(record.raw_html), keep_all=False))
            after = list(elements(body(record.html), keep_all=True))
            assert after == before
            assert visible(record.html) == visible(record.raw_html)


def test_cleaning_real_bodies_removes_only_what_the_list_does_not_name(readings: list[tuple[str, Reading]]) -> None:
    differing, bodies = [], 0
    for name, one in readings:
        for record in one.records:
            if not record.raw_html or "<" not in record.raw_html or len(record.raw_html) > 200_000:
                continue
            bodies += 1
            before = Counter(tag for tag, _ in elements(body(record.raw_html), keep_all=False))
            after = Counter(tag for tag, _ in elements(body(record.html), keep_all=True))
            if before != after:
                differing.append((name, record.title[:40], before - after, after - before))

    # Unwrapping a form or a custom element may part a paragraph or close a formatting element earlier.
    assert bodies > 1000
    assert len(differing) <= bodies * 0.01, differing[:20]


def test_nothing_but_allowed_markup_is_left_in_real_bodies(readings: list[tuple[str, Reading]]) -> None:
    for name, one in readings:
        for record in one.records:
            if "<" not in record.html:
                continue
            for node in body(record.html).traverse(include_text=False):
                if node.tag == "body":
                    continue
                allowed = (
                    ATTRIBUTES["*"] | ATTRIBUTES.get(node.tag or "", frozenset()) | ADDED.get(node.tag or "", set())
                )
                assert node.tag in TAGS, name
                assert set(node.attributes) <= allowed, name


def test_real_bodies_come_out_of_cleaning_as_they_went_in(readings: list[tuple[str, Reading]]) -> None:
    for name, one in readings:
        for record in one.records:
            assert clean(record.html, None) == record.html, name
            assert text_of_clean(record.html) == text_of(record.html), name


# --- identity over time -----------------------------------------------------------------------------------------


def known(records: list[Record]) -> Known:
    return Known(entries=tuple(known_entry(record) for record in records), empty=False)


def test_a_second_poll_of_any_real_feed_brings_nothing_new(corpus: Path) -> None:
    later = SEEN + timedelta(hours=2)
    for row in rows(corpus, "feed"):
        path = corpus / str(row["file"])
        first = reading(path)
        if first is None:
            continue
        stored = list(reconcile(Known(), first, SOURCE, SEEN).new)
        again = reconcile(known(stored), read(SOURCE, fetched(path), later), SOURCE, later)
        assert (len(again.new), len(again.updated)) == (0, 0), row["file"]


def test_a_real_feed_in_another_order_or_cut_short_brings_nothing_new(readings: list[tuple[str, Reading]]) -> None:
    dice = random.Random(7)
    later = SEEN + timedelta(hours=2)
    for name, one in readings:
        stored = list(reconcile(Known(), one, SOURCE, SEEN).new)
        for records in (dice.sample(one.records, len(one.records)), list(one.records[1:]), list(one.records[:1])):
            moved = Reading(info=one.info, records=tuple(records))
            again = reconcile(known(stored), moved, SOURCE, later)
            assert len(again.new) == 0, (name, [(record.title, record.identity) for record in again.new][:3])


def test_normalising_leaves_out_no_entry_that_says_anything(corpus: Path) -> None:
    for row in rows(corpus, "feed"):
        path = corpus / str(row["file"])
        one = reading(path)
        if one is not None:
            said = [entry for entry in parse(fetched(path)).entries if replace(entry, language=None) != Entry()]
            assert len(one.records) == len(said)
