"""What tells entries apart, what is one entry under two spellings, and whose id subscribers see."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from aggregator.identity import alias_of, canonical_link, digest_of, identity_of, public_id_of
from storage.record import Enclosure

SITE = "https://blog.example/news/"
SEEN = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://blog.example/a/b-1.html", "https://blog.example/a/b-1.html"),
        ("HTTPS://Blog.Example/A", "https://blog.example/A"),
        ("https://blog.example", "https://blog.example/"),
        ("https://blog.example/a?utm_source=rss&id=2&utm_medium=x", "https://blog.example/a?id=2"),
        ("https://blog.example/a?fbclid=1", "https://blog.example/a"),
        ("https://blog.example/?p=7", "https://blog.example/?p=7"),
        ("https://blog.example/a?b=2&a=1", "https://blog.example/a?a=1&b=2"),
        ("https://blog.example/log#v2", "https://blog.example/log#v2"),
        ("https://blog.example/文", "https://blog.example/%E6%96%87"),
        ("https://blog.example/%e6%96%87", "https://blog.example/%E6%96%87"),
        ("https://[bad/", "https://[bad/"),
    ],
)
def test_addresses_of_one_page_have_one_form(url: str, expected: str) -> None:
    assert canonical_link(url) == expected


def test_the_guid_is_the_identity_character_by_character() -> None:
    assert identity_of("AbC 1?utm_source=x", "https://blog.example/1", "t", "x", SITE) == "AbC 1?utm_source=x"


def test_without_a_guid_it_is_the_link() -> None:
    assert identity_of(None, "https://blog.example/1?utm_source=rss", "t", "x", SITE) == "https://blog.example/1"
    assert identity_of("", "https://blog.example/1", "t", "x", SITE) == "https://blog.example/1"


def test_without_guid_and_link_title_and_text_tell_entries_apart() -> None:
    first = identity_of(None, None, "t", "one", SITE)

    assert first.startswith("sha256:")
    assert identity_of(None, None, "t", "one", SITE) == first
    assert identity_of(None, None, "t", "two", SITE) != first
    assert identity_of(None, None, "u", "one", SITE) != first
    assert identity_of(None, None, "t", "x" * 1024 + "a", SITE) == identity_of(None, None, "t", "x" * 1024 + "b", SITE)


@pytest.mark.parametrize(
    "link",
    [
        "https://blog.example",
        "http://blog.example/",
        "https://blog.example/index.html",
        "http://blog.example/news/",
        SITE,
    ],
)
def test_entries_that_all_link_to_the_front_page_are_told_apart_by_title(link: str) -> None:
    monday = identity_of(None, link, "Monday", "text", SITE)

    assert monday != identity_of(None, link, "Tuesday", "text", SITE)
    assert monday == identity_of(None, link, "Monday", "text with a counter: 7", SITE)
    assert identity_of(None, link, "", "one", SITE) != identity_of(None, link, "", "two", SITE)


def test_a_page_named_by_its_query_is_no_front_page() -> None:
    assert identity_of(None, "https://blog.example/?p=7", "t", "x", SITE) == "https://blog.example/?p=7"


def test_an_endless_guid_stands_as_its_digest() -> None:
    long = identity_of("g" * 5000, None, "t", "x", SITE)

    assert len(long) < 100
    assert long != identity_of("g" * 5001, None, "t", "x", SITE)


def test_http_and_https_have_one_alias_and_nothing_else_has() -> None:
    assert alias_of("https://blog.example/1") == alias_of("http://blog.example/1")
    assert alias_of("HTTPS://blog.example/1") == "http://blog.example/1"
    assert alias_of("https://blog.example/1/") != alias_of("http://blog.example/1")
    assert alias_of("tag:blog.example,2021:1") == "tag:blog.example,2021:1"


@pytest.mark.parametrize(
    "guid",
    [
        "https://www.blog.example/1",
        "http://blog.example/?p=1",
        "tag:other.example,2021:1",
        "tag:ann@other.example,2021-02-03:a/b?c=d#e",
        "urn:uuid:60A76C80-d399-11d9-b93c-0003939e0af6",
        "urn:isbn:0451450523",
        "http://blog.example/%E6%96%87#2",
        "https://blog.example:8443/文",
    ],
)
def test_a_uri_of_the_publisher_is_shown_as_it_is(guid: str) -> None:
    assert public_id_of(guid, "https://feeds.blog.example/rss", SEEN, "k") == guid


@pytest.mark.parametrize(
    "guid",
    [
        None,
        "42",
        "post 1",
        "https://other.example/1",
        "http:///x",
        "https://blog.example/a b",
        "urn:x<y>",
        "urn:x",
        "urn:uuid:1-2",
        "urn:uuid:7d2b9f0e-52a1-4f7e-9c56-1",
        "tag:other.example:1",
        "tag:other.example,21:1",
        "tag:other.example,2021:文",
        "tag:other.example,2021:a#文",
        "https://blog.example/a[1]",
        "https://blog.example/100%",
        "https://blog.example/#a#b",
        "https://",
        "x:" + "y" * 5000,
    ],
)
def test_another_id_is_minted(guid: str | None) -> None:
    assert public_id_of(guid, "https://feeds.blog.example:8443/rss", SEEN, "k") == "tag:feeds.blog.example,2026-11-22:k"


def test_every_site_of_a_shared_host_is_its_own() -> None:
    assert (
        public_id_of("https://a.github.io/1", "https://b.github.io/feed", SEEN, "k") == "tag:b.github.io,2026-11-22:k"
    )


def test_a_host_that_no_tag_can_name_is_spelt_with_hyphens() -> None:
    assert public_id_of(None, "http://[2001:db8::1]:8080/feed", SEEN, "k") == "tag:2001-db8--1,2026-11-22:k"
    assert public_id_of(None, "https://my_blog.example/feed", SEEN, "k") == "tag:my-blog.example,2026-11-22:k"
    assert public_id_of(None, "https://博客.example/feed", SEEN, "k") == "tag:xn--9krq6q.example,2026-11-22:k"


def test_an_address_is_a_host_too() -> None:
    assert public_id_of("http://127.0.0.1:9/1", "http://127.0.0.1:9/feed", SEEN, "k") == "http://127.0.0.1:9/1"
    assert public_id_of("http://127.0.0.2/1", "http://127.0.0.1/feed", SEEN, "k") == "tag:127.0.0.1,2026-11-22:k"


def test_the_digest_sees_what_a_reader_sees() -> None:
    enclosure = Enclosure("https://cdn.example/a.mp3?sig=1", "audio/mpeg", 10)
    digest = digest_of("t", "https://blog.example/1", "text", ["https://cdn.example/i.png?w=1"], [enclosure])

    same = digest_of(
        "t",
        "https://blog.example/1?utm_source=x",
        "text",
        ["https://cdn.example/i.png?w=2"],
        [Enclosure("https://cdn.example/a.mp3?sig=2")],
    )
    assert same == digest
    others = [
        digest_of("u", "https://blog.example/1", "text", ["https://cdn.example/i.png"], [enclosure]),
        digest_of("t", "https://blog.example/2", "text", ["https://cdn.example/i.png"], [enclosure]),
        digest_of("t", "https://blog.example/1", "text!", ["https://cdn.example/i.png"], [enclosure]),
        digest_of("t", "https://blog.example/1", "text", ["https://cdn.example/j.png"], [enclosure]),
        digest_of("t", "https://blog.example/1", "text", ["https://cdn.example/i.png"], []),
    ]
    assert digest not in others
