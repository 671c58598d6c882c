"""Laws of what comes from publishers and from feeds.yaml before any connection: cookies, addresses of proxies."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from aggregator.cookies import MOST, MOST_BYTES, Cookies
from aggregator.hosts import registrable
from aggregator.proxies import proxy_at

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOSTS = st.sampled_from(
    [
        "a.example",
        "www.a.example",
        "x.www.a.example",
        "b.example",
        "co.uk",
        "a.co.uk",
        "b.co.uk",
        "127.0.0.1",
        "10.0.0.1",
    ]
)
ATTRIBUTES = st.sampled_from(
    [
        b"Path=/",
        b"Path=/x",
        b"Secure",
        b"Domain=a.example",
        b"Domain=.www.a.example",
        b"Domain=example",
        b"Domain=co.uk",
        b"Domain=0.0.1",
        b"Domain=",
        b"Max-Age=0",
        b"Max-Age=99",
        b"Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        b"Expires=\xff",
    ]
)
LINES = st.binary(max_size=80) | st.builds(
    lambda name, value, rest: b"; ".join([name + b"=" + value, *rest]),
    st.sampled_from([b"a", b"b", b"__Host-c", b"__Secure-d"]),
    st.binary(max_size=1500).map(lambda value: value.replace(b";", b"")),
    st.lists(ATTRIBUTES, max_size=4),
)
SPOTS = st.tuples(st.sampled_from(["http", "https"]), HOSTS, st.sampled_from(["/", "/x", "/x/y", "/xy"]))


@given(st.lists(st.tuples(LINES, SPOTS), max_size=40), SPOTS)
def test_cookies_stay_few_and_small_and_on_the_site_that_set_them(
    sets: list[tuple[bytes, tuple[str, str, str]]], to: tuple[str, str, str]
) -> None:
    cookies = Cookies()
    for line, spot in sets:
        cookies.take(line, *spot, NOON)

    sent = cookies.header(*to)

    assert len(cookies) <= MOST
    assert len(sent or b"") <= MOST_BYTES + 3 * MOST
    assert sent is None or any(registrable(host) == registrable(to[1]) for _, (_, host, _) in sets)


@given(st.text(max_size=60) | st.from_regex(r"\A(socks5h?|https?|ftp)://[^/?#]{0,40}\Z"))
@example("socks5://ann:s3cret@[::1")
@example("http://ann:s3cret@host:port")
@example("http://ann:s3cret@host\u2100:1")
def test_the_address_of_a_proxy_is_one_or_a_sentence_without_its_log_in(text: str) -> None:
    proxy, problem = None, ""
    try:
        proxy = proxy_at(text)
    except ValueError as error:
        problem = str(error) if error.__cause__ is None else repr(error.__cause__)

    assert (proxy is not None and proxy.host and 0 < proxy.port < 65536) or problem in {
        "the proxy's address is no URL",
        "a proxy's address begins with http://, https://, socks5:// or socks5h://",
        "the proxy's address names no host and port",
    }
