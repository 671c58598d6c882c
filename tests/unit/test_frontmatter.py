"""What a record's file looks like, to the byte (R1-R8, R12)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from storage.escapes import cleared, escaped, unescaped
from storage.frontmatter import RecordForm, dumps, instant, scalar
from storage.images import ImagePolicy
from storage.record import DateSource, Enclosure, Record

AT = datetime(2024, 2, 29, 8, 5, 6, 789, tzinfo=UTC)
RECORD = Record(
    key="abcdefghijklmnop",
    public_id="tag:news.example,2024-02-29:abcdefghijklmnop",
    source_id="news",
    identity="https://news.example/1",
    alias="http://news.example/1",
    categories=("科技", "新闻 Daily", "latest"),
    title="It's 5 o'clock",
    link="https://news.example/1",
    guid="https://news.example/1",
    author="新闻 Daily",
    writers=("Ann",),
    tags=("a", "no"),
    published=AT,
    updated=AT + timedelta(hours=1),
    first_seen=AT,
    date_source=DateSource.PUBLISHED,
    publisher_date=None,
    image="http://news.example/1.jpg",
    html='<p>One <img src="http://news.example/1.jpg"></p>',
    summary="One",
    enclosures=(Enclosure("https://news.example/1.mp3", "audio/mpeg", 12, None, timedelta(seconds=90)),),
    language="en",
    digest="d1",
    cleaner=1,
)


def line(record: Record, key: str, form: RecordForm | None = None) -> str:
    return next(one for one in dumps(record, form).split("\n") if one.startswith(f"{key}:"))


def test_a_file_has_the_seven_keys_and_the_body_in_a_div() -> None:
    text = dumps(RECORD, RecordForm(images=ImagePolicy("https://p.example/?{url}")))

    assert text == (
        "\n"
        "---\n"
        "title: 'It''s 5 o''clock'\n"
        "categories: \n"
        " - 科技\n"
        " - 新闻 Daily\n"
        " - latest\n"
        "headimg: 'https://p.example/?http://news.example/1.jpg'\n"
        "author: 新闻 Daily\n"
        "comments: false\n"
        "date: Thu, 29 Feb 2024 08:05:06 GMT\n"
        "thumbnail: 'https://p.example/?http://news.example/1.jpg'\n"
        "---\n"
        "\n"
        "<div>   \n"
        '<p>One <img src="https://p.example/?http://news.example/1.jpg"></p>  \n'
        "</div>\n"
        "            "
    )


def test_the_portable_style_has_no_blank_first_line_and_a_quoted_iso_date() -> None:
    text = dumps(RECORD, RecordForm(("updated",), portable=True))

    assert text.startswith("---\ntitle: ")
    assert "\ndate: '2024-02-29T08:05:06Z'\n" in text
    assert "\nupdated: '2024-02-29T09:05:06Z'\n" in text


def test_extra_fields_follow_the_seven_in_one_order_whatever_the_order_asked_for() -> None:
    text = dumps(RECORD, RecordForm(("description", "lang", "tags", "updated", "link")))

    assert text.split("thumbnail: 'http://news.example/1.jpg'\n")[1].startswith(
        "link: 'https://news.example/1'\n"
        "updated: Thu, 29 Feb 2024 09:05:06 GMT\n"
        "tags:\n"
        " - a\n"
        " - 'no'\n"
        "lang: en\n"
        "description: 'One'\n"
        "---\n"
    )


def test_the_rss_map_holds_what_the_keys_do_not() -> None:
    text = dumps(RECORD, RecordForm(("rss",), images=ImagePolicy("https://p.example/?{url}")))

    assert text.split("/1.jpg'\nrss:\n")[1].split("---\n")[0] == (
        "  format: 1\n"
        '  source: "news"\n'
        '  guid: "https://news.example/1"\n'
        '  link: "https://news.example/1"\n'
        "  ids:\n"
        '    key: "abcdefghijklmnop"\n'
        '    public: "tag:news.example,2024-02-29:abcdefghijklmnop"\n'
        '    identity: "https://news.example/1"\n'
        '    alias: "http://news.example/1"\n'
        '  published: "2024-02-29T08:05:06.000789+00:00"\n'
        "  publisher_date: null\n"
        '  updated: "2024-02-29T09:05:06.000789+00:00"\n'
        '  first_seen: "2024-02-29T08:05:06.000789+00:00"\n'
        '  date_source: "published"\n'
        '  writers: ["Ann"]\n'
        '  tags: ["a", "no"]\n'
        '  language: "en"\n'
        '  summary: "One"\n'
        '  image: "http://news.example/1.jpg"\n'
        "  images:\n"
        '    template: "https://p.example/?{url}"\n'
        "    all_schemes: false\n"
        "  enclosures:\n"
        '    - url: "https://news.example/1.mp3"\n'
        '      type: "audio/mpeg"\n'
        "      length: 12\n"
        "      title: null\n"
        '      duration: "90"\n'
        '  body: "clean"\n'
        '  digest: "d1"\n'
        "  cleaner: 1\n"
        "  position: 0\n"
        "  arrival: 0\n"
        "  updates: 0\n"
        "  backlog: false\n"
        "  hidden: null\n"
    )


def test_a_field_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(ValueError, match="record_fields: there is no field 'url'; there are link, updated, tags"):
        RecordForm(("url",))


def test_a_record_without_an_image_has_an_empty_one_and_never_a_made_up_one() -> None:
    text = dumps(replace(RECORD, image=None))

    assert "\nheadimg: ''\n" in text
    assert "\nthumbnail: ''\n" in text


def test_the_publishers_own_html_is_the_body_where_it_is_kept() -> None:
    record = replace(RECORD, raw_html='<svg viewBox="0 0 1 1"></svg><p onclick=x>One')

    assert '<div>   \n<svg viewBox="0 0 1 1"></svg><p onclick=x>One  \n</div>' in dumps(record)


def test_an_empty_body_leaves_the_div() -> None:
    assert dumps(replace(RECORD, html="")).endswith("---\n\n<div>   \n  \n</div>\n            ")


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("人人都是产品经理", "人人都是产品经理"),
        ("IT 之家", "IT 之家"),
        ("AGE 动漫 - 番剧详情", "AGE 动漫 - 番剧详情"),
        ("A.b/c+(d)·e", "A.b/c+(d)·e"),
        ("C++", "'C++'"),
        ("36氪", "'36氪'"),
        ("0123", "'0123'"),
        ("Ann: x", "'Ann: x'"),
        ("a#b", "'a#b'"),
        ("it's", "'it''s'"),
        ("No", "'No'"),
        ("TRUE", "'TRUE'"),
        ("~", "'~'"),
        ("y", "'y'"),
        ("NaN", "'NaN'"),
        ("-a", "'-a'"),
        ("@a", "'@a'"),
        ("", "''"),
        ("  b  ", "b"),
    ],
)
def test_a_name_is_plain_only_where_no_yaml_reader_takes_it_for_something_else(name: str, written: str) -> None:
    assert line(replace(RECORD, author=name), "author") == f"author: {written}"


@pytest.mark.parametrize(
    ("text", "one_line"),
    [
        ("a\r\nb", "a b"),
        ("a\tb\x85c\u2028d\u2029e", "a b c d e"),
        ("a\x00\x07\x1b\x7f\x9fb", "ab"),
        ("\ufeffa\ufffe\uffffb\ud83d", "ab"),
        ("  a  b \n", "a  b"),
        ("a👨‍👩‍👧b", "a👨‍👩‍👧b"),
    ],
)
def test_a_scalar_is_one_line_without_what_yaml_readers_reject(text: str, one_line: str) -> None:
    assert scalar(text) == one_line


def test_a_title_keeps_every_other_character() -> None:
    assert line(replace(RECORD, title='[a]: 50% {{b}} # c | "d"'), "title") == "title: '[a]: 50% {{b}} # c | \"d\"'"


@pytest.mark.parametrize(
    ("html", "body"),
    [
        ("a\r\nb\rc", "a\nb\nc"),
        ("a\n\nb", "a\n&#10;b"),
        ("a\n \t\n\nb", "a\n \t&#10;&#10;b"),
        ("<pre>\n\nx</pre>", "<pre>\n&#10;x</pre>"),
        ("<pre>a\n\n\nx</pre>", "<pre>a\n&#10;&#10;x</pre>"),
        ('<img alt="a\n\nb">', '<img alt="a\n&#10;b">'),
        ("{{ a }} {% b %}", "&#123;&#123; a &#125;&#125; &#123;% b %&#125;"),
        ("`` ``` ~~ ~~~~", "`` &#96;&#96;&#96; ~~ &#126;&#126;&#126;&#126;"),
        ("<p>&#10; &#123;</p>", "<p>&#10; &#123;</p>"),
        ("  <p>a</p>\n ", "<p>a</p>"),
    ],
)
def test_a_body_is_written_so_that_a_site_generator_leaves_it_alone(html: str, body: str) -> None:
    assert escaped(cleared(html)) == body


@pytest.mark.parametrize(
    ("html", "body"),
    [
        ("<img\n\nalt=a\n\n\n>", "<img\n alt=a\n  >"),
        ("<script>a\n\nb</script>\n\nc", "<script>a\n b</script>\n&#10;c"),
        ("<style>a\n \nb</style>", "<style>a\n  b</style>"),
    ],
)
def test_a_blank_line_where_no_reference_is_read_becomes_a_space(html: str, body: str) -> None:
    assert escaped(html) == body


def test_escapes_are_undone() -> None:
    html = "a\n\n \n```b``` {c} ~~~~\n\nd"

    assert unescaped(escaped(html)) == html


def test_a_reference_to_a_newline_within_a_line_is_the_publishers_own() -> None:
    assert unescaped('<img alt="a&#10;b">') == '<img alt="a&#10;b">'


def test_control_characters_leave_the_body() -> None:
    assert cleared("a\x00b\x0cc\x7fd\x85e\ufefff\u2028g") == "abcd ef\u2028g"


@pytest.mark.parametrize(
    ("date", "at"),
    [
        ("Thu, 29 Feb 2024 08:05:06 GMT", datetime(2024, 2, 29, 8, 5, 6, tzinfo=UTC)),
        ("Mon, 01 Jan 0001 00:00:00 GMT", datetime(1, 1, 1, tzinfo=UTC)),
        ("Thu, 29 Feb 2024 16:05:06 +0800", datetime(2024, 2, 29, 8, 5, 6, tzinfo=UTC)),
        ("2024-02-29T08:05:06Z", datetime(2024, 2, 29, 8, 5, 6, tzinfo=UTC)),
        ("2024-02-29 16:05:06 +08:00", datetime(2024, 2, 29, 8, 5, 6, tzinfo=UTC)),
        ("2024-02-29 08:05:06", datetime(2024, 2, 29, 8, 5, 6, tzinfo=UTC)),
        ("2024-02-29", datetime(2024, 2, 29, tzinfo=UTC)),
        ("Invalid Date", None),
        ("", None),
        ("2024-13-45", None),
    ],
)
def test_a_date_is_read_in_the_forms_that_front_matter_has(date: str, at: datetime | None) -> None:
    assert instant(date) == at
