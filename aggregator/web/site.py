"""What the server says of itself in links and titles, from feeds.yaml alone: never from Host or X-Forwarded headers."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from aggregator.model import Server


@dataclass(frozen=True, slots=True)
class Site:
    """Where the server is reached, and what opens it."""

    base: str
    """Absolute URL, ends with `/`."""
    prefix: str
    """Path of `base` without its last `/`: what stands before every path of ours; mostly empty."""
    title: str
    token: str
    carried: str = ""
    """The token, where a page was asked for with it in the address: its own links carry it on. Never in a document."""

    def to(self, path: str = "") -> str:
        """Return the link of a page to what lies at the path, its query with it, below base_url."""
        link = f"{self.prefix}/{path}"
        if not self.carried:
            return link
        return f"{link}{'&' if '?' in link else '?'}{urlencode({'token': self.carried})}"

    @property
    def cache_control(self) -> bytes:
        """How long feeds may be kept, and by whom."""
        return b"private, max-age=300" if self.token else b"public, max-age=300"


def site_of(server: Server) -> Site:
    """Return the site that feeds.yaml describes."""
    base = server.base_url or base_of(server.listen)
    base = base if base.endswith("/") else f"{base}/"
    return Site(base=base, prefix=urlsplit(base).path.rstrip("/"), title=server.title, token=server.access_token)


def base_of(listen: str) -> str:
    """Return the URL at which this machine reaches a server that listens there; `http://localhost/` for a Unix socket."""
    if listen.startswith("unix:"):
        return "http://localhost/"
    host, _, port = listen.rpartition(":")
    # Listening everywhere is no address that a reader could ask.
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "[::1]", "*": "127.0.0.1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://{host}/" if port == "80" else f"http://{host}:{port}/"


def source_place(source_id: str) -> str:
    """Return where the entries of a source are shown, below base_url; an id that ends as a feed does is asked for."""
    if source_id.endswith((".atom", ".rss", ".json")):
        return f"?{urlencode({'source': source_id})}"
    return f"source/{quote(source_id, safe='')}"


def status_place(source_id: str) -> str:
    """Return where it is told how a source is, below base_url."""
    return f"source/{quote(source_id, safe='')}/status"


def admits(token: str, query: bytes, authorization: bytes | None) -> bool:
    """
    Return whether the request carries the token, as `?token=` or as Bearer (RFC 6750 sections 2.1 and 2.3).

    Compared in constant time, so that answers do not tell how much of a guess was right.
    """
    scheme, _, offered = (authorization or b"").partition(b" ")
    offers = [offered.strip()] if scheme.lower() == b"bearer" else []
    offers += [one.encode() for one in parse_qs(query.decode("latin-1"), errors="replace").get("token", [])]
    right = [hmac.compare_digest(offer, token.encode()) for offer in offers]
    return any(right)
