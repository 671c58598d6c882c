"""What we count on at the border to httpx and h11: every connection is ours, every header is as we wrote it."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from aggregator.addresses import is_dialable
from aggregator.fetch import fetch
from aggregator.model import Fetched, Source
from aggregator.network import DirectTransport, Network
from aggregator.outcomes import PollError
from plugins.certificates import Certificates
from plugins.publisher import Publisher, reply
from storage.states import Validators

FEED = b"<rss><channel/></rss>"


class Ears:
    """Hears every connection and every look-up that this process makes while it listens."""

    def __init__(self) -> None:
        self.listening = False
        self.connections: list[object] = []
        self.lookups: list[object] = []
        sys.addaudithook(self._hear)  # cannot be removed: it stays deaf after the test

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.listening:
            return
        if event == "socket.connect":
            self.connections.append(arguments[1])
        elif event in {"socket.getaddrinfo", "socket.gethostbyname"}:
            self.lookups.append(arguments[0])


@pytest.fixture(scope="module")
def all_ears() -> Ears:
    return Ears()


@pytest.fixture
def ears(all_ears: Ears) -> Iterator[Ears]:
    all_ears.connections, all_ears.lookups, all_ears.listening = [], [], True
    yield all_ears
    all_ears.listening = False


def source_of(url: str) -> Source:
    return Source("s", url, "s")


async def get(network: Network, url: str) -> Fetched:
    answer = await fetch(network, source_of(url), url, Validators(), user_agent="test")
    assert isinstance(answer, Fetched)
    return answer


def test_every_connection_goes_to_an_address_that_was_resolved_and_checked(publisher: Publisher, ears: Ears) -> None:
    resolved: list[str] = []

    async def resolver(host: str, port: int) -> Sequence[str]:
        resolved.append(host)
        return ["127.0.0.1"]

    publisher.plays("/feed", reply("302 Found", b"", "Location: /new"))
    publisher.plays("/new", reply("200 OK", FEED))
    url = publisher.url("/feed", host="feeds.example")
    network = Network(frozenset({f"feeds.example:{publisher.port}"}), resolver=resolver)

    asyncio.run(get(network, url))

    assert resolved == ["feeds.example", "feeds.example"]
    assert ears.connections == [("127.0.0.1", publisher.port)] * 2
    assert ears.lookups == []


def test_a_refused_address_is_never_dialled(publisher: Publisher, ears: Ears) -> None:
    async def resolver(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1", "::1", "10.0.0.1"]

    network = Network(resolver=resolver)

    with pytest.raises(PollError):
        asyncio.run(get(network, publisher.url("/feed", host="feeds.example")))

    assert ears.connections == []
    assert publisher.connections == 0


def test_of_several_addresses_only_the_public_ones_are_candidates() -> None:
    async def resolver(host: str, port: int) -> Sequence[str]:
        return ["10.0.0.1", "192.88.98.1", "::1", "2606:4700::1", "169.254.169.254"]

    transport = DirectTransport(resolver)

    candidates = asyncio.run(transport._addresses("feeds.example", 443, private=False))

    assert candidates == ["192.88.98.1", "2606:4700::1"]
    assert is_dialable("10.0.0.1")


def test_an_address_in_a_url_needs_no_resolver(publisher: Publisher, ears: Ears) -> None:
    publisher.plays("/feed", reply("200 OK", FEED))

    asyncio.run(get(Network(frozenset({publisher.host})), publisher.url("/feed")))

    assert ears.lookups == []
    assert ears.connections == [("127.0.0.1", publisher.port)]


def test_tls_goes_through_the_same_door(certificates: Certificates, ears: Ears) -> None:
    names: list[str] = []

    async def resolver(host: str, port: int) -> Sequence[str]:
        names.append(host)
        return ["127.0.0.1"]

    publisher = Publisher(tls=certificates.server("feeds.example"))
    publisher.plays("/feed", reply("200 OK", FEED))
    url = publisher.url("/feed", host="feeds.example")
    network = Network(
        frozenset({f"feeds.example:{publisher.port}"}), resolver=resolver, ssl_context=certificates.client()
    )

    asyncio.run(get(network, url))
    publisher.close()

    assert names == ["feeds.example"]
    assert ears.connections == [("127.0.0.1", publisher.port)]
    assert ears.lookups == []


def test_no_proxy_of_the_environment_is_used(
    publisher: Publisher, other_publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, other_publisher.url("/"))
    publisher.plays("/feed", reply("200 OK", FEED))

    asyncio.run(get(Network(frozenset({publisher.host})), publisher.url("/feed")))

    assert other_publisher.connections == 0


def test_httpx_adds_nothing_but_the_host_to_the_headers_of_a_request() -> None:
    headers = [(b"X-Raw", b"caf\xe9"), (b"If-None-Match", b'W/"a"')]

    request = httpx.Request("GET", "http://example.org:8080/a?b", headers=headers)

    assert request.headers.raw == [(b"Host", b"example.org:8080"), *headers]
    assert request.url.raw_path == b"/a?b"


def test_httpx_leaves_a_body_as_it_came_in_the_stream_of_its_response() -> None:
    response = httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(b"\x1f\x8bnot gzip"))

    async def story() -> list[bytes]:
        return [chunk async for chunk in response.stream]  # type: ignore[union-attr]

    assert asyncio.run(story()) == [b"\x1f\x8bnot gzip"]


def test_failing_a_thousand_times_leaves_nothing_open(publisher: Publisher) -> None:
    publisher.plays("/reset", lambda wire, asked: wire.reset())
    publisher.plays("/empty", b"")
    publisher.plays("/large", reply("200 OK", b"", "Content-Length: 99999999", length=False))
    publisher.plays("/cut", reply("200 OK", FEED)[:-5])
    closed = socket.socket()
    closed.bind(("127.0.0.1", 0))
    allowed = frozenset({publisher.host, f"127.0.0.1:{closed.getsockname()[1]}"})
    urls = [publisher.url(path) for path in ("/reset", "/empty", "/large", "/cut", "/missing")]
    urls.append(f"http://127.0.0.1:{closed.getsockname()[1]}/")

    async def rounds(network: Network, times: int) -> None:
        for _ in range(times):
            attempts = (fetch(network, source_of(url), url, Validators(), user_agent="t") for url in urls)
            await asyncio.gather(*attempts, return_exceptions=True)

    async def story() -> tuple[int, int]:
        network = Network(allowed)
        await rounds(network, 5)
        before = _open_here(publisher)
        await rounds(network, 170)
        gc.collect()
        return before, _open_here(publisher)

    before, after = asyncio.run(story())
    closed.close()

    assert after <= before + 2
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("resolve")]


def _open_here(publisher: Publisher) -> int:
    """Return how many descriptors are open, those of the publisher's own end aside."""
    for thread in list(publisher._threads[1:]):
        thread.join(5)
    del publisher._threads[1:]
    return len(list(Path("/proc/self/fd").iterdir()))
