"""The page on the record format shows what the writer writes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from plugins.records import plain_record
from storage.frontmatter import EXTRA_FIELDS, RecordForm, dumps, written
from storage.images import ImagePolicy

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "record-format.md").read_text(encoding="utf-8")
AT = datetime(2024, 3, 5, 6, 30, tzinfo=UTC)
IMAGES = ImagePolicy("https://proxy.example/?{url}")
RECORD = plain_record(
    at=AT,
    categories=("科学", "Coast Weekly", "latest"),
    title="Tides, and what moves them: a reader's guide",
    author="Coast Weekly",
    image="http://coast.example/tide.jpg",
    html='<p>The moon pulls, the sea follows.</p>\n\n<p><img src="http://coast.example/tide.jpg" alt="{low} tide"></p>',
)


def test_the_example_is_what_the_writer_writes() -> None:
    example = PAGE.split("```\n")[1]

    assert example.removesuffix("\n") == dumps(RECORD, RecordForm(images=IMAGES))


def test_every_key_is_described() -> None:
    _, said = written(RECORD, RecordForm(EXTRA_FIELDS, images=IMAGES))
    rss = said.fields["rss"]

    assert isinstance(rss, dict)
    assert [key for key in (*said.fields, *rss, "html") if f"`{key}`" not in PAGE] == []
