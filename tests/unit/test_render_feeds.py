"""What stands in the three formats, element by element, and by the rules of their specifications."""

from __future__ import annotations

import calendar
import io
import json
from datetime import UTC, datetime

import feedparser
import pytest
from unit import feed_rules_samples as samples
from unit.feed_paths import FULL, faults, in_atom, in_rss

from aggregator.render import SourceInfo, atom, jsonfeed, rss, source_info
from aggregator.render.characters import language_tag, media_type, rfc822, sound_id, uri, web_uri
from aggregator.render.merged import feed_id
from aggregator.render.wording import shown_title, text_of
from storage.record import Enclosure
from storage.states import FeedInfo

a_record, a_feed = samples.a_record, samples.a_feed


def test_an_rss_description_is_escaped_twice_as_it_is_html():
    assert in_rss(a_feed(FULL), "//item/description/text()") == ["Noon, with music &amp; &lt;dancing&gt;."]


def test_a_json_item_has_every_member_of_the_table():
    feed = json.loads(jsonfeed(a_feed(FULL, next_url="https://news.example/feed.json?before=c1")))

    assert feed == {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "All the papers",
        "home_page_url": "https://news.example/",
        "feed_url": "https://news.example/feed.atom",
        "next_url": "https://news.example/feed.json?before=c1",
        "language": "en",
        "items": [
            {
                "id": "https://paper.example/1",
                "url": "https://paper.example/1",
                "title": "A bridge opens",
                "content_html": "<p>It opens at noon.</p>",
                "summary": "Noon, with music & <dancing>.",
                "image": "https://paper.example/lead.jpg",
                "date_published": "2026-03-01T08:30:00Z",
                "date_modified": "2026-03-02T09:00:00Z",
                "authors": [{"name": "Ann Writer"}],
                "tags": ["Press", "bridges"],
                "language": "en",
                "attachments": [
                    {
                        "url": "https://paper.example/a.mp3",
                        "mime_type": "audio/mpeg",
                        "title": "Song",
                        "size_in_bytes": 1234,
                        "duration_in_seconds": 180,
                    },
                    {"url": "https://paper.example/b.pdf", "mime_type": "application/pdf"},
                ],
                "_source": {
                    "id": "https://paper.example/id",
                    "title": "The Paper",
                    "url": "https://paper.example/",
                    "feed_url": "https://paper.example/feed",
                },
            }
        ],
    }


ODD = {
    "ordinary": {},
    "everything there is": {"image": FULL.image, "summary": FULL.summary, "enclosures": FULL.enclosures},
    "no title": {"title": ""},
    "no title and no words": {"title": "", "html": '<img src="https://paper.example/i.png">'},
    "no body": {"html": ""},
    "no body and no link": {"html": "", "link": None},
    "nothing at all": {"title": "", "html": "", "link": None, "author": "", "writers": (), "tags": ()},
    "blank writers": {"writers": (" ", "\x01"), "author": "\x02"},
    "characters that XML refuses": {"title": "a\x00b\x0b\ufffe", "html": "<p>\x00\x1f\x85\ufffe\ud800</p>"},
    "lone surrogates everywhere": {
        "title": "\ud800x",
        "summary": "\udfff",
        "tags": ("\ud83d",),
        "writers": ("\ud83d",),
    },
    "the end of a CDATA section": {"title": "]]>", "html": "<p>]]&gt; ]]></p>", "summary": "]]>"},
    "markup in plain text": {"title": "R&D <&> \"x\" 'y'", "tags": ("<&>",), "writers": ("<Ann>",)},
    "Chinese": {"title": "产品早读", "html": "<p>正午开通。</p>", "language": "zh_CN"},
    "an address that is no URI": {
        "link": "https://paper.example/文章?q=a b|c[1]%zz#x#y",
        "image": "http://例子.测试/图.png",
    },
    "an address of another scheme": {"link": "javascript:alert(1)", "image": "data:image/png;base64,AA"},
    "an address without a host": {"link": "http:///x", "image": "https://", "enclosures": (Enclosure("http:x"),)},
    "an enclosure without a usable type": {"enclosures": (Enclosure("https://paper.example/x?y=.mp3", "audio", None),)},
    "an enclosure of no length": {"enclosures": (Enclosure("https://paper.example/x.mp3", None, 0),) * 2},
    "a language that is none": {"language": "english, please"},
    "a source that stands in feeds.yaml no more": {"source_id": "left"},
    "a minted id": {"public_id": "tag:paper.example,2026-03-01:aaaaaaaaaaaaaaaa"},
    "an old date": {"published": datetime(1994, 6, 5, tzinfo=UTC)},
    "a fraction of a second": {"updated": datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=UTC)},
}


@pytest.mark.parametrize("changes", ODD.values(), ids=ODD.keys())
def test_the_three_formats_keep_their_rules_with(changes: dict[str, object]):
    feed = a_feed(a_record(**changes), a_record(key="b", public_id="https://paper.example/2"))

    assert faults(feed) == []


def test_another_parser_reads_the_same_from_atom_and_rss():
    records = [
        a_record(**changes, **({} if "public_id" in changes else {"public_id": f"https://paper.example/{place}"}))
        for place, changes in enumerate(ODD.values())
    ]
    feed = a_feed(*records)

    read = [feedparser.parse(io.BytesIO(write(feed)), sanitize_html=False) for write in (atom, rss)]

    assert [document.bozo for document in read] == [False, False]
    for document in read:
        assert [entry.id for entry in document.entries] == [record.public_id for record in records]
        assert [calendar.timegm(entry.published_parsed) for entry in document.entries] == [
            int(record.published.timestamp()) for record in records
        ]
    assert [entry.title for entry in read[0].entries[:2]] == ["A bridge opens"] * 2
    assert [entry.content[0].value for entry in read[0].entries[:2]] == ["<p>It opens at noon.</p>"] * 2
    assert [entry.author for entry in read[1].entries[:2]] == ["Ann Writer"] * 2


def test_an_empty_feed_is_valid_and_knows_no_present():
    feed = a_feed()

    assert faults(feed) == []
    assert in_atom(feed, "/a:feed/a:updated/text()") == ["2000-01-01T00:00:00Z"]


def test_a_feed_without_a_title_is_valid():
    assert faults(a_feed(a_record(), title=" \x00")) == []


def test_a_source_whose_feed_tells_nothing_is_named_by_feeds_yaml():
    info = source_info("paper", "My paper", "https://paper.example/feed", FeedInfo())

    assert info == SourceInfo(
        id=feed_id("source", "paper"),
        title="My paper",
        url="https://paper.example/feed",
        home=None,
        type=None,
    )
    assert faults(a_feed(a_record(), sources={"paper": info})) == []


def test_a_source_with_a_sound_feed_keeps_its_own_id_and_title():
    told = FeedInfo(title="The Paper", link="https://paper.example/", id="tag:paper.example,2020:feed", format="atom10")

    info = source_info("paper", "My paper", "https://paper.example/feed", told)

    assert (info.id, info.title, info.home) == ("tag:paper.example,2020:feed", "The Paper", "https://paper.example/")
    assert info.type == "application/atom+xml"


def test_a_feed_says_its_language_where_all_entries_share_it():
    feed = a_feed(a_record(language="zh-CN"))

    assert in_atom(feed, "/a:feed/@xml:lang") == ["zh-CN"]
    assert in_atom(feed, "//a:entry/@xml:lang") == []
    assert in_rss(feed, "//channel/language/text()") == ["zh-CN"]


def test_entries_of_several_languages_each_say_their_own():
    feed = a_feed(a_record(language="zh-CN"), a_record(public_id="https://paper.example/2", language="en"))

    assert in_atom(feed, "/a:feed/@xml:lang") == []
    assert in_atom(feed, "//a:entry/@xml:lang") == ["zh-CN", "en"]
    assert in_rss(feed, "//channel/language/text()") == []


def test_the_bytes_hold_a_stylesheet_and_one_explanation_for_browsers():
    body = atom(a_feed(a_record()))

    assert body.startswith(
        b'<?xml version="1.0" encoding="utf-8"?>\n'
        b'<?xml-stylesheet type="text/css" href="/static/abc/feed.css"?>\n<feed xmlns='
    )
    assert in_atom(a_feed(a_record()), "/a:feed/h:div/h:p[@class='address']/text()") == [
        "https://news.example/feed.atom"
    ]
    assert in_rss(a_feed(a_record()), "/rss/channel/h:div/h:p/h:a/@href") == ["https://news.example/"]


def test_the_same_values_give_the_same_bytes():
    assert [write(a_feed(FULL)) for write in (atom, rss, jsonfeed)] == [
        write(a_feed(FULL)) for write in (atom, rss, jsonfeed)
    ]


def test_a_feed_id_rests_on_its_name_alone():
    assert feed_id("feed", "merged") == "urn:uuid:d524df5b-cc10-56c9-8c20-c2c57e02c514"


def test_the_words_of_a_body_stand_in_for_a_missing_title():
    record = a_record(title="", html="<p>Rain <b>all</b> day,<br>and <!-- no -->wind.</p><script>no()</script>")

    assert shown_title(record) == "Rain all day, and wind."


def test_a_long_first_line_is_cut_at_a_word_and_a_chinese_one_anywhere():
    assert shown_title(a_record(title="", html="<p>" + "word " * 40)) == "word " * 14 + "word…"
    assert shown_title(a_record(title="", html="字" * 200)) == "字" * 79 + "…"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("plain", "plain"),
        ("a &amp; b", "a & b"),
        ("<p>a</p><p>b</p>", "a b"),
        ("<ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp></ruby>", "漢 kan"),
        ("<p>cut <img src='https://x.example/" + "a" * 5000 + "'>", "cut"),
    ],
)
def test_the_text_of_html(html: str, text: str):
    assert text_of(html) == text


@pytest.mark.parametrize(
    ("written", "sound"),
    [
        ("https://x.example/a b", "https://x.example/a%20b"),
        ("https://x.example/文", "https://x.example/%E6%96%87"),
        ("https://x.example/%E6%96%87?a=%", "https://x.example/%E6%96%87?a=%25"),
        ("https://例子.测试/", "https://xn--fsqu00a.xn--0zwm56d/"),
        ("https://[2001:db8::1]/x", "https://[2001:db8::1]/x"),
        ("https://x.example/#a#b", "https://x.example/#a%23b"),
        ("https://[broken/", None),
        ("/relative", None),
        ("javascript:alert(1)", None),
        ("https:///no-host", None),
        ("HTTP://:", None),
        ("https://x.example:http/", None),
        ("https://x.example:8443/", "https://x.example:8443/"),
        (None, None),
    ],
)
def test_an_address_becomes_an_ascii_http_uri_or_nothing(written: str | None, sound: str | None):
    assert web_uri(written) == sound


def test_an_id_of_any_scheme_is_a_uri():
    assert uri("tag:paper.example,2020:feed") == "tag:paper.example,2020:feed"
    assert uri("no scheme") is None


@pytest.mark.parametrize(
    ("written", "sound"),
    [
        ("tag:paper.example,2020-01-02:feed", True),
        ("tag:ann@paper.example,2020:feed", True),
        ("tag:paper.example", False),
        ("urn:uuid:60A76C80-d399-11d9-b93c-0003939e0af6", True),
        ("urn:uuid:60a76c80", False),
        ("urn:isbn:0451450523", True),
        ("urn:x", False),
        ("https://paper.example/feed", True),
        ("x:", False),
        ("feed", False),
        (None, False),
    ],
)
def test_the_id_of_a_source_is_sound_by_its_scheme(written: str | None, sound: bool):
    assert sound_id(written) == (written if sound else None)


def test_a_media_type_is_the_declared_one_else_told_by_the_ending():
    assert media_type("audio/mpeg; charset=x", "https://x.example/a") == "audio/mpeg"
    assert media_type("mp3", "https://x.example/A.MP3?x=1") == "audio/mpeg"
    assert media_type(None, "https://x.example/a") == "application/octet-stream"


def test_a_language_tag_takes_the_form_of_rfc_5646():
    assert [language_tag(one) for one in ("zh_CN", "en", "de-AT-1996", "x", "en us", None)] == [
        "zh-CN",
        "en",
        "de-AT-1996",
        None,
        None,
        None,
    ]


def test_an_rss_date_is_english_and_in_gmt():
    east = datetime.fromisoformat("2026-01-01T07:05:09+08:00")

    assert rfc822(east) == "Wed, 31 Dec 2025 23:05:09 GMT"
