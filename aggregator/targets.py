"""From the text of a URL, or of a Location header, to the place where a request goes."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field, replace
from functools import lru_cache
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

import httpx

from aggregator.hosts import ascii_host, host_and_port, redact
from aggregator.outcomes import FailureKind, PollError


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes."""

    url: httpx.URL
    text: str
    """The URL in its ASCII form, without userinfo and fragment: what is compared, stored and shown."""
    origin: tuple[str, str, int]
    """Scheme, host, port (RFC 6454)."""
    pair: str
    """`host:port`, as `allow_private` names it."""
    authorization: bytes | None = field(default=None, repr=False)
    """`Basic ...` where the URL has userinfo."""


@lru_cache(maxsize=4096)
def locate(text: str) -> Target:
    """
    Return the target of an absolute URL as somebody wrote it.

    Hosts are mapped to ASCII (UTS 46), the rest is percent-encoded as UTF-8, existing escapes stay as they are,
    the fragment is dropped. PollError (refused-address) where it is not http(s), ValueError where it is no URL.
    """
    parts = urlsplit(text.strip())
    if parts.scheme not in {"http", "https"}:
        raise PollError(FailureKind.REFUSED_ADDRESS, f"{redact(text)} is not an http or https URL")
    host = parts.hostname or ""
    if not host.isascii():
        host = ascii_host(host)
    if not host or host.startswith("."):
        raise ValueError("it names no host")
    port = parts.port
    if port == 0:
        raise ValueError("port 0 cannot be asked")
    place = (f"[{host}]" if ":" in host else host) + ("" if port is None else f":{port}")
    query = f"?{parts.query}" if parts.query else ""
    try:
        url = httpx.URL(f"{parts.scheme}://{place}{parts.path or '/'}{query}")
    except httpx.InvalidURL as error:
        raise ValueError(str(error)) from error
    origin = parts.scheme, url.raw_host.decode("ascii"), url.port or (443 if parts.scheme == "https" else 80)
    return Target(url, str(url), origin, host_and_port(str(url)), _basic(parts.username, parts.password))


def redirected(here: Target, location: bytes) -> Target:
    """
    Return where a Location header leads from here (RFC 9110 section 10.2.2); userinfo in it is not used.

    Bytes that are not UTF-8 are escaped one by one. PollError (redirect, refused-address) where it leads nowhere.
    """
    try:
        text = location.decode()
    except UnicodeDecodeError:
        text = "".join(chr(byte) if byte < 0x80 else f"%{byte:02X}" for byte in location)
    try:
        target = locate(urljoin(here.text, text.strip()))
    except ValueError as error:
        raise PollError(FailureKind.REDIRECT, f"{redact(here.text)} redirects to what is no URL ({error})") from error
    return target if target.authorization is None else replace(target, authorization=None)


def keeps_secrets(here: Target, there: Target) -> bool:
    """
    Return whether what is meant for one target may go to the other: same origin, or the same host gone to https.

    The second is what every browser does for a host on the schemes' own ports: the reader is the same, the way safer.
    """
    if here.origin == there.origin:
        return True
    return here.origin == ("http", here.origin[1], 80) and there.origin == ("https", here.origin[1], 443)


def _basic(user: str | None, password: str | None) -> bytes | None:
    if user is None:
        return None
    return b"Basic " + b64encode(unquote_to_bytes(user) + b":" + unquote_to_bytes(password or ""))
