"""What a request says, and how validators travel: verbatim, each on its own, to the URL that gave them."""

from __future__ import annotations

import hashlib

import pytest

from aggregator import __version__
from aggregator.agent import user_agent
from aggregator.model import Fetched, NotModified
from aggregator.outcomes import FailureKind
from plugins.asking import ask, asked_whole, refusal
from plugins.publisher import Publisher, reply
from storage.states import Validators

FEED = b"<rss><channel/></rss>"
UNCHANGED = reply("304 Not Modified", b"", length=False)


def known(url: str, etag: bytes | None = None, last_modified: bytes | None = None) -> Validators:
    return Validators(etag, last_modified, b"old digest", url)


def test_a_first_request_says_who_asks_for_what_and_nothing_else(publisher: Publisher) -> None:
    url = publisher.plays("/feed?page=1", reply("200 OK", FEED))

    ask(url)

    (asked,) = publisher.asked
    assert (asked.method, asked.target) == ("GET", "/feed?page=1")
    assert asked.headers == (
        (b"Host", publisher.host.encode()),
        (b"User-Agent", b"feed-aggregator/0 (+https://news.example.org/; feed-id=386e5e44d7ae)"),
        (
            b"Accept",
            (
                b"application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, "
                b"application/json;q=0.8, text/xml;q=0.8, */*;q=0.1"
            ),
        ),
        (b"Accept-Encoding", b"gzip, deflate"),
        (b"Connection", b"close"),
    )


def test_an_answer_brings_body_headers_and_validators(publisher: Publisher) -> None:
    headers = ('ETag: "a"', "Last-Modified: Tue, 01 Sep 2026 00:00:00 GMT", "X-One: 1", "x-one: 2", "Set-Cookie: id=7")
    url = publisher.plays("/feed", reply("200 OK", FEED, *headers))

    answer = asked_whole(url)

    assert answer == Fetched(
        url=url,
        status=200,
        headers={
            "etag": '"a"',
            "last-modified": "Tue, 01 Sep 2026 00:00:00 GMT",
            "x-one": "1, 2",
            "content-length": "21",
        },
        body=FEED,
        validators=Validators(b'"a"', b"Tue, 01 Sep 2026 00:00:00 GMT", hashlib.sha256(FEED).digest(), url),
    )


@pytest.mark.parametrize(
    "etag",
    [
        pytest.param(b'"a"', id="strong"),
        pytest.param(b'W/"a"', id="weak"),
        pytest.param(b'"a,b"', id="with a comma"),
        pytest.param(b"abc", id="unquoted"),
        pytest.param(b'"' + b"x" * 2048 + b'"', id="of 2 KB"),
        pytest.param(b'"caf\xe9"', id="with a byte that is no ASCII"),
        pytest.param(b'"a  b"', id="with spaces"),
        pytest.param(b'"a"--gzip', id="with a suffix"),
    ],
)
def test_an_etag_comes_back_byte_for_byte(publisher: Publisher, etag: bytes) -> None:
    url = publisher.plays("/feed", reply("200 OK", FEED, b"ETag: " + etag), UNCHANGED)

    first = asked_whole(url)
    second = ask(url, first.validators)

    assert isinstance(second, NotModified)
    assert publisher.asked[0].header("If-None-Match") is None
    assert publisher.asked[1].header("If-None-Match") == etag
    assert publisher.asked[1].header("If-Modified-Since") is None


@pytest.mark.parametrize(
    "date", [b"Tue, 01 Sep 2026 00:00:00 GMT", b"Tue, 31 Foo", b"tue, 01 sep 2026 00:00:00 gmt", b"0", b"gestern"]
)
def test_a_last_modified_comes_back_byte_for_byte(publisher: Publisher, date: bytes) -> None:
    url = publisher.plays("/feed", reply("200 OK", FEED, b"last-modified: " + date), UNCHANGED)

    ask(url, asked_whole(url).validators)

    assert publisher.asked[1].header("If-Modified-Since") == date
    assert publisher.asked[1].header("If-None-Match") is None


def test_both_validators_are_sent_together(publisher: Publisher) -> None:
    url = publisher.plays("/feed", UNCHANGED)

    ask(url, known(url, b'"a"', b"yesterday"))

    assert publisher.asked[0].header("If-None-Match") == b'"a"'
    assert publisher.asked[0].header("If-Modified-Since") == b"yesterday"


@pytest.mark.parametrize(
    ("headers", "etag", "last_modified"),
    [
        pytest.param(('ETag: "b"', "Last-Modified: today"), b'"b"', b"today", id="both anew"),
        pytest.param(('ETag: "b"', "Last-Modified: yesterday"), b'"b"', b"yesterday", id="only the tag is new"),
        pytest.param(('ETag: "a"', "Last-Modified: today"), b'"a"', b"today", id="only the date is new"),
        pytest.param(('ETag: "b"',), b'"b"', None, id="the date is gone"),
        pytest.param(("Last-Modified: today",), None, b"today", id="the tag is gone"),
        pytest.param((), None, None, id="both are gone"),
        pytest.param(("ETag:", "Last-Modified:"), None, None, id="both are empty"),
    ],
)
def test_a_whole_answer_replaces_both_validators(
    publisher: Publisher, headers: tuple[str, ...], etag: bytes | None, last_modified: bytes | None
) -> None:
    url = publisher.plays("/feed", reply("200 OK", FEED, *headers))

    answer = asked_whole(url, known(url, b'"a"', b"yesterday"))

    assert (answer.validators.etag, answer.validators.last_modified) == (etag, last_modified)
    assert answer.validators.digest == hashlib.sha256(FEED).digest()


@pytest.mark.parametrize(
    ("headers", "etag", "last_modified"),
    [
        pytest.param((), b'"a"', b"yesterday", id="a bare 304 keeps both"),
        pytest.param(('ETag: "b"',), b'"b"', b"yesterday", id="a new tag"),
        pytest.param(("Last-Modified: today",), b'"a"', b"today", id="a new date"),
        pytest.param(('ETag: "b"', "Last-Modified: today"), b'"b"', b"today", id="both"),
    ],
)
def test_a_304_changes_the_validators_that_it_carries(
    publisher: Publisher, headers: tuple[str, ...], etag: bytes, last_modified: bytes
) -> None:
    url = publisher.plays("/feed", reply("304 Not Modified", b"", "Cache-Control: max-age=60", *headers, length=False))

    answer = ask(url, known(url, b'"a"', b"yesterday"))

    assert isinstance(answer, NotModified)
    assert answer.validators == Validators(etag, last_modified, b"old digest", url)
    assert answer.headers["cache-control"] == "max-age=60"
    assert (answer.url, answer.hops) == (url, ())


def test_a_304_with_the_length_of_the_body_that_it_has_not_ends_at_once(publisher: Publisher) -> None:
    url = publisher.plays("/feed", reply("304 Not Modified", b"", "Content-Length: 5000", length=False))

    assert isinstance(ask(url, known(url, b'"a"')), NotModified)


def test_a_304_to_an_unconditional_request_is_an_error(publisher: Publisher) -> None:
    error = refusal(publisher.plays("/feed", UNCHANGED))

    assert error.kind is FailureKind.PROTOCOL
    assert error.status == 304


def test_a_body_is_read_even_under_the_same_tag(publisher: Publisher) -> None:
    url = publisher.plays("/feed", reply("200 OK", FEED + b"\n", 'ETag: "a"'))

    answer = asked_whole(url, known(url, b'"a"'))

    assert answer.body == FEED + b"\n"


@pytest.mark.parametrize("path", ["/feed?x", "/other", "/Feed"])
def test_validators_of_another_url_are_not_sent(publisher: Publisher, path: str) -> None:
    url = publisher.plays("/feed", reply("200 OK", FEED))

    ask(url, known(publisher.url(path), b'"a"', b"yesterday"))

    assert publisher.asked[0].header("If-None-Match") is None
    assert publisher.asked[0].header("If-Modified-Since") is None


def test_a_fragment_does_not_make_another_url(publisher: Publisher) -> None:
    url = publisher.plays("/feed", reply("200 OK", FEED, 'ETag: "a"'), UNCHANGED)

    answer = asked_whole(f"{url}#latest")
    again = ask(f"{url}#latest", answer.validators)

    assert answer.url == url
    assert isinstance(again, NotModified)


def test_cookies_are_never_sent_back(publisher: Publisher) -> None:
    url = publisher.plays("/feed", reply("200 OK", FEED, "Set-Cookie: id=7; Path=/"))

    ask(url)
    ask(url)

    assert [asked.header("Cookie") for asked in publisher.asked] == [None, None]


def test_a_source_may_set_headers_of_its_own_but_not_those_that_say_what_we_do(publisher: Publisher) -> None:
    url = publisher.plays("/feed", reply("200 OK", FEED))
    headers = (("X-Api-Key", "k"), ("user-agent", "Reader/1"), ("If-None-Match", '"z"'), ("Host", "x"), ("Range", "x"))

    ask(url, headers=headers)

    asked = publisher.asked[0]
    assert asked.header("X-Api-Key") == b"k"
    assert asked.header("User-Agent") == b"Reader/1"
    assert asked.header("Host") == publisher.host.encode()
    assert asked.header("If-None-Match") is None
    assert asked.header("Range") is None


def test_userinfo_of_a_url_is_sent_as_authorization_and_shown_nowhere(publisher: Publisher) -> None:
    publisher.plays("/feed", reply("200 OK", FEED))

    answer = asked_whole(f"http://ann:pass@{publisher.host}/feed")

    assert publisher.asked[0].header("Authorization") == b"Basic YW5uOnBhc3M="
    assert answer.url == publisher.url("/feed")
    assert "pass" not in repr(answer)


def test_a_secret_that_cannot_be_sent_is_not_quoted(publisher: Publisher) -> None:
    error = refusal(publisher.plays("/feed", reply()), headers=(("Authorization", "Bearer s3cret\r\nX: y"),))

    assert error.kind is FailureKind.PROTOCOL
    assert "s3cret" not in f"{error} {error.__cause__} {error.__context__}"
    assert publisher.asked == []


@pytest.mark.parametrize(
    ("template", "base_url", "agent"),
    [
        (
            "feed-aggregator (+{base_url})",
            "https://news.example.org/",
            "feed-aggregator/0.1.0 (+https://news.example.org/)",
        ),
        ("feed-aggregator (+{base_url})", None, "feed-aggregator/0.1.0"),
        ("feed-aggregator (+{base_url})", "http://127.0.0.1:8080/", "feed-aggregator/0.1.0"),
        ("feed-aggregator (+{base_url})", "http://localhost:8080/", "feed-aggregator/0.1.0"),
        (
            "Morning/{version} (+{base_url}; daily)",
            "https://例子.中国/",
            "Morning/0.1.0 (+https://xn--fsqu00a.xn--fiqs8s/; daily)",
        ),
        ("Ann's reader\r\nX: 早读", None, "Ann's reader X:"),
        ("", None, "feed-aggregator/0.1.0"),
    ],
)
def test_the_user_agent_names_program_version_and_an_address_to_open(
    template: str, base_url: str | None, agent: str
) -> None:
    assert user_agent(template, base_url).replace(__version__, "0.1.0") == agent


# --- differences (RFC 3229) ---


def test_differences_are_asked_for_with_a_tag_and_with_nothing_else(publisher: Publisher) -> None:
    url = publisher.plays("/feed", reply("200 OK", FEED))

    ask(url)
    ask(url, known(url, last_modified=b"Tue, 01 Sep 2026 00:00:00 GMT"))
    ask(url, known(url, b'"a"'))

    assert [asked.header("A-IM") for asked in publisher.asked] == [None, None, b"feed"]


@pytest.mark.parametrize(
    ("etag", "answer", "delta"),
    [
        (b'"a"', reply("226 IM Used", FEED, 'ETag: "b"', "IM: feed"), True),
        (b'"a"', reply("226 IM Used", FEED, 'ETag: "b"', "IM: gzip, Feed;x=1"), True),
        (b'"a"', reply("226 IM Used", FEED, 'ETag: "b"'), False),
        (b'"a"', reply("226 IM Used", FEED, 'ETag: "b"', "IM: vcdiff"), False),
        (b'"a"', reply("200 OK", FEED, 'ETag: "b"', "IM: feed"), False),
        (None, reply("226 IM Used", FEED, 'ETag: "b"', "IM: feed"), False),
    ],
    ids=["feed", "among others", "no IM", "another", "200", "not asked for"],
)
def test_an_answer_of_differences_is_known_and_its_bytes_are_nobodys_digest(
    publisher: Publisher, etag: bytes | None, answer: bytes, delta: bool
) -> None:
    url = publisher.plays("/feed", answer)

    got = asked_whole(url, known(url, etag))

    assert got.delta == delta
    assert got.validators.etag == b'"b"'
    assert (got.validators.digest is None) == delta
