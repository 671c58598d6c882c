"""Lists that real programs wrote: as many feeds as their manifest counts, and a word on the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aggregator.opml import read, write

BROKEN = {
    "opml/awesome-programming-with-category.opml",
    "opml/awesome-programming-flat.opml",
    "opml/w3c-err-notEncoded.opml",
}
SKIPPED = {
    "opml/w3c-err-notEncoded.opml": 3,
    "opml/w3c-err-missingHead.opml": 1,
    "opml/w3c-err-subs2.opml": 4,
    "opml/rome-opml2.opml": 2,
}


@pytest.fixture(scope="module")
def lists(corpus: Path) -> dict[str, dict[str, object]]:
    rows = [json.loads(line) for line in (corpus / "MANIFEST.jsonl").read_text(encoding="utf-8").splitlines()]
    return {row["file"]: row for row in rows if row["kind"] == "opml" and row["file"].endswith(".opml")}


def test_every_list_gives_as_many_feeds_as_are_counted(lists: dict[str, dict[str, object]], corpus: Path) -> None:
    found = {name: len(read((corpus / name).read_bytes()).feeds) for name in lists}

    assert found == {name: row.get("distinct_feeds", row.get("raw_xmlUrl")) for name, row in lists.items()}
    assert len(found) == 16


def test_what_is_broken_or_no_feed_is_told_of(lists: dict[str, dict[str, object]], corpus: Path) -> None:
    read_ = {name: read((corpus / name).read_bytes()) for name in lists}

    assert {name for name, listing in read_.items() if listing.degraded} == BROKEN
    assert {name: len(listing.skipped) for name, listing in read_.items() if listing.skipped} == SKIPPED


def test_every_list_is_the_same_after_it_was_written_and_read(
    lists: dict[str, dict[str, object]], corpus: Path
) -> None:
    for name in lists:
        written = write(read((corpus / name).read_bytes()).feeds)
        assert write(read(written).feeds) == written


def test_titles_are_read_in_the_encoding_that_the_list_names(corpus: Path) -> None:
    listing = read((corpus / "opml" / "yarr-win1251.opml").read_bytes())

    assert listing.title == "Заголовок"


def test_a_plain_list_of_the_small_web_is_read_whole(corpus: Path) -> None:
    assert len(read((corpus / "opml" / "smallweb.txt").read_bytes()).feeds) == 36515


def test_the_small_web_goes_into_an_empty_feeds_yaml_in_one_edit(corpus: Path, tmp_path: Path) -> None:
    from aggregator.config.edit import Setting, add
    from aggregator.config.subscriptions import taken

    listing = read((corpus / "opml" / "smallweb.txt").read_bytes())
    entries = [found.entry for one in listing.feeds if (found := taken(one)).entry is not None]
    file = tmp_path / "feeds.yaml"
    file.write_text("# mine\nsources:\n# the end\n")

    edited = add(Setting(file, {}, {}), entries)

    assert len(edited.sources) == len(edited.settings.sources) == 36515
    lines = file.read_text().splitlines()
    assert (lines[:2], lines[-1], len(lines)) == (["# mine", "sources:"], "# the end", 36518)
