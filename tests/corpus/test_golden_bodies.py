"""Items of the original system's feeds, as records built by hand, give its record files but for named differences."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from lxml import etree

from plugins.originals import DIFFERENCES, differences, stripped
from plugins.records import plain_record
from storage.frontmatter import RecordForm, dumps
from storage.images import ImagePolicy
from storage.record import Record

FORM = RecordForm(images=ImagePolicy("https://cors.zfour.workers.dev/?{url}"))
FIRST_SEEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def record(item: etree._Element, categories: tuple[str, str, str]) -> Record:
    html = item.findtext("description") or ""
    image = re.search(r'<img[^>]* src="([^"]+)"', html)
    published = item.findtext("pubDate")
    at = parsedate_to_datetime(published).astimezone(UTC) if published and "Invalid" not in published else FIRST_SEEN
    return plain_record(
        at=at,
        categories=categories,
        title=item.findtext("title") or "",
        author=categories[1],
        first_seen=FIRST_SEEN,
        image=image and image[1],
        raw_html=html,
    )


def items(corpus: Path) -> Iterator[tuple[str, str, str]]:
    """Yield the name of each golden record, its text, and ours."""
    for line in (corpus / "MANIFEST.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["kind"] != "seed-feed":
            continue
        found = etree.fromstring((corpus / row["file"]).read_bytes()).findall(".//item")
        for item in row["items"]:
            text = dumps(record(found[item["index"]], tuple(item["categories"])), FORM)
            golden = (corpus / item["record"]).read_text(encoding="utf-8")
            yield item["record"].removeprefix("records/"), stripped(golden), stripped(text)


def test_every_item_gives_its_record_but_for_named_differences(corpus: Path) -> None:
    assert {
        name: differences(golden, ours, "Fri, 02 Jan 2026 03:04:05 GMT") for name, golden, ours in items(corpus)
    } == DIFFERENCES


def test_the_seed_comes_out_exactly(corpus: Path) -> None:
    golden, ours = next((golden, ours) for name, golden, ours in items(corpus) if name == "seed.md")

    assert ours == golden
