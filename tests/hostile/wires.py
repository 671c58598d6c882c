"""Answers that break HTTP, or the patience of who reads them, each with what a safe reader shows of it from outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aggregator.outcomes import FailureKind
from hostile.documents import GOOD, MIB
from plugins.publisher import Answer, Asked, Wire, chunked, reply

K = FailureKind
MOST = 40 * MIB
"""Bytes that an endless answer sends before it ends after all, so that no test does."""
HEAD = b"HTTP/1.1 200 OK\r\n"


@dataclass(frozen=True, slots=True)
class WireCase:
    """An answer, and what it comes to."""

    name: str
    answer: Answer
    kinds: frozenset[K]
    """What the poll may fail with; empty where it must not fail."""
    entries: int = 0
    sent: int = 12 * MIB
    """Bytes that the publisher gets rid of at most, what lies in the buffers of the system included."""

    @property
    def path(self) -> str:
        """Where it is served."""
        return "/wire/" + self.name.replace(" ", "-").replace(",", "")


def endless(head: bytes, piece: bytes) -> Callable[[Wire, Asked], None]:
    """Return an answer that goes on as long as anybody listens."""

    def play(wire: Wire, asked: Asked) -> None:
        wire.send(head)
        while wire.sent < MOST and not wire.stopped.is_set():
            wire.send(piece)

    return play


def dripping(head: bytes, data: bytes) -> Callable[[Wire, Asked], None]:
    """Return an answer whose head comes at once and whose rest comes a byte at a time."""

    def play(wire: Wire, asked: Asked) -> None:
        wire.send(head)
        wire.drip(data, 0.3)

    return play


def silent(head: bytes) -> Callable[[Wire, Asked], None]:
    """Return an answer that stops after its beginning."""

    def play(wire: Wire, asked: Asked) -> None:
        if head:
            wire.send(head)
        wire.silence()

    return play


def breaking(head: bytes) -> Callable[[Wire, Asked], None]:
    """Return an answer after whose beginning the connection is reset."""

    def play(wire: Wire, asked: Asked) -> None:
        wire.send(head)
        wire.reset()

    return play


def moved(to: str, status: str = "302 Found") -> bytes:
    """Return a redirect."""
    return reply(status, b"", f"Location: {to}")


def _kinds(*kinds: K) -> frozenset[K]:
    return frozenset(kinds)


NONE = _kinds()
TIMEOUT, PROTOCOL = _kinds(K.TIMEOUT), _kinds(K.PROTOCOL)
TOO_LARGE = _kinds(K.TOO_LARGE, K.NOT_A_FEED)
"""The second where the publisher lost patience while the body waited for its share of memory."""
ODD = _kinds(K.PROTOCOL, K.CONNECT, K.EMPTY, K.TIMEOUT)
REDIRECT = _kinds(K.REDIRECT, K.REDIRECT_LOOP)
SHORT, LONGER = b"Content-Length: %d\r\n\r\n" % (len(GOOD) - 20), b"Content-Length: %d\r\n\r\n" % (len(GOOD) + 20)

WIRES = (
    WireCase("a drip of headers", dripping(HEAD, b"X-Slow: " + b"x" * 1000), TIMEOUT, sent=4096),
    WireCase("a drip of the body", dripping(HEAD + b"Content-Length: 5000\r\n\r\n", GOOD * 10), TIMEOUT, sent=4096),
    WireCase("a drip of chunks", dripping(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 500), TIMEOUT, sent=4096),
    WireCase("silence", silent(b""), TIMEOUT, sent=0),
    WireCase("silence within the head", silent(HEAD), TIMEOUT, sent=4096),
    WireCase("silence after the head", silent(HEAD + b"Content-Length: 500\r\n\r\n"), TIMEOUT, sent=4096),
    WireCase("one header without end", endless(HEAD + b"X: ", b"x" * 65536), PROTOCOL, sent=8 * MIB),
    WireCase("headers without end", endless(HEAD, b"X-A: b\r\n" * 8000), PROTOCOL, sent=8 * MIB),
    WireCase("a status line without end", endless(b"HTTP/1.1 200 ", b"O" * 65536), PROTOCOL, sent=8 * MIB),
    WireCase("early hints without end", endless(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 1000), PROTOCOL, sent=8 * MIB),
    WireCase("100 Continue without end", endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2000), PROTOCOL, sent=8 * MIB),
    WireCase("a body without end", endless(HEAD + b"\r\n", b"x" * 65536), TOO_LARGE, sent=20 * MIB),
    WireCase("a body without end in chunks", endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", chunked(b"x" * 65536, last=False)), TOO_LARGE, sent=20 * MIB),
    WireCase("a body without end in crumbs", endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", chunked(b"x", last=False) * 5000), PROTOCOL),
    WireCase("a chunk's extension without end", endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5;x=", b"y" * 65536), PROTOCOL, sent=8 * MIB),
    WireCase("trailers without end", endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-T: v\r\n" * 8000), _kinds(K.PROTOCOL, K.EMPTY), sent=8 * MIB),
    WireCase("a chunk of 2^64 bytes", HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nxxx", _kinds(*ODD, K.NOT_A_FEED)),
    WireCase("a chunk of 2^128 bytes", HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 32 + b"\r\nxxx", _kinds(*ODD, K.NOT_A_FEED)),
    WireCase("a chunk of -1 bytes", HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\nxxx", ODD),
    WireCase("a length of 11 MB", silent(HEAD + b"Content-Length: 11534336\r\n\r\n" + GOOD), TOO_LARGE, sent=4096),
    WireCase("a length of 2^80", silent(HEAD + b"Content-Length: 1208925819614629174706176\r\n\r\n" + GOOD), _kinds(K.TOO_LARGE, K.PROTOCOL), sent=4096),
    WireCase("a negative length", HEAD + b"Content-Length: -5\r\n\r\n" + GOOD, PROTOCOL),
    WireCase("a length with a sign", HEAD + b"Content-Length: +5\r\n\r\n" + GOOD, PROTOCOL),
    WireCase("a length in full-width digits", HEAD + "Content-Length: ５\r\n\r\n".encode() + GOOD, PROTOCOL),
    WireCase("two lengths", HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n" + GOOD, PROTOCOL),
    WireCase("length and chunks", HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(GOOD), NONE, 1),
    WireCase("a coding of transfer that nobody has", HEAD + b"Transfer-Encoding: gzip, identity\r\n\r\n" + GOOD, PROTOCOL),
    WireCase("a length that is too long", HEAD + LONGER + GOOD, NONE, 1),
    WireCase("HTTP 0.9", GOOD, PROTOCOL),
    WireCase("HTTP 9.9", b"HTTP/9.9 200 OK\r\n\r\n" + GOOD, NONE, 1),
    WireCase("ICY", b"ICY 200 OK\r\n\r\n" + GOOD, PROTOCOL),
    WireCase("status 999", reply("999 What", GOOD), ODD),
    WireCase("status 000", reply("000 What", GOOD), ODD),
    WireCase("status 2x0", reply("2x0 What", GOOD), PROTOCOL),
    WireCase("an upgrade", reply("101 Switching Protocols", b"", "Upgrade: websocket", "Connection: upgrade", length=False), PROTOCOL),
    WireCase("204 with a body", HEAD.replace(b"200 OK", b"204 None") + b"\r\n" + GOOD, _kinds(K.EMPTY, K.PROTOCOL)),
    WireCase("206 of a part", reply("206 Partial Content", GOOD[:60], "Content-Range: bytes 0-59/500"), _kinds(K.PROTOCOL)),
    WireCase("304 to who knows nothing", reply("304 Not Modified", b"", length=False), _kinds(K.PROTOCOL)),
    WireCase("226 that was not asked for", reply("226 IM Used", GOOD, "IM: vcdiff"), NONE, 1),
    WireCase("a reset within the head", breaking(HEAD), _kinds(K.CONNECT, K.PROTOCOL)),
    WireCase("a reset before the body", breaking(HEAD + b"Content-Length: 500\r\n\r\n"), _kinds(K.CONNECT, K.PROTOCOL, K.EMPTY)),
    WireCase("nothing at all", b"", _kinds(K.CONNECT)),
    WireCase("noise", bytes(range(256)) * 1000, PROTOCOL),
    WireCase("TLS where there is none", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 50, PROTOCOL),
    WireCase("SSH", b"SSH-2.0-OpenSSH_9.2\r\n", PROTOCOL),
    WireCase("a NUL in a header", HEAD + b"X-A: a\0b\r\nContent-Length: %d\r\n\r\n" % len(GOOD) + GOOD, _kinds(K.PROTOCOL)),
    WireCase("a header with no name", HEAD + b": x\r\n\r\n" + GOOD, PROTOCOL),
    WireCase("a header that is folded", HEAD + b"X-A: a\r\n b\r\n c\r\nContent-Length: %d\r\n\r\n" % len(GOOD) + GOOD, NONE, 1),
    WireCase("line ends of one byte", b"HTTP/1.1 200 OK\nContent-Length: %d\n\n" % len(GOOD) + GOOD, NONE, 1),
    WireCase("200 cookies", reply("200 OK", GOOD, *(f"Set-Cookie: a{n}={'x' * 200}" for n in range(200))), NONE, 1),
    WireCase("an ETag of 60 KB", reply("200 OK", GOOD, f'ETag: "{"e" * 60_000}"'), NONE, 1),
    WireCase("a second answer behind the first", reply("200 OK", GOOD) + reply("200 OK", GOOD * 100), NONE, 1),
    WireCase("a page of 8 MB that forbids", reply("403 Forbidden", b"<title>" + b"x" * 8 * MIB), _kinds(K.BLOCKED)),
    WireCase("a redirect to itself", moved("/wire/a-redirect-to-itself"), REDIRECT),
    WireCase("a maze of redirects", moved("/maze/0"), REDIRECT, sent=4096),
    WireCase("a redirect to nowhere", reply("302 Found"), REDIRECT),
    WireCase("a redirect of 60 KB", moved("/" + "x" * 60_000), _kinds(K.NOT_FOUND, K.REDIRECT, K.PROTOCOL)),
    WireCase("a redirect to a file", moved("file:///etc/passwd"), _kinds(K.REFUSED_ADDRESS)),
    WireCase("a redirect to script", moved("javascript:alert(1)"), _kinds(K.REFUSED_ADDRESS)),
    WireCase("a redirect to data", moved("data:text/xml,<rss/>"), _kinds(K.REFUSED_ADDRESS)),
    WireCase("a redirect to gopher", moved("gopher://127.0.0.1:70/_x"), _kinds(K.REFUSED_ADDRESS)),
    WireCase("a redirect to ftp", moved("ftp://127.0.0.1/x"), _kinds(K.REFUSED_ADDRESS)),
    WireCase("a redirect with line ends", reply("302 Found", b"", "Location: /x%0d%0aX-Injected: 1"), _kinds(K.NOT_FOUND, K.PROTOCOL, K.REDIRECT)),
    WireCase("a redirect to no port", moved("http://127.0.0.1:0/"), REDIRECT | _kinds(K.REFUSED_ADDRESS)),
    WireCase("a redirect to a port of a million", moved("http://127.0.0.1:1000000/"), REDIRECT | _kinds(K.REFUSED_ADDRESS)),
    WireCase("a redirect to a broken address", moved("http://[::1/"), REDIRECT),
    *(
        WireCase(f"a redirect by {status} to the neighbour", moved("http://CANARY/neighbour", f"{status} Moved"), _kinds(K.REFUSED_ADDRESS))
        for status in (301, 302, 303, 307, 308)
    ),
)  # fmt: skip
