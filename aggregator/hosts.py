"""Names what stands behind a URL: the host whose turn a poll takes, its port, and the URL without its secrets."""

from __future__ import annotations

from functools import cache, lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

_PORTS = {"http": 80, "https": 443}


@lru_cache(maxsize=65_536)
def host_key(url: str) -> str:
    """
    Return whose turn a request to the URL takes: the registrable domain or the address, and an unusual port.

    `https://blog.example.co.uk/feed` and `http://example.co.uk/` are both `example.co.uk`;
    `http://127.0.0.1:1200/x` is `127.0.0.1:1200`. Private suffixes count: each `*.github.io` is its own.
    A URL without a host gives itself, in lower case. docs/etiquette.md, rule 61.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return url.lower()
    host = _ascii_host(parts)
    if not host:
        return url.lower()
    name = f"[{host}]" if ":" in host else registrable(host)
    return name if port is None or port == _PORTS.get(parts.scheme) else f"{name}:{port}"


def same_site(one: str, other: str) -> bool:
    """Return whether both URLs are of one registrable domain or address, on the same port."""
    return host_key(one) == host_key(other)


@lru_cache(maxsize=4096)
def registrable(host: str) -> str:
    """Return the part of a host name that its owner registered; the host itself where it is an address or a suffix."""
    try:
        ip_address(host)
    except ValueError:
        return _suffixes().privatesuffix(host) or host
    return host


def host_and_port(url: str) -> str:
    """Return `host:port` of an http or https URL, the port always there; empty where it has no host."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return ""
    host = _ascii_host(parts)
    if not host:
        return ""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def redact(url: str) -> str:
    """Return the URL for logs and messages: without userinfo and fragment, the query's values left out."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "(not a URL)"
    query = "?..." if parts.query else ""
    return f"{parts.scheme}://{host}{parts.path}{query}" if host else f"{parts.scheme}:..."


def _ascii_host(parts: SplitResult) -> str:
    """Return the host in lower case, in its ASCII form where it has one, without the root's dot."""
    host = (parts.hostname or "").rstrip(".")
    if host.isascii():
        return host
    return ascii_host(host)


@lru_cache(maxsize=4096)
def ascii_host(host: str) -> str:
    """
    Return the host as DNS and HTTP know it: mapped by UTS 46, in Punycode by IDNA 2008.

    Labels that IDNA 2008 refuses although they are registered (emoji) are encoded as they stand; the address behind
    the name is checked in any case. Returned unchanged where there is no such form.
    """
    import idna  # noqa: PLC0415 - 8 ms of tables, for the few hosts that need them

    try:
        mapped = idna.uts46_remap(host, std3_rules=False, transitional=False)
    except idna.IDNAError:
        return host
    return ".".join(_ascii_label(label) for label in mapped.split("."))


def _ascii_label(label: str) -> str:
    import idna  # noqa: PLC0415 - as above

    if label.isascii():
        return label
    try:
        return idna.alabel(label).decode("ascii")
    except idna.IDNAError:
        return f"xn--{label.encode('punycode').decode('ascii')}"


@cache
def _suffixes() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415 - reading the bundled list is for polling commands only

    return PublicSuffixList()
