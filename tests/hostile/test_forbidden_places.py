"""No source, redirect, name or proxy leads into the operator's own network: a port there that must never be hit, is not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta

import pytest

from aggregator.outcomes import FailureKind, PollError
from aggregator.sockets import Stream, dial
from hostile.hell import Canary
from plugins.asking import FAR_AWAY, ask, asked_whole, refusal
from plugins.publisher import Publisher, reply
from plugins.simulator import rss
from plugins.wired import Wired, at

FEED = reply("200 OK", rss("1"))
LOOPBACK = "127.0.0.1"


@pytest.fixture
def canary() -> Iterator[Canary]:
    made = Canary()
    yield made
    assert made.hits == 0, "the port that must never be hit was hit"
    made.close()


def system(host: str, port: int) -> list[str]:
    """Read odd forms of addresses as the resolvers of most systems do."""
    import socket

    return sorted({str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)})


async def by_system(host: str, port: int) -> Sequence[str]:
    return system(host, port)


# Every way to write 127.0.0.1 (and other private addresses) that some resolver, parser or gateway reads.
FORMS = [
    "127.0.0.1", "127.1", "127.0.1", "127.000.000.001", "2130706433", "0x7f000001", "0x7f.0.0.1", "0x7f.1", "0X7F000001",
    "017700000001", "0177.0.0.1", "0177.0x0.0.01", "127.0.0.1.", "0", "0.0.0.0", "127.127.127.127", "localhost", "LOCALHOST",
    "localhost.", "[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::127.0.0.1]", "[2002:7f00:1::]", "[2002:7f00:0001::1]",
    "[2001:0:7f00:1::]", "[2001:0:5db8:d822:0:0:80ff:fffe]", "[fe80::1]", "[fe80::1%25lo]", "[fe80::1%25eth0]", "[fec0::1]", "[fc00::1]", "[fd00::1]", "[ff02::1]",
    "１２７.0.0.1", "①②⑦.⓪.⓪.①", "127。0。0。1", "127．0．0．1", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "ｌｏｃａｌｈｏｓｔ", "loc\u00adalhost", "𝟏𝟐𝟕.𝟎.𝟎.𝟏",
    "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "192.0.0.1", "192.88.99.1", "198.18.0.1", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376",
]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_no_form_of_a_private_address_is_asked(canary: Canary, form: str) -> None:
    error = refusal(f"http://{form}:{canary.port}/", allow=(), resolver=by_system)

    assert error.kind in {FailureKind.REFUSED_ADDRESS, FailureKind.DNS}


@pytest.mark.parametrize("form", FORMS)
def test_no_redirect_leads_to_any_form_of_it(publisher: Publisher, canary: Canary, form: str) -> None:
    start = publisher.plays("/feed", reply("302 Found", b"", f"Location: http://{form}:{canary.port}/".encode()))

    assert refusal(start, resolver=by_system).kind in {
        FailureKind.REFUSED_ADDRESS,
        FailureKind.DNS,
        FailureKind.REDIRECT,
    }


# What parsers of URLs disagree about: whom one would ask, and whom another. {c} is the forbidden place.
TRICKS = [
    "http://public.example@{c}/", "http://public.example:80@{c}/", "http://public.example%40{c}/", "http://{c}#@public.example/",
    "http://{c}?@public.example/", "http://public.example#@{c}/", "http://public.example\\@{c}/", "http:\\\\{c}/", "http:/{c}/", "http:{c}/",
    "http:///{c}/", "////{c}/", "//{c}/", "/\\{c}/", "http://user:pass@{c}/", "http://@{c}/", "http://:@{c}/", "http://a@b@{c}/",
    "http://public.example\t@{c}/", "http://{c}\\.public.example/", "http://{c} .public.example/", "http://{c};.public.example/",
    "http://{c}\u2488public.example/", "http://public.example%2f@{c}/", "http://public.example%00.{c}/", "http://[::1]@{c}/",
    "HTTP://{c}/", "hTtP://{c}/%2e%2e/", "http://{c}/\u0000", "http://{c}:80:80/", "url:http://{c}/", "feed:http://{c}/", "feed://{c}/",
]  # fmt: skip


@pytest.mark.parametrize("trick", TRICKS)
def test_no_trick_of_writing_leads_to_the_neighbour(publisher: Publisher, canary: Canary, trick: str) -> None:
    start = publisher.plays("/feed", reply("302 Found", b"", f"Location: {trick.format(c=canary.place)}".encode()))

    async def resolver(host: str, port: int) -> Sequence[str]:
        return [LOOPBACK]

    for url in (start, trick.format(c=canary.place)):
        with suppress(PollError, ValueError):  # a URL that is none is told to the operator as such
            ask(url, resolver=resolver, allow=[publisher.host], seconds=3)


def names(*answers: Sequence[str]) -> Callable[[str, int], object]:
    """Return a resolver that answers one after the other, the last one from then on."""
    left = list(answers)

    async def resolve(host: str, port: int) -> Sequence[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve


def test_a_name_that_is_rebound_between_check_and_dial_is_dialled_where_it_was_checked(canary: Canary) -> None:
    dialled: list[Sequence[str]] = []

    async def note(addresses: Sequence[str], port: int) -> Stream:
        dialled.append(tuple(addresses))
        raise ConnectionRefusedError

    resolver = names([FAR_AWAY], [LOOPBACK], [LOOPBACK])
    error = refusal(f"http://rebind.example:{canary.port}/", resolver=resolver, dialler=note)  # type: ignore[arg-type]

    assert dialled == [(FAR_AWAY,)]
    assert error.kind is FailureKind.CONNECT


def test_a_name_that_is_rebound_between_two_hops_is_checked_again(publisher: Publisher, canary: Canary) -> None:
    publisher.plays("/feed", reply("302 Found", b"", f"Location: http://rebind.example:{canary.port}/again"))

    async def home(addresses: Sequence[str], port: int) -> Stream:
        assert tuple(addresses) == (FAR_AWAY,)
        return await dial([LOOPBACK], port)

    resolver = names([FAR_AWAY], [LOOPBACK])
    url = publisher.url("/feed", "rebind.example")
    error = refusal(url, allow=(), resolver=resolver, dialler=home)  # type: ignore[arg-type]

    assert error.kind is FailureKind.REFUSED_ADDRESS


@pytest.mark.parametrize("answer", [[FAR_AWAY, LOOPBACK], [LOOPBACK, FAR_AWAY], ["::1", FAR_AWAY, "10.0.0.1"]])
def test_of_mixed_answers_only_the_public_addresses_are_dialled(canary: Canary, answer: list[str]) -> None:
    dialled: list[Sequence[str]] = []

    async def note(addresses: Sequence[str], port: int) -> Stream:
        dialled.append(tuple(addresses))
        raise ConnectionRefusedError

    resolver = names(answer)
    refusal(f"http://mixed.example:{canary.port}/", allow=(), resolver=resolver, dialler=note)  # type: ignore[arg-type]

    assert dialled == [(FAR_AWAY,)]


@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h"])
def test_a_proxy_is_never_told_to_go_there(canary: Canary, scheme: str) -> None:
    proxy = Canary()

    error = refusal(f"http://{canary.place}/", allow=(), proxy=f"{scheme}://{proxy.place}")

    assert error.kind is FailureKind.REFUSED_ADDRESS
    assert proxy.hits == 0
    proxy.close()


async def test_a_permanent_redirect_to_a_forbidden_place_is_never_stored(
    wired: Callable[..., Wired], publisher: Publisher, canary: Canary
) -> None:
    publisher.plays("/feed", reply("301 Moved", b"", f"Location: http://{canary.place}/feed"))
    world = wired(at(publisher, every=timedelta(hours=1)))

    await world.pass_time(timedelta(days=30))

    assert len(publisher.asked) > 10
    assert world.state().redirect_target is None or canary.place not in world.state().redirect_target
    assert {asked.target for asked in publisher.asked} == {"/feed"}


# --- what must work ---------------------------------------------------------------------------------------------


def test_a_private_rsshub_that_is_allowed_is_asked(publisher: Publisher) -> None:
    assert asked_whole(publisher.plays("/rsshub/x", FEED), allow=[publisher.host]).status == 200


@pytest.mark.parametrize(
    "pair", ["127.0.0.1:1", "127.0.0.2:{port}", "localhost:{port}", "127.0.0.1", "*:{port}", "127.0.0.1:{port}0"]
)
def test_the_permission_is_for_that_host_and_port_alone(publisher: Publisher, pair: str) -> None:
    publisher.plays("/feed", FEED)

    error = refusal(publisher.url(), allow=[pair.format(port=publisher.port)])

    assert error.kind is FailureKind.REFUSED_ADDRESS
    assert publisher.connections == 0


def test_the_permission_does_not_come_back_over_a_redirect(publisher: Publisher, other_publisher: Publisher) -> None:
    other_publisher.plays("/feed", FEED)
    start = publisher.plays("/feed", reply("302 Found", b"", f"Location: {other_publisher.url()}"))

    error = refusal(start, allow=[publisher.host, other_publisher.host])

    assert error.kind is FailureKind.REFUSED_ADDRESS
    assert other_publisher.connections == 0


def test_a_host_that_has_the_newer_address_alone_works() -> None:
    publisher = Publisher(address="::1")
    publisher.plays("/feed", FEED)

    async def home(addresses: Sequence[str], port: int) -> Stream:
        assert tuple(addresses) == ("2606:4700::1",)
        return await dial(["::1"], port)

    resolver = names(["2606:4700::1"])
    try:
        answer = asked_whole(publisher.url("/feed", "six.example"), allow=(), resolver=resolver, dialler=home)  # type: ignore[arg-type]
    finally:
        publisher.close()

    assert answer.status == 200


def test_a_newer_address_that_does_not_answer_costs_a_quarter_of_a_second(publisher: Publisher) -> None:
    publisher.plays("/feed", FEED)

    async def home(addresses: Sequence[str], port: int) -> Stream:
        assert tuple(addresses) == ("2606:4700::1", FAR_AWAY)
        return await dial(["100::1", LOOPBACK], port)  # a route that leads nowhere, or none at all

    resolver = names(["2606:4700::1", FAR_AWAY])
    began = time.monotonic()
    answer = asked_whole(publisher.url("/feed", "slow.example"), allow=(), resolver=resolver, dialler=home)  # type: ignore[arg-type]

    assert answer.status == 200
    assert time.monotonic() - began < 1.5


def test_a_resolver_that_never_answers_costs_one_attempt() -> None:
    async def never(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    assert refusal("http://tarpit.example/", allow=(), resolver=never, seconds=0.3).kind is FailureKind.TIMEOUT
