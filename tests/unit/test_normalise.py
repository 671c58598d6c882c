"""An entry as its publisher wrote it, and the record that it becomes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from aggregator.clean import CLEANER
from aggregator.model import BodyStyle, Entry, Source, Text
from aggregator.normalise import normalise
from storage.record import DateSource, Enclosure, Record, key_of
from storage.states import FeedInfo

SOURCE = Source(id="blog", url="https://blog.example/feed.xml", name="Blog", category="编程", feed="最新")
INFO = FeedInfo(title="The Blog", link="https://blog.example/", language="zh_CN")
SEEN = datetime(2026, 11, 22, 12, tzinfo=UTC)
PUBLISHED = datetime(2026, 11, 20, 8, tzinfo=UTC)

ENTRY = Entry(
    guid="https://blog.example/?p=1",
    link="https://blog.example/1",
    title=Text("One &amp; <em>two</em>", html=True),
    content=Text(
        '<p class="x">Body <img src="/a.png" onerror="x()"></p>', html=True, base="https://blog.example/posts/"
    ),
    summary=Text("<p>In short</p>", html=True),
    writers=("Ann &amp; Bo", "", "Ann &amp; Bo"),
    tags=(" python ", "<b>产品</b>"),
    published_at=PUBLISHED,
)


def record(entry: Entry = ENTRY, *, source: Source = SOURCE, info: FeedInfo = INFO, position: int = 0) -> Record:
    return normalise(source, info, entry, SEEN, position)


def test_an_entry_becomes_a_record() -> None:
    assert record() == Record(
        key=key_of("blog", "https://blog.example/?p=1"),
        public_id="https://blog.example/?p=1",
        source_id="blog",
        identity="https://blog.example/?p=1",
        alias="http://blog.example/?p=1",
        categories=("编程", "The Blog", "最新"),
        title="One & two",
        link="https://blog.example/1",
        guid="https://blog.example/?p=1",
        author="The Blog",
        writers=("Ann & Bo",),
        tags=("python", "产品"),
        published=PUBLISHED,
        updated=PUBLISHED,
        first_seen=SEEN,
        date_source=DateSource.PUBLISHED,
        publisher_date=PUBLISHED,
        image="https://blog.example/a.png",
        html='<p>Body <img src="https://blog.example/a.png"></p>',
        summary="In short",
        enclosures=(),
        language="zh-CN",
        digest=record().digest,
        cleaner=CLEANER,
    )


# --- titles -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        pytest.param(Text("Vec<T> &amp; co"), "Vec<T> &amp; co", id="plain text is taken as it stands"),
        pytest.param(Text("Vec&lt;T&gt;", html=True), "Vec<T>", id="HTML is decoded once"),
        pytest.param(Text("AT&amp;amp;T", html=True), "AT&amp;T", id="and not twice"),
        pytest.param(None, "Body", id="no title: the first words"),
        pytest.param(Text(" <img src=x> ", html=True), "Body", id="nothing but a picture: the first words"),
        pytest.param(Text("x" * 1200), "x" * 1000 + "…", id="an endless one is cut"),
    ],
)
def test_a_title_is_the_true_title_as_plain_text(title: Text | None, expected: str) -> None:
    assert record(replace(ENTRY, title=title)).title == expected


def test_a_title_is_never_empty() -> None:
    bare = Entry(enclosures=(Enclosure("https://cdn.example/a.mp3", title="Episode 1"),))

    assert record(bare).title == "Episode 1"
    assert record(Entry(link="https://blog.example/1")).title == "https://blog.example/1"
    assert record(Entry(guid="1")).title == "(untitled)"
    assert record(Entry(content=Text("字" * 200))).title == "字" * 80 + "…"


# --- body -------------------------------------------------------------------------------------------------------


def test_without_content_the_summary_is_the_body_and_no_summary() -> None:
    made = record(replace(ENTRY, content=None))

    assert (made.html, made.summary) == ("<p>In short</p>", "")


def test_content_that_cleaning_leaves_empty_gives_way_to_the_summary() -> None:
    made = record(replace(ENTRY, content=Text("<script>x</script>", html=True)))

    assert (made.html, made.summary) == ("<p>In short</p>", "")


def test_a_summary_that_repeats_the_body_is_none() -> None:
    assert record(replace(ENTRY, summary=Text("Body"))).summary == ""


def test_a_long_summary_is_cut_at_a_word() -> None:
    summary = record(replace(ENTRY, summary=Text("word " * 200))).summary

    assert len(summary) <= 501
    assert summary.endswith("word…")


def test_plain_text_becomes_paragraphs() -> None:
    assert record(replace(ENTRY, content=Text("1 < 2\n\nline\nline"))).html == "<p>1 &lt; 2</p>\n<p>line<br>\nline</p>"


def test_relative_urls_stand_on_the_text_else_on_the_entry() -> None:
    html = '<img src="a.png">'

    assert (
        record(replace(ENTRY, content=Text(html, html=True, base="https://b.example/x/"))).image
        == "https://b.example/x/a.png"
    )
    assert record(replace(ENTRY, content=Text(html, html=True))).image == "https://blog.example/a.png"


def test_the_publishers_own_html_is_kept_for_trusted_sources_only() -> None:
    own = '<p class="x">Body <img src="/a.png" onerror="x()"></p>'
    trusted = replace(SOURCE, record_body=BodyStyle.VERBATIM)

    assert record().raw_html is None
    assert record(source=trusted).raw_html == own
    assert record(source=trusted).html == record().html
    assert record(replace(ENTRY, content=Text(f" \n{own}\n ", html=True)), source=trusted).raw_html == own


# --- lead image -------------------------------------------------------------------------------------------------


def html(body: str) -> Entry:
    return replace(ENTRY, content=Text(body, html=True, base="https://blog.example/"))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<p>none</p>", None),
        ('<img src="/1.png"><img src="/2.png">', "https://blog.example/1.png"),
        ('<img src="data:," data-src="/lazy.png">', "https://blog.example/lazy.png"),
        ('<img width="1" height="1" src="/pixel"><img src="/2.png">', "https://blog.example/2.png"),
        (
            '<img src="https://s.w.org/images/core/emoji/14/72x72/1f600.png"><img src="/2.png">',
            "https://blog.example/2.png",
        ),
        ('<img width="16" height="16" src="/icon.png"><img src="/2.png">', "https://blog.example/2.png"),
        ('<img src="/spacer.gif">', None),
        ('<img src="https://feeds.feedburner.com/~r/x/~4/y">', None),
        ('<img srcset="/s.png 1x, /l.png 2x">', "https://blog.example/l.png"),
        ("<p>&lt;img src=/text.png&gt;</p>", None),
        # Clean already, so kept as written: single quotes, a slash at the end, an attribute without a value.
        ("<img src='https://blog.example/single.png' alt='It is'>", "https://blog.example/single.png"),
        ('<img src="https://blog.example/slash.png" />', "https://blog.example/slash.png"),
        ('<img alt src="https://blog.example/bare.png"/>', "https://blog.example/bare.png"),
    ],
)
def test_the_lead_image_is_the_first_real_picture(body: str, expected: str | None) -> None:
    assert record(html(body)).image == expected


def test_another_picture_in_a_body_that_is_kept_as_written_is_a_change() -> None:
    before, after = (record(html(f"<p>Text</p><img src='https://blog.example/{name}.png'>")) for name in "ab")

    assert before.digest != after.digest


def test_an_image_that_the_feed_names_leads() -> None:
    assert record(replace(ENTRY, image="https://cdn.example/lead.jpg")).image == "https://cdn.example/lead.jpg"
    assert record(replace(ENTRY, image="/lead.jpg")).image == "https://blog.example/lead.jpg"
    assert record(replace(ENTRY, image="javascript:alert(1)")).image == "https://blog.example/a.png"


# --- dates ------------------------------------------------------------------------------------------------------


def test_undated_entries_go_down_by_a_second_each() -> None:
    undated = replace(ENTRY, published_at=None)
    made = [record(undated, position=position) for position in range(3)]

    assert [one.published for one in made] == [SEEN, SEEN - timedelta(seconds=1), SEEN - timedelta(seconds=2)]
    assert {one.date_source for one in made} == {DateSource.FIRST_SEEN}
    assert {one.first_seen for one in made} == {SEEN}
    assert {one.publisher_date for one in made} == {None}


def test_an_update_date_stands_in_for_a_publication_date() -> None:
    made = record(replace(ENTRY, published_at=None, updated_at=PUBLISHED))

    assert (made.published, made.updated, made.date_source) == (PUBLISHED, PUBLISHED, DateSource.UPDATED)


@pytest.mark.parametrize(
    ("ahead", "date_only", "future"),
    [
        (timedelta(minutes=59), False, False),
        (timedelta(hours=2), False, True),
        (timedelta(hours=26), True, False),
        (timedelta(hours=28), True, True),
        (timedelta(days=1800), False, True),
    ],
)
def test_a_date_from_the_future_pins_nothing_to_the_top(ahead: timedelta, date_only: bool, future: bool) -> None:
    made = record(replace(ENTRY, published_at=SEEN + ahead, updated_at=SEEN + ahead, date_only=date_only))

    assert made.date_source is (DateSource.FUTURE if future else DateSource.PUBLISHED)
    assert made.published == (SEEN if future else SEEN + ahead)
    assert made.updated == made.published
    assert made.publisher_date == SEEN + ahead


@pytest.mark.parametrize(
    "date", [datetime(1970, 1, 1, tzinfo=UTC), datetime(1989, 12, 31, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)]
)
def test_a_zero_date_is_no_date(date: datetime) -> None:
    made = record(replace(ENTRY, published_at=date))

    assert (made.published, made.date_source) == (SEEN, DateSource.FIRST_SEEN)


def test_an_entry_is_not_updated_before_it_is_published() -> None:
    assert record(replace(ENTRY, updated_at=PUBLISHED - timedelta(days=1))).updated == PUBLISHED
    assert record(replace(ENTRY, updated_at=PUBLISHED + timedelta(hours=1))).updated == PUBLISHED + timedelta(hours=1)


# --- names, files, ids ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "writers", "expected"),
    [
        ("{site}", ("Ann",), "The Blog"),
        ("{entry}", ("Ann", "Bo"), "Ann, Bo"),
        ("{entry}", (), "The Blog"),
        ("{entry} · {site}", ("Ann",), "Ann · The Blog"),
    ],
)
def test_the_author_line_follows_its_template(template: str, writers: tuple[str, ...], expected: str) -> None:
    assert record(replace(ENTRY, writers=writers), source=replace(SOURCE, author=template)).author == expected


def test_a_site_without_a_name_is_called_by_its_host() -> None:
    assert record(info=FeedInfo()).categories == ("编程", "blog.example", "最新")
    assert record(source=replace(SOURCE, site="站点")).categories == ("编程", "站点", "最新")


def test_only_web_enclosures_are_kept_each_once() -> None:
    audio = Enclosure("https://cdn.example/a.mp3", "audio/mpeg", 5)
    files = (
        audio,
        replace(audio, length=-1),
        Enclosure("javascript:x"),
        Enclosure("file:///etc/passwd"),
        Enclosure("https://cdn.example/b.pdf", length=-1),
    )

    assert record(replace(ENTRY, enclosures=files)).enclosures == (audio, Enclosure("https://cdn.example/b.pdf"))


@pytest.mark.parametrize(
    ("given", "expected"), [("en-US", "en-US"), ("zh_TW", "zh-TW"), ("english please!", None), ("", "zh-CN")]
)
def test_a_language_is_a_tag_or_none(given: str, expected: str | None) -> None:
    assert record(replace(ENTRY, language=given)).language == expected


def test_controls_stand_in_no_text() -> None:
    made = record(
        replace(
            ENTRY,
            guid=" a\x00b ",
            title=Text("t\x07\x85u"),
            tags=("x\ud800y",),
            content=Text("<p>b\x0bc&#2;d</p>", html=True),
        )
    )

    assert (made.guid, made.identity, made.title, made.tags, made.html) == ("ab", "ab", "t u", ("xy",), "<p>bcd</p>")


def test_what_no_file_can_hold_stands_nowhere_in_a_record() -> None:
    entry = replace(
        ENTRY,
        content=Text("<p>a\ud800\x00b</p>", html=True),
        image="https://cdn.example/\x00a\ud800.png",
        enclosures=(Enclosure("https://cdn.example/\ud800b.mp3"),),
        link="https://blog.example/\x011",
    )
    made = record(entry, source=replace(SOURCE, record_body=BodyStyle.VERBATIM))

    assert (made.raw_html, made.html) == ("<p>ab</p>", "<p>ab</p>")
    assert (made.image, made.link) == ("https://cdn.example/a.png", "https://blog.example/1")
    assert made.enclosures == (Enclosure("https://cdn.example/b.mp3"),)


def test_an_empty_guid_is_none_and_a_script_is_no_link() -> None:
    made = record(replace(ENTRY, guid="  ", link="javascript:alert(1)"))

    assert (made.guid, made.link) == (None, None)
    assert made.identity.startswith("sha256:")


def test_the_digest_is_deaf_to_what_no_reader_sees() -> None:
    same = [
        replace(ENTRY, tags=("other",)),
        replace(ENTRY, writers=("Else",)),
        replace(ENTRY, link="https://blog.example/1?utm_source=rss"),
        replace(
            ENTRY,
            content=Text(
                '<p class="y">Body  <img src="/a.png?t=2"></p>', html=True, base="https://blog.example/posts/"
            ),
        ),
        replace(ENTRY, published_at=PUBLISHED + timedelta(hours=1)),
    ]

    assert {record(entry).digest for entry in same} == {record().digest}
    assert record(replace(ENTRY, title=Text("New"))).digest != record().digest


def test_an_entry_without_a_title_is_told_by_its_text_not_by_the_title_made_for_it() -> None:
    nameless = replace(ENTRY, guid=None, link=None, title=None)

    assert record(nameless).identity == record(replace(nameless, title=Text(""))).identity
