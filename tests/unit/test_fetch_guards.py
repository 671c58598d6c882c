"""What holds a fetch back although everything up to there went well: lost leave, floods of heads, silence, sizes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

from aggregator.download import Limits
from aggregator.model import Source
from aggregator.network import Network
from aggregator.outcomes import FailureKind
from aggregator.sockets import Stream
from plugins.asking import FAR_AWAY, asked_whole, brought_home, far_away, refusal
from plugins.certificates import Certificates
from plugins.publisher import Publisher, chunked, reply

FEED = b"<rss><channel/></rss>"
MIB = 1024 * 1024


def there_and_back(publisher: Publisher) -> str:
    """Return a URL at home.example that leads to away.example, and from there home again."""
    publisher.plays("/feed", reply("302 Found", b"", f"Location: http://away.example:{publisher.port}/over"))
    publisher.plays("/over", reply("302 Found", b"", f"Location: http://home.example:{publisher.port}/back"))
    publisher.plays("/back", reply("302 Found", b"", "Location: /end"))
    publisher.plays("/end", reply("200 OK", FEED))
    return f"http://home.example:{publisher.port}/feed"


# --- what was lost on the way -----------------------------------------------------------------------------------


def test_leave_for_a_private_host_does_not_come_back_with_a_redirect_from_elsewhere(publisher: Publisher) -> None:
    async def home_is_here(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"] if host == "home.example" else [FAR_AWAY]

    error = refusal(there_and_back(publisher), resolver=home_is_here, dialler=brought_home)

    assert error.kind is FailureKind.REFUSED_ADDRESS
    assert [asked.target for asked in publisher.asked] == ["/feed", "/over"]


def test_a_secret_does_not_come_back_with_a_redirect_from_elsewhere(publisher: Publisher) -> None:
    asked_whole(there_and_back(publisher), headers=(("X-Key", "s3cret"),), resolver=far_away, dialler=brought_home)

    assert [(asked.target, asked.header("X-Key")) for asked in publisher.asked] == [
        ("/feed", b"s3cret"),
        ("/over", None),
        ("/back", None),
        ("/end", None),
    ]


# --- whom to trust ----------------------------------------------------------------------------------------------


def test_no_authority_of_the_environment_is_trusted(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = tmp_path / "authority.pem"
    authority.write_bytes(certificates.authority.read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    publisher = Publisher(tls=certificates.server())
    try:
        assert refusal(publisher.plays("/feed", reply("200 OK", FEED))).kind is FailureKind.TLS
    finally:
        publisher.close()


# --- heads ------------------------------------------------------------------------------------------------------


def test_a_flood_of_hints_is_given_up_long_before_the_attempt_is(publisher: Publisher) -> None:
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
    few = publisher.plays("/few", hint * 50 + reply("200 OK", FEED))
    many = publisher.plays("/many", hint * 10_000 + reply("200 OK", FEED))

    assert asked_whole(few).body == FEED
    assert refusal(many).kind is FailureKind.PROTOCOL


def test_a_head_is_read_up_to_64_kib(publisher: Publisher) -> None:
    long = publisher.plays("/long", reply("200 OK", FEED, "X-Long: " + "x" * 60 * 1024))
    longer = publisher.plays("/longer", reply("200 OK", FEED, "X-Long: " + "x" * 100 * 1024))

    assert asked_whole(long).body == FEED
    assert refusal(longer).kind is FailureKind.PROTOCOL


# --- bodies -----------------------------------------------------------------------------------------------------


def test_a_body_without_a_length_is_counted_as_it_comes(publisher: Publisher) -> None:
    url = publisher.plays(
        "/feed", reply("200 OK", b"", "Transfer-Encoding: chunked", length=False) + chunked(*[b"x" * 500] * 10)
    )

    error = refusal(url, limits=Limits(wire=4000, decoded=100_000))

    assert error.kind is FailureKind.TOO_LARGE


class Silent:
    """A publisher's end that sends a head and the beginning of a body, and then nothing."""

    received = 0
    ended = False

    def __init__(self) -> None:
        self.waits: list[float | None] = []
        self._said = [b"HTTP/1.1 200 OK\r\n\r\n<rss>"]

    async def write(self, data: bytes) -> None:
        """Take the request."""

    async def read(self, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - as Stream has it
        if self._said:
            return self._said.pop()
        self.waits.append(timeout)
        raise TimeoutError

    def close(self) -> None:
        """Hang up."""


def test_a_body_that_falls_silent_is_waited_for_ten_seconds() -> None:
    silent = Silent()

    async def connected(addresses: Sequence[str], port: int) -> Stream:
        return cast("Stream", silent)

    error = refusal("http://quiet.example/feed", allow=(), resolver=far_away, dialler=connected)

    assert error.kind is FailureKind.TIMEOUT
    assert silent.waits == [10.0]


def test_a_refusals_page_is_read_up_to_64_kib(publisher: Publisher) -> None:
    page = b"<title>Go away</title>"
    short = publisher.plays("/short", reply("403 No", page.ljust(60_000)))
    long = publisher.plays("/long", reply("403 No", page.ljust(300_000)))

    assert refusal(short).detail == "403 Forbidden: Go away"
    assert refusal(long).detail == "403 Forbidden"


def test_the_title_of_a_refusal_is_one_line_of_what_is_seen(publisher: Publisher) -> None:
    title = "\x1b[31m\u202eA\u200b\n2026-01-31T12:00:00Z info forged &#27;[2J&#155;&#x2028;\x9bB".encode()

    detail = refusal(publisher.plays("/feed", reply("403 No", b"<title>" + title + b"</title>"))).detail

    assert detail.isprintable()


# --- what holds unless feeds.yaml says otherwise ----------------------------------------------------------------


def test_a_source_may_take_10_mb_on_the_wire_16_mb_unpacked_and_30_seconds() -> None:
    source = Source("a", "https://a.example/feed", "A")

    assert (source.max_download, source.max_body, source.timeout) == (10 * MIB, 16 * MIB, timedelta(seconds=30))


def test_all_bodies_together_take_64_mb_the_copies_for_workers_included() -> None:
    async def story() -> tuple[int, int]:
        budget = Network().budget
        small = await granted([asyncio.ensure_future(budget.share().hold(1, 16 * MIB)) for _ in range(100)])
        budget = Network().budget
        large = await granted([asyncio.ensure_future(budget.share().hold(MIB, 16 * MIB)) for _ in range(20)])
        return small, large

    assert asyncio.run(story()) == (32, 2)  # 16 MB in shares of 512 KB, 32 MB in shares of 16 MB


async def granted(waiting: list[asyncio.Future[None]]) -> int:
    """Return how many of them are done once nothing moves any more."""
    for _ in range(20):
        await asyncio.sleep(0)
    done = sum(one.done() for one in waiting)
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    return done


def test_who_gives_up_waiting_lets_those_behind_go_on() -> None:
    async def story() -> None:
        budget = Network().budget
        await budget.share().hold(MIB, 20 * MIB)
        wide = asyncio.create_task(budget.share().hold(MIB, 16 * MIB))
        narrow = asyncio.create_task(budget.share().hold(MIB, 8 * MIB))
        await asyncio.sleep(0)
        await asyncio.sleep(0)

        wide.cancel()

        await asyncio.wait_for(narrow, 5)

    asyncio.run(story())
