"""Every way to fail has its kind and a sentence for the operator."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import Callable, Sequence

import pytest

from aggregator.model import NotModified
from aggregator.network import Resolver
from aggregator.outcomes import FailureKind
from plugins.asking import ask, asked_whole, refusal
from plugins.certificates import Certificates
from plugins.publisher import Publisher, reply
from storage.states import Validators

FEED = b"<rss><channel/></rss>"
PAGE = "<html><head><title>Just a\n moment&hellip; 请稍候</title></head></html>".encode()


def resolves_to(*addresses: str) -> Resolver:
    async def resolver(host: str, port: int) -> Sequence[str]:
        return addresses

    return resolver


@pytest.mark.parametrize(
    ("status", "kind", "detail"),
    [
        ("401 No", FailureKind.AUTH, "401 Unauthorized"),
        ("407 No", FailureKind.AUTH, "407 Proxy Authentication Required"),
        ("404 No", FailureKind.NOT_FOUND, "404 Not Found"),
        ("410 No", FailureKind.GONE, "410 Gone"),
        ("429 No", FailureKind.RATE_LIMITED, "429 Too Many Requests"),
        ("400 No", FailureKind.CLIENT_ERROR, "400 Bad Request"),
        ("418 No", FailureKind.CLIENT_ERROR, "418 I'm a Teapot"),
        ("499 No", FailureKind.CLIENT_ERROR, "status 499"),
        ("500 No", FailureKind.SERVER_ERROR, "500 Internal Server Error"),
        ("503 No", FailureKind.SERVER_ERROR, "503 Service Unavailable"),
        ("522 No", FailureKind.SERVER_ERROR, "status 522"),
        ("206 No", FailureKind.PROTOCOL, "206 Partial Content, which is no answer to this request"),
        ("202 No", FailureKind.PROTOCOL, "202 Accepted, which is no answer to this request"),
        ("300 No", FailureKind.PROTOCOL, "300 Multiple Choices, which is no answer to this request"),
        ("305 No", FailureKind.PROTOCOL, "305 Use Proxy, which is no answer to this request"),
        ("700 No", FailureKind.PROTOCOL, "status 700, which is no answer to this request"),
        ("403 No", FailureKind.BLOCKED, "403 Forbidden: Just a moment… 请稍候"),
        ("451 No", FailureKind.BLOCKED, "451 Unavailable For Legal Reasons: Just a moment… 请稍候"),
    ],
)
def test_a_status_has_its_kind(publisher: Publisher, status: str, kind: FailureKind, detail: str) -> None:
    url = publisher.plays("/feed", reply(status, PAGE, "Retry-After: 120", "Cache-Control: max-age=9"))

    error = refusal(url)

    assert (error.kind, error.detail) == (kind, detail)
    assert error.status == int(status[:3])
    assert (error.headers["retry-after"], error.headers["cache-control"]) == ("120", "max-age=9")
    assert len(publisher.asked) == 1


@pytest.mark.parametrize("status", ["403 Forbidden", "503 Service Unavailable", "200 OK"])
def test_a_challenge_for_browsers_is_told_as_one(publisher: Publisher, status: str) -> None:
    error = refusal(publisher.plays("/feed", reply(status, PAGE, "cf-mitigated: challenge")))

    assert error.kind is FailureKind.BLOCKED
    assert error.detail == f"{status}, a challenge for browsers: Just a moment… 请稍候"


def test_a_challenged_429_still_waits_as_told(publisher: Publisher) -> None:
    error = refusal(publisher.plays("/feed", reply("429 Slow Down", PAGE, "cf-mitigated: challenge")))

    assert error.kind is FailureKind.RATE_LIMITED


def test_a_refusal_is_told_without_its_page(publisher: Publisher) -> None:
    error = refusal(publisher.plays("/feed", reply("403 No", b"x" * 200_000)))

    assert (error.kind, error.detail) == (FailureKind.BLOCKED, "403 Forbidden")


def test_203_and_226_are_read(publisher: Publisher) -> None:
    url = publisher.plays("/feed", reply("203 Changed", FEED), reply("226 IM Used", FEED))

    assert [asked_whole(url).status, asked_whole(url).status] == [203, 226]


def test_a_closed_port_is_told(publisher: Publisher) -> None:
    url = publisher.url("/feed")
    publisher.close()

    error = refusal(url)

    assert error.kind is FailureKind.CONNECT
    assert error.detail == f"{publisher.host} refuses connections"


def test_a_connection_that_closes_before_any_byte_is_not_tried_again(publisher: Publisher) -> None:
    error = refusal(publisher.plays("/feed", b""))

    assert error.kind is FailureKind.CONNECT
    assert error.detail == "127.0.0.1 closed the connection without an answer"
    assert publisher.connections == 1


def test_a_reset_before_any_byte_is_not_tried_again(publisher: Publisher) -> None:
    error = refusal(publisher.plays("/feed", lambda wire, asked: wire.reset()))

    assert error.kind is FailureKind.CONNECT
    assert error.detail.startswith("127.0.0.1 broke the connection before any answer")
    assert publisher.connections == 1


@pytest.mark.parametrize("url", ["feed", "file:///etc/passwd", "http://", "http://host:99999/", "http://[::1"])
def test_a_url_that_cannot_be_asked_is_told(url: str) -> None:
    assert refusal(url).kind is FailureKind.REFUSED_ADDRESS


# --- names


def test_a_name_is_resolved_once_and_asked_for_by_name(publisher: Publisher) -> None:
    asked_names: list[tuple[str, int]] = []

    async def resolver(host: str, port: int) -> Sequence[str]:
        asked_names.append((host, port))
        return ["127.0.0.1"] if len(asked_names) == 1 else ["10.0.0.1"]

    publisher.plays("/feed", reply("200 OK", FEED))
    url = publisher.url("/feed", host="Feeds.Example")

    answer = asked_whole(url, resolver=resolver)

    assert asked_names == [("feeds.example", publisher.port)]
    assert publisher.asked[0].header("Host") == f"feeds.example:{publisher.port}".encode()
    assert answer.url == f"http://feeds.example:{publisher.port}/feed"


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::ffff:127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "64:ff9b::7f00:1", "0.0.0.0", "nonsense"],
)
def test_a_name_that_leads_into_a_private_network_is_refused(publisher: Publisher, address: str) -> None:
    url = publisher.url("/feed", host="feeds.example")

    error = refusal(url, allow=(), resolver=resolves_to(address))

    assert error.kind is FailureKind.REFUSED_ADDRESS
    assert error.detail == (
        f"feeds.example resolves to {address}, which is not a public address; "
        f"if it is yours, name feeds.example:{publisher.port} in polling.allow_private"
    )
    assert publisher.connections == 0


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "[::ffff:127.0.0.1]", "localhost", "１２７.0.0.1"],
)
def test_no_way_of_writing_the_own_machine_reaches_it(publisher: Publisher, host: str) -> None:
    error = refusal(publisher.url("/feed", host=host), allow=())

    assert error.kind is FailureKind.REFUSED_ADDRESS
    assert publisher.connections == 0


def test_the_permission_is_for_one_port(publisher: Publisher, other_publisher: Publisher) -> None:
    error = refusal(publisher.url("/feed"), allow={other_publisher.host})

    assert error.kind is FailureKind.REFUSED_ADDRESS
    assert publisher.connections == 0


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "no such name"),
        (socket.gaierror(socket.EAI_NODATA, "No address associated with hostname"), "it has no address"),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), "its name server fails"),
        (UnicodeError("label too long"), "label too long"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "unreachable"),
    ],
)
def test_a_name_that_does_not_resolve_is_told(problem: Exception, words: str) -> None:
    async def resolver(host: str, port: int) -> Sequence[str]:
        raise problem

    error = refusal("https://feeds.example/x", resolver=resolver)

    assert error.kind is FailureKind.DNS
    assert error.detail.startswith("the name feeds.example does not resolve (")
    assert words in error.detail


def test_a_name_without_an_address_is_told() -> None:
    assert refusal("https://feeds.example/x", resolver=resolves_to()).kind is FailureKind.DNS


def test_a_name_server_that_never_answers_ends_with_the_attempt() -> None:
    async def resolver(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    assert refusal("https://feeds.example/x", resolver=resolver, seconds=0.2).kind is FailureKind.TIMEOUT


def test_an_impossible_name_is_a_dns_failure_with_the_system_resolver() -> None:
    assert refusal(f"http://{'x' * 64}.invalid/").kind is FailureKind.DNS


# --- several addresses


def test_an_address_that_refuses_costs_nothing(publisher: Publisher) -> None:
    url = publisher.url("/feed", host="feeds.example")
    publisher.plays("/feed", reply("200 OK", FEED))

    answer = asked_whole(url, resolver=resolves_to("127.0.0.3", "127.0.0.2", "127.0.0.1"))

    assert answer.body == FEED


def test_an_address_that_does_not_answer_costs_a_quarter_of_a_second(publisher: Publisher) -> None:
    url = publisher.url("/feed", host="feeds.example")
    publisher.plays("/feed", reply("200 OK", FEED))
    with socket.socket() as full:
        full.bind(("127.0.0.2", publisher.port))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:  # the queue is full: further connections get no answer
            one.setblocking(False)
            one.connect_ex(("127.0.0.2", publisher.port))
        started = time.monotonic()

        answer = asked_whole(url, resolver=resolves_to("127.0.0.2", "127.0.0.1"))

        waited = time.monotonic() - started
        for one in waiting:
            one.close()
    assert answer.body == FEED
    assert 0.2 < waited < 1.2


def test_the_first_problem_is_told_where_no_address_answers(publisher: Publisher) -> None:
    publisher.close()

    error = refusal(publisher.url("/feed", host="feeds.example"), resolver=resolves_to("127.0.0.2", "127.0.0.3"))

    assert error.kind is FailureKind.CONNECT
    assert error.detail == f"feeds.example:{publisher.port} refuses connections"


def test_an_ipv6_literal_is_asked(require: Callable[[str, bool], None]) -> None:
    try:
        publisher = Publisher(address="::1")
    except OSError:
        require("IPv6 on loopback", False)
        raise
    url = publisher.plays("/feed", reply("200 OK", FEED))

    answer = asked_whole(url)
    publisher.close()

    assert answer.url == f"http://[::1]:{publisher.port}/feed"
    assert publisher.asked[0].header("Host") == f"[::1]:{publisher.port}".encode()


# --- TLS


def test_a_sound_certificate_is_trusted(certificates: Certificates) -> None:
    publisher = Publisher(tls=certificates.server())
    url = publisher.plays("/feed", reply("200 OK", FEED * 5000, 'ETag: "a"'), reply("304 Not Modified", length=False))

    answer = asked_whole(url, ssl_context=certificates.client())
    again = ask(url, answer.validators, ssl_context=certificates.client())
    publisher.close()

    assert answer.body == FEED * 5000
    assert isinstance(again, NotModified)


def test_a_certificate_is_checked_against_the_name_and_not_the_address(certificates: Certificates) -> None:
    publisher = Publisher(tls=certificates.server("feeds.example"))
    publisher.plays("/feed", reply("200 OK", FEED))
    url = publisher.url("/feed", host="feeds.example.")

    answer = asked_whole(
        url,
        resolver=resolves_to("127.0.0.1"),
        ssl_context=certificates.client(),
        allow={f"feeds.example:{publisher.port}"},
    )
    publisher.close()

    assert answer.body == FEED


def test_a_bad_certificate_is_told_in_plain_words(certificates: Certificates) -> None:
    cases = {
        "the certificate of 127.0.0.1 expired": certificates.server(days=-1),
        "the certificate of 127.0.0.1 belongs to another address": certificates.server("192.0.2.1"),
        "the certificate of 127.0.0.1 is self-signed": certificates.self_signed(),
    }

    told = []
    for context in cases.values():
        publisher = Publisher(tls=context)
        error = refusal(publisher.plays("/feed", reply("200 OK", FEED)), ssl_context=certificates.client())
        publisher.close()
        assert error.kind is FailureKind.TLS
        assert publisher.asked == []
        told.append(error.detail)

    assert told == list(cases)


def test_a_certificate_for_another_name_is_told(certificates: Certificates) -> None:
    publisher = Publisher(tls=certificates.server("other.example"))

    error = refusal(
        publisher.url("/feed", host="feeds.example"),
        resolver=resolves_to("127.0.0.1"),
        ssl_context=certificates.client(),
    )
    publisher.close()

    assert error.detail == "the certificate of feeds.example belongs to another host"


def test_an_unknown_authority_is_told_by_the_bundled_list(certificates: Certificates) -> None:
    publisher = Publisher(tls=certificates.server())

    error = refusal(publisher.url("/feed"))
    publisher.close()

    assert error.kind is FailureKind.TLS
    assert error.detail == "the certificate of 127.0.0.1 comes from an authority that is not known here"


def test_plain_http_on_an_https_port_is_told_and_not_fallen_back_to(publisher: Publisher) -> None:
    error = refusal(publisher.plays("/feed", reply("200 OK", FEED)).replace("http://", "https://"))

    assert error.kind is FailureKind.TLS
    assert publisher.asked == []


def test_a_stuck_handshake_ends_with_the_attempt() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)

        error = refusal(f"https://127.0.0.1:{silent.getsockname()[1]}/", seconds=0.3)

    assert error.kind is FailureKind.TIMEOUT


def test_a_name_that_tls_cannot_ask_for_is_told(publisher: Publisher) -> None:
    url = f"https://{'x' * 64}.example:{publisher.port}/"

    error = refusal(url, resolver=resolves_to("127.0.0.1"))

    assert error.kind is FailureKind.TLS


def test_a_truncated_answer_over_tls_is_told(certificates: Certificates) -> None:
    publisher = Publisher(tls=certificates.server())
    url = publisher.plays("/feed", reply("200 OK", FEED * 10)[:-50])

    answer = asked_whole(url, Validators(b'"a"', None, None, url), ssl_context=certificates.client())
    publisher.close()

    assert answer.truncated is not None
    assert answer.validators.etag == b'"a"'
