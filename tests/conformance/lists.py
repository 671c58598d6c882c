"""The list of feeds to give a reader, in the forms that readers take."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

from .values import Case, Site

SECRET = "reader:of-the-suite"
"""User and password of case S39, where a form of list can carry them."""
_KEY = "of-the-suite"


@dataclass(frozen=True, slots=True)
class Listed:
    """A feed of the list."""

    case: Case
    site: Site
    url: str
    proxied_url: str = ""
    """Its URL where the program is asked as a proxy."""
    proxy: str = ""
    """The program's own address."""

    @property
    def leads_elsewhere(self) -> bool:
        """Whether the case has hosts that only redirects lead to."""
        listed = {site.host for site in self.case.sites if site.listed}
        return any(site.host not in listed for site in self.case.sites)

    @property
    def authority(self) -> str:
        """`host:port`."""
        return self.url.split("/")[2]

    @property
    def title(self) -> str:
        """`S02 weak`."""
        return " ".join(filter(None, (self.case.id, self.site.name)))

    @property
    def secret_url(self) -> str:
        """The URL, with user and password in it where the case is about secrets."""
        return self.url.replace("://", f"://{SECRET}@") if self.case.id == "S39" else self.url


def urls(feeds: list[Listed]) -> str:
    """Return one URL a line."""
    return "".join(f"{feed.secret_url}\n" for feed in feeds)


def newsboat(feeds: list[Listed]) -> str:
    """Return newsboat's `urls` file."""
    return "".join(f'{feed.secret_url} "~{feed.title}"\n' for feed in feeds)


def sfeed(feeds: list[Listed]) -> str:
    """Return the function `feeds` of an sfeedrc."""
    lines = "".join(
        f"\tfeed {shlex.quote(f'{feed.title} {number}')} {shlex.quote(feed.secret_url)}\n"
        for number, feed in enumerate(feeds)
    )
    return f"feeds() {{\n{lines}}}\n"


def opml(feeds: list[Listed]) -> str:
    """Return an OPML list."""
    lines = "".join(
        f"<outline type='rss' text={quoteattr(feed.title)} xmlUrl={quoteattr(feed.secret_url)}/>\n" for feed in feeds
    )
    return f"<?xml version='1.0' encoding='utf-8'?>\n<opml version='2.0'><head><title>Conformance</title></head><body>\n{lines}</body></opml>\n"


def feeds_yaml(feeds: list[Listed]) -> str:
    """
    Return a feeds.yaml (JSON is YAML) that names every host of the suite as one that may be private.

    That permission does not follow redirects to another host, so what leads to one is asked for through the program
    as a proxy, under addresses that nobody has been given.
    """
    sources = []
    for number, feed in enumerate(feeds):
        source: dict[str, object] = {"id": f"n{number}", "name": feed.title, "url": feed.url}
        if feed.leads_elsewhere:
            source |= {"url": feed.proxied_url, "proxy": feed.proxy}
        if feed.case.id == "S39":
            source["headers"] = {"Authorization": f"Bearer {_KEY}", "X-Api-Key": _KEY}
        if feed.case.id == "S38":
            source["tls_verify"] = False  # the suite's authority is nobody's
        sources.append(source)
    # They are asked as often as the operator likes, as the suite's other hosts are.
    elsewhere = {feed.proxied_url.split("/")[2] + ":80" for feed in feeds if feed.leads_elsewhere}
    document = {
        "version": 1,
        "server": {"listen": "127.0.0.1:0", "base_url": "https://reader.example/"},
        "storage": {"path": "./data"},
        "polling": {"allow_private": sorted({feed.authority for feed in feeds} | elsewhere)},
        "sources": sources,
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


FORMS: dict[str, Callable[[list[Listed]], str]] = {
    "urls": urls,
    "opml": opml,
    "newsboat": newsboat,
    "sfeed": sfeed,
    "feeds.yaml": feeds_yaml,
}
"""By the name of `--as`, which is the path at the program's own address too."""
