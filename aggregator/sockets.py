"""Connections as plain streams of bytes: dials addresses, speaks TLS over them, never waits without being cancellable."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Sequence

READ_SIZE = 32 * 1024
HEAD_START = 0.25
"""Seconds that one address has before the next is tried beside it (RFC 8305 section 5)."""
_TURNS = 8
"""Reads that may be answered at once before the loop gets a turn: a fast flood starves nobody."""


class Stream:
    """
    A connected TCP socket, with TLS over it where `start_tls` was called.

    Bare socket calls rather than asyncio's transports: a poll is one request and one answer, and a transport
    costs more to set up than that. Errors are those of `socket` and `ssl`.
    """

    __slots__ = ("_below", "_incoming", "_loop", "_outgoing", "_sock", "_tls", "_turns", "ended", "received")

    def __init__(self, sock: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._below: Stream | None = None
        """With TLS in TLS (a proxy by https) the stream that carries this one."""
        self._tls: ssl.SSLObject | None = None
        self._incoming = self._outgoing = _NO_BIO
        self._turns = 0
        self.received = 0
        """Bytes of content so far, after TLS."""
        self.ended = False
        """True once the peer closed its side."""

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Shake hands as a client of `host`; verification is the context's. Where TLS is spoken already, within it."""
        if self._tls is not None:
            self._below = self._carrier(self._tls)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._fill()
            except ssl.SSLError:
                with contextlib.suppress(OSError):
                    await self._flush()  # the alert that says why
                raise
            else:
                break
        await self._flush()
        self._tls = tls

    async def read(self, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - a wait for one read, within the attempt's own deadline
        """Return what has come, at most 32 KiB; empty at the end. TimeoutError after `timeout` seconds of silence."""
        self._turns += 1
        if self._turns % _TURNS == 0:
            await asyncio.sleep(0)
        if timeout is None:
            data = await self._read()
        else:
            async with asyncio.timeout(timeout):
                data = await self._read()
        self.received += len(data)
        self.ended = not data
        return data

    async def exactly(self, size: int) -> bytes:
        """Return so many bytes and take none beyond them; ConnectionError where the peer closes before."""
        data = b""
        while len(data) < size:
            piece = await self._read(size - len(data))
            if not piece:
                raise ConnectionAbortedError("it closed the connection")
            data += piece
        return data

    async def write(self, data: bytes) -> None:
        """Send all of it."""
        if self._tls is None:
            await self._loop.sock_sendall(self._sock, data)
            return
        self._tls.write(data)  # a memory buffer takes everything
        await self._flush()

    def close(self) -> None:
        """Close at once; what the peer still sends is answered with a reset."""
        self._sock.close()

    def _carrier(self, tls: ssl.SSLObject) -> Stream:
        """Return what this stream has been so far."""
        below = Stream(self._sock)
        below._below, below._tls = self._below, tls
        below._incoming, below._outgoing = self._incoming, self._outgoing
        return below

    async def _read(self, size: int = READ_SIZE) -> bytes:
        if self._tls is None:
            return await self._loop.sock_recv(self._sock, size)
        while True:
            try:
                return self._tls.read(size)
            except ssl.SSLWantReadError:
                await self._flush()
                await self._fill()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                # Many servers end without the closing alert; length, coding and the document's root tell truncation.
                return b""

    async def _fill(self) -> None:
        below = self._below
        data = await (self._loop.sock_recv(self._sock, READ_SIZE) if below is None else below.read())
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    async def _flush(self) -> None:
        if self._outgoing.pending:
            data, below = self._outgoing.read(), self._below
            await (self._loop.sock_sendall(self._sock, data) if below is None else below.write(data))


_NO_BIO = ssl.MemoryBIO()


async def dial(addresses: Sequence[str], port: int) -> Stream:
    """
    Return a stream to the first of the addresses that answers; each has a quarter of a second before the next joins.

    Families take turns (RFC 8305 section 4). Raises the first address's OSError where none answers.
    """
    if len(addresses) == 1:
        return Stream(await _connect(addresses[0], port))
    waiting = _by_turns(addresses)
    running: set[asyncio.Task[socket.socket]] = set()
    errors: list[BaseException] = []
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.create_task(_connect(waiting.pop(0), port)))
            done, running = await asyncio.wait(
                running, timeout=HEAD_START if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            errors += [error for task in done if (error := task.exception()) is not None]
            connected = [task.result() for task in done if task.exception() is None]
            for spare in connected[1:]:
                spare.close()
            if connected:
                return Stream(connected[0])
    finally:
        await _abandon(running)
    raise errors[0]


async def _abandon(running: set[asyncio.Task[socket.socket]]) -> None:
    for task in running:
        task.cancel()
    for outcome in await asyncio.gather(*running, return_exceptions=True):
        if isinstance(outcome, socket.socket):
            outcome.close()


async def _connect(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, (address, port))
    except BaseException:
        sock.close()
        raise
    return sock


def _by_turns(addresses: Sequence[str]) -> list[str]:
    """Return the addresses with the families alternating, the resolver's first one first."""
    first = ":" in addresses[0]
    same = [one for one in addresses if (":" in one) is first]
    other = [one for one in addresses if (":" in one) is not first]
    mixed: list[str] = []
    while same or other:
        mixed += same[:1] + other[:1]
        same, other = same[1:], other[1:]
    return mixed
