"""What a source adds to its requests: headers, cookies, a log-in. Nothing here quotes a value, which may be secret."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping

from aggregator.config.faults import WrongValueError

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
"""RFC 9110 section 5.6.2."""
_COOKIE_VALUE = re.compile(r'[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*|"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*"')
OURS = {
    "host": "it is made of the URL",
    "user-agent": "write `user_agent:` instead",
    "cookie": "write `cookies: {name: value}` instead",
    "if-none-match": "this program sends what the publisher gave it",
    "if-modified-since": "this program sends what the publisher gave it",
    "accept-encoding": "this program reads gzip and deflate",
    "connection": "it belongs to the connection",
    "content-length": "a request of ours has no body",
    "transfer-encoding": "a request of ours has no body",
    "proxy-authorization": "write the log-in into `proxy:`, as http://name:password@host:port",
    "range": "feeds are read whole",
    "te": "it belongs to the connection",
    "upgrade": "it belongs to the connection",
}
"""Headers that a source may not set, and why or what to write instead."""


def header_name(text: str) -> str:
    """Return the name of a header that a source may set."""
    name = text.strip().removesuffix(":")
    if not TOKEN.fullmatch(name) or name != text.strip():
        raise WrongValueError(
            f'"{text[:60]}" is no name of a header; it is made of letters, digits and -', _mended(text)
        )
    if why := OURS.get(name.casefold()):
        raise WrongValueError(f"{name} cannot be set here: {why}")
    return name


def header_value(text: str) -> str:
    """Return the value of a header: one line, ASCII alone (RFC 9110 section 5.5)."""
    value = text.strip()
    if not value.isascii():
        raise WrongValueError("has a letter beyond ASCII in it; an HTTP header holds ASCII characters alone")
    if not value.isprintable():
        raise WrongValueError("has a line break or a control character in it, which no header holds")
    return value


def cookie_name(text: str) -> str:
    """Return the name of a cookie (RFC 6265 section 4.1.1)."""
    if not TOKEN.fullmatch(text.strip()):
        raise WrongValueError(f'"{text[:60]}" is no name of a cookie; it is made of letters, digits, - and _')
    return text.strip()


def cookie_value(text: str) -> str:
    """Return the value of a cookie as it is sent (RFC 6265 section 4.1.1)."""
    if not _COOKIE_VALUE.fullmatch(text.strip()):
        raise WrongValueError(
            "has a space, a comma, a semicolon, a quote, a backslash or a letter beyond ASCII in it, which no cookie holds; "
            "one cookie a line, as the browser's tools show it"
        )
    return text.strip()


def basic(username: str, password: str) -> str:
    """Return the value of Authorization for a name and password (RFC 7617)."""
    return f"Basic {b64encode(f'{username}:{password}'.encode()).decode()}"


def cookie(cookies: Mapping[str, str]) -> str:
    """Return the value of the Cookie header."""
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def _mended(text: str) -> str | None:
    name, colon, _ = text.strip().partition(":")
    mended = re.sub(r"[\s_]+", "-", name.strip())
    return mended if mended != text and TOKEN.fullmatch(mended) and (colon or mended != name) else None
