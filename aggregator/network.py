"""The only opener of connections: names are resolved once, every address is checked, and the checked one is dialled."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import h11
import httpx

from aggregator.addresses import is_address, is_dialable, is_public
from aggregator.budget import Budget
from aggregator.outcomes import FailureKind, PollError
from aggregator.proxies import Proxy, proxy_at, tunnel
from aggregator.sockets import Stream, dial
from aggregator.unreachable import CONNECT_SECONDS, no_connection, no_name, no_proxy, reason

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""From a host name and a port to addresses as text, best first; raises `socket.gaierror` or another OSError."""

Dialler = Callable[[Sequence[str], int], Awaitable[Stream]]
"""From addresses that may be dialled and a port to a connection with one of them; raises OSError."""

SILENCE_SECONDS = 10.0
"""Between two pieces of a body; the first byte may take as long as the attempt."""
HEAD_BYTES = 64 * 1024
"""For one head; all heads of an answer (103 and its like) together may be twice that."""
_MANY_CRUMBS, _CRUMB = 20_000, 8
"""So many chunks of so few bytes on average are an attack on our CPU: 200,000 of one byte took 1.2 s of it."""


class Network:
    """
    Sends requests, each over a connection of its own, to addresses that may be dialled; built once.

    `allow_private` names exact `host:port` pairs that may lie in a private network. `resolver` and `ssl_context`
    stand in for the system's, `dialler` for who dials; `transport` for the sockets altogether (the scripted world of
    the simulator).
    No connection outlives its answer: kept ones are not used again within an hour, and make a pool slow.
    """

    def __init__(
        self,
        allow_private: frozenset[str] = frozenset(),
        *,
        max_inflight_bytes: int = 64 * 1024 * 1024,
        resolver: Resolver | None = None,
        ssl_context: ssl.SSLContext | None = None,
        dialler: Dialler = dial,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.permit(allow_private)
        self._transport = transport or DirectTransport(resolver or resolve, ssl_context, dialler)
        self.budget = Budget(max_inflight_bytes)

    def permit(self, allow_private: frozenset[str]) -> None:
        """Let these `host:port` pairs, and no others, lie in a private network from now on."""
        self._allow_private = frozenset(pair.strip().lower() for pair in allow_private)

    def bound(self, most: int) -> None:
        """Let all bodies under way together hold so many bytes from now on."""
        self.budget.resize(most)

    def may_be_private(self, pair: str) -> bool:
        """Return whether `allow_private` names this `host:port`, exactly."""
        return pair in self._allow_private

    async def send(
        self, request: httpx.Request, *, private: bool = False, proxy: str | None = None, verified: bool = True
    ) -> httpx.Response:
        """
        Send the request and return the head of the answer; the body is read from it, and `aclose` is the caller's.

        `private`: the address may lie in a private network. `proxy`: the URL of what carries the request; the target
        is resolved and checked here all the same. `verified`: whether its certificate must be sound.
        Nothing is retried, no redirect followed, no cookie kept.
        Raises PollError (dns, connect, tls, refused-address, protocol, timeout) where no head comes; while the body
        is read, httpx.ReadError where it ends early, ReadTimeout, RemoteProtocolError where it is not HTTP.
        """
        request.extensions |= {"private": private, "proxy": proxy, "verified": verified}
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        """Let go of what the transport holds."""
        await self._transport.aclose()


class DirectTransport(httpx.AsyncBaseTransport):
    """HTTP/1.1 by h11 over a stream that was dialled under guard, one request a connection."""

    def __init__(self, resolver: Resolver, ssl_context: ssl.SSLContext | None = None, dialler: Dialler = dial) -> None:
        self._resolver = resolver
        self._dial = dialler
        self._ssl_context = ssl_context
        self._blind_context: ssl.SSLContext | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request without a body; the response's stream closes the connection when it is closed."""
        how = request.extensions
        private, proxy, relay = bool(how.get("private")), _proxy(how.get("proxy")), None
        context = None if request.url.scheme == "http" else self._context(verified=how.get("verified", True))
        if proxy is None:
            stream = await self._connect(request.url, context, private=private)
        else:
            relay = proxy if context is None and proxy.relays else None
            stream = await self._connect_through(proxy, request.url, context, private=private)
        try:
            connection, head = await _exchange(stream, request, relay)
        except BaseException:
            stream.close()
            raise
        return httpx.Response(head.status_code, headers=list(head.headers), stream=_Body(stream, connection))

    async def _connect(self, url: httpx.URL, context: ssl.SSLContext | None, *, private: bool) -> Stream:
        host, port = _place(url)
        addresses = await self._addresses(host, port, private=private)
        stream: Stream | None = None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                stream = await self._dial(addresses, port)
                if context is not None:
                    await stream.start_tls(context, host.rstrip("."))
                return stream
        except BaseException as error:
            if stream is not None:
                stream.close()
            if isinstance(error, OSError | ValueError):  # ValueError: a host name that TLS cannot ask for
                raise no_connection(error, host, port, dialled=stream is not None) from error
            raise

    async def _connect_through(
        self, proxy: Proxy, url: httpx.URL, context: ssl.SSLContext | None, *, private: bool
    ) -> Stream:
        """Return a stream to the target that the proxy carries, or to the proxy itself where that asks the target."""
        host, port = _place(url)
        addresses = await self._addresses(host, port, private=private)
        # Which families the proxy can reach is not known; every one can reach the older.
        place = min(addresses, key=lambda address: ":" in address) if proxy.scheme == "socks5" else host.rstrip(".")
        relayed = context is None and proxy.relays
        stream = await self._reach(proxy, None if relayed else place, port)
        if context is None:
            return stream
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await stream.start_tls(context, host.rstrip("."))
        except BaseException as error:
            stream.close()
            if isinstance(error, OSError | ValueError):
                raise no_connection(error, host, port, dialled=True) from error
            raise
        return stream

    async def _reach(self, proxy: Proxy, place: str | None, port: int) -> Stream:
        """Return a stream through the proxy to the place, or to the proxy itself; what fails here is the proxy's."""
        stream: Stream | None = None
        try:
            # The operator chose the proxy: it may lie anywhere, and its own certificate is always verified.
            found = (proxy.host,) if is_address(proxy.host) else await self._resolver(proxy.host, proxy.port)
            async with asyncio.timeout(CONNECT_SECONDS):
                stream = await self._dial(found or [proxy.host], proxy.port)
                if proxy.secure:
                    await stream.start_tls(self._context(verified=True), proxy.host)
                if place is not None:
                    await tunnel(stream, proxy, place, port)
        except BaseException as error:
            if stream is not None:
                stream.close()
            if isinstance(error, OSError | ValueError):
                raise no_proxy(error, proxy.host, proxy.port, dialled=stream is not None) from error
            raise
        stream.received = 0
        return stream

    async def _addresses(self, host: str, port: int, *, private: bool) -> Sequence[str]:
        """Resolve the host and return those of its addresses that may be dialled."""
        try:
            found = (host,) if is_address(host) else await self._resolver(host, port)
        except (OSError, UnicodeError) as error:
            raise no_name(error, host) from error
        if not found:
            raise PollError(FailureKind.DNS, f"the name {host} resolves to no address")
        allowed = is_dialable if private else is_public
        good = [address for address in found if allowed(address)]
        if not good:
            where = "" if found[0] == host else f" resolves to {found[0]}, which"
            raise PollError(FailureKind.REFUSED_ADDRESS, f"{host}{where} is not a public address")
        return good

    def _context(self, *, verified: bool) -> ssl.SSLContext:
        # Reading the bundled authorities takes 15 ms, so only where an https source is polled.
        if not verified:
            self._blind_context = self._blind_context or _tls(verify=False)
            return self._blind_context
        self._ssl_context = self._ssl_context or _tls(verify=True)
        return self._ssl_context


def _tls(*, verify: bool) -> ssl.SSLContext:
    context = httpx.create_ssl_context(verify=verify, trust_env=False)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _place(url: httpx.URL) -> tuple[str, int]:
    return url.raw_host.decode("ascii"), url.port or (443 if url.scheme == "https" else 80)


def _proxy(url: str | None) -> Proxy | None:
    try:
        return proxy_at(url) if url else None
    except ValueError as error:
        raise PollError(FailureKind.CONNECT, str(error)) from None


async def _exchange(
    stream: Stream, request: httpx.Request, relay: Proxy | None = None
) -> tuple[h11.Connection, h11.Response]:
    """Send the request, to a proxy that asks for us where one is given; return its connection and the final head."""
    host = request.url.host
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES)
    head = _written(connection, request, relay)
    if head is None:
        said = f"the request to {host} cannot be written: a header or the path has characters that HTTP forbids"
        raise PollError(FailureKind.PROTOCOL, said)
    with contextlib.suppress(OSError):  # a server may answer and close before it has read: its answer counts
        await stream.write(head)
    try:
        return connection, await _head(stream, connection)
    except h11.RemoteProtocolError as error:
        if stream.ended:
            if stream.received:
                raise PollError(FailureKind.PROTOCOL, f"{host} closed the connection within its headers") from error
            raise PollError(FailureKind.CONNECT, f"{host} closed the connection without an answer") from error
        raise PollError(FailureKind.PROTOCOL, f"{host} does not answer in HTTP ({_short(error)})") from error
    except OSError as error:
        said = "within its headers" if stream.received else "before any answer"
        raise PollError(FailureKind.CONNECT, f"{host} broke the connection {said} ({reason(error)})") from error


def _written(connection: h11.Connection, request: httpx.Request, relay: Proxy | None) -> bytes | None:
    """Return the request's bytes, or None: h11's error quotes the offending value, which may be a secret."""
    url, headers = request.url, request.headers.raw
    target = url.raw_path
    if relay is not None:
        target = b"http://" + url.netloc + target
        if relay.authorization is not None:
            headers = [*headers, (b"Proxy-Authorization", relay.authorization)]
    try:
        head = connection.send(h11.Request(method=request.method, target=target, headers=headers))
        connection.send(h11.EndOfMessage())
    except h11.LocalProtocolError:
        return None
    return head


async def _head(stream: Stream, connection: h11.Connection) -> h11.Response:
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            if stream.received > 2 * HEAD_BYTES:
                raise h11.RemoteProtocolError(f"more than {2 * HEAD_BYTES // 1024} KiB of headers")
            connection.receive_data(await stream.read())
        elif isinstance(event, h11.Response):
            return event
        elif not isinstance(event, h11.InformationalResponse) or event.status_code == 101:
            raise h11.RemoteProtocolError("an answer that was not asked for")


class _Body(httpx.AsyncByteStream):
    """The pieces of a body, as they came, once; coding and charset are the reader's."""

    def __init__(self, stream: Stream, connection: h11.Connection) -> None:
        self._stream = stream
        self._connection = connection
        self._pieces = self._size = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while True:
            try:
                event = self._connection.next_event()
            except h11.RemoteProtocolError as error:
                if self._stream.ended:
                    raise httpx.ReadError(_short(error)) from error
                raise httpx.RemoteProtocolError(_short(error)) from error
            if event is h11.NEED_DATA:
                self._connection.receive_data(await self._read())
            elif isinstance(event, h11.Data):
                self._count(len(event.data))
                return bytes(event.data)
            else:
                raise StopAsyncIteration

    def _count(self, size: int) -> None:
        self._pieces, self._size = self._pieces + 1, self._size + size
        if self._pieces > _MANY_CRUMBS and self._size < self._pieces * _CRUMB:
            raise httpx.RemoteProtocolError(f"the body comes in {self._pieces} chunks of a few bytes")

    async def _read(self) -> bytes:
        try:
            return await self._stream.read(SILENCE_SECONDS)
        except TimeoutError as error:
            raise httpx.ReadTimeout(f"nothing came for {SILENCE_SECONDS:.0f} s") from error
        except OSError as error:
            raise httpx.ReadError(reason(error)) from error

    async def aclose(self) -> None:
        self._stream.close()


async def resolve(host: str, port: int) -> Sequence[str]:
    """
    Ask the system's resolver, in a thread that nobody waits for at exit.

    A look-up cannot be cancelled; in a pool one dead name server would hold the look-ups of all others.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str]] = loop.create_future()

    def settle(found: list[str], error: Exception | None) -> None:
        if answer.done():
            return
        if error is None:
            answer.set_result(found)
        else:
            answer.set_exception(error)

    def look_up() -> None:
        found: list[str] = []
        problem: Exception | None = None
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found = list(dict.fromkeys(str(row[4][0]) for row in rows))
        except (OSError, UnicodeError) as error:
            problem = error
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile: nobody waits for the answer
            loop.call_soon_threadsafe(settle, found, problem)

    threading.Thread(target=look_up, name=f"resolve {host}", daemon=True).start()
    return await answer


def _short(error: Exception) -> str:
    """Return what a library says, without the publisher's bytes that it quotes."""
    line = str(error).partition("\n")[0].partition(": bytearray(")[0]
    return line if len(line) <= 120 else f"{line[:117]}..."
