"""A publisher on 127.0.0.1 that plays exact bytes and remembers what it was asked, as the fixture `publisher`."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from plugins.listening import Listening

LONGEST = 30.0
"""Seconds after which a connection is given up, so that no test waits for ever."""


@dataclass(frozen=True)
class Asked:
    """A request as it came over the wire."""

    at: float
    """Monotonic seconds."""
    method: str
    target: str
    headers: tuple[tuple[bytes, bytes], ...]
    """Names as written, values verbatim, in order."""

    def header(self, name: str) -> bytes | None:
        """Return the value of the header; None where it was not sent. A repeated one fails the test."""
        values = [value for key, value in self.headers if key.lower() == name.lower().encode()]
        assert len(values) < 2, f"{name} was sent {len(values)} times"
        return values[0] if values else None


@dataclass
class Wire:
    """The publisher's end of one connection, for answers that are more than bytes."""

    sock: socket.socket
    stopped: threading.Event
    sent: int = 0

    def send(self, data: bytes) -> None:
        """Send all of it; a client that hung up ends the answer."""
        self.sock.sendall(data)
        self.sent += len(data)

    def drip(self, data: bytes, every: float) -> None:
        """Send a byte, wait, send the next, until the client hangs up or the publisher is closed."""
        for index in range(len(data)):
            self.send(data[index : index + 1])
            if self.stopped.wait(every):
                return

    def silence(self) -> None:
        """Say nothing until the client hangs up or the publisher is closed."""
        self.sock.settimeout(0.05)
        while not self.stopped.is_set():
            try:
                if not self.sock.recv(1024):
                    return
            except TimeoutError:
                continue

    def reset(self) -> None:
        """Break the connection with a RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


_HANDSHAKE = b"\x16\x03"

Answer = bytes | Callable[[Wire, Asked], None]
"""Bytes are sent as they are and the connection closed; a function plays whatever it likes."""


def reply(status: str = "200 OK", body: bytes = b"", *headers: str | bytes, length: bool = True) -> bytes:
    """Return the bytes of an answer; headers as `Name: value` lines, Content-Length added unless `length` is False."""
    lines = [b"HTTP/1.1 " + status.encode()]
    lines += [line if isinstance(line, bytes) else line.encode() for line in headers]
    if length:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunked(*chunks: bytes, last: bool = True) -> bytes:
    """Return a body in chunks; without `last` it is not finished."""
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + (b"0\r\n\r\n" if last else b"")


@dataclass
class Publisher(Listening):
    """Plays answers by path, the last one again and again; `tls` makes it speak https."""

    tls: ssl.SSLContext | None = None
    address: str = "127.0.0.1"
    asked: list[Asked] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    """Bytes that each finished answer had sent when it ended."""
    _answers: dict[str, list[Answer]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.address, 0))
        listener.listen(128)
        self.listen(listener, LONGEST)

    @property
    def host(self) -> str:
        """`host:port`, as `allow_private` wants it."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"

    def url(self, path: str = "/feed", host: str | None = None) -> str:
        """Return the URL of a path, under another host name where one is given."""
        place = self.host if host is None else f"{host}:{self.port}"
        return f"{'https' if self.tls else 'http'}://{place}{path}"

    def plays(self, path: str, *answers: Answer) -> str:
        """Answer requests for the path (query included) so, one after the other; return its URL."""
        self._answers[path] = list(answers)
        return self.url(path)

    def _talk(self, sock: socket.socket) -> None:
        asked = _read(sock)
        if asked is None:
            return
        self.asked.append(asked)
        answers = self._answers.get(asked.target, [reply("404 Not Found")])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        wire = Wire(sock, self._stopped)
        try:
            if isinstance(answer, bytes):
                wire.send(answer)
                sock.shutdown(socket.SHUT_WR)
                wire.silence()  # closing with unread bytes would reset what was sent
            else:
                answer(wire, asked)
        finally:
            self.sent.append(wire.sent)


def _read(sock: socket.socket) -> Asked | None:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(65536)
        if not piece:
            return None
        data += piece
        if data.startswith(_HANDSHAKE):  # https on a plain port: servers answer in plain HTTP
            sock.sendall(reply("400 Bad Request"))
            return None
    first, *lines = data.partition(b"\r\n\r\n")[0].split(b"\r\n")
    method, target, _ = first.decode("ascii").split(" ")
    headers = tuple((name, value.strip()) for name, _, value in (line.partition(b":") for line in lines))
    return Asked(time.monotonic(), method, target, headers)


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    """A publisher on loopback, closed after the test."""
    one = Publisher()
    yield one
    one.close()


@pytest.fixture
def other_publisher() -> Iterator[Publisher]:
    """A second one, of another origin."""
    one = Publisher()
    yield one
    one.close()
