"""Whatever the bytes are, reading them gives a feed or one typed error, in bounded time."""

from __future__ import annotations

import time

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aggregator.charset import decode
from aggregator.model import Feed, Fetched
from aggregator.outcomes import PollError
from aggregator.parse import parse
from aggregator.parse.dates import read_date
from storage.states import Validators

RSS = (
    '<?xml version="1.0" encoding="gb2312"?><rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/" '
    'xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>早读</title><ttl>60</ttl>'
    "<skipHours><hour>1</hour></skipHours><item><title>一 &amp; 二</title><guid>1</guid><link>/1</link>"
    "<pubDate>Thu, 30 Sep 2021 08:00:00 +0800</pubDate><category>产品</category><media:thumbnail url='/t.png'/>"
    "<content:encoded><![CDATA[<p>全文</p>]]></content:encoded><enclosure url='/a.mp3' length='5'/></item>"
    "<item><title>三</title><guid isPermaLink='false'>2</guid></item></channel></rss>"
).encode("gb18030")
ATOM = (
    b'<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="zh"><title type="html">T</title><entry><id>urn:1</id>'
    b"<link href='a'/><author><name>A</name></author><content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'>"
    b"<p>x <b>y</b></p></div></content><updated>2021-09-30T08:00:00Z</updated></entry><entry><id>urn:2</id></entry></feed>"
)
JSON = (
    '{"version": "https://jsonfeed.org/version/1.1", "title": "早读", "items": [{"id": 1, "content_html": "<p>x</p>", '
    '"authors": [{"name": "A"}], "attachments": [{"url": "/a", "size_in_bytes": 3}], "date_published": "2021-09-30"}, {"id": "2"}]}'
).encode()
FEEDS = st.sampled_from([RSS, ATOM, JSON])
LABELS = st.sampled_from(
    [None, "text/xml", "text/xml; charset=utf-8", "text/xml; charset=gbk", "x; charset=utf-7", "charset="]
)


def read(body: bytes, content_type: str | None = None) -> Feed | PollError:
    """Return the feed or the typed error; anything else that is raised fails the test."""
    headers = {"content-type": content_type} if content_type else {}
    start = time.process_time()
    try:
        return parse(
            Fetched(url="https://news.example/f", status=200, headers=headers, body=body, validators=Validators())
        )
    except PollError as error:
        return error
    finally:
        assert time.process_time() - start < 2


def damage(body: bytes, spots: list[tuple[int, bytes]]) -> bytes:
    for spot, piece in spots:
        place = spot % (len(body) + 1)
        body = body[:place] + piece + body[place + 1 :]
    return body


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(FEEDS, st.lists(st.tuples(st.integers(0, 5000), st.binary(max_size=4)), max_size=8), LABELS)
def test_damaged_bytes_give_a_feed_or_a_typed_error(
    body: bytes, spots: list[tuple[int, bytes]], label: str | None
) -> None:
    read(damage(body, spots), label)


PIECES = [
    b"<",
    b">",
    b"&",
    b"]]>",
    b"<![CDATA[",
    b"<!--",
    b"-->",
    b"<links>",
    b"</item>",
    b"<item>",
    b"&#0;",
    b"&nbsp;",
    b'"',
    b"}",
    b"<!DOCTYPE x [",
]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(FEEDS, st.lists(st.tuples(st.integers(0, 5000), st.sampled_from(PIECES)), max_size=6))
def test_damaged_markup_gives_a_feed_or_a_typed_error(body: bytes, spots: list[tuple[int, bytes]]) -> None:
    read(damage(body, spots))


@settings(max_examples=200, deadline=None)
@given(FEEDS, st.integers(1, 400))
def test_a_cut_feed_never_shows_an_entry_that_the_whole_one_has_not(body: bytes, cut: int) -> None:
    whole, part = read(body), read(body[:-cut])

    assert isinstance(whole, Feed)
    if isinstance(part, Feed):
        assert part.entries == whole.entries[: len(part.entries)]
        assert part.truncated


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), LABELS)
def test_any_bytes_decode_to_text(body: bytes, label: str | None) -> None:
    assert isinstance(decode(body, label).text, str)


@settings(max_examples=200, deadline=None)
@given(
    st.text(alphabet="产品设计数据分析早读，。“”ABCabc 0123<>&/é", max_size=200),
    st.sampled_from(["utf-8", "utf-16", "gb18030"]),
)
def test_text_in_its_declared_charset_comes_back(text: str, codec: str) -> None:
    # A single character may be valid in both: the bytes of 品 in GBK are a letter in UTF-8, and UTF-8 wins.
    document = f'<?xml version="1.0" encoding="{codec}"?><rss>早读{text}</rss>'

    assert decode(document.encode(codec), None).text == document


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.text(alphabet="0123456789-/:., TZ+年月日时分SepGMT", max_size=40))
def test_any_text_is_a_date_since_1990_or_none(text: str) -> None:
    read_at = read_date(text)

    assert read_at is None or (read_at.at.year >= 1990 and read_at.at.utcoffset() is not None)
