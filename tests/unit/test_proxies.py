"""Requests through a proxy: who is told what, and what is said where it does not work."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from aggregator.network import Resolver
from aggregator.outcomes import FailureKind
from aggregator.proxies import proxy_at
from plugins.asking import asked_whole, refusal
from plugins.certificates import Certificates
from plugins.proxy import LittleProxy
from plugins.publisher import Publisher, reply

FEED = b"<rss><channel/></rss>"
Make = Callable[..., LittleProxy]


def resolves_to(*addresses: str) -> Resolver:
    async def resolver(host: str, port: int) -> Sequence[str]:
        return addresses

    return resolver


@pytest.fixture
def secure_publisher(certificates: Certificates) -> Publisher:
    one = Publisher(tls=certificates.server())
    one.plays("/feed", reply("200 OK", FEED * 3000))
    return one


def test_an_http_proxy_is_asked_for_a_plain_target_by_its_whole_url(publisher: Publisher, little_proxy: Make) -> None:
    proxy = little_proxy(socks=False)
    url = publisher.plays("/feed?page=1", reply("200 OK", FEED))

    answer = asked_whole(url, proxy=proxy.url("http", "ann:s3cret"))

    assert answer.body == FEED
    assert answer.url == url
    assert proxy.asked == [url.encode()]
    assert b"\r\nProxy-Authorization: Basic YW5uOnMzY3JldA==\r\n" in proxy.heads[0]
    assert publisher.asked[0].header("Host") == publisher.host.encode()
    assert publisher.asked[0].header("Proxy-Authorization") is None


@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h"])
def test_an_https_target_is_reached_through_a_tunnel(
    secure_publisher: Publisher, little_proxy: Make, certificates: Certificates, scheme: str
) -> None:
    proxy = little_proxy(socks=scheme != "http")

    answer = asked_whole(secure_publisher.url(), proxy=proxy.url(scheme), ssl_context=certificates.client())
    secure_publisher.close()

    assert answer.body == FEED * 3000
    assert proxy.asked == [secure_publisher.host.encode()]
    assert secure_publisher.asked[0].target == "/feed"


def test_a_proxy_of_its_own_certificate_carries_tls_in_tls(
    secure_publisher: Publisher, little_proxy: Make, certificates: Certificates
) -> None:
    proxy = little_proxy(socks=False, tls=certificates.server())

    answer = asked_whole(
        secure_publisher.url(), proxy=proxy.url("https", "ann:pass"), ssl_context=certificates.client()
    )
    secure_publisher.close()

    assert answer.body == FEED * 3000
    assert b"\r\nProxy-Authorization: Basic YW5uOnBhc3M=\r\n" in proxy.heads[0]
    assert secure_publisher.asked[0].header("Proxy-Authorization") is None


def test_a_plain_target_through_a_secure_proxy(
    publisher: Publisher, little_proxy: Make, certificates: Certificates
) -> None:
    proxy = little_proxy(socks=False, tls=certificates.server())
    url = publisher.plays("/feed", reply("200 OK", FEED))

    assert asked_whole(url, proxy=proxy.url("https"), ssl_context=certificates.client()).body == FEED


@pytest.mark.parametrize("crumbs", [False, True], ids=["whole answers", "answers in crumbs"])
def test_a_socks_proxy_is_told_the_checked_address_and_logged_into(
    publisher: Publisher, little_proxy: Make, *, crumbs: bool
) -> None:
    proxy = little_proxy(socks=True, log_in=(b"ann", b"p:ss"), crumbs=crumbs)
    publisher.plays("/feed", reply("200 OK", FEED))
    url = publisher.url(host="feeds.example")

    answer = asked_whole(url, proxy=proxy.url("socks5", "ann:p%3Ass"), resolver=resolves_to("::1", "127.0.0.1"))

    assert answer.body == FEED
    assert proxy.asked == [publisher.host.encode()]
    assert proxy.log_ins == [(b"ann", b"p:ss")]
    assert publisher.asked[0].header("Host") == f"feeds.example:{publisher.port}".encode()


@pytest.mark.parametrize("scheme", ["socks5h", "http"])
def test_a_proxy_that_resolves_is_told_the_name(publisher: Publisher, little_proxy: Make, scheme: str) -> None:
    proxy = little_proxy(socks=scheme == "socks5h", names={"feeds.example": "127.0.0.1"})
    publisher.plays("/feed", reply("200 OK", FEED))
    url = publisher.url(host="feeds.example")

    answer = asked_whole(url, proxy=proxy.url(scheme), resolver=resolves_to("10.0.0.9"))

    assert answer.body == FEED
    assert b"feeds.example" in proxy.asked[0]


@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h"])
def test_a_private_target_is_refused_before_the_proxy_hears_of_it(
    publisher: Publisher, little_proxy: Make, scheme: str
) -> None:
    proxy = little_proxy(socks=scheme != "http")
    url = publisher.url(host="feeds.example")

    error = refusal(url, proxy=proxy.url(scheme), allow=(), resolver=resolves_to("127.0.0.1"))

    assert error.kind is FailureKind.REFUSED_ADDRESS
    assert proxy.asked == []


def test_a_redirect_through_a_proxy_is_checked_like_any_other(publisher: Publisher, little_proxy: Make) -> None:
    proxy = little_proxy(socks=False)
    canary = Publisher()
    url = publisher.plays("/feed", reply("302 Found", b"", f"Location: {canary.url()}"))

    error = refusal(url, proxy=proxy.url("http"))
    canary.close()

    assert error.kind is FailureKind.REFUSED_ADDRESS
    assert canary.connections == 0
    assert len(proxy.asked) == 1


@pytest.mark.parametrize(
    ("scheme", "how", "kind", "detail"),
    [
        ("socks5", {"refuses": 5}, FailureKind.CONNECT, "does not connect to 127.0.0.1 (the host refuses connections)"),
        ("socks5", {"refuses": 99}, FailureKind.CONNECT, "does not connect to 127.0.0.1 (code 99)"),
        ("socks5", {"log_in": (b"a", b"b")}, FailureKind.AUTH, "refuses the user and password of its address"),
        ("http", {"refuses": 407}, FailureKind.AUTH, "wants another log-in (407 Proxy Authentication Required)"),
        ("http", {"refuses": 502}, FailureKind.CONNECT, "does not connect to 127.0.0.1 (502 Bad Gateway)"),
    ],
)
def test_a_proxy_that_refuses_is_told_without_its_log_in(
    secure_publisher: Publisher, little_proxy: Make, scheme: str, how: dict[str, object], kind: FailureKind, detail: str
) -> None:
    proxy = little_proxy(socks=scheme == "socks5", **how)

    error = refusal(secure_publisher.url(), proxy=proxy.url(scheme, "ann:s3cret"))
    secure_publisher.close()

    assert (error.kind, error.detail) == (kind, f"the proxy 127.0.0.1:{proxy.port} {detail}")
    assert "s3cret" not in f"{error} {error.__cause__!r}"
    assert secure_publisher.asked == []


def test_a_socks_proxy_that_wants_a_log_in_that_there_is_not_is_told(publisher: Publisher, little_proxy: Make) -> None:
    proxy = little_proxy(socks=True, log_in=(b"a", b"b"))

    error = refusal(publisher.url(), proxy=proxy.url("socks5"))

    assert error.kind is FailureKind.AUTH
    assert error.detail == f"the proxy 127.0.0.1:{proxy.port} wants a log-in that its address does not have"


def test_a_proxy_that_is_not_there_is_told(publisher: Publisher, little_proxy: Make) -> None:
    proxy = little_proxy(socks=True)
    proxy.close()

    error = refusal(publisher.url(), proxy=proxy.url("socks5", "ann:s3cret"))

    assert error.kind is FailureKind.CONNECT
    assert error.detail == f"the proxy 127.0.0.1:{proxy.port} refuses connections"


@pytest.mark.parametrize("scheme", ["socks5", "http"])
def test_what_speaks_another_protocol_is_no_proxy(publisher: Publisher, scheme: str) -> None:
    other = Publisher()
    other.plays("*", b"")

    error = refusal(publisher.url().replace("http:", "https:"), proxy=f"{scheme}://{other.host}", seconds=0.5)
    other.close()

    assert error.kind in {FailureKind.CONNECT, FailureKind.TIMEOUT}
    assert publisher.asked == []


def test_a_bad_certificate_behind_a_proxy_is_told_as_without_one(
    little_proxy: Make, certificates: Certificates
) -> None:
    publisher = Publisher(tls=certificates.server(days=-1))
    proxy = little_proxy(socks=True)

    error = refusal(publisher.url(), proxy=proxy.url("socks5"), ssl_context=certificates.client())
    publisher.close()

    assert (error.kind, error.detail) == (FailureKind.TLS, "the certificate of 127.0.0.1 expired")


def test_a_proxys_own_certificate_is_verified(
    publisher: Publisher, little_proxy: Make, certificates: Certificates
) -> None:
    proxy = little_proxy(socks=False, tls=certificates.self_signed())

    error = refusal(publisher.url(), proxy=proxy.url("https"), ssl_context=certificates.client(), tls_verify=False)

    assert error.kind is FailureKind.CONNECT
    assert error.detail == "no TLS with the proxy: the certificate of 127.0.0.1 is self-signed"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://u:s3cret@h:1", "a proxy's address begins with http://, https://, socks5:// or socks5h://"),
        ("socks5://u:s3cret@:1", "the proxy's address names no host and port"),
        ("socks5://u:s3cret@h:99999", "the proxy's address is no URL"),
        ("socks5://u:s3cret@[h", "the proxy's address is no URL"),
    ],
)
def test_what_is_no_proxys_address_is_told_without_its_log_in(url: str, said: str) -> None:
    error = refusal("http://127.0.0.1:9/", proxy=url)

    assert (error.kind, error.detail) == (FailureKind.CONNECT, said)
    assert "s3cret" not in f"{error!r} {error.__cause__!r}"


def test_a_proxy_is_shown_without_its_log_in() -> None:
    proxy = proxy_at("socks5://ann:s3cret@[::1]")

    assert (proxy.pair, proxy.user, proxy.password) == ("[::1]:1080", b"ann", b"s3cret")
    assert "s3cret" not in repr(proxy)
    assert "ann" not in repr(proxy)


def test_without_a_proxy_of_its_own_a_source_asks_directly(
    publisher: Publisher, little_proxy: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = little_proxy(socks=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url("http"))
    url = publisher.plays("/feed", reply("200 OK", FEED))

    assert asked_whole(url).body == FEED
    assert proxy.asked == []
