"""Tells which addresses the network may dial: global unicast ones, and private ones where the operator named them."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_Address = IPv4Address | IPv6Address

# IANA IPv4 and IPv6 special-purpose registries, all that is not "globally reachable", and what may not be dialled.
_V4_NOT_GLOBAL = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network; 0.0.0.0 reaches the own machine
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local; the metadata services of clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved; broadcast
    )
)
_V6_GLOBAL = IPv6Network("2000::/3")
_V6_NOT_GLOBAL = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo (unwrapped before), benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "3fff::/20",  # documentation
    )
)
# Where an address of the other family lies in the last 32 bits.
_V4_AT_END = tuple(IPv6Network(text) for text in ("::ffff:0:0/96", "::/96", "64:ff9b::/96"))
_NAT64_LOCAL = IPv6Network("64:ff9b:1::/48")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_TEREDO = IPv6Network("2001::/32")

_NEVER_DIALLED = (IPv4Network("224.0.0.0/4"), IPv4Network("240.0.0.0/4"), IPv4Network("0.0.0.0/32"))


@lru_cache(maxsize=4096)
def is_address(text: str) -> bool:
    """Return whether the text is an IP address in its usual form; odd ones (`127.1`) are names for the resolver."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def is_public(text: str) -> bool:
    """
    Return whether the address, and every address wrapped in it, is global unicast.

    `text` is an address in a canonical or any other form that `ipaddress` reads; a zone (`%eth0`) may follow.
    Whatever is not an address is not public. docs/security.md, "Addresses".
    """
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        return _public_v4(address)
    if address.scope_id is not None:
        return False  # a zone belongs to link-local addresses alone
    inner = wrapped(address)
    if inner:
        return all(_public_v4(one) for one in inner)
    return address in _V6_GLOBAL and not any(address in net for net in _V6_NOT_GLOBAL)


@lru_cache(maxsize=4096)
def is_dialable(text: str) -> bool:
    """Return whether the address may be dialled where the operator allowed a private one: unicast, and specified."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        if address.is_multicast or address.is_unspecified:
            return False
        return all(is_dialable(str(one)) for one in wrapped(address))
    return not any(address in net for net in _NEVER_DIALLED)


def wrapped(address: IPv6Address) -> tuple[IPv4Address, ...]:
    """
    Return the IPv4 addresses that a gateway would make of the address; empty where it wraps none.

    Mapped and compatible (RFC 4291), NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056), Teredo (RFC 4380: server, client).
    """
    bits = int(address)
    if any(address in net for net in _V4_AT_END):
        return (IPv4Address(bits & 0xFFFFFFFF),)
    if address in _NAT64_LOCAL:
        return _nat64_local(bits)
    if address in _SIX_TO_FOUR:
        return (IPv4Address(bits >> 80 & 0xFFFFFFFF),)
    if address in _TEREDO:
        return IPv4Address(bits >> 64 & 0xFFFFFFFF), IPv4Address(~bits & 0xFFFFFFFF)
    return ()


def _nat64_local(bits: int) -> tuple[IPv4Address, ...]:
    """Return all that RFC 6052 section 2.2 may read: the prefix may be 48, 56, 64 or 96 bits, and only its owner knows."""
    at_end = IPv4Address(bits & 0xFFFFFFFF)
    if not bits >> 32 & (1 << 48) - 1:
        return (at_end,)
    # Bits 64 to 71 are skipped by every shorter prefix.
    joined = (bits >> 64 & 0xFFFF) << 56 | (bits & (1 << 56) - 1)
    return at_end, *(IPv4Address(joined >> shift & 0xFFFFFFFF) for shift in (40, 32, 24))


def _public_v4(address: IPv4Address) -> bool:
    return not any(address in net for net in _V4_NOT_GLOBAL)
