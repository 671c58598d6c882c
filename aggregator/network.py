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
from aggregator.model import FailureKind, PollError
from aggregator.sockets import Stream, dial

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""From a host name and a port to addresses as text, best first; raises `socket.gaierror` or another OSError."""

CONNECT_SECONDS = 10.0
"""For connection and handshake together, the name's look-up apart."""
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
    stand in for the system's; `transport` for the sockets altogether (the scripted world of the simulator).
    No connection outlives its answer: kept ones are not used again within an hour, and make a pool slow.
    """

    def __init__(
        self,
        allow_private: frozenset[str] = frozenset(),
        *,
        max_inflight_bytes: int = 64 * 1024 * 1024,
        resolver: Resolver | None = None,
        ssl_context: ssl.SSLContext | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.permit(allow_private)
        self._transport = transport or DirectTransport(resolver or resolve, ssl_context)
        self.budget = Budget(max_inflight_bytes)

    def permit(self, allow_private: frozenset[str]) -> None:
        """Let these `host:port` pairs, and no others, lie in a private network from now on."""
        self._allow_private = frozenset(pair.strip().lower() for pair in allow_private)

    def may_be_private(self, pair: str) -> bool:
        """Return whether `allow_private` names this `host:port`, exactly."""
        return pair in self._allow_private

    async def send(self, request: httpx.Request, *, private: bool = False) -> httpx.Response:
        """
        Send the request and return the head of the answer; the body is read from it, and `aclose` is the caller's.

        `private`: the address may lie in a private network. Nothing is retried, no redirect followed, no cookie kept.
        Raises PollError (dns, connect, tls, refused-address, protocol, timeout) where no head comes; while the body
        is read, httpx.ReadError where it ends early, ReadTimeout, RemoteProtocolError where it is not HTTP.
        """
        request.extensions["private"] = private
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        """Let go of what the transport holds."""
        await self._transport.aclose()


class DirectTransport(httpx.AsyncBaseTransport):
    """HTTP/1.1 by h11 over a stream that was dialled under guard, one request a connection."""

    def __init__(self, resolver: Resolver, ssl_context: ssl.SSLContext | None = None) -> None:
        self._resolver = resolver
        self._ssl_context = ssl_context

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request without a body; the response's stream closes the connection when it is closed."""
        stream = await self._connect(request.url, private=bool(request.extensions.get("private")))
        try:
            connection, head = await _exchange(stream, request)
        except BaseException:
            stream.close()
            raise
        return httpx.Response(head.status_code, headers=list(head.headers), stream=_Body(stream, connection))

    async def _connect(self, url: httpx.URL, *, private: bool) -> Stream:
        host, secure = url.raw_host.decode("ascii"), url.scheme == "https"
        port = url.port or (443 if secure else 80)
        addresses = await self._addresses(host, port, private=private)
        stream: Stream | None = None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                stream = await dial(addresses, port)
                if secure:
                    await stream.start_tls(self._context(), host.rstrip("."))
                return stream
        except BaseException as error:
            if stream is not None:
                stream.close()
            if isinstance(error, OSError | ValueError):  # ValueError: a host name that TLS cannot ask for
                raise _no_connection(error, host, port, dialled=stream is not None) from error
            raise

    async def _addresses(self, host: str, port: int, *, private: bool) -> Sequence[str]:
        """Resolve the host and return those of its addresses that may be dialled."""
        try:
            found = (host,) if is_address(host) else await self._resolver(host, port)
        except (OSError, UnicodeError) as error:
            raise PollError(FailureKind.DNS, f"the name {host} does not resolve ({_reason(error)})") from error
        if not found:
            raise PollError(FailureKind.DNS, f"the name {host} resolves to no address")
        allowed = is_dialable if private else is_public
        good = [address for address in found if allowed(address)]
        if not good:
            where = "" if found[0] == host else f" resolves to {found[0]}, which"
            raise PollError(FailureKind.REFUSED_ADDRESS, f"{host}{where} is not a public address")
        return good

    def _context(self) -> ssl.SSLContext:
        if self._ssl_context is None:
            # Reading the bundled authorities takes 15 ms, so only where an https source is polled.
            self._ssl_context = httpx.create_ssl_context(trust_env=False)
            self._ssl_context.set_alpn_protocols(["http/1.1"])
        return self._ssl_context


async def _exchange(stream: Stream, request: httpx.Request) -> tuple[h11.Connection, h11.Response]:
    """Send the request; return its connection and the head of the final answer."""
    host = request.url.host
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES)
    head = _written(connection, request)
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
        raise PollError(FailureKind.CONNECT, f"{host} broke the connection {said} ({_reason(error)})") from error


def _written(connection: h11.Connection, request: httpx.Request) -> bytes | None:
    """Return the request's bytes, or None: h11's error quotes the offending value, which may be a secret."""
    try:
        head = connection.send(
            h11.Request(method=request.method, target=request.url.raw_path, headers=request.headers.raw)
        )
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
            raise httpx.ReadError(_reason(error)) from error

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


_CERTIFICATE_FAULTS = {
    9: "is not valid yet",
    10: "expired",
    18: "is self-signed",
    19: "comes from an authority that signed itself and is not known here",
    20: "comes from an authority that is not known here",
    21: "comes without the certificates of its authority",
    23: "was revoked",
    62: "belongs to another host",
    64: "belongs to another address",
}
"""By the verification codes of OpenSSL (`man openssl-verification-options`, X509_V_ERR_...)."""


def _no_connection(error: OSError | ValueError, host: str, port: int, *, dialled: bool) -> PollError:
    """Say why there is no connection; `dialled` where TCP stood and the handshake did not."""
    if dialled:
        return PollError(FailureKind.TLS, _no_tls(error, host, port))
    match error:
        case ConnectionRefusedError():
            said = f"{host}:{port} refuses connections"
        case TimeoutError():
            said = f"no connection to {host}:{port} within {CONNECT_SECONDS:.0f} s"
        case _:
            said = f"no connection to {host}:{port} ({_reason(error)})"
    return PollError(FailureKind.CONNECT, said)


def _no_tls(error: OSError | ValueError, host: str, port: int) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            fault = _CERTIFICATE_FAULTS.get(error.verify_code, f"cannot be verified ({error.verify_message})")
            return f"the certificate of {host} {fault}"
        case ssl.SSLError():
            return f"no TLS with {host}:{port}: {_tls_fault(error)}"
        case TimeoutError():
            return f"the TLS handshake with {host}:{port} does not come to an end"
        case _:
            return f"{host}:{port} broke off the TLS handshake ({_reason(error)})"


def _tls_fault(error: ssl.SSLError) -> str:
    """Return OpenSSL's reason in words, its commonest ones in plain ones."""
    reason: str | None = error.reason  # None where OpenSSL names none, whatever its stub says
    match reason:
        case "WRONG_VERSION_NUMBER" | "HTTP_REQUEST" | "PACKET_LENGTH_TOO_LONG":
            return "it does not speak TLS there"
        case "UNSUPPORTED_PROTOCOL" | "TLSV1_ALERT_PROTOCOL_VERSION":
            return "it offers only outdated versions"
        case "UNEXPECTED_EOF_WHILE_READING" | None:
            return "it closed the connection within the handshake"
        case _:
            return reason.replace("_", " ").lower()


def _reason(error: Exception) -> str:
    """Return the system's words for the error, without numbers and arguments."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def _short(error: Exception) -> str:
    """Return what a library says, without the publisher's bytes that it quotes."""
    line = str(error).partition("\n")[0].partition(": bytearray(")[0]
    return line if len(line) <= 120 else f"{line[:117]}..."
