"""RSS and RDF: what the publisher wrote, and nothing made up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from aggregator.model import Entry, Feed, Fetched, Text
from aggregator.parse import parse
from storage.record import Enclosure
from storage.states import Validators

URL = "https://news.example/feed.xml"
NAMESPACES = (
    'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:media="http://search.yahoo.com/mrss/" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" '
    'xmlns:atom="http://www.w3.org/2005/Atom" xmlns:sy="http://purl.org/rss/1.0/modules/syndication/" '
    'xmlns:history="http://purl.org/syndication/history/1.0"'
)


def fetched(body: str) -> Fetched:
    return Fetched(url=URL, status=200, headers={}, body=body.encode(), validators=Validators())


def rss(items: str = "", channel: str = "<title>News</title>", root: str = "") -> Feed:
    return parse(fetched(f'<rss version="2.0" {NAMESPACES} {root}><channel>{channel}{items}</channel></rss>'))


def entry(item: str, root: str = "") -> Entry:
    [only] = rss(f"<item>{item}</item>", root=root).entries
    return only


def test_an_item_is_read_with_all_that_it_says() -> None:
    got = entry(
        "<title>产品早读</title><link>https://news.example/1</link><guid isPermaLink='false'>n-1</guid>"
        "<description>&lt;p&gt;短&lt;/p&gt;</description><content:encoded><![CDATA[<p>长 &amp; 全</p>]]></content:encoded>"
        "<pubDate>Thu, 30 Sep 2021 08:00:00 +0800</pubDate><dc:creator>王五</dc:creator>"
        "<category>产品</category><category domain='x'>设计</category><category>产品</category>"
        "<enclosure url='/a.mp3' type='audio/mpeg' length='123'/>"
    )

    assert got == Entry(
        guid="n-1",
        link="https://news.example/1",
        title=Text("产品早读", html=False, base=URL),
        content=Text("<p>长 &amp; 全</p>", html=True, base=URL),
        summary=Text("<p>短</p>", html=True, base=URL),
        writers=("王五",),
        tags=("产品", "设计"),
        published_at=datetime(2021, 9, 30, tzinfo=UTC),
        enclosures=(Enclosure("https://news.example/a.mp3", "audio/mpeg", 123),),
    )


def test_entries_stand_in_the_order_of_the_document() -> None:
    feed = rss("".join(f"<item><title>{n}</title></item>" for n in (3, 1, 2)))

    assert [each.title.value for each in feed.entries if each.title] == ["3", "1", "2"]


def test_a_feed_without_items_is_well() -> None:
    assert rss().entries == ()
    assert rss().info.title == "News"
    assert rss().info.format == "rss20"


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("R&amp;D", Text("R&D", html=False, base=URL)),
        ("R&amp;amp;D", Text("R&amp;D", html=True, base=URL)),
        ("&lt;b&gt;Big&lt;/b&gt; news", Text("<b>Big</b> news", html=True, base=URL)),
        ("Use &lt;T&gt; wisely", Text("Use <T> wisely", html=False, base=URL)),
        ("<![CDATA[1 < 2 & 3]]>", Text("1 < 2 & 3", html=False, base=URL)),
        ("", None),
    ],
)
def test_a_title_is_taken_as_markup_only_where_it_is_markup(title: str, expected: Text | None) -> None:
    assert entry(f"<title>{title}</title>").title == expected


@pytest.mark.parametrize(
    ("item", "guid", "link"),
    [
        ("<guid>https://news.example/a</guid>", "https://news.example/a", "https://news.example/a"),
        ("<guid isPermaLink='false'>https://news.example/a</guid>", "https://news.example/a", None),
        ("<guid>  42 </guid>", "42", None),
        ("<guid>42</guid><link>/a?x=1&amp;y=2</link>", "42", "https://news.example/a?x=1&y=2"),
        ("<guid></guid><link>https://news.example/a</link>", None, "https://news.example/a"),
        ("<link>https://news.example/a</link>", None, "https://news.example/a"),
        ("<guid isPermaLink='false'>HTTPS://News.example/./A#</guid>", "HTTPS://News.example/./A#", None),
        ("<guid>/a</guid>", "/a", "https://news.example/a"),
        ("<title>x</title>", None, None),
        ("<link>javascript:alert(1)</link><title>x</title>", None, None),
        ("<atom:link rel='self' href='/self'/><link>/a</link>", None, "https://news.example/a"),
    ],
)
def test_a_guid_is_kept_as_written_and_a_link_never_made_up(item: str, guid: str | None, link: str | None) -> None:
    got = entry(item)

    assert got.guid == guid
    assert got.link == link


def test_rdf_about_is_the_id_of_an_item_of_rss_1_0() -> None:
    feed = parse(
        fetched(
            '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" '
            'xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="https://news.example/"><title>T</title></channel>'
            '<item rdf:about="https://news.example/1"><title>One</title><link>https://news.example/1?from=rss</link>'
            "<dc:date>2021-09-30T08:00:00+08:00</dc:date></item></rdf:RDF>"
        )
    )

    [got] = feed.entries
    assert feed.info.format == "rss10"
    assert got.guid == "https://news.example/1"
    assert got.link == "https://news.example/1?from=rss"
    assert got.published_at == datetime(2021, 9, 30, tzinfo=UTC)


def test_a_content_that_stands_alone_is_not_copied_to_the_summary() -> None:
    got = entry("<content:encoded>&lt;p&gt;all&lt;/p&gt;</content:encoded>")

    assert got.content == Text("<p>all</p>", html=True, base=URL)
    assert got.summary is None


def test_what_a_podcast_or_a_video_says_beside_the_description_does_not_take_its_place() -> None:
    got = entry(
        "<description>&lt;p&gt;notes&lt;/p&gt;</description><itunes:summary>blurb</itunes:summary>"
        "<media:group><media:title>other</media:title><media:description>caption</media:description></media:group>"
        "<title>Own</title><og><title>Not mine</title><description>nor mine</description></og>"
    )

    assert got.title == Text("Own", html=False, base=URL)
    assert got.summary == Text("<p>notes</p>", html=True, base=URL)
    assert got.content is None


def test_a_podcast_episode_has_its_summary_host_picture_and_duration() -> None:
    got = entry(
        "<title>1</title><itunes:summary>About it</itunes:summary><itunes:author>Host</itunes:author>"
        "<itunes:image href='https://news.example/i.jpg'/><itunes:duration>1:02:03</itunes:duration>"
        "<enclosure url='https://news.example/1.mp3' type='audio/mpeg' length='-5'/>"
    )

    assert got.summary == Text("About it", html=False, base=URL)
    assert got.writers == ("Host",)
    assert got.image == "https://news.example/i.jpg"
    assert got.enclosures == (
        Enclosure("https://news.example/1.mp3", "audio/mpeg", None, duration=timedelta(hours=1, minutes=2, seconds=3)),
    )


def test_media_elements_are_enclosures_and_the_widest_picture_may_lead() -> None:
    got = entry(
        "<media:group><media:content url='/v.mp4' type='video/mp4' fileSize='9' duration='61'/></media:group>"
        "<media:content url='/small.jpg' width='140'/><media:content url='/large.jpg' width='460' medium='image'/>"
        "<media:content url='https://0.gravatar.com/avatar/x' medium='image'/>"
    )

    assert got.image == "https://news.example/large.jpg"
    assert got.enclosures == (Enclosure("https://news.example/v.mp4", "video/mp4", 9, duration=timedelta(seconds=61)),)


def test_a_thumbnail_leads_before_other_pictures() -> None:
    got = entry("<enclosure url='/e.png' type='image/png'/><media:thumbnail url='/t.png'/>")

    assert got.image == "https://news.example/t.png"
    assert [each.url for each in got.enclosures] == ["https://news.example/e.png"]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("<author>wang@news.example (王五)</author>", ("王五",)),
        ("<author>Li Si &lt;li@news.example&gt;</author>", ("Li Si",)),
        ("<author>li@news.example</author>", ("li@news.example",)),
        ("<dc:creator>A</dc:creator><dc:creator>B</dc:creator><dc:creator>A</dc:creator>", ("A", "B")),
        ("<dc:creator>A</dc:creator><itunes:author>The Show</itunes:author>", ("A",)),
        ("<dc:creator><![CDATA[ A  &amp; B ]]></dc:creator>", ("A & B",)),
        ("<author></author>", ()),
    ],
)
def test_writers_are_names(item: str, expected: tuple[str, ...]) -> None:
    assert entry(item).writers == expected


@pytest.mark.parametrize(
    ("date", "at", "vague"),
    [
        ("Thu, 30 Sep 2021 00:00:00 GMT", datetime(2021, 9, 30, tzinfo=UTC), False),
        ("2021-09-30", datetime(2021, 9, 30, tzinfo=UTC), True),
        ("0000-00-00", None, False),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None, False),
    ],
)
def test_a_date_that_means_nothing_is_no_date(date: str, at: datetime | None, vague: bool) -> None:
    got = entry(f"<pubDate>{date}</pubDate>")

    assert got.published_at == at
    assert got.date_only == vague


def test_a_relative_url_stands_on_xml_base() -> None:
    got = entry(
        "<link>a/b</link><description>&lt;img src=x&gt;</description>", root='xml:base="https://base.example/dir/"'
    )

    assert got.link == "https://base.example/dir/a/b"
    assert got.summary == Text("<img src=x>", html=True, base="https://base.example/dir/")


def test_the_channel_says_who_it_is() -> None:
    feed = rss(
        channel="<title>R&amp;amp;D &lt;i&gt;news&lt;/i&gt;</title><link>https://news.example/</link><language>zh-CN</language>"
        "<lastBuildDate>Thu, 30 Sep 2021 08:00:00 GMT</lastBuildDate><managingEditor>e@news.example (Ed)</managingEditor>"
        "<image><url>https://news.example/logo.png</url><title>no</title><link>https://no.example/</link></image>"
    )

    assert feed.info.title == "R&D news"
    assert feed.info.link == "https://news.example/"
    assert feed.info.language == "zh-CN"
    assert feed.info.updated == datetime(2021, 9, 30, 8, tzinfo=UTC)
    assert feed.info.icon == "https://news.example/logo.png"
    assert feed.author == "Ed"


@pytest.mark.parametrize(
    ("channel", "expected"),
    [
        ("<ttl>180</ttl>", {"ttl": "10800"}),
        ("<ttl>abc</ttl>", {}),
        ("<ttl>0</ttl>", {}),
        (
            "<sy:updatePeriod>hourly</sy:updatePeriod><sy:updateFrequency>2</sy:updateFrequency>",
            {"update_every": "1800"},
        ),
        ("<sy:updatePeriod> daily </sy:updatePeriod>", {"update_every": "86400"}),
        ("<skipHours><hour>0</hour><hour>8</hour><hour>24</hour><hour>x</hour></skipHours>", {"skip_hours": "0,8"}),
        (
            "<skipDays><day>Sunday</day><day>saturday</day><day>Funday</day></skipDays>",
            {"skip_days": "saturday,sunday"},
        ),
    ],
)
def test_hints_for_polling_are_read_whole(channel: str, expected: dict[str, str]) -> None:
    assert rss(channel=channel).hints == expected


def test_a_complete_feed_is_known() -> None:
    assert rss(channel="<history:complete/>").complete
    assert not rss().complete


def test_the_doctype_of_rss_0_91_is_harmless() -> None:
    feed = parse(
        fetched(
            '<?xml version="1.0"?><!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" '
            '"http://my.netscape.com/publish/formats/rss-0.91.dtd"><rss version="0.91"><channel><title>T</title>'
            "<item><title>caf&eacute;&nbsp;au&foo;</title></item></channel></rss>"
        )
    )

    assert feed.info.format == "rss091n"
    assert feed.entries[0].title == Text("café\u00a0au&foo;", html=False, base=URL)
    assert feed.degraded is None


def test_only_the_newest_two_thousand_entries_are_read_in_their_order() -> None:
    items = "".join(
        f"<item><guid isPermaLink='false'>{n}</guid><pubDate>{2000 + n % 20}-01-01T00:00:00Z</pubDate></item>"
        for n in range(2100)
    )

    feed = rss(items)

    guids = [int(each.guid or -1) for each in feed.entries]
    assert len(guids) == 2000
    assert guids == sorted(guids)
    assert {n for n in range(2100) if n not in guids} == {n for n in range(2100) if n % 20 == 0 and n not in guids}
    assert feed.degraded == "only the newest 2,000 of 2,100 entries were read (max_entries)"


def test_an_entry_beyond_a_megabyte_is_cut_and_said() -> None:
    feed = rss(f"<item><title>t</title><description>{'字' * 400_000}</description></item><item><title>u</title></item>")

    assert feed.entries[0].summary is not None
    assert len(feed.entries[0].summary.value.encode()) <= 1024**2
    assert feed.degraded == "entries beyond 1 MB were cut (max_entry)"


def test_embedded_images_go_before_text_is_cut() -> None:
    picture = f"&lt;img src='data:image/png;base64,{'A' * 1_200_000}'&gt;"
    feed = rss(f"<item><description>{picture}&lt;p&gt;The end.&lt;/p&gt;</description></item>")

    assert feed.entries[0].summary is not None
    assert feed.entries[0].summary.value.endswith("<p>The end.</p>")
