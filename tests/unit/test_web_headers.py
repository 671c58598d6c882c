"""What every answer carries for browsers, whatever was asked for; and how the token is compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from unit import feed_rules_samples as samples
from unit.test_web_pages import serving

from aggregator.model import View
from aggregator.web.site import admits

POLICY = (
    "default-src 'none'; img-src http: https:; media-src http: https:; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PAGES = [
    "/", "/?q=title", "/?before=nonsense", "/view/v", "/view/none", "/source/paper", "/source/none", "/source/paper/status", "/entry/{key}",
    "/entry/none", "/sources", "/sources?page=x", "/about", "/nothing", "/?q=" + "a" * 3000,
]  # fmt: skip
REST = [
    "/feed", "/feed.atom", "/feed.rss", "/feed.json", "/feed.xml", "/feed.atom?limit=x", "/feed/v.atom", "/feed/none.atom", "/source/paper.atom",
    "/source/none.json", "/feed/archive/0000000000000000/0-1.atom", "/entry/{key}.md", "/entry/{key}.json", "/entry/none.md", "/opml", "/opml?of=views",
    "/opml?of=x", "/opensearch.xml", "/sources.json", "/source/paper/status.json", "/health.atom", "/api/v1/entries", "/api/v1/entries?x=1", "/api/v1/sources",
    "/api/v1/views", "/api/v1/openapi.json", "/api/v1/none", "/healthz", "/readyz", "/metrics", "/robots.txt", "/favicon.ico", "/static/x/page.css",
]  # fmt: skip

Get = Callable[..., httpx.Response]


@contextmanager
def site(folder: Path, **server: str) -> Iterator[Get]:
    rows = samples.numbered(2)
    with serving(folder, *rows, views=(View("v", "V"),), **server) as get:
        yield lambda path: get(path.format(key=rows[0].key))


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Get]:
    with site(tmp_path_factory.mktemp("open")) as get:
        yield get


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Get]:
    """A site with a token, which is not shown to it."""
    with site(tmp_path_factory.mktemp("closed"), access_token="s3cret") as get:
        yield get


@pytest.mark.parametrize("path", PAGES)
def test_a_page_lets_a_browser_do_what_it_needs_and_nothing_else(asked: Get, path: str) -> None:
    answer = asked(path)

    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", [*PAGES, *REST])
def test_no_answer_is_taken_for_another_type_than_it_says(asked: Get, path: str) -> None:
    assert asked(path).headers.get_list("x-content-type-options") == ["nosniff"]


@pytest.mark.parametrize("path", [*PAGES, *REST])
def test_nothing_but_what_says_nothing_is_open_without_the_token(closed: Get, path: str) -> None:
    answer = closed(path)

    needs = path not in ("/healthz", "/readyz", "/robots.txt") and not path.startswith("/static/")
    assert (answer.status_code == 401) is needs
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/feed.atom", "/feed.rss", "/source/paper.atom"])
def test_a_feed_that_a_browser_shows_runs_nothing(asked: Get, path: str) -> None:
    answer = asked(path)

    assert answer.headers["content-security-policy"] == (
        "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


class Bytes(bytes):
    """The token's bytes, which must not be compared one by one."""

    def __eq__(self, other: object) -> bool:
        raise AssertionError("the token was compared with ==")

    __hash__ = bytes.__hash__


class Token(str):
    """A token whose bytes tell how they are compared."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return Bytes(super().encode(encoding, errors))

    def __eq__(self, other: object) -> bool:
        raise AssertionError("the token was compared with ==")

    __hash__ = str.__hash__


@pytest.mark.parametrize(
    ("query", "authorization", "admitted"),
    [
        (b"token=s3cret", None, True), (b"", b"Bearer s3cret", True), (b"", b"bearer  s3cret ", True), (b"token=x&token=s3cret", b"Bearer x", True),
        (b"token=s3cre", None, False), (b"token=s3crett", None, False), (b"token=", None, False), (b"", b"Basic s3cret", False), (b"", b"s3cret", False),
        (b"", b"Bearer", False), (b"token=S3CRET", None, False), (b"token=%ed%a0%80", None, False), (b"token", None, False), (b"", None, False),
    ],
)  # fmt: skip
def test_the_token_is_compared_in_a_time_that_tells_nothing(
    query: bytes, authorization: bytes | None, admitted: bool
) -> None:
    assert admits(Token("s3cret"), query, authorization) is admitted
