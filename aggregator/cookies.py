"""Holds the cookies of one chain of redirects on one site (RFC 6265), few and small, and forgets them after it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from aggregator.addresses import is_address
from aggregator.hosts import registrable

MOST = 20
"""Cookies in a chain."""
MOST_BYTES = 4096
"""In all of them together."""


@dataclass(frozen=True, slots=True)
class _Cookie:
    name: bytes
    value: bytes
    domain: str
    """Without a dot before it."""
    alone: bool
    """For that host alone, not for those below it."""
    path: str
    secure: bool

    def fits(self, scheme: str, host: str, path: str) -> bool:
        """Return whether it may go there (RFC 6265 section 5.4)."""
        if self.secure and scheme != "https":
            return False
        if self.domain != host and (self.alone or not host.endswith(f".{self.domain}")):
            return False
        folder = self.path if self.path.endswith("/") else f"{self.path}/"
        return path == self.path or path.startswith(folder)


class Cookies:
    """
    What one site set on the hops of one chain; none outlives it, and none is believed over 4 KiB or beyond twenty.

    Hosts are in their ASCII form, in lower case; paths begin with `/` and have no query.
    """

    def __init__(self) -> None:
        self._held: dict[tuple[bytes, str, str], _Cookie] = {}

    def __len__(self) -> int:
        return len(self._held)

    def take(self, line: bytes, scheme: str, host: str, path: str, now: datetime) -> None:
        """Take what a `Set-Cookie` line of an answer from there sets, or takes back; what it may not set is passed over."""
        pair, *rest = line.split(b";")
        name, equals, value = (part.strip(b" \t") for part in pair.partition(b"="))
        if not equals or not name:
            return
        said = {key: value for key, value in map(_attribute, rest) if value or key == "secure"}
        cookie = _read(name, value, said, scheme, host, path)
        if cookie is None:
            return
        key = cookie.name, cookie.domain, cookie.path
        self._held.pop(key, None)
        size = sum(len(one.name) + len(one.value) for one in (*self._held.values(), cookie))
        if not _is_over(said, now) and len(self._held) < MOST and size <= MOST_BYTES:
            self._held[key] = cookie

    def header(self, scheme: str, host: str, path: str) -> bytes | None:
        """Return the value of the `Cookie` header of a request to there, longer paths first; None where none fits."""
        fitting = [cookie for cookie in self._held.values() if cookie.fits(scheme, host, path)]
        fitting.sort(key=lambda cookie: -len(cookie.path))
        return b"; ".join(cookie.name + b"=" + cookie.value for cookie in fitting) or None


def _attribute(part: bytes) -> tuple[str, str]:
    name, _, value = part.decode("latin-1").partition("=")
    return name.strip().lower(), value.strip()


def _read(name: bytes, value: bytes, said: dict[str, str], scheme: str, host: str, path: str) -> _Cookie | None:
    """Return the cookie; None where its sender has no right to it (RFC 6265 section 5.3)."""
    domain, secure = said.get("domain", "").lower().removeprefix("."), "secure" in said
    if secure and scheme != "https":
        return None
    if domain and domain != host:
        # A name that many owners share (`co.uk`, `github.io`) is nobody's to set cookies for.
        above = host.endswith(f".{domain}") and not is_address(host) and registrable(host) == registrable(domain)
        if not above:
            return None
    folder = said.get("path", "")
    if not folder.startswith("/"):
        folder = path.rpartition("/")[0] or "/"
    if name.lower().startswith(b"__secure-") and not secure:
        return None
    if name.lower().startswith(b"__host-") and (not secure or domain or folder != "/"):
        return None
    return _Cookie(name, value, domain or host, not domain, folder, secure)


def _is_over(said: dict[str, str], now: datetime) -> bool:
    """Return whether the cookie is taken back rather than set: its time has passed."""
    age = said.get("max-age", "")
    if age.removeprefix("-").isdecimal() and age.isascii():
        return age.startswith("-") or not age.strip("0")
    try:
        until = parsedate_to_datetime(said["expires"].replace("-", " "))
    except (KeyError, ValueError, TypeError, OverflowError):
        return False
    return until.replace(tzinfo=until.tzinfo or UTC) <= now
