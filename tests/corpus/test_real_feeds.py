"""Every feed of the corpus, served from loopback and polled by the real command: nothing lost, nothing garbled."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from html import unescape
from pathlib import Path
from typing import Any

import feedparser
import pytest

from plugins.served_corpus import PolledCorpus

pytestmark = pytest.mark.timeout(600)


def told(title: str) -> str:
    """Reduce markup and entities of a title to text, as both sides are."""
    return " ".join(unescape(re.sub(r"<[^>]+>", "", unescape(title))).split())[:120]


def oracle(row: dict[str, Any], body: bytes) -> int:
    """
    Return how many entries rule 71 leaves: by another road than the product's, over the gold encoding.

    Items of one document that say the same are one; one that says nothing at all is none.
    """
    text = body.decode(row["enc_effective"], "replace").lstrip("\ufeff")
    said: set[tuple[object, ...]] = set()
    if row["format"] == "jsonfeed":
        said = {tuple(str(item.get(key)) for key in ("id", "url", "title")) for item in json.loads(text)["items"]}
    else:
        bare = re.sub(r"^\s*<\?xml[^>]*\?>", "", text)
        parsed = feedparser.parse(
            io.BytesIO(bare.encode("utf-8")), response_headers={"content-type": "application/xml; charset=utf-8"}
        )
        for e in parsed.entries:
            # feedparser drops a title within which a document ends; the entry is there none the less.
            if not e and not (parsed.bozo and e is parsed.entries[-1]):
                continue
            guid = (e.get("id") or "").strip()
            without_guid = (
                () if guid else (e.get("published"), dict.get(e, "updated"), e.get("summary"), e.get("content"))
            )
            said.add((guid, e.get("link"), e.get("title"), str(without_guid)))
    return len(said)


def captured(polled: PolledCorpus) -> dict[str, dict[str, Any]]:
    return {id_: row for id_, row in polled.rows.items() if row["capture"].startswith("captured")}


def test_a_poll_of_every_real_feed_ends_in_a_summary_and_no_traceback(polled_corpus: PolledCorpus) -> None:
    first = polled_corpus.first

    assert "Traceback" not in first.stderr + first.stdout
    assert first.returncode in (0, 1), first.stderr
    assert re.search(rf"^{len(polled_corpus.rows)} sources: ", first.stdout, re.MULTILINE), first.stdout[-400:]


def test_only_what_is_no_feed_fails(polled_corpus: PolledCorpus) -> None:
    failed = [line for line in polled_corpus.first.stdout.splitlines() if line.startswith("failed")]
    gold = {id_: row["gold_entries"] for id_, row in polled_corpus.rows.items()}

    with_entries = [line for line in failed if gold[line.split()[1]]]

    assert not with_entries


def test_the_stored_entries_are_those_of_the_gold_values(polled_corpus: PolledCorpus, corpus: Path) -> None:
    stored = Counter(entry["source"] for entry in polled_corpus.home.entries())
    rows = captured(polled_corpus)

    wanted = {id_: oracle(row, (corpus / row["file"]).read_bytes()) for id_, row in rows.items()}
    wrong = [f"{rows[id_]['file']}: {stored[id_]}, not {want}" for id_, want in wanted.items() if stored[id_] != want]

    print(f"{len(rows) - len(wrong)} of {len(rows)} captured feeds have the entries of the oracle; else: {wrong}")
    assert len(wrong) <= 0.01 * len(rows), wrong


def test_all_json_feeds_are_read(polled_corpus: PolledCorpus) -> None:
    stored = Counter(entry["source"] for entry in polled_corpus.home.entries())
    feeds = {id_: row for id_, row in polled_corpus.rows.items() if row["format"] == "jsonfeed"}

    assert {id_: stored[id_] for id_ in feeds} == {id_: row["gold_entries"] for id_, row in feeds.items()}


def test_first_titles_equal_the_gold_titles(polled_corpus: PolledCorpus) -> None:
    titles: dict[str, set[str]] = {}
    for entry in polled_corpus.home.entries():
        titles.setdefault(entry["source"], set()).add(told(entry["title"]))
    rows = captured(polled_corpus)

    wrong = [
        f"{row['file']}: {row['gold_entry0_title']!r}"
        for id_, row in rows.items()
        if row["gold_entry0_title"] and told(row["gold_entry0_title"]) not in titles.get(id_, set())
    ]

    print(f"{len(rows) - len(wrong)} of {len(rows)} first titles equal gold; else: {wrong}")
    assert not wrong


def test_no_replacement_character_appears_that_the_bytes_do_not_force(
    polled_corpus: PolledCorpus, corpus: Path
) -> None:
    garbled = Counter[str]()
    for entry in polled_corpus.home.entries():
        garbled[entry["source"]] += (entry["title"] + entry["html"] + entry["summary"]).count("\ufffd")
    innocent = {
        id_: row["file"]
        for id_, row in polled_corpus.rows.items()
        if not row["undecodable"]
        and "\ufffd" not in (corpus / row["file"]).read_bytes().decode(row["enc_effective"], "replace")
    }

    assert {file: garbled[id_] for id_, file in innocent.items() if garbled[id_]} == {}


def test_feeds_that_a_plain_parser_garbles_are_right(polled_corpus: PolledCorpus) -> None:
    titles: dict[str, set[str]] = {}
    for entry in polled_corpus.home.entries():
        titles.setdefault(entry["source"], set()).add(told(entry["title"]))
    garbled = {id_: row for id_, row in polled_corpus.rows.items() if row["fp_mojibake"]}

    assert garbled, "the corpus has such feeds"
    assert [
        row["file"]
        for id_, row in garbled.items()
        if row["gold_entry0_title"] and told(row["gold_entry0_title"]) not in titles.get(id_, set())
    ] == []


def test_a_second_poll_changes_nothing(polled_corpus: PolledCorpus) -> None:
    home = polled_corpus.home
    before, files = home.entries(), home.tree()
    home.shelf.statuses.clear()

    again = home.run("poll", "--all")

    # What its publisher has cut off is asked for without validators, so that it comes again when it is whole.
    cut = [source["id"] for source in home.health() if "truncated" in (source["reason"] or "")]
    assert Counter(home.shelf.statuses) == {304: len(polled_corpus.rows) - len(cut), 200: len(cut)}
    assert again.stdout.splitlines()[-1] == (
        f"{len(polled_corpus.rows)} sources: {len(cut)} ok, {len(polled_corpus.rows) - len(cut)} unchanged, 0 failed"
    )
    assert home.entries() == before
    assert home.tree() == files


def test_reading_every_unchanged_body_again_changes_nothing(polled_corpus: PolledCorpus) -> None:
    home = polled_corpus.home
    before, files = home.entries(), home.tree()
    home.shelf.statuses.clear()

    again = home.run("poll", "--all", "--force")

    assert set(home.shelf.statuses) == {200}
    assert " new" not in again.stdout.splitlines()[-1], again.stdout[-300:]
    assert home.entries() == before
    assert home.tree() == files
