"""JSON Feed 1.0 and 1.1, as publishers write them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from aggregator.model import Entry, Feed, Fetched, Text
from aggregator.outcomes import FailureKind, PollError
from aggregator.parse import parse
from storage.record import Enclosure
from storage.states import FeedInfo, Validators

URL = "https://news.example/feed.json"
V11 = "https://jsonfeed.org/version/1.1"


def read(body: str | bytes, content_type: str = "application/feed+json") -> Feed:
    raw = body.encode() if isinstance(body, str) else body
    return parse(
        Fetched(url=URL, status=200, headers={"content-type": content_type}, body=raw, validators=Validators())
    )


def feed(*items: object, **keys: object) -> Feed:
    return read(json.dumps({"version": V11, "title": "News", "items": items, **keys}, ensure_ascii=False))


def entry(**keys: object) -> Entry:
    [only] = feed(keys).entries
    return only


def test_an_item_is_read_with_all_that_it_says() -> None:
    got = entry(
        id="urn:1",
        url="/1",
        title="产品 <早读>",
        content_html="<p>全</p>",
        content_text="全",
        summary="短",
        authors=[{"name": "王五", "url": "https://w.example/"}, {"name": "Li"}],
        tags=["产品", "设计", "产品"],
        date_published="2021-09-30T08:00:00+08:00",
        date_modified="2021-10-01T00:00:00Z",
        image="/i.png",
        language="zh-CN",
        attachments=[
            {
                "url": "/a.mp3",
                "mime_type": "audio/mpeg",
                "title": "Sound",
                "size_in_bytes": 123,
                "duration_in_seconds": 61.5,
            }
        ],
    )

    assert got == Entry(
        guid="urn:1",
        link="https://news.example/1",
        title=Text("产品 <早读>"),
        content=Text("<p>全</p>", html=True, base=URL),
        summary=Text("短"),
        writers=("王五", "Li"),
        tags=("产品", "设计"),
        published_at=datetime(2021, 9, 30, tzinfo=UTC),
        updated_at=datetime(2021, 10, 1, tzinfo=UTC),
        enclosures=(Enclosure("https://news.example/a.mp3", "audio/mpeg", 123, "Sound", timedelta(seconds=61)),),
        image="https://news.example/i.png",
        language="zh-CN",
    )


def test_the_feed_says_who_it_is() -> None:
    got = feed(
        home_page_url="https://news.example/",
        feed_url="https://news.example/feed.json",
        favicon="/f.ico",
        language="zh",
        authors=[{"name": "Ed"}],
        expired=True,
    )

    assert got.info == FeedInfo(
        title="News",
        link="https://news.example/",
        id="https://news.example/feed.json",
        language="zh",
        format="json11",
        icon="https://news.example/f.ico",
    )
    assert got.author == "Ed"
    assert got.expired


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("https://jsonfeed.org/version/1", "json1"),
        ("https://jsonfeed.org/version/1.1", "json11"),
        (None, "json1"),
        (1, "json1"),
    ],
)
def test_the_version_tells_the_format_and_may_be_missing(version: object, expected: str) -> None:
    got = read(json.dumps({"version": version, "title": "News", "items": [{"id": "1"}]}))

    assert got.info.format == expected
    assert len(got.entries) == 1


@pytest.mark.parametrize(
    ("literal", "expected"),
    [("42", "42"), ('"42"', "42"), ("1.10", "1.10"), ("1e400", "1e400"), ("9" * 5000, "9" * 5000), ('" x "', "x"), ('""', None), ("null", None), ("{}", None)],
    ids=["number", "text", "fraction", "huge exponent", "huge number", "blanks", "empty", "null", "object"],
)  # fmt: skip
def test_an_id_is_text_as_it_was_written(literal: str, expected: str | None) -> None:
    [got] = read(f'{{"version": "{V11}", "title": "T", "items": [{{"id": {literal}}}]}}').entries

    assert got.guid == expected


@pytest.mark.parametrize(
    ("keys", "link"),
    [
        ({"url": "https://news.example/1", "external_url": "https://other.example/"}, "https://news.example/1"),
        ({"external_url": "https://other.example/"}, "https://other.example/"),
        ({"id": "https://news.example/id"}, "https://news.example/id"),
        ({"id": "42"}, None),
        ({"url": "javascript:alert(1)"}, None),
    ],
)
def test_the_link_is_the_url_else_the_external_one_else_an_id_that_is_a_url(
    keys: dict[str, str], link: str | None
) -> None:
    assert entry(**keys).link == link


def test_the_author_of_version_1_is_read_beside_the_authors_of_1_1() -> None:
    assert entry(author={"name": "Old"}).writers == ("Old",)
    assert entry(author={"name": "Old"}, authors=[{"name": "New"}, {"url": "x"}]).writers == ("New", "Old")
    assert entry(authors="Bare").writers == ("Bare",)


def test_text_content_is_not_markup() -> None:
    assert entry(content_text="1 < 2").content == Text("1 < 2", html=False, base=URL)


def test_wrong_types_cost_their_field_only() -> None:
    got = entry(
        id=["x"],
        url={"href": "/1"},
        title={"a": 1},
        content_html=False,
        authors=[None, 3, {"name": 4}],
        tags="one",
        date_published=True,
        attachments={"url": "/a"},
        image=[],
    )

    assert got == Entry(
        tags=("one",), enclosures=(Enclosure("https://news.example/a"),), writers=("3", "4"), title=None, link=None
    )


def test_items_that_are_no_objects_are_left_out() -> None:
    assert [each.guid for each in feed(None, 1, "x", {"id": "1"}, []).entries] == ["1"]


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "text/html; charset=utf-8", ""])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_neither_content_type_nor_bom_matter(content_type: str, bom: bytes) -> None:
    got = read(
        bom + b' \n{"version": "https://jsonfeed.org/version/1", "title": "\xe5\x93\x81", "items": []}', content_type
    )

    assert got.info.title == "品"


def test_line_breaks_and_lone_surrogates_in_strings_are_borne() -> None:
    [got] = read(f'{{"version": "{V11}", "title": "T", "items": [{{"id": "1", "title": "a\nb\\ud800c"}}]}}').entries

    assert got.title == Text("a\nb\ufffdc")


def test_stray_commas_and_a_tail_are_mended_and_said() -> None:
    comma = read(f'{{"version": "{V11}", "title": "a ,]", "items": [{{"id": "1",}},],}}')
    tail = read(f'{{"version": "{V11}", "title": "T", "items": []}}</body>')

    assert comma.info.title == "a ,]"
    assert [each.guid for each in comma.entries] == ["1"]
    assert comma.degraded is not None
    assert tail.degraded == "text after the end was left out"


@pytest.mark.parametrize("cut", [1, 2, 3, 10, 20])
def test_of_a_cut_document_all_but_the_last_item_is_read(cut: int) -> None:
    whole = json.dumps({"version": V11, "title": "News", "items": [{"id": str(n), "title": "t" * 9} for n in range(5)]})

    got = read(whole[:-cut])

    assert [each.guid for each in got.entries] == ["0", "1", "2", "3"][: len(got.entries)]
    assert 3 <= len(got.entries) <= 4
    assert got.info.title == "News"
    assert got.truncated


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('{"items": []}', FailureKind.NOT_A_FEED),
        ('{"title": "x"}', FailureKind.NOT_A_FEED),
        ('{"title": "x", "items": {}}', FailureKind.NOT_A_FEED),
        ('{"version": "https://jsonfeed.org/version/1", "title": ', FailureKind.PARSE),
        ("{nope}", FailureKind.PARSE),
        ('{"a":' * 100_000, FailureKind.PARSE_LIMIT),
        ("[" * 100_000, FailureKind.PARSE_LIMIT),
    ],
    ids=["no title", "no items", "items no list", "cut", "broken", "deep objects", "deep lists"],
)
def test_what_cannot_be_read_is_refused_with_its_kind(body: str, kind: FailureKind) -> None:
    with pytest.raises(PollError) as caught:
        read(body)

    assert caught.value.kind is kind


@pytest.mark.parametrize(
    ("said", "previous"),
    [("/p2", "https://news.example/p2"), ("file:///x", None), (["x"], None), (None, None), ("", None)],
)
def test_the_page_before_is_the_next_url(said: object, previous: str | None) -> None:
    text = json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": "J", "items": [], "next_url": said})

    assert read(text).previous == previous
