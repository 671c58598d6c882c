"""Redirects: followed by our own rules, with nothing carried where it does not belong."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx
import pytest

from aggregator.fetch import fetch
from aggregator.model import Fetched, Hop, NotModified, Source
from aggregator.network import Network
from aggregator.outcomes import FailureKind, PollError
from plugins.asking import ask, asked_whole, refusal
from plugins.publisher import Publisher, reply
from storage.states import Validators

FEED = b"<rss><channel/></rss>"


def to(location: str | bytes, status: str = "301 Moved Permanently") -> bytes:
    raw = location if isinstance(location, bytes) else location.encode()
    return reply(status, b"moved", b"Location: " + raw)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed_and_remembered(publisher: Publisher, status: int) -> None:
    url = publisher.plays("/old", to("/new", f"{status} Moved"))
    publisher.plays("/new", reply("200 OK", FEED))

    answer = asked_whole(url)

    assert answer.url == publisher.url("/new")
    assert answer.hops == (Hop(status, publisher.url("/old"), publisher.url("/new")),)
    assert [asked.method for asked in publisher.asked] == ["GET", "GET"]


def test_validators_go_to_the_hop_that_owns_them(publisher: Publisher) -> None:
    url = publisher.plays("/old", to("/new"))
    new = publisher.plays("/new", reply("304 Not Modified", length=False))

    answer = ask(url, Validators(b'"a"', b"yesterday", None, new))

    assert isinstance(answer, NotModified)
    assert answer.url == new
    assert [asked.header("If-None-Match") for asked in publisher.asked] == [None, b'"a"']
    assert [asked.header("If-Modified-Since") for asked in publisher.asked] == [None, b"yesterday"]


def test_validators_of_the_first_url_do_not_follow(publisher: Publisher) -> None:
    url = publisher.plays("/old", to("/new"))
    publisher.plays("/new", reply("200 OK", FEED))

    ask(url, Validators(b'"a"', None, None, url))

    assert [asked.header("If-None-Match") for asked in publisher.asked] == [b'"a"', None]


def test_a_304_from_where_nothing_was_asked_conditionally_is_an_error(publisher: Publisher) -> None:
    url = publisher.plays("/old", to("/new"))
    publisher.plays("/new", reply("304 Not Modified", length=False))

    assert refusal(url, Validators(b'"a"', None, None, url)).kind is FailureKind.PROTOCOL


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("new", "/a/new"),
        ("../new", "/new"),
        ("?page=2", "/a/old?page=2"),
        ("//{host}/new", "/new"),
        ("/new#part", "/new"),
        (" /new ", "/new"),
        ("/a b", "/a%20b"),
        ("/早读", "/%E6%97%A9%E8%AF%BB"),
        (b"/caf\xe9", "/caf%E9"),
        ("/%e6%97%A9", "/%e6%97%A9"),
    ],
)
def test_a_location_is_read_as_browsers_read_it(publisher: Publisher, location: str | bytes, target: str) -> None:
    if isinstance(location, str):
        location = location.replace("{host}", publisher.host)
    url = publisher.plays("/a/old", to(location))
    publisher.plays(target, reply("200 OK", FEED))

    answer = asked_whole(url)

    assert publisher.asked[-1].target == target
    assert answer.url == publisher.url(target)


def test_five_redirects_are_followed(publisher: Publisher) -> None:
    for step in range(5):
        publisher.plays(f"/{step}", to(f"/{step + 1}"))
    publisher.plays("/5", reply("200 OK", FEED))

    assert len(asked_whole(publisher.url("/0")).hops) == 5


def test_a_sixth_redirect_is_not(publisher: Publisher) -> None:
    for step in range(9):
        publisher.plays(f"/{step}", to(f"/{step + 1}"))

    error = refusal(publisher.url("/0"))

    assert error.kind is FailureKind.REDIRECT
    assert len(error.hops) == 5
    assert len(publisher.asked) == 6


def test_a_loop_ends_at_the_first_repeat(publisher: Publisher) -> None:
    url = publisher.plays("/a", to("/b"))
    publisher.plays("/b", to("/a#again"))

    error = refusal(url)

    assert error.kind is FailureKind.REDIRECT_LOOP
    assert error.hops == (Hop(301, publisher.url("/a"), publisher.url("/b")),)
    assert [asked.target for asked in publisher.asked] == ["/a", "/b"]


def test_a_redirect_to_itself_is_a_loop(publisher: Publisher) -> None:
    error = refusal(publisher.plays("/a", to("/a")))

    assert error.kind is FailureKind.REDIRECT_LOOP
    assert len(publisher.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [reply("301 Moved"), reply("302 Found", b"", "Location:"), to("http://[::1/"), to("https://"), to("http://x:0/")],
)
def test_a_redirect_without_a_target_is_an_error(publisher: Publisher, answer: bytes) -> None:
    error = refusal(publisher.plays("/a", answer))

    assert error.kind is FailureKind.REDIRECT
    assert error.status in {301, 302}


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://example.org/", "gopher://127.0.0.1:6379/_", "javascript:x"]
)
def test_a_redirect_out_of_http_is_refused(publisher: Publisher, location: str) -> None:
    error = refusal(publisher.plays("/a", to(location)))

    assert error.kind is FailureKind.REFUSED_ADDRESS
    assert len(publisher.asked) == 1


@pytest.mark.parametrize(
    "place", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "１２７.0.0.1"]
)
def test_an_allowed_private_host_cannot_lead_to_another_one(
    publisher: Publisher, other_publisher: Publisher, place: str
) -> None:
    url = publisher.plays("/a", to(f"http://{place}:{other_publisher.port}/"))

    error = refusal(url, allow={publisher.host, other_publisher.host})

    assert error.kind is FailureKind.REFUSED_ADDRESS
    assert other_publisher.connections == 0


def test_an_allowed_private_host_may_redirect_within_itself(publisher: Publisher) -> None:
    url = publisher.plays("/a", to("/b"))
    publisher.plays("/b", reply("200 OK", FEED))

    assert asked_whole(url, allow={publisher.host}).url == publisher.url("/b")


def test_where_a_redirect_once_led_is_not_private_by_permission(publisher: Publisher) -> None:
    error = refusal(
        publisher.plays("/new", reply("200 OK", FEED)), source_url="https://example.org/feed", allow={publisher.host}
    )

    assert error.kind is FailureKind.REFUSED_ADDRESS
    assert publisher.connections == 0


def test_the_metadata_service_is_never_asked(publisher: Publisher) -> None:
    error = refusal(publisher.plays("/a", to("http://169.254.169.254/latest/meta-data/")))

    assert error.kind is FailureKind.REFUSED_ADDRESS
    assert error.detail == (
        "169.254.169.254 is not a public address; a redirect leads there, and permissions do not follow redirects"
    )


SECRETS = (("X-Api-Key", "k"), ("Cookie", "id=7"), ("Authorization", "Bearer t"))


def test_secrets_follow_within_an_origin(publisher: Publisher) -> None:
    url = publisher.plays("/a", to("/b"))
    publisher.plays("/b", reply("200 OK", FEED))

    ask(url.replace("http://", "http://ann:pass@"), headers=SECRETS[:2])

    for asked in publisher.asked:
        assert asked.header("X-Api-Key") == b"k"
        assert asked.header("Cookie") == b"id=7"
        assert asked.header("Authorization") == b"Basic YW5uOnBhc3M="


def test_no_secret_leaves_its_origin() -> None:
    # Two public hosts, played behind the network's seam: a private one may not be led to at all.
    asked: list[httpx.Request] = []

    def world(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        match str(request.url):
            case "https://one.example/feed":
                return httpx.Response(302, headers={"Location": "https://two.example/x", "Set-Cookie": "c=1"})
            case "https://two.example/x":
                return httpx.Response(302, headers={"Location": "https://one.example/y"})
            case _:
                return httpx.Response(200, content=FEED)

    source = Source("s", "https://ann:pass@one.example/feed", "s", headers=SECRETS)
    network = Network(transport=httpx.MockTransport(world))
    answer = asyncio.run(fetch(network, source, source.url, Validators(), user_agent="x"))

    assert isinstance(answer, Fetched)
    assert [request.headers.get("x-api-key") for request in asked] == ["k", None, None]
    assert [request.headers.get("cookie") for request in asked] == ["id=7", None, None]
    assert [request.headers.get("authorization") for request in asked] == ["Bearer t", None, None]


def test_a_source_with_credentials_does_not_go_from_https_to_http() -> None:
    def world(request: httpx.Request) -> httpx.Response:
        assert request.url.scheme == "https"
        return httpx.Response(301, headers={"Location": "http://one.example/feed"})

    source = Source("s", "https://one.example/feed", "s", headers=SECRETS)
    network = Network(transport=httpx.MockTransport(world))

    with pytest.raises(PollError, match="from https to http, and this source sends credentials"):
        asyncio.run(fetch(network, source, source.url, Validators(), user_agent="x"))


async def test_what_is_waited_for_another_hosts_turn_is_not_of_the_attempts_time(publisher: Publisher) -> None:
    url = publisher.plays("/old", to("/new"))
    publisher.plays("/new", reply("200 OK", FEED))
    source = Source(id="a", url=url, name="a", timeout=timedelta(seconds=0.3))
    visited = []

    async def visit(target: str) -> None:
        visited.append(target)
        await asyncio.sleep(0.6)

    network = Network(frozenset({publisher.host}))
    answer = await fetch(network, source, url, Validators(), user_agent="feed-aggregator/1", visit=visit)
    await network.aclose()

    assert isinstance(answer, Fetched)
    assert visited == [publisher.url("/new")]


async def test_nothing_is_sent_where_the_turn_is_refused(publisher: Publisher) -> None:
    url = publisher.plays("/old", to("/new"))

    async def visit(_: str) -> None:
        raise PollError(FailureKind.RATE_LIMITED, "it asked to be left alone", headers={"retry-after": "60"})

    network = Network(frozenset({publisher.host}))
    with pytest.raises(PollError) as caught:
        await fetch(network, Source(id="a", url=url, name="a"), url, Validators(), user_agent="f/1", visit=visit)
    await network.aclose()

    assert caught.value.headers == {"retry-after": "60"}
    assert caught.value.hops == (Hop(301, url, publisher.url("/new")),)
    assert len(publisher.asked) == 1
