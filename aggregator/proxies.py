"""Asks a proxy for a way to a host: SOCKS5 (RFC 1928, 1929), and HTTP's CONNECT (RFC 9110 section 9.3.6)."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, ip_address
from typing import NoReturn
from urllib.parse import unquote_to_bytes, urlsplit

import h11

from aggregator.hosts import ascii_host
from aggregator.outcomes import FailureKind, PollError
from aggregator.sockets import Stream
from aggregator.statuses import words_of

_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_HEAD_BYTES = 16 * 1024

# SOCKS5 is spoken by hand: socksio, which httpx uses, wants every message in one piece, and TCP promises none.
_VERSION, _CONNECT, _NO_LOG_IN, _PASSWORD = 5, 1, 0, 2
_V4, _NAME, _V6 = 1, 3, 4
_SOCKS_REFUSALS = {
    1: "a general failure",
    2: "its rules forbid it",
    3: "the network cannot be reached",
    4: "the host cannot be reached",
    5: "the host refuses connections",
    6: "the way is too long",
    7: "it does not make connections",
    8: "it does not know this kind of address",
}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that feeds.yaml names. It is the operator's own choice: the address guard is for targets only."""

    scheme: str
    """`http`, `https`, `socks5` (is told the checked address), `socks5h` (is told the name)."""
    host: str
    """In its ASCII form."""
    port: int
    user: bytes | None = field(default=None, repr=False)
    password: bytes = field(default=b"", repr=False)

    @property
    def pair(self) -> str:
        """`host:port`, for messages."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def secure(self) -> bool:
        """True where TLS is spoken with the proxy itself."""
        return self.scheme == "https"

    @property
    def relays(self) -> bool:
        """True where a plain http target is asked for by its whole URL, without a tunnel (RFC 9112 section 3.2.2)."""
        return self.scheme in {"http", "https"}

    @property
    def authorization(self) -> bytes | None:
        """`Basic ...` for the proxy alone; None where it wants no log-in."""
        return None if self.user is None else b"Basic " + b64encode(self.user + b":" + self.password)


@lru_cache(maxsize=256)
def proxy_at(url: str) -> Proxy:
    """
    Return the proxy at `scheme://[user:password@]host[:port]`; the port is the scheme's own where none is written.

    Raises ValueError, without a word of the credentials, where the URL is none of a proxy.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = ascii_host(parts.hostname or ""), parts.port
    except ValueError:
        raise ValueError("the proxy's address is no URL") from None  # the cause quotes the URL
    if parts.scheme not in _PORTS:
        raise ValueError("a proxy's address begins with http://, https://, socks5:// or socks5h://")
    if not host or port == 0:
        raise ValueError("the proxy's address names no host and port")
    user = None if parts.username is None else unquote_to_bytes(parts.username)
    return Proxy(parts.scheme, host, port or _PORTS[parts.scheme], user, unquote_to_bytes(parts.password or ""))


async def tunnel(stream: Stream, proxy: Proxy, host: str, port: int) -> None:
    """
    Make the stream to the proxy one to the host, a name or an address: what is read from it then is the host's.

    Raises PollError (connect, auth), OSError where the proxy breaks off.
    """
    if proxy.relays:
        await _connected(stream, proxy, host, port)
    else:
        await _socks(stream, proxy, host, port)


# --- CONNECT ----------------------------------------------------------------------------------------------------


async def _connected(stream: Stream, proxy: Proxy, host: str, port: int) -> None:
    place = (f"[{host}]:{port}" if ":" in host else f"{host}:{port}").encode("ascii")
    headers = [(b"Host", place)]
    if proxy.authorization is not None:
        headers.append((b"Proxy-Authorization", proxy.authorization))
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_BYTES)
    await stream.write(connection.send(h11.Request(method=b"CONNECT", target=place, headers=headers)))
    connection.send(h11.EndOfMessage())
    try:
        status = await _status(stream, connection)
    except h11.RemoteProtocolError as error:
        _fail(proxy, "does not answer in HTTP", error)
    if status == 407:
        raise PollError(FailureKind.AUTH, f"the proxy {proxy.pair} wants another log-in ({words_of(status)})")
    if not 200 <= status < 300:
        raise PollError(FailureKind.CONNECT, f"the proxy {proxy.pair} does not connect to {host} ({words_of(status)})")
    if connection.trailing_data[0]:
        _fail(proxy, "says more than it was asked")  # clients speak first: this is not the host


async def _status(stream: Stream, connection: h11.Connection) -> int:
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await stream.read())
        elif isinstance(event, h11.Response):
            return event.status_code
        elif not isinstance(event, h11.InformationalResponse):
            raise h11.RemoteProtocolError("an answer that was not asked for")


# --- SOCKS5 -----------------------------------------------------------------------------------------------------


async def _socks(stream: Stream, proxy: Proxy, host: str, port: int) -> None:
    offered = bytes([_NO_LOG_IN] if proxy.user is None else [_NO_LOG_IN, _PASSWORD])
    await stream.write(bytes([_VERSION, len(offered)]) + offered)
    version, chosen = await stream.exactly(2)
    if version != _VERSION:
        _fail(proxy, "does not speak SOCKS5")
    if chosen == _PASSWORD and proxy.user is not None:
        await _log_in(stream, proxy, proxy.user)
    elif chosen != _NO_LOG_IN:
        raise PollError(FailureKind.AUTH, f"the proxy {proxy.pair} wants a log-in that its address does not have")
    await stream.write(bytes([_VERSION, _CONNECT, 0]) + _place(host) + port.to_bytes(2, "big"))
    version, answer, _, kind = await stream.exactly(4)
    if version != _VERSION:
        _fail(proxy, "does not speak SOCKS5")
    if answer:
        why = _SOCKS_REFUSALS.get(answer, f"code {answer}")
        raise PollError(FailureKind.CONNECT, f"the proxy {proxy.pair} does not connect to {host} ({why})")
    # Where it connected from follows, which nobody asks for; behind it the host's own bytes begin.
    size = {_V4: 4, _V6: 16}.get(kind) or (await stream.exactly(1))[0]
    await stream.exactly(size + 2)


async def _log_in(stream: Stream, proxy: Proxy, user: bytes) -> None:
    if not 0 < len(user) < 256 or not 0 < len(proxy.password) < 256:
        raise PollError(FailureKind.AUTH, "SOCKS5 wants a user and a password of 1 to 255 bytes each")
    await stream.write(bytes([1, len(user)]) + user + bytes([len(proxy.password)]) + proxy.password)
    _, refused = await stream.exactly(2)
    if refused:
        raise PollError(FailureKind.AUTH, f"the proxy {proxy.pair} refuses the user and password of its address")


def _place(host: str) -> bytes:
    try:
        address = ip_address(host)
    except ValueError:
        name = host.encode("ascii")
        if len(name) > 255:
            raise PollError(FailureKind.DNS, "SOCKS5 has no room for so long a name") from None
        return bytes([_NAME, len(name)]) + name
    return bytes([_V4 if isinstance(address, IPv4Address) else _V6]) + address.packed


def _fail(proxy: Proxy, what: str, cause: Exception | None = None) -> NoReturn:
    raise PollError(FailureKind.CONNECT, f"the proxy {proxy.pair} {what}") from cause
