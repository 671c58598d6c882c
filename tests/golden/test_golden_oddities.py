"""
A publisher's oddity a folder: the feed with its story in the first comment, and beside it the records that it must give.

`pytest tests/golden --update-golden` writes what comes out now; read the diff before it is committed.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aggregator.intake import read
from aggregator.model import Fetched, Source
from aggregator.reconcile import reconcile
from plugins.records import known_entry
from storage.frontmatter import EXTRA_FIELDS, RecordForm, dumps
from storage.reading import loads
from storage.record import Record
from storage.states import Validators
from storage.values import Known

HERE = Path(__file__).parent
CASES = sorted(path.parent for path in HERE.glob("*/feed.*"))
SOURCE = Source(id="blog", url="https://blog.example/feed", name="Blog", category="C", site="Blog")
SEEN = datetime(2026, 3, 2, 12, tzinfo=UTC)
FORM = RecordForm(EXTRA_FIELDS)


def records(folder: Path) -> tuple[Record, ...]:
    (feed,) = folder.glob("feed.*")
    reading = read(SOURCE, Fetched(SOURCE.url, 200, {}, feed.read_bytes(), Validators()), SEEN)
    return reconcile(Known(), reading, SOURCE, SEEN).new


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_an_oddity_gives_the_records_beside_it(folder: Path, update_golden: bool) -> None:
    texts = {f"{place}.md": dumps(record, FORM) for place, record in enumerate(records(folder), 1)}

    if update_golden:
        for old in folder.glob("*.md"):
            old.unlink()
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")

    assert texts == {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))}


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_an_oddity_tells_its_story_first(folder: Path) -> None:
    (feed,) = folder.glob("feed.*")
    data = feed.read_bytes()

    told = json.loads(data).get("_story") if feed.suffix == ".json" else data.startswith(b"<!-- ")

    assert told


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_an_oddity_that_is_polled_again_changes_nothing(folder: Path) -> None:
    first = records(folder)
    stored = tuple(known_entry(one) for one in first)
    (feed,) = folder.glob("feed.*")
    reading = read(SOURCE, Fetched(SOURCE.url, 200, {}, feed.read_bytes(), Validators()), SEEN)

    again = reconcile(Known(entries=stored, empty=False), reading, SOURCE, SEEN)

    assert (again.new, again.updated, again.rekeyed) == ((), (), ())
    assert again.listed == {one.key for one in first}


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_the_records_of_an_oddity_can_be_read_back(folder: Path) -> None:
    for record in records(folder):
        assert loads(dumps(record, FORM), folder.name).text("title") == record.title
