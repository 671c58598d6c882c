"""Atom: text constructs, links, dates and bases as RFC 4287 has them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from aggregator.model import Deleted, Entry, Feed, Fetched, Text
from aggregator.parse import parse
from storage.record import Enclosure
from storage.states import Validators

URL = "https://news.example/atom.xml"


def atom(inside: str, root: str = "") -> Feed:
    body = f'<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom" {root}><title>T</title>{inside}</feed>'
    return parse(Fetched(url=URL, status=200, headers={}, body=body.encode(), validators=Validators()))


def entry(inside: str, root: str = "") -> Entry:
    [only] = atom(f"<entry>{inside}</entry>", root).entries
    return only


def test_an_entry_is_read_with_all_that_it_says() -> None:
    got = entry(
        "<id> tag:news.example,2021:1 </id><title type='text'>A &lt;b&gt; c</title><link href='/1'/>"
        "<link rel='enclosure' href='https://news.example/a.mp3' type='audio/mpeg' length='7' title='Sound'/>"
        "<author><name>王五</name><email>w@news.example</email></author><author><name>Li</name></author>"
        "<category term='x' label='产品'/><category term='design'/>"
        "<published>2021-09-30T08:00:00+08:00</published><updated>2021-10-01T00:00:00Z</updated>"
        "<summary>short</summary><content type='html'>&lt;p&gt;full&lt;/p&gt;</content>"
    )

    assert got == Entry(
        guid="tag:news.example,2021:1",
        link="https://news.example/1",
        title=Text("A <b> c", html=False, base=URL),
        content=Text("<p>full</p>", html=True, base=URL),
        summary=Text("short", html=False, base=URL),
        writers=("王五", "Li"),
        tags=("产品", "design"),
        published_at=datetime(2021, 9, 30, tzinfo=UTC),
        updated_at=datetime(2021, 10, 1, tzinfo=UTC),
        enclosures=(Enclosure("https://news.example/a.mp3", "audio/mpeg", 7, title="Sound"),),
    )


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("<title>AT&amp;amp;T</title>", Text("AT&amp;T", html=False, base=URL)),
        ("<title type='html'>AT&amp;amp;T</title>", Text("AT&amp;T", html=True, base=URL)),
        (
            "<title type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'>AT&amp;T <b>x</b></div></title>",
            Text("AT&amp;T <b>x</b>", html=True, base=URL),
        ),
    ],
)
def test_the_type_of_a_text_is_honoured(title: str, expected: Text) -> None:
    assert entry(title).title == expected


def test_xhtml_content_is_markup_and_keeps_its_text_escaped() -> None:
    got = entry(
        "<content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'><p class='a'>1 &lt; 2 &amp; <a href='x'>y</a></p><br/></div></content>"
    )

    assert got.content == Text('<p class="a">1 &lt; 2 &amp; <a href="x">y</a></p><br>', html=True, base=URL)


def test_empty_elements_of_xhtml_are_there_once() -> None:
    got = entry(
        "<content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'><p>a<br/>b<img src='c'/><br></br></p><hr/></div></content>"
    )

    assert got.content == Text('<p>a<br>b<img src="c"><br></p><hr>', html=True, base=URL)


def test_plain_content_is_not_markup() -> None:
    assert entry("<content>1 &lt; 2</content>").content == Text("1 < 2", html=False, base=URL)


@pytest.mark.parametrize("content", ["<content type='image/png'>aGk=</content>", "<content src='https://x.example/'/>"])
def test_content_that_is_no_text_is_left_out(content: str) -> None:
    assert entry(content).content is None


def test_only_an_update_is_no_publication() -> None:
    got = entry("<updated>2021-10-01T00:00:00Z</updated>")

    assert got.published_at is None
    assert got.updated_at == datetime(2021, 10, 1, tzinfo=UTC)


def test_the_first_alternate_html_link_is_the_link() -> None:
    got = entry(
        "<link rel='self' href='/self'/><link rel='alternate' type='application/json' href='/j'/>"
        "<link href='/html'/><link href='/second'/><link rel='replies' href='/r'/>"
    )

    assert got.link == "https://news.example/html"


def test_every_level_of_xml_base_counts() -> None:
    feed = atom(
        "<entry xml:base='2021/'><link href='a'/><content type='html' xml:base='09/'>&lt;img src='x'&gt;</content></entry>"
        "<entry><link href='b'/></entry>",
        root='xml:base="https://base.example/posts/"',
    )

    assert feed.entries[0].link == "https://base.example/posts/2021/a"
    assert feed.entries[0].content == Text("<img src='x'>", html=True, base="https://base.example/posts/2021/09/")
    assert feed.entries[1].link == "https://base.example/posts/b"


def test_the_language_of_an_entry_is_its_own_else_the_feeds() -> None:
    feed = atom("<entry xml:lang='en'><title>a</title></entry><entry><title>b</title></entry>", root='xml:lang="zh"')

    assert feed.info.language == "zh"
    assert [each.language for each in feed.entries] == ["en", "zh"]


def test_the_source_of_a_copied_entry_lends_it_nothing() -> None:
    got = entry(
        "<source><id>urn:other</id><title>Other</title><link href='https://other.example/'/><author><name>O</name></author>"
        "<updated>2001-01-01T00:00:00Z</updated></source><id>urn:own</id><title>Own</title><link href='/own'/>"
    )

    assert (got.guid, got.link, got.updated_at) == ("urn:own", "https://news.example/own", None)
    assert got.title == Text("Own", html=False, base=URL)


def test_prefixed_atom_is_atom() -> None:
    body = (
        '<a:feed xmlns:a="http://www.w3.org/2005/Atom"><a:title>T</a:title><a:entry><a:id>1</a:id></a:entry></a:feed>'
    )

    feed = parse(Fetched(url=URL, status=200, headers={}, body=body.encode(), validators=Validators()))

    assert feed.info.format == "atom10"
    assert feed.entries[0].guid == "1"


def test_the_feed_says_who_it_is() -> None:
    feed = atom(
        "<id>urn:feed</id><link href='/'/><link rel='self' href='/atom.xml'/><updated>2021-10-01T00:00:00Z</updated>"
        "<author><name>Li</name></author><icon>/i.png</icon>"
    )

    assert feed.info.id == "urn:feed"
    assert feed.info.link == "https://news.example/"
    assert feed.info.icon == "https://news.example/i.png"
    assert feed.info.updated == datetime(2021, 10, 1, tzinfo=UTC)
    assert feed.author == "Li"


# --- what stands elsewhere, and what was taken back ---


def linked(*links: tuple[str, str], rest: str = "") -> Feed:
    written = "".join(f"<link rel='{rel}' href='{href}'/>" for rel, href in links)
    return parse(
        Fetched(
            "https://news.example/feed.atom",
            200,
            {},
            f"<feed xmlns='http://www.w3.org/2005/Atom' xmlns:at='http://purl.org/atompub/tombstones/1.0'>"
            f"<title>N</title>{written}{rest}<entry><id>urn:x:1</id><title>1</title>"
            "<link rel='next' href='https://news.example/not-the-feeds'/></entry></feed>".encode(),
            Validators(),
        )
    )


def test_the_page_before_is_the_archive_or_else_the_next_one() -> None:
    assert linked(("next", "?page=2")).previous == "https://news.example/feed.atom?page=2"
    assert linked(("next", "/p2"), ("prev-archive", "/2026-01")).previous == "https://news.example/2026-01"
    assert linked(("previous", "/newer"), ("next-archive", "/newer")).previous is None
    assert linked(("prev-archive", "file:///etc/passwd"), ("next", "mailto:x")).previous is None
    assert linked().previous is None


def test_what_the_publisher_took_back_is_told_and_is_no_entry() -> None:
    feed = linked(
        ("alternate", "https://news.example/"),
        rest="<at:deleted-entry ref=' urn:x:7 ' when='2026-03-01T00:00:00Z'><at:by><name>X</name></at:by>"
        "<at:comment>spam</at:comment><link rel='alternate' href='https://spam.example/'/></at:deleted-entry>"
        "<at:deleted-entry ref='urn:x:8'/><at:deleted-entry when='2026-03-01T00:00:00Z'/>",
    )

    assert feed.deleted == (Deleted("urn:x:7", datetime(2026, 3, 1, tzinfo=UTC)), Deleted("urn:x:8", None))
    assert [entry.guid for entry in feed.entries] == ["urn:x:1"]
    assert (feed.info.link, feed.info.title, feed.author) == ("https://news.example/", "N", None)
