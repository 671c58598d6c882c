"""Bodies that are broken, cut, hostile or no feeds at all."""

from __future__ import annotations

import time

import pytest

from aggregator.model import Feed, Fetched
from aggregator.outcomes import FailureKind, PollError
from aggregator.parse import parse
from storage.states import Validators

URL = "https://news.example/feed.xml"
ITEMS = "".join(f"<item><guid>n{n}</guid><title>Title {n}</title><link>/{n}</link></item>" for n in (1, 2, 3))
FEED = f"<rss version='2.0'><channel><title>News</title>{ITEMS}</channel></rss>"


def read(body: str | bytes, headers: dict[str, str] | None = None, truncated: str | None = None) -> Feed:
    raw = body.encode() if isinstance(body, str) else body
    return parse(
        Fetched(url=URL, status=200, headers=headers or {}, body=raw, validators=Validators(), truncated=truncated)
    )


def titles(feed: Feed) -> list[str]:
    return [entry.title.value if entry.title else "" for entry in feed.entries]


def refused(body: str | bytes) -> PollError:
    with pytest.raises(PollError) as caught:
        read(body)
    return caught.value


@pytest.mark.parametrize("content_type", ["text/html", "application/octet-stream", "image/png", "text/plain", ""])
def test_a_feed_is_known_by_what_it_is_and_not_by_its_content_type(content_type: str) -> None:
    assert titles(read(FEED, {"content-type": content_type})) == ["Title 1", "Title 2", "Title 3"]


@pytest.mark.parametrize("body", ["", "  \r\n\t ", b"\xef\xbb\xbf", b"\xef\xbb\xbf \n"])
def test_a_body_of_blanks_is_empty(body: str | bytes) -> None:
    assert refused(body).kind is FailureKind.EMPTY


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (
            "<!DOCTYPE html><html><head><title>Sign in\n &amp; pay</title></head><body><p>x</body></html>",
            'it is a web page, titled "Sign in & pay"',
        ),
        ("<!-- a --><!-- b --><!doctype HTML><title></title>", "it is a web page"),
        ("<html><body><rss></rss></body></html>", "it is a web page"),
        ("Service unavailable", "it is plain text"),
        ('<opml version="2.0"><body><outline text="x"/></body></opml>', "its root is <opml>"),
        ("<note><to>you</to></note>", "it is XML, but no RSS, RDF or Atom"),
        ('{"error": "gone"}', "it is JSON, but no JSON Feed"),
        ("[1, 2]", "it is JSON, but no JSON Feed"),
    ],
)
def test_what_is_no_feed_is_named(body: str, detail: str) -> None:
    error = refused(body)

    assert error.kind is FailureKind.NOT_A_FEED
    assert error.detail == detail


@pytest.mark.parametrize(
    ("body", "degraded"),
    [
        (FEED.replace("Title 1", "Tit\x08le 1"), "not well-formed (not well-formed (invalid token), line 1); illegal characters were removed"),
        (FEED.replace("Title 1", "Tit&#8;le 1"), "not well-formed (reference to invalid character number, line 1); undefined entities and stray & or < were mended"),
        (f"Warning: x in y\n{FEED}", "not well-formed (syntax error, line 1); what stood before the root was left out"),
        (f'<br />\n<b>Notice</b>: x<br />\n<?xml version="1.0"?>{FEED}', "not well-formed (junk after document element, line 2); what stood before the root was left out"),
        (f"{FEED}<!-- cached --><p>trailing", "text after the end was left out"),
        (FEED.replace("<link>/1", "<x:link>y</x:link><link>/1"), "not well-formed (unbound prefix, line 1); undeclared namespace prefixes were declared"),
        (FEED.replace("</channel>", ""), "not well-formed (mismatched tag, line 1); read loosely"),
        (FEED.replace("<title>News", "<title a=b>News"), "not well-formed (not well-formed (invalid token), line 1); read loosely"),
    ],
)  # fmt: skip
def test_a_broken_feed_keeps_its_entries_and_says_what_was_mended(body: str, degraded: str) -> None:
    feed = read(body)

    assert titles(feed) == ["Title 1", "Title 2", "Title 3"]
    assert feed.degraded == degraded
    assert not feed.truncated


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("a&nbsp;b", "a\u00a0b"),
        ("&ldquo;q&rdquo; &hellip;", "“q” …"),
        ("R & D", "R & D"),
        ("a?x=1&y=2", "a?x=1&y=2"),
        ("1 < 2", "1 < 2"),
        ("&unknown; stays", "&unknown; stays"),
        ("AT&amp;T &nbsp;", "AT&T"),
        ("<![CDATA[a & b &nbsp; < c]]> &nbsp;", "a & b &nbsp; < c"),
    ],
)
def test_entities_and_stray_signs_become_what_was_meant(title: str, expected: str) -> None:
    feed = read(FEED.replace("Title 1", title))

    assert titles(feed)[0] == expected
    assert titles(feed)[1:] == ["Title 2", "Title 3"]


def test_white_space_before_the_declaration_is_no_fault() -> None:
    feed = read(f'\n\n<?xml version="1.0"?>{FEED}')

    assert titles(feed) == ["Title 1", "Title 2", "Title 3"]
    assert feed.degraded is None


def test_media_of_an_undeclared_prefix_is_still_media() -> None:
    feed = read(FEED.replace("<link>/1", "<media:thumbnail url='/t.png'/><link>/1"))

    assert feed.entries[0].image == "https://news.example/t.png"


# --- cut documents (rule 52) ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "end",
    [FEED.index("Title 3") + 3, FEED.index("/3</link>") + 1, FEED.index("</item></channel>"), FEED.index("</channel>")],
)
def test_of_a_cut_feed_all_but_the_last_entry_is_read(end: int) -> None:
    feed = read(FEED[:end])

    assert titles(feed) == ["Title 1", "Title 2"]
    assert feed.truncated
    assert feed.degraded == "the document ends before its root is closed"


@pytest.mark.parametrize(
    ("headers", "truncated"),
    [
        ({"content-length": "9"}, "12 bytes are missing"),
        ({}, None),
        ({"transfer-encoding": "chunked"}, "no last chunk"),
    ],
)
def test_what_the_transport_may_have_cut_loses_its_last_entry(headers: dict[str, str], truncated: str | None) -> None:
    feed = read(FEED[: FEED.index("</link></item></channel>")], headers, truncated)

    assert titles(feed) == ["Title 1", "Title 2"]


def test_a_file_that_is_cut_at_its_publisher_keeps_an_entry_that_names_itself() -> None:
    body = FEED[: FEED.index("</link></item></channel>")]

    feed = read(body, {"content-length": str(len(body))})

    assert titles(feed) == ["Title 1", "Title 2", "Title 3"]
    assert feed.truncated


@pytest.mark.parametrize(
    ("before", "last"),
    [("3</guid>", "Title 3"), ("/3</link>", "Title 3"), ("itle 3", "T")],
    ids=["in the guid", "in the link", "in the title"],
)
def test_a_file_that_is_cut_at_its_publisher_keeps_an_entry_that_has_some_of_its_title(before: str, last: str) -> None:
    feed_with_titles_first = FEED.replace(
        "<guid>n3</guid><title>Title 3</title>", "<title>Title 3</title><guid>n3</guid>"
    )
    body = feed_with_titles_first[: feed_with_titles_first.index(before)]

    feed = read(body, {"content-length": str(len(body))})

    assert titles(feed) == ["Title 1", "Title 2", last]
    assert feed.entries[2].link is None
    assert feed.truncated


@pytest.mark.parametrize("end", ["<guid>n3", "n3</guid>"], ids=["before the guid", "in the guid"])
def test_a_file_that_is_cut_at_its_publisher_loses_an_entry_without_a_name(end: str) -> None:
    body = FEED[: FEED.index(end)]

    feed = read(body, {"content-length": str(len(body))})

    assert titles(feed) == ["Title 1", "Title 2"]


def test_a_cut_feed_that_is_broken_too_loses_its_last_entry_only() -> None:
    feed = read(FEED[: FEED.index("</link></item></channel>")].replace("Title 1", "A & B"))

    assert titles(feed) == ["A & B", "Title 2"]
    assert feed.truncated


def test_a_feed_cut_before_its_first_item_has_none() -> None:
    feed = read("<rss version='2.0'><channel><title>New")

    assert feed.entries == ()
    assert feed.truncated


# --- hostile ones ------------------------------------------------------------------------------------------------

BOMB = "<!DOCTYPE rss [" + '<!ENTITY a "lol">' + "".join(
    f'<!ENTITY {name} "{("&" + before + ";") * 10}">' for before, name in zip("abcdefgh", "bcdefghi", strict=True)
) + "]>"  # fmt: skip


def test_entities_that_a_document_declares_are_not_expanded() -> None:
    feed = read(BOMB + FEED.replace("Title 1", "&i;"))

    assert titles(feed) == ["&i;", "Title 2", "Title 3"]
    assert feed.degraded is not None
    assert "an entity is declared" in feed.degraded


def test_an_external_entity_opens_no_file() -> None:
    body = '<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/hostname">]>' + FEED.replace("Title 1", "[&x;]")

    assert titles(read(body))[0] == "[&x;]"


def test_a_path_or_url_as_body_opens_nothing() -> None:
    assert refused("/etc/hostname").kind is FailureKind.NOT_A_FEED
    assert refused("https://news.example/feed").kind is FailureKind.NOT_A_FEED


def test_deep_nesting_is_a_limit_and_no_crash() -> None:
    error = refused(FEED.replace("Title 1", "<x>" * 300 + "</x>" * 300))

    assert error.kind is FailureKind.PARSE_LIMIT
    assert error.detail == "elements are nested more than 256 deep (max_depth)"


def test_depth_counts_in_a_broken_document_too() -> None:
    assert refused(FEED.replace("Title 1", "<x a=b>" * 300)).kind is FailureKind.PARSE_LIMIT


def test_attributes_beyond_sixty_four_are_left_out() -> None:
    attributes = " ".join(f'a{n}="{n}"' for n in range(100))

    feed = read(FEED.replace("<title>Title 1", f"<title {attributes}>Title 1"))

    assert titles(feed) == ["Title 1", "Title 2", "Title 3"]
    assert feed.degraded == "attributes beyond 64 of an element were left out (max_attributes)"


@pytest.mark.parametrize(
    "name", ["links", "authors", "title_detail", "published_parsed", "entries", "tags", "image", "skip_hours"]
)
def test_an_element_named_like_a_list_of_the_reader_does_no_harm(name: str) -> None:
    evil = f"<{name}>x</{name}><{name} a='b'/>"

    feed = read(FEED.replace("<title>", f"{evil}<title>"))

    assert titles(feed) == ["Title 1", "Title 2", "Title 3"]
    assert feed.entries[0].link == "https://news.example/1"


@pytest.mark.parametrize(
    "body",
    [
        FEED.replace("Title 1", "&#999999999999;"),
        FEED.replace("Title 1", "&#x110000;"),
        FEED.replace("Title 1", "&#xD800;"),
        f'<?xml version="1.0" encoding="undefined"?>{FEED}',
        f'<?xml version="1.0" encoding="punycode"?>{FEED}',
        f'<?xml version="1.0" encoding="utf-7"?>{FEED}',
    ],
)
def test_what_makes_feedparser_raise_is_read(body: str) -> None:
    assert titles(read(body))[1:] == ["Title 2", "Title 3"]


@pytest.mark.parametrize(
    "body",
    [
        "<!-- -->" * 8000 + "<x/>",
        FEED[:60] + "&<!--" * 50_000,
        FEED[:60] + "&<![CDATA[" * 50_000,
        FEED[:60] + "&<!DOCTYPE x [" * 20_000,
        FEED.replace("Title 1", "a" * 200_000),
        FEED.replace("<link>/1", f"<author>{'a' * 200_000}</author><link>/1"),
        FEED.replace(
            "<link>/1", "<category>" + "</category><category>".join(map(str, range(20_000))) + "</category><link>/1"
        ),
        FEED.replace("Title 1", "&" * 200_000),
    ],
)
def test_inputs_that_take_others_quadratic_time_are_read_at_once(body: str) -> None:
    start = time.process_time()

    try:
        read(body)
    except PollError as error:
        assert error.kind is FailureKind.NOT_A_FEED  # noqa: PT017 - one of the cases is no feed

    assert time.process_time() - start < 2.5


def test_what_is_broken_at_a_million_places_is_left() -> None:
    error = refused(FEED.replace("Title 1", "&" * 1_000_001))

    assert (error.kind, error.detail) == (
        FailureKind.PARSE_LIMIT,
        "its XML is to be mended at more than 1,000,000 places",
    )
