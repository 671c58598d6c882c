"""The publisher's sockets: one listener a host, http and https on the same port, every request kept with its raw headers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

from .cases import number_of
from .documents import head
from .values import MINUTE, Answer, Asked, Case, HungUp, Knock, Site

LONGEST_HANDSHAKE = 45.0
QUIET = 1.0
"""Seconds without a request after which, polled by hand and unmarked, the next one begins another poll."""
_HANDSHAKE = b"\x16"

Control = Callable[[str], Awaitable[tuple[int, str, bytes]]]
"""From a path of the program's own address to status, content type and body."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a host of the suite listens."""

    label: str
    address: str
    port: int

    alias: str = ""
    """The host as the program knows it where it is asked as a proxy: of a block of IPv6 that nobody has been given."""

    @property
    def authority(self) -> str:
        """`host:port`."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


class Publisher:
    """Plays the sites of cases on loopback and remembers who asked what."""

    def __init__(self, cases: tuple[Case, ...], *, minute: float = MINUTE, by_hand: bool = False) -> None:
        self.minute = minute
        self.by_hand = by_hand
        self.turns = 0
        self.asked: list[Asked] = []
        self.knocks: list[Knock] = []
        self.places: dict[str, Place] = {}
        self.control: Control | None = None
        self.on_asked: Callable[[Asked], None] = lambda _: None
        self._marked = False
        self._sites = {(site.host, site.path): site for case in cases for site in case.sites}
        self._nth: Counter[tuple[str, str, bool]] = Counter()
        self._first: dict[tuple[str, str], float] = {}
        self._aliases: dict[str, str] = {}
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._listeners: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._began = time.monotonic()
        self._busy, self._idle_since = 0, 0.0
        self._lags: deque[tuple[float, float]] = deque(maxlen=100)

    # --- where ---

    def listen(self, port: int = 0, *, one_address: bool = False) -> Place:
        """
        Bind the program's own address and one for every host; return the first.

        Where the machine has all of 127.0.0.0/8, case 23 is at 127.0.1.23, its other hosts at 127.0.2.23 and on, all
        on one port; elsewhere, and with `one_address`, every host is a port of 127.0.0.1.
        """
        home = self._bind("", "127.0.0.1", port)
        many = not one_address and _has_many_addresses()
        seen: Counter[int] = Counter()
        for label in sorted({host for host, _ in self._sites}):
            if label.endswith(".six"):
                with contextlib.suppress(OSError):
                    self._bind(label, "::1", 0)
                continue
            number = number_of(label)
            seen[number] += 1
            alias = f"[2d00::{seen[number]}:{number}]"
            if many:
                self._bind(label, f"127.0.{seen[number]}.{number}", home.port, alias)
            else:
                self._bind(label, "127.0.0.1", 0, alias)
        self._aliases = {place.alias: label for label, place in self.places.items() if place.alias}
        return home

    def _bind(self, label: str, address: str, port: int, alias: str = "") -> Place:
        listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address, port))
        except OSError:
            listener.close()
            raise
        listener.listen(256)
        listener.setblocking(False)
        self.places[label] = Place(label, address, listener.getsockname()[1], alias)
        self._listeners.append(listener)
        return self.places[label]

    def certify(self, contexts: dict[str, ssl.SSLContext]) -> None:
        """Take the certificates of hosts by their labels, and under an empty one that of all others."""
        self._contexts = contexts

    def url(self, host: str, path: str, *, secure: bool = False) -> str:
        """Return the URL of a site."""
        return f"{'https' if secure else 'http'}://{self.places[host].authority}{path}"

    def proxied_url(self, host: str, path: str, *, secure: bool = False) -> str:
        """Return the URL under which the site is asked for where this program is the client's proxy."""
        return f"{'https' if secure else 'http'}://{self.places[host].alias}{path}"

    def serves(self, site: Site) -> bool:
        """Return whether the site can be asked: it has a place, and a certificate where it needs one."""
        return site.host in self.places and (not site.secure or bool(self._contexts))

    # --- when ---

    def now(self) -> float:
        """Return seconds since the program began."""
        return time.monotonic() - self._began

    def mark(self) -> int:
        """Begin another poll by hand; return its number."""
        self.by_hand = self._marked = True
        self.turns += 1
        return self.turns

    # --- serving ---

    async def serve(self, stop: asyncio.Event) -> None:
        """Answer until `stop` is set, then break every answer off."""
        for listener, label in zip(self._listeners, self.places, strict=True):
            self._start(self._accept(listener, label))
        self._start(self._watch_ourselves())
        await stop.wait()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for listener in self._listeners:
            listener.close()

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _watch_ourselves(self) -> None:
        """Note how late this program comes to what it has to do: so much later a request may be noted than it came."""
        while True:
            due = self.now() + 0.02
            await asyncio.sleep(0.02)
            self._lags.append((self.now(), max(0.0, self.now() - due)))

    async def _accept(self, listener: socket.socket, label: str) -> None:
        loop = asyncio.get_running_loop()
        while True:
            sock, _ = await loop.sock_accept(listener)
            self._start(self._connection(sock, label))

    async def _connection(self, sock: socket.socket, label: str) -> None:
        """Serve one connection: one request, one answer."""
        began = self.now()
        sock.setblocking(False)
        try:
            secure = await _first_byte(sock) == _HANDSHAKE
            if secure and label.endswith(".stuck"):
                await self._stuck(sock, label, began)
                return
            context = self._contexts.get(label, self._contexts.get("")) if secure else None
            if secure and context is None:
                return
            try:
                reader, writer = await _streams(sock, context)
            except (OSError, ssl.SSLError, TimeoutError) as error:
                self.knocks.append(Knock(began, label, self.now(), _words(error)))
                return
            try:
                await self._exchange(reader, writer, label, secure=secure, began=began)
            finally:
                writer.close()
                with contextlib.suppress(OSError, ssl.SSLError, TimeoutError):
                    await asyncio.wait_for(writer.wait_closed(), 2)
        except OSError:
            return
        finally:
            sock.close()

    async def _stuck(self, sock: socket.socket, label: str, began: float) -> None:
        """Read what comes and never go on with the handshake."""
        loop, why = asyncio.get_running_loop(), "held"
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(LONGEST_HANDSHAKE):
                while await loop.sock_recv(sock, 65536):
                    pass
                why = "left"
        self.knocks.append(Knock(began, label, self.now(), why))

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, label: str, *, secure: bool, began: float
    ) -> None:
        try:
            async with asyncio.timeout(30):
                raw = await reader.readuntil(b"\r\n\r\n")
        except (
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
            TimeoutError,
            ConnectionError,
            ssl.SSLError,
        ) as error:
            if label:
                self.knocks.append(Knock(began, label, self.now(), _words(error)))
            return
        method, target, headers = _read(raw)
        label, path, relayed = self._meant(label, target)
        wire = _Socket(reader, writer)
        if not label:
            await self._own(wire, path)
            return
        asked = self._asked(label, path, method, headers, secure=secure)
        if relayed:
            asked.url = self.proxied_url
        wire.notes = asked.notes
        self._busy += 1
        try:
            await self._answer(wire, asked)
        except (HungUp, ConnectionError, ssl.SSLError):
            asked.left = True
        finally:
            self._busy -= 1
            asked.until, asked.sent = self.now(), wire.sent
            self._idle_since = self.now()

    def _meant(self, label: str, target: str) -> tuple[str, str, bool]:
        """Return the host and the path that are asked for, and whether as of a proxy: by a URL in full."""
        if not target.startswith("http://"):
            return label, target, False
        host, _, path = target.removeprefix("http://").partition("/")
        return self._aliases.get(host.removesuffix(":80"), label), f"/{path}", True

    def _asked(
        self, label: str, path: str, method: str, headers: tuple[tuple[bytes, bytes], ...], *, secure: bool
    ) -> Asked:
        at, place = self.now(), (label, path)
        if self.by_hand and not self._marked and not self._busy and (not self.turns or at - self._idle_since > QUIET):
            self.turns += 1
        asked = Asked(
            at, label, path, headers, method, secure, self.turns if self.by_hand else 0, self._nth[(*place, secure)],
            datetime.now(UTC), self.minute, self._first.setdefault(place, at), self.url,
        )  # fmt: skip
        self._nth[*place, secure] += 1
        asked.lag = max((lag for then, lag in self._lags if at - then < 1), default=0.0)
        self.asked.append(asked)
        return asked

    async def _answer(self, wire: _Socket, asked: Asked) -> None:
        site = self._sites.get((asked.host, asked.path))
        answer = site.play(asked) if site else Answer(404, good=False)
        asked.answer = answer
        self.on_asked(asked)
        if answer.play:
            await answer.play(wire)
        else:
            await wire.send(_written(answer, asked))
        await wire.finish()

    async def _own(self, wire: _Socket, path: str) -> None:
        """Answer for the program itself; nothing of this is part of the score."""
        status, kind, body = await self.control(path) if self.control else (404, "text/plain", b"")
        with contextlib.suppress(HungUp, ConnectionError):
            said = ((b"Content-Type", kind.encode()), (b"Content-Length", b"%d" % len(body)), (b"Connection", b"close"))
            await wire.send(head(_status(status), said) + body)
            await wire.finish()


class _Socket:
    """The publisher's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.sent = 0
        self.notes: list[str] = []

    async def send(self, data: bytes) -> None:
        """Send all of it; raises HungUp where the client has left."""
        if self._writer.transport.is_closing():
            raise HungUp
        self._writer.write(data)
        try:
            await self._writer.drain()
        except (ConnectionError, ssl.SSLError) as error:
            raise HungUp from error
        self.sent += len(data)

    async def pause(self, seconds: float) -> None:
        """Wait; raises HungUp as soon as the client leaves."""
        try:
            async with asyncio.timeout(seconds):
                while await self._reader.read(4096):
                    pass
        except TimeoutError:
            return
        except (ConnectionError, ssl.SSLError):
            pass
        raise HungUp

    def note(self, words: str) -> None:
        """Keep words about this answer for its judge."""
        self.notes.append(words)

    async def finish(self) -> None:
        """Say that nothing more comes, and let the client read it all before the connection is closed."""
        with contextlib.suppress(HungUp, OSError, RuntimeError):
            if self._writer.can_write_eof():
                self._writer.write_eof()
            await self.pause(2)


def _written(answer: Answer, asked: Asked) -> bytes:
    """Return the bytes of a plain answer, with a Date and a length, the connection to be closed."""
    extra = [(b"Connection", b"close")]
    if answer.header(b"Date") is None:
        extra.append((b"Date", asked.date(0)))
    if answer.status not in (204, 304):
        extra.append((b"Content-Length", b"%d" % len(answer.body)))
    body = b"" if asked.method == "HEAD" else answer.body
    return head(_status(answer.status), (*answer.headers, *extra)) + body


def _status(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"


def _read(raw: bytes) -> tuple[str, str, tuple[tuple[bytes, bytes], ...]]:
    """Return method, target and headers of a request's head."""
    first, *lines = raw.removesuffix(b"\r\n\r\n").split(b"\r\n")
    method, _, rest = first.decode("latin-1").partition(" ")
    target = rest.rpartition(" ")[0] or rest
    headers = tuple((name, value.strip()) for name, _, value in (line.partition(b":") for line in lines))
    return method, target, headers


async def _first_byte(sock: socket.socket) -> bytes:
    """Return the first byte that comes, and leave it where it is."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(sock, lambda: None if ready.done() else ready.set_result(None))
    try:
        await asyncio.wait_for(ready, 60)
    finally:
        loop.remove_reader(sock)
    return sock.recv(1, socket.MSG_PEEK)


async def _streams(
    sock: socket.socket, context: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    if context is None:
        transport, _ = await loop.connect_accepted_socket(lambda: protocol, sock)
    else:
        transport, _ = await loop.connect_accepted_socket(lambda: protocol, sock, ssl=context, ssl_handshake_timeout=30)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


def _words(error: BaseException) -> str:
    """Return what the client's end said, in short."""
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    return "closed without a request"


def _has_many_addresses() -> bool:
    """Return whether all of 127.0.0.0/8 is this machine, as on Linux."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.9.99", 0))
        except OSError:
            return False
    return True
