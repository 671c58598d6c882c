"""What a chain of redirects may set for its later hops, and what it may not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from aggregator.cookies import MOST, Cookies

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def held(*lines: bytes, scheme: str = "https", host: str = "www.a.example", path: str = "/news/feed") -> Cookies:
    cookies = Cookies()
    for line in lines:
        cookies.take(line, scheme, host, path, NOON)
    return cookies


def sent(cookies: Cookies, url: str) -> bytes | None:
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    return cookies.header(scheme, host, f"/{path}")


@pytest.mark.parametrize(
    ("line", "url", "expected"),
    [
        pytest.param(b"a=1", "https://www.a.example/news/x", b"a=1", id="the same folder"),
        pytest.param(b"a=1", "http://www.a.example/news/x", b"a=1", id="without Secure by http too"),
        pytest.param(b"a=1", "https://www.a.example/other", None, id="another folder"),
        pytest.param(b"a=1", "https://www.a.example/newsroom", None, id="a folder that begins alike"),
        pytest.param(b"a=1; Path=/", "https://www.a.example/other", b"a=1", id="all paths"),
        pytest.param(b"a=1; path=other", "https://www.a.example/other", None, id="no path at all"),
        pytest.param(b"a=1; Path=/", "https://a.example/", None, id="a host alone, above it"),
        pytest.param(b"a=1; Path=/", "https://x.www.a.example/", None, id="a host alone, below it"),
        pytest.param(b"a=1; Path=/; Domain=a.example", "https://feeds.a.example/", b"a=1", id="the whole domain"),
        pytest.param(b"a=1; Path=/; Domain=.A.Example", "https://a.example/", b"a=1", id="a dot and capitals"),
        pytest.param(b"a=1; Path=/; Domain=b.example", "https://b.example/", None, id="somebody else's domain"),
        pytest.param(b"a=1; Path=/; Domain=example", "https://b.example/", None, id="everybody's domain"),
        pytest.param(b"a=1; Path=/; Domain=x.www.a.example", "https://x.www.a.example/", None, id="a domain below"),
        pytest.param(b"a=1; Path=/; Secure", "https://www.a.example/", b"a=1", id="secure by https"),
        pytest.param(b"a=1; Path=/; Secure", "http://www.a.example/", None, id="secure, and http"),
        pytest.param(b"a=; Path=/", "https://www.a.example/", b"a=", id="an empty value"),
        pytest.param(b'a="x y"=z; Path=/', "https://www.a.example/", b'a="x y"=z', id="a value as it came"),
        pytest.param(b"a\xe9=\xff; Path=/", "https://www.a.example/", b"a\xe9=\xff", id="bytes beyond ASCII"),
        pytest.param(b"a", "https://www.a.example/news/", None, id="no name"),
        pytest.param(b"=1", "https://www.a.example/news/", None, id="an empty name"),
        pytest.param(b"a=1; Path=/; Max-Age=0", "https://www.a.example/", None, id="over at once"),
        pytest.param(b"a=1; Path=/; Max-Age=-1", "https://www.a.example/", None, id="over before"),
        pytest.param(b"a=1; Path=/; Max-Age=soon", "https://www.a.example/", b"a=1", id="an age that is none"),
        pytest.param(b"a=1; Path=/; Expires=Thu, 01-Jan-1970 00:00:00 GMT", "https://www.a.example/", None, id="past"),
        pytest.param(
            b"a=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=60",
            "https://www.a.example/",
            b"a=1",
            id="the age counts, not the date",
        ),
        pytest.param(b"a=1; Path=/; Expires=tomorrow", "https://www.a.example/", b"a=1", id="a date that is none"),
        pytest.param(b"__Secure-a=1; Path=/", "https://www.a.example/", None, id="a prefix that it does not keep"),
        pytest.param(
            b"__Host-a=1; Path=/; Secure", "https://www.a.example/", b"__Host-a=1", id="a prefix that it keeps"
        ),
        pytest.param(
            b"__Host-a=1; Path=/; Secure; Domain=a.example", "https://www.a.example/", None, id="a host with a domain"
        ),
    ],
)
def test_a_cookie_goes_where_its_sender_may_set_it_for(line: bytes, url: str, expected: bytes | None) -> None:
    assert sent(held(line), url) == expected


def test_a_plain_answer_sets_no_secure_cookie() -> None:
    assert sent(held(b"a=1; Path=/; Secure", scheme="http"), "https://www.a.example/") is None


def test_an_address_has_cookies_of_its_own_only() -> None:
    cookies = held(b"a=1; Path=/", b"b=2; Path=/; Domain=0.0.1", host="127.0.0.1")

    assert sent(cookies, "https://127.0.0.1/") == b"a=1"


def test_a_name_that_many_own_is_nobodys_to_set_for() -> None:
    cookies = held(b"a=1; Path=/; Domain=github.io", b"b=2; Path=/; Domain=co.uk", host="ann.github.io")

    assert len(cookies) == 0


def test_a_later_cookie_of_the_same_name_and_place_replaces_the_first() -> None:
    cookies = held(b"a=1; Path=/", b"b=2; Path=/", b"a=3; Path=/", b"b=; Path=/; Max-Age=0")

    assert sent(cookies, "https://www.a.example/") == b"a=3"


def test_longer_paths_come_first() -> None:
    cookies = held(b"a=1; Path=/", b"a=2; Path=/news/")

    assert sent(cookies, "https://www.a.example/news/feed") == b"a=2; a=1"


def test_few_and_small_ones_are_held() -> None:
    many = held(*(b"c%d=1; Path=/" % number for number in range(500)))
    large = held(b"a=" + b"x" * 3000 + b"; Path=/", b"b=" + b"x" * 3000 + b"; Path=/")

    assert len(many) == MOST
    assert len(sent(large, "https://www.a.example/") or b"") == 3002
