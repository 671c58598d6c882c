"""Cases S40 to S46, S59, S71, S72: what is a matter of bytes, over real sockets, down the whole corridor."""

from __future__ import annotations

import gzip
import socket
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from plugins.publisher import Answer, Asked, Publisher, Wire, chunked, reply
from plugins.simulator import HOUR, item, rss
from plugins.wired import Wired, at

Make = Callable[..., Wired]

MIB = 1024 * 1024
OLD = rss("1", "2")
GOOD = reply("200 OK", OLD, 'ETag: "old"')
UNCHANGED = reply("304 Not Modified", length=False)


def tags(publisher: Publisher) -> list[bytes | None]:
    return [asked.header("If-None-Match") for asked in publisher.asked]


async def good_odd_good(w: Wired, publisher: Publisher, odd: Answer, path: str = "/feed") -> None:
    """Poll a sound document, then what is odd, then whatever stands there after it."""
    publisher.plays(path, GOOD, odd, UNCHANGED)
    await w.polls(3)


@contextmanager
def memory_under(limit: int) -> Iterator[None]:
    """Fail where this process, its publisher included, grew by more meanwhile."""

    def resident(field: str) -> int:
        status = Path("/proc/self/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith(field)).split()[1]) * 1024

    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    before = resident("VmRSS")
    yield
    grown = resident("VmHWM") - before
    assert grown < limit, f"{grown / MIB:.0f} MiB more"


# --- redirects


@pytest.mark.parametrize(
    ("location", "target"),
    [
        pytest.param(b"feed.xml", "/a/feed.xml", id="relative"),
        pytest.param(b"../feed.xml", "/feed.xml", id="upwards"),
        pytest.param(b"?page=2", "/a/b?page=2", id="a query alone"),
        pytest.param("/早读/订阅".encode(), "/%E6%97%A9%E8%AF%BB/%E8%AE%A2%E9%98%85", id="Chinese in UTF-8"),
        pytest.param("/早读".encode("gbk"), "/%D4%E7%B6%C1", id="Chinese in GBK"),
        pytest.param(b"/my feed.xml", "/my%20feed.xml", id="spaces"),
        pytest.param(b"/feed.xml#latest", "/feed.xml", id="a fragment"),
        pytest.param(b"/a%2Fb%e6", "/a%2Fb%e6", id="escapes"),
    ],
)
async def test_a_location_of_any_form_leads_to_the_right_url(
    wired: Make, publisher: Publisher, location: bytes, target: str
) -> None:
    """S40."""
    w = wired(at(publisher, path="/a/b"))
    publisher.plays("/a/b", reply("302 Found", b"", b"Location: " + location))
    publisher.plays(target, GOOD)

    await w.polls(1)

    assert [asked.target for asked in publisher.asked] == ["/a/b", target]
    assert len(w.records()) == 2


async def test_a_location_without_a_scheme_keeps_that_of_the_page(wired: Make, publisher: Publisher) -> None:
    """S40."""
    w = wired(at(publisher, path="/a"))
    publisher.plays("/a", reply("302 Found", b"", f"Location: //b.example:{publisher.port}/x"))
    publisher.plays("/x", GOOD)

    await w.polls(1)

    assert publisher.asked[1].header("Host") == f"b.example:{publisher.port}".encode()
    assert len(w.records()) == 2


# --- time


def drip_body(wire: Wire, asked: Asked) -> None:
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
    wire.drip(b"<" * 5000, every=0.05)


def drip_headers(wire: Wire, asked: Asked) -> None:
    wire.drip(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000, every=0.05)


def say_nothing(wire: Wire, asked: Asked) -> None:
    wire.silence()


async def test_four_that_never_come_to_an_end_are_given_up_and_the_others_are_on_time(wired: Make) -> None:
    """S41, thirty seconds being one here."""
    slow, well = Publisher(), [Publisher() for _ in range(8)]
    stuck = socket.create_server(("127.0.0.1", 0))  # accepts, and never shakes hands
    brief = {"timeout": timedelta(seconds=1)}
    endless = [at(slow, name, f"/{name}", **brief) for name in ("drip", "heads", "mute")]
    endless.append(at(slow, "tls", url=f"https://tls.example:{stuck.getsockname()[1]}/feed", **brief))
    slow.plays("/drip", drip_body)
    slow.plays("/heads", drip_headers)
    slow.plays("/mute", say_nothing)
    w = wired(*endless, *(at(one, f"well{number}") for number, one in enumerate(well)))
    for one in well:
        one.plays("/feed", GOOD)
    began = time.monotonic()

    await w.poll()

    took = time.monotonic() - began
    for one in (slow, *well):
        one.close()
    stuck.close()
    assert 1 <= took < 2.5
    assert {w.state(name).failure_kind for name in ("drip", "heads", "mute", "tls")} == {"timeout"}
    assert max(one.asked[0].at for one in well) - began < 0.7
    assert {outcome.source.id for outcome in w.outcomes[:8]} == {f"well{number}" for number in range(8)}


# --- size


async def test_a_body_without_end_is_left_at_the_limit_and_what_is_stored_stays(
    wired: Make, publisher: Publisher
) -> None:
    """S42."""
    flood = b"<item/>" * 10_000

    def endless(wire: Wire, asked: Asked) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(3000):
            wire.send(flood)

    w = wired(at(publisher))

    with memory_under(50 * MIB):
        await good_odd_good(w, publisher, endless)

    publisher.close()
    assert w.outcomes[1].state.failure_kind == "too-large"
    assert publisher.sent[1] < 20 * MIB
    assert len(w.records()) == 2
    assert tags(publisher) == [None, b'"old"', b'"old"']


async def test_a_length_over_the_limit_is_refused_before_the_body(wired: Make, publisher: Publisher) -> None:
    """S42."""

    def announce(wire: Wire, asked: Asked) -> None:
        wire.send(reply("200 OK", b"", "Content-Length: 11000000", length=False))
        wire.silence()

    w = wired(at(publisher))
    began = time.monotonic()

    await good_odd_good(w, publisher, announce)

    assert w.outcomes[1].state.failure_kind == "too-large"
    assert time.monotonic() - began < 5
    assert len(w.records()) == 2


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def bomb(mib: int) -> bytes:
    """Return raw deflate data that grow to so many MiB: one MiB of zeros again and again, without state between."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (packer.compress(b"\0" * MIB) + packer.flush(zlib.Z_FULL_FLUSH)) * mib + packer.flush()


GZIP_HEAD = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"


@pytest.mark.parametrize(
    ("coding", "data", "kind"),
    [
        pytest.param("gzip", GZIP_HEAD + bomb(500), "too-large", id="gzip"),
        pytest.param("gzip", gzip.compress(b"\0" * 10 * MIB) * 50, "too-large", id="gzip in members"),
        pytest.param("deflate", b"\x78\xda" + bomb(500), "too-large", id="deflate"),
        pytest.param("deflate", bomb(500), "too-large", id="raw deflate"),
        pytest.param("br", b"\x5b\xff\xff\x7f" + b"\0" * 754, "protocol", id="brotli"),
        pytest.param("zstd", b"\x28\xb5\x2f\xfd" + b"\0" * 500, "protocol", id="zstd"),
        pytest.param(", ".join(["gzip"] * 5), gzip.compress(b"\0" * 1000), "protocol", id="five times gzip"),
    ],
)
async def test_a_bomb_costs_little_and_what_is_stored_stays(
    wired: Make, publisher: Publisher, coding: str, data: bytes, kind: str
) -> None:
    """S43."""
    w = wired(at(publisher))

    with memory_under(50 * MIB):
        await good_odd_good(w, publisher, reply("200 OK", data, 'ETag: "bomb"', f"Content-Encoding: {coding}"))

    assert w.outcomes[1].state.failure_kind == kind
    assert len(w.records()) == 2
    assert tags(publisher) == [None, b'"old"', b'"old"']
    assert len(publisher.asked) == 3


# --- cuts

NEW = rss("1", "2", "3", "4", "5", item("6", text="the last, cut within its own words"))
IN_ITEM = NEW[: NEW.index(b"within its own")]
HEAD = ("200 OK", b"", 'ETag: "new"')


@pytest.mark.parametrize(
    "cut",
    [
        pytest.param(reply("200 OK", NEW, 'ETag: "new"')[: -(len(NEW) - len(IN_ITEM))], id="short of its length"),
        pytest.param(
            reply(*HEAD, "Transfer-Encoding: chunked", length=False) + chunked(IN_ITEM, last=False), id="no last chunk"
        ),
        pytest.param(
            reply("200 OK", gzip.compress(IN_ITEM)[:-8], 'ETag: "new"', "Content-Encoding: gzip"), id="within gzip"
        ),
        pytest.param(b'HTTP/1.0 200 OK\r\nETag: "new"\r\n\r\n' + IN_ITEM, id="HTTP/1.0, within an item"),
    ],
)
async def test_of_a_cut_document_the_whole_entries_are_kept_and_the_old_validators_sent(
    wired: Make, publisher: Publisher, cut: bytes
) -> None:
    """S44."""
    w = wired(at(publisher, every=HOUR))

    await good_odd_good(w, publisher, cut)

    assert w.outcomes[1].state.degraded is not None
    assert w.outcomes[1].state.degraded.startswith("truncated: ")
    assert set(w.titles()) == {"Title 1", "Title 2", "Title 3", "Title 4", "Title 5"}
    assert tags(publisher) == [None, b'"old"', b'"old"']
    assert publisher.asked[2].header("If-None-Match") == b'"old"'
    assert w.gaps_of_polls() == [HOUR, HOUR]


async def test_a_cut_document_shows_in_the_sources_health_until_a_whole_one_comes(
    wired: Make, publisher: Publisher
) -> None:
    """S44."""
    w = wired(at(publisher))
    publisher.plays("/feed", GOOD, reply("200 OK", IN_ITEM + b"..", "Content-Length: 9999", length=False), GOOD)

    await w.polls(2)
    cut = w.health()
    await w.polls(1)

    assert str(cut.state) == "degraded"
    assert "the connection ended within the body" in cut.reason
    assert str(w.health().state) == "ok"


# --- codings and types


@pytest.mark.parametrize(
    ("coding", "data", "kind"),
    [
        pytest.param("gzip", gzip.compress(OLD), None, id="gzip"),
        pytest.param("gzip", OLD, None, id="gzip said, plain sent"),
        pytest.param(None, gzip.compress(OLD), None, id="gzip sent, not said"),
        pytest.param("deflate", zlib.compress(OLD), None, id="deflate"),
        pytest.param("deflate", raw_deflate(OLD), None, id="raw deflate"),
        pytest.param("x-gzip", gzip.compress(OLD), None, id="x-gzip"),
        pytest.param("utf-8", OLD, None, id="an unknown coding over plain XML"),
        pytest.param("br", b"\x8b\x05\x80", "protocol", id="br"),
        pytest.param("zstd", b"\x28\xb5\x2f\xfd\0", "protocol", id="zstd"),
    ],
)
async def test_a_wrong_word_about_the_coding_costs_no_second_request(
    wired: Make, publisher: Publisher, coding: str | None, data: bytes, kind: str | None
) -> None:
    """S45."""
    w = wired(at(publisher))
    said = [] if coding is None else [f"Content-Encoding: {coding}"]
    publisher.plays("/feed", reply("200 OK", data, *said))

    await w.poll()

    assert w.state().failure_kind == kind
    assert len(w.records()) == (2 if kind is None else 0)
    assert len(publisher.asked) == 1


JSON = b'{"version": "https://jsonfeed.org/version/1.1", "title": "J", "items": [{"id": "1", "content_text": "x"}]}'


@pytest.mark.parametrize(
    ("kind", "document", "entries"),
    [
        *((kind, OLD, 2) for kind in ("text/html", "application/octet-stream", None, "image/png", "not a type")),
        *((kind, JSON, 1) for kind in ("text/plain", "text/html; charset=utf-8", None)),
    ],
)
async def test_a_feed_is_known_by_its_first_characters_whatever_its_type_says(
    wired: Make, publisher: Publisher, kind: str | None, document: bytes, entries: int
) -> None:
    """S46."""
    w = wired(at(publisher))
    publisher.plays("/feed", reply("200 OK", document, *([] if kind is None else [f"Content-Type: {kind}"])))

    await w.poll()

    assert len(w.records()) == entries


# --- cookies


async def test_a_cookie_is_never_sent_back_at_a_later_poll(wired: Make, publisher: Publisher) -> None:
    """S59."""
    w = wired(at(publisher))
    publisher.plays("/feed", reply("200 OK", OLD, 'ETag: "old"', "Set-Cookie: id=7; Path=/; Max-Age=99999999"))

    await w.polls(3)

    assert [asked.header("Cookie") for asked in publisher.asked] == [None, None, None]


async def test_a_cookie_of_a_redirect_is_sent_along_its_chain_and_not_at_the_next_poll(
    wired: Make, publisher: Publisher
) -> None:
    """S59, the one exception of rule 56."""
    w = wired(at(publisher))
    publisher.plays("/feed", reply("302 Found", b"", "Location: /feed.xml", "Set-Cookie: pass=1; Path=/"))
    publisher.plays("/feed.xml", reply("200 OK", OLD, "Set-Cookie: id=7; Path=/"))

    await w.polls(2)

    assert [asked.header("Cookie") for asked in publisher.asked] == [None, b"pass=1"] * 2


# --- connections and names


@pytest.mark.parametrize("how", ["closed", "reset"])
async def test_a_connection_that_ends_before_any_byte_is_not_tried_again(
    wired: Make, publisher: Publisher, how: str
) -> None:
    """S71."""
    w = wired(at(publisher))

    await good_odd_good(w, publisher, b"" if how == "closed" else lambda wire, asked: wire.reset())

    assert w.outcomes[1].state.failure_kind == "connect"
    assert w.outcomes[1].state.next_reason.startswith("backoff after 1 failure")
    assert publisher.connections == 3
    assert w.state().failures == 0


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        pytest.param(socket.gaierror(socket.EAI_NONAME, "x"), "no such name", id="NXDOMAIN"),
        pytest.param(socket.gaierror(socket.EAI_AGAIN, "x"), "its name server fails or does not answer", id="SERVFAIL"),
    ],
)
async def test_a_name_that_does_not_resolve_is_told_and_what_is_stored_stays(
    wired: Make, publisher: Publisher, problem: socket.gaierror, words: str
) -> None:
    """S72. SERVFAIL and a resolver that times out are one answer of getaddrinfo."""
    w = wired(at(publisher))
    publisher.plays("/feed", GOOD)
    await w.polls(1)
    w.broken["a.example"] = problem

    await w.polls(1)

    assert w.state().failure_kind == "dns"
    assert words in (w.state().failure_detail or "")
    assert len(w.records()) == 2
    assert len(publisher.asked) == 1


async def test_a_host_of_the_new_addresses_alone_is_asked(wired: Make, require: Callable[[str, bool], None]) -> None:
    """S72."""
    publisher = six(require)
    w = wired(at(publisher, url=publisher.url()), allowed=frozenset({publisher.host}))
    publisher.plays("/feed", GOOD)

    await w.poll()

    publisher.close()
    assert len(w.records()) == 2


async def test_new_addresses_that_do_not_answer_cost_less_than_a_second(
    wired: Make, publisher: Publisher, require: Callable[[str, bool], None]
) -> None:
    """S72."""
    w = wired(at(publisher), allowed=frozenset({f"a.example:{publisher.port}"}))
    w.addresses["a.example"] = ["::1", "127.0.0.1"]
    publisher.plays("/feed", GOOD)
    with black_hole(publisher.port, require):
        began = time.monotonic()

        await w.poll()

        took = time.monotonic() - began
    assert len(w.records()) == 2
    assert 0.2 < took < 1


async def test_a_name_that_leads_home_at_the_second_request_is_refused(wired: Make, publisher: Publisher) -> None:
    """S72: rebinding. The canary is the publisher itself: it must not be connected with again."""
    w = wired(at(publisher))
    publisher.plays("/feed", GOOD)
    await w.polls(1)
    w.addresses["a.example"] = ["127.0.0.1"]

    await w.polls(1)

    assert w.state().failure_kind == "refused-address"
    assert publisher.connections == 1
    assert len(w.records()) == 2


async def test_a_name_of_which_one_address_is_private_is_asked_at_the_others_alone(
    wired: Make, publisher: Publisher
) -> None:
    """S72."""
    w = wired(at(publisher))
    w.addresses["a.example"] = ["10.0.0.1", "93.184.216.34", "169.254.169.254"]
    publisher.plays("/feed", GOOD)

    await w.poll()

    assert w.dialled == [("93.184.216.34",)]


def six(require: Callable[[str, bool], None]) -> Publisher:
    try:
        return Publisher(address="::1")
    except OSError:
        require("IPv6 on loopback", False)
        raise


@contextmanager
def black_hole(port: int, require: Callable[[str, bool], None]) -> Iterator[None]:
    """Hold a port of ::1 that takes no further connections and refuses none."""
    waiting: Sequence[socket.socket] = ()
    with socket.socket(socket.AF_INET6) as full:
        try:
            full.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            full.bind(("::1", port))
        except OSError:
            require("IPv6 on loopback", False)
            raise
        full.listen(0)
        waiting = [socket.socket(socket.AF_INET6) for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("::1", port))
        try:
            yield
        finally:
            for one in waiting:
                one.close()
