"""Where pages say that their feeds are."""

from __future__ import annotations

import pytest

from aggregator.discover import Candidate, look, usual
from aggregator.model import Fetched
from storage.states import Validators

PAGE = "https://site.example/blog/index.html"


def fetched(body: str | bytes, **headers: str) -> Fetched:
    data = body if isinstance(body, bytes) else body.encode()
    return Fetched(PAGE, 200, {name.replace("_", "-"): value for name, value in headers.items()}, data, Validators())


def found(body: str, **headers: str) -> list[str]:
    return [one.url for one in look(fetched(body, **headers)).candidates]


@pytest.mark.parametrize(
    ("markup", "urls"),
    [
        ('<link rel="alternate" type="application/rss+xml" href="/feed">', ["https://site.example/feed"]),
        ("<link rel=alternate type=application/atom+xml href=atom.xml>", ["https://site.example/blog/atom.xml"]),
        ("<LINK REL='Alternate' TYPE='Application/RSS+XML' HREF='//feeds.example/x'/>", ["https://feeds.example/x"]),
        ('<link href="/f.json" type="application/feed+json" rel="alternate">', ["https://site.example/f.json"]),
        ('<link rel="alternate home" type="application/rss+xml; charset=utf-8" href="?feed=rss2">', ["https://site.example/blog/index.html?feed=rss2"]),
        ('<link rel="feed" href="/posts">', ["https://site.example/posts"]),
        ('<link rel="alternate" type="application/json" href="/feed.json">', ["https://site.example/feed.json"]),
        ('<link rel="alternate" type="application/json" href="/wp-json/wp/v2/pages/2">', []),
        ('<link rel="alternate" type="application/json+oembed" href="/oembed?url=x">', []),
        ('<link rel="alternate" type="text/xml+oembed" href="/oembed?format=xml">', []),
        ('<link rel="alternate" type="text/xml" href="/rss.xml">', ["https://site.example/rss.xml"]),
        ('<link rel="alternate" href="/index.rdf">', ["https://site.example/index.rdf"]),
        ('<link rel="alternate" hreflang="de" href="/de/">', []),
        ('<link rel="alternate stylesheet" type="application/rss+xml" href="/s">', []),
        ('<link rel="stylesheet" href="/feed.css">', []),
        ('<link rel="alternate" type="application/rss+xml">', []),
        ('<link rel="alternate" type="application/rss+xml" href="feed:https://x.example/">', []),
        ('<link rel="alternate" type="application/rss+xml" href="https://u:p@x.example/feed">', []),
        ('<link rel="alternate" type="application/rss+xml" href="https://[bad/">', []),
        ('<link rel="alternate" type="application/rss+xml" href="/a?x=1&amp;y=2#frag">', ["https://site.example/a?x=1&y=2"]),
        ('<link rel="alternate" type="application/rss+xml" href=" /a b ">', ["https://site.example/a%20b"]),
        ('<!-- <link rel="alternate" type="application/rss+xml" href="/off"> -->', []),
        ('<script>"<link rel=alternate type=application/rss+xml href=/off>"</script>', []),
        ('<body><p><link rel="alternate" type="application/rss+xml" href="/in-body"></p>', ["https://site.example/in-body"]),
        ('<a rel="alternate" type="application/rss+xml" href="/in-anchor">RSS</a>', ["https://site.example/in-anchor"]),
        ('<base href="/deep/er/"><link rel="alternate" type="application/rss+xml" href="x">', ["https://site.example/deep/er/x"]),
        ('<base href="https://cdn.example/"><base href="/no/"><link rel="alternate" type="application/rss+xml" href="x">', ["https://cdn.example/x"]),
        ('<base target="_top"><link rel="alternate" type="application/rss+xml" href="x">', ["https://site.example/blog/x"]),
    ],
)  # fmt: skip
def test_a_link_is_taken_for_a_feed_by_its_relation_and_its_type(markup: str, urls: list[str]) -> None:
    assert found(f"<!doctype html><html><head>{markup}</head>") == urls


@pytest.mark.parametrize("href", ["/feed", "/feed/", "/blog/rss", "atom.xml", "/index.xml", "news.rss", "/?feed=rss2", "x/feed.json", "all.atom", "main_rss.xml"])  # fmt: skip
def test_where_a_page_links_no_feed_what_it_links_like_one_counts(href: str) -> None:
    assert len(found(f'<p><a href="/about">About</a> <a href="{href}">Subscribe</a>')) == 1


@pytest.mark.parametrize(
    "href", ["/feeding", "/sitemap.xml", "/atomic", "/feedback/", "/rss-explained.html", "/data.json"]
)
def test_what_only_looks_a_little_like_a_feed_does_not_count(href: str) -> None:
    assert found(f'<a href="{href}">x</a>') == []


def test_anchors_do_not_count_beside_links() -> None:
    page = '<a href="/comments/feed">x</a><link rel="alternate" type="application/rss+xml" href="/feed">'

    assert found(page) == ["https://site.example/feed"]


def test_feeds_come_in_the_order_of_the_page_each_once_with_its_title() -> None:
    page = (
        '<link rel="alternate" type="application/rss+xml" title="All &amp; sundry\n" href="/rss">'
        '<link rel="alternate" type="application/atom+xml" title="Atom" href="/atom">'
        '<link rel="alternate" type="application/rss+xml" title="again" href="/rss#top">'
    )

    assert look(fetched(page)).candidates == (
        Candidate("https://site.example/rss", "All & sundry"),
        Candidate("https://site.example/atom", "Atom"),
    )


@pytest.mark.parametrize(
    ("header", "urls"),
    [
        ('</feed>; rel="alternate"; type="application/rss+xml"', ["https://site.example/feed"]),
        ("<feed.xml>;rel=alternate;type=application/atom+xml", ["https://site.example/blog/feed.xml"]),
        (
            '</a.css>; rel=preload; as=style, </f>; title="a, b; <c>"; rel="x alternate"; type="application/feed+json"',
            ["https://site.example/f"],
        ),
        ('</wp-json/>; rel="https://api.w.org/"', []),
        ('</p>; rel="alternate"; type="application/rss+xml", broken <', ["https://site.example/p"]),
        ("<" * 5000 + '; rel="alternate', []),
    ],
)
def test_link_headers_name_feeds_too(header: str, urls: list[str]) -> None:
    assert found("<html>nothing here", link=header) == urls


def test_a_page_that_sends_browsers_on_says_where_to() -> None:
    page = look(fetched('<meta http-equiv="Refresh" content="0; url=/en/">'))

    assert (page.candidates, page.onward) == ((), "https://site.example/en/")


def test_a_page_in_another_charset_is_read_in_it() -> None:
    page = '<meta charset="gb2312"><link rel="alternate" type="application/rss+xml" title="新闻" href="/rss">'

    titles = [
        one.title for one in look(fetched(page.encode("gb2312"), content_type="text/html; charset=gb2312")).candidates
    ]

    assert titles == ["新闻"]


@pytest.mark.parametrize("body", [b"", b"\x00\xff\xfe", b"<" * 10_000, b"<link " * 20_000, b'<a href="' * 10_000])
def test_no_page_makes_it_fail(body: bytes) -> None:
    assert look(fetched(body)).candidates == ()


def test_the_usual_places_are_few_and_begin_where_the_page_is() -> None:
    assert [one.url for one in usual("https://site.example/blog/?x#y")] == [
        "https://site.example/blog/feed",
        "https://site.example/feed",
        "https://site.example/rss.xml",
        "https://site.example/atom.xml",
        "https://site.example/index.xml",
        "https://site.example/feed.xml",
        "https://site.example/rss",
        "https://site.example/feed.json",
        "https://site.example/feeds/posts/default",
    ]
    assert usual("https://site.example/blog")[0].url == "https://site.example/blog/feed"
    assert usual("https://site.example")[0].url == "https://site.example/feed"
