"""What a record file without ids becomes, whose it is, and which files of an archive are looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aggregator.importing import Claimant, archive_id, claimant_of, claimants, feeds_of, minted
from aggregator.model import Source
from storage.gathering import Unread, record_files, texts
from storage.images import ImagePolicy
from storage.record import DateSource
from storage.restoring import Outline

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WRITTEN = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
OUTLINE = Outline(
    title="A tide",
    categories=("科学", "海边", "latest"),
    author="海边",
    date=datetime(2021, 9, 30, tzinfo=UTC),
    image=None,
    html="<p onclick=x>The moon pulls.",
    link=None,
    tags=(),
)
SHORE = Claimant(
    "shore", "https://shore.example/feed", "科学", "海边", "latest", ImagePolicy("https://p.example/?{url}")
)
OTHERS = [
    SHORE,
    Claimant("news", "https://news.example/feed", "新闻", "News", "latest", None),
    Claimant("news-too", "https://too.example/feed", "科学", "News", "latest", None),
]


def test_a_record_without_ids_gets_them_by_its_title_and_text() -> None:
    record = minted(OUTLINE, SHORE, (), WRITTEN, NOW)

    assert record.identity.startswith("sha256:")
    assert record.public_id == f"tag:shore.example,2021-09-30:{record.key}"
    assert (record.source_id, record.categories, record.author) == ("shore", ("科学", "海边", "latest"), "海边")
    assert record.html == "<p>The moon pulls.</p>"
    assert record.backlog
    assert minted(OUTLINE, SHORE, (), NOW, NOW).key == record.key


def test_a_link_is_its_identity_where_it_has_one() -> None:
    linked = replace(OUTLINE, link="https://Shore.example/a?utm_source=x")

    assert minted(linked, SHORE, (), WRITTEN, NOW).identity == "https://shore.example/a"
    assert minted(replace(OUTLINE, link="javascript:alert(1)"), SHORE, (), WRITTEN, NOW).link is None


@pytest.mark.parametrize(
    ("date", "shown", "where"),
    [
        (datetime(2021, 9, 30, tzinfo=UTC), datetime(2021, 9, 30, tzinfo=UTC), DateSource.PUBLISHED),
        (None, WRITTEN, DateSource.FIRST_SEEN),
        (datetime(1970, 1, 1, tzinfo=UTC), WRITTEN, DateSource.FIRST_SEEN),
        (datetime(2099, 1, 1, tzinfo=UTC), WRITTEN, DateSource.FUTURE),
    ],
)
def test_nothing_old_is_dated_now(date: datetime | None, shown: datetime, where: DateSource) -> None:
    record = minted(replace(OUTLINE, date=date), SHORE, (), WRITTEN, NOW)

    assert (record.published, record.updated, record.first_seen, record.date_source) == (shown, shown, shown, where)


def test_the_image_templates_are_undone_and_a_random_picture_is_none() -> None:
    through = '<p><img src="https://p.example/?http://a.example/x.png"></p>'
    picture = replace(OUTLINE, html=through, image="https://p.example/?http://a.example/x.png")
    random = replace(OUTLINE, image="https://picsum.photos/400/300?random=888")

    record = minted(picture, SHORE, (), WRITTEN, NOW)

    assert record.html == '<p><img src="http://a.example/x.png"></p>'
    assert record.image == "http://a.example/x.png"
    assert minted(random, SHORE, (), WRITTEN, NOW).image is None


@pytest.mark.parametrize(
    ("categories", "source"),
    [
        (("科学", "海边", "latest"), "shore"),
        (("other", "海边", "latest"), "shore"),
        (("科学", "海边 - latest"), "shore"),
        (("新闻", "News", "latest"), "news"),
        (("other", "News", "latest"), None),
        (("科学", "海边", "hot"), None),
        (("科学",), None),
        ((), None),
    ],
)
def test_a_file_is_of_the_source_under_which_it_is_filed(categories: tuple[str, ...], source: str | None) -> None:
    found = claimant_of(replace(OUTLINE, categories=categories), OTHERS)

    assert (found.id if found else None) == source


@pytest.mark.parametrize(
    ("categories", "filed"),
    [
        (("科学", "海边 - 日向坂 46 博客"), ("科学", "海边", "日向坂 46 博客")),
        (("科学", "海边"), ("科学", "海边", "latest")),
        (("科学",), ("科学", "海边", "latest")),
        ((), ("uncategorized", "海边", "latest")),
        (("a", "b", "c", "d"), ("a", "b", "c")),
    ],
)
def test_fewer_categories_than_three_are_filled_up(categories: tuple[str, ...], filed: tuple[str, str, str]) -> None:
    assert minted(replace(OUTLINE, categories=categories), SHORE, (), WRITTEN, NOW).categories == filed


def test_a_source_without_a_site_is_known_by_the_title_of_its_feed() -> None:
    sources = [
        Source(id="a", url="https://a.example/feed", name="A"),
        Source(id="b", url="https://b.example/f", name="B"),
    ]

    assert [one.site for one in claimants(sources, {"a": "Tides"})] == ["Tides", "b.example"]


def test_the_archive_takes_no_source_s_name() -> None:
    assert archive_id(["news"]) == "archive"
    assert archive_id(["archive", "archive-2"]) == "archive-3"


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"a": 1}', b"\xff", b"[" * 100_000])
def test_a_damaged_list_of_feeds_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        feeds_of(data)


# --- the files of an archive ---


def test_record_files_are_found_and_links_are_not_followed(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    for path in ("a/b/one.md", "two.markdown", "feeds.yaml", ".git/three.md", ".four.md"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("---\ntitle: x\n---\n")
    outside.mkdir()
    (outside / "five.md").write_text("---\ntitle: secret\n---\n")
    (root / "linked").symlink_to(outside)
    (root / "six.md").symlink_to(outside / "five.md")

    paths, refused = record_files(root)

    assert paths == ["a/b/one.md", "six.md", "two.markdown"]
    assert [str(one) for one in refused] == ["linked:1: is a link to a folder; links are not followed"]
    read = dict(texts(root, paths))
    assert isinstance(read["six.md"], Unread)
    assert not isinstance(read["a/b/one.md"], Unread)


def test_folders_are_looked_into_to_a_depth(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["x"] * 40)
    deep.mkdir(parents=True)
    (deep / "a.md").write_text("---\n---\n")

    paths, refused = record_files(tmp_path)

    assert paths == []
    assert [one.reason for one in refused] == ["has folders deeper than 32; they are not looked into"]


def test_a_file_that_went_meanwhile_is_told(tmp_path: Path) -> None:
    assert [str(text) for _, text in texts(tmp_path, ["a.md"])] == ["a.md:1: was there, and is gone"]
