"""Little proxies on 127.0.0.1 that remember what they were asked, made by the fixture `little_proxy`."""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from plugins.listening import Listening


@dataclass
class LittleProxy(Listening):
    """Speaks SOCKS5 or, where `socks` is False, HTTP; over TLS where `tls` says how."""

    socks: bool
    tls: ssl.SSLContext | None = None
    log_in: tuple[bytes, bytes] | None = None
    """User and password that it wants; None: none."""
    refuses: int = 0
    """The SOCKS5 code or the HTTP status with which it refuses every way."""
    crumbs: bool = False
    """True: it sends its SOCKS5 answers byte by byte."""
    names: dict[str, str] = field(default_factory=dict)
    """How it resolves names."""
    asked: list[bytes] = field(default_factory=list)
    """The places that it was asked for, as they came: `host:port`, or the whole URL of a relayed request."""
    heads: list[bytes] = field(default_factory=list)
    """What it read of HTTP itself."""
    log_ins: list[tuple[bytes, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.listen(socket.create_server(("127.0.0.1", 0)), longest=20)

    def url(self, scheme: str, log_in: str = "") -> str:
        """Return its URL."""
        return f"{scheme}://{log_in and f'{log_in}@'}127.0.0.1:{self.port}"

    def _talk(self, sock: socket.socket) -> None:
        there = self._socks(sock) if self.socks else self._http(sock)
        if there is not None:
            with there:
                self._carry(sock, there)

    # --- SOCKS5

    def _socks(self, sock: socket.socket) -> socket.socket | None:
        _, count = _exactly(sock, 2)
        offered = _exactly(sock, count)
        wanted = 2 if self.log_in else 0
        if wanted not in offered:
            self._say(sock, b"\x05\xff")
            return None
        self._say(sock, bytes([5, wanted]))
        if self.log_in:
            user = _exactly(sock, _exactly(sock, 2)[1])
            password = _exactly(sock, _exactly(sock, 1)[0])
            self.log_ins.append((user, password))
            self._say(sock, b"\x01\x00" if (user, password) == self.log_in else b"\x01\x01")
            if (user, password) != self.log_in:
                return None
        kind = _exactly(sock, 4)[3]
        if kind == 3:
            host = _exactly(sock, _exactly(sock, 1)[0]).decode()
        else:
            packed = _exactly(sock, 4 if kind == 1 else 16)
            host = socket.inet_ntop(socket.AF_INET if kind == 1 else socket.AF_INET6, packed)
        port = int.from_bytes(_exactly(sock, 2), "big")
        self.asked.append(f"{host}:{port}".encode())
        if self.refuses:
            self._say(sock, bytes([5, self.refuses, 0, 1]) + bytes(6))
            return None
        there = self._dial(host, port)
        self._say(sock, b"\x05\x00\x00\x03\x04here\x00\x50")
        return there

    def _say(self, sock: socket.socket, data: bytes) -> None:
        for piece in [data[i : i + 1] for i in range(len(data))] if self.crumbs else [data]:
            sock.sendall(piece)
            if self.crumbs:
                self._stopped.wait(0.005)

    # --- HTTP

    def _http(self, sock: socket.socket) -> socket.socket | None:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = sock.recv(65536)
            if not piece:
                return None
            head += piece
        self.heads.append(head)
        method, target, _ = head.partition(b"\r\n")[0].split(b" ")
        self.asked.append(target)
        if self.refuses:
            sock.sendall(b"HTTP/1.1 %d No\r\nContent-Length: 2\r\n\r\nno" % self.refuses)
            return None
        if method == b"CONNECT":
            host, _, port = target.decode().rpartition(":")
            there = self._dial(host, int(port))
            sock.sendall(b"HTTP/1.1 200 Connection established\r\nX-Proxy: little\r\n\r\n")
            return there
        place, _, path = target.decode().removeprefix("http://").partition("/")
        host, _, port = place.rpartition(":")
        there = self._dial(host, int(port))
        lines = [line for line in head.split(b"\r\n")[1:] if not line.lower().startswith(b"proxy-")]
        there.sendall(b"%s /%s HTTP/1.1\r\n" % (method, path.encode()) + b"\r\n".join(lines))
        return there

    def _dial(self, host: str, port: int) -> socket.socket:
        return socket.create_connection((self.names.get(host, host), port), timeout=5)

    def _carry(self, here: socket.socket, there: socket.socket) -> None:
        while not self._stopped.is_set():
            waiting = isinstance(here, ssl.SSLSocket) and here.pending()
            ready = [here] if waiting else select.select([here, there], [], [], 0.05)[0]
            for sock in ready:
                data = sock.recv(65536)
                if not data:
                    return
                (there if sock is here else here).sendall(data)


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise ConnectionError("it hung up")
        data += piece
    return data


@pytest.fixture
def little_proxy() -> Iterator[Callable[..., LittleProxy]]:
    """Make proxies, closed after the test."""
    made: list[LittleProxy] = []

    def make(*, socks: bool, **how: object) -> LittleProxy:
        made.append(LittleProxy(socks, **how))  # type: ignore[arg-type]  # its own keywords
        return made[-1]

    yield make
    for one in made:
        one.close()
