"""From what somebody wrote to what is asked for."""

from __future__ import annotations

import pytest

from aggregator.outcomes import FailureKind, PollError
from aggregator.targets import keeps_secrets, locate, redirected

HERE = locate("https://example.org/a/feed.xml?x=1")


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("https://example.org", "https://example.org/"),
        (" https://example.org/feed ", "https://example.org/feed"),
        ("HTTPS://Example.ORG:443/Feed", "https://example.org/Feed"),
        ("http://example.org:8080/", "http://example.org:8080/"),
        ("https://example.org/feed#latest", "https://example.org/feed"),
        ("https://example.org/早读?q=产品", "https://example.org/%E6%97%A9%E8%AF%BB?q=%E4%BA%A7%E5%93%81"),
        ("https://example.org/%e6%97%a9/%2F%zz", "https://example.org/%e6%97%a9/%2F%zz"),
        ("https://example.org/a b", "https://example.org/a%20b"),
        ("https://example.org/?", "https://example.org/"),
        ("https://例子.中国/feed", "https://xn--fsqu00a.xn--fiqs8s/feed"),
        ("https://Bücher.example/", "https://xn--bcher-kva.example/"),
        ("http://[::1]:1200/x", "http://[::1]:1200/x"),
        ("http://１２７.0.0.1/x", "http://127.0.0.1/x"),
        ("https://ann:pass@example.org/x", "https://example.org/x"),
    ],
)
def test_a_url_is_asked_for_as_it_was_meant(written: str, asked: str) -> None:
    assert locate(written).text == asked


def test_userinfo_becomes_an_authorization_and_leaves_the_url() -> None:
    target = locate("https://ann:p%40ss@example.org/x")

    assert target.authorization == b"Basic YW5uOnBAc3M="
    assert "ann" not in repr(target)
    assert "YW5u" not in repr(target)


@pytest.mark.parametrize(
    "written", ["file:///etc/passwd", "ftp://example.org/", "javascript:alert(1)", "feed", "//x/y", ""]
)
def test_only_http_and_https_are_asked(written: str) -> None:
    with pytest.raises(PollError) as caught:
        locate(written)

    assert caught.value.kind is FailureKind.REFUSED_ADDRESS


@pytest.mark.parametrize(
    "written",
    [
        "http://",
        "http:///x",
        "http://:80/",
        "http://host:99999/",
        "http://host:0/",
        "http://host:x/",
        "http://[::1/",
        "http://.x/",
    ],
)
def test_a_url_without_a_place_to_ask_is_no_url(written: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        locate(written)


@pytest.mark.parametrize(
    ("location", "asked"),
    [
        (b"https://other.example/x", "https://other.example/x"),
        (b"/feed2", "https://example.org/feed2"),
        (b"feed2", "https://example.org/a/feed2"),
        (b"../feed2", "https://example.org/feed2"),
        (b"?page=2", "https://example.org/a/feed.xml?page=2"),
        (b"//other.example/x", "https://other.example/x"),
        (b"/a b?c d", "https://example.org/a%20b?c%20d"),
        (b"/feed#top", "https://example.org/feed"),
        (" /早读 ".encode(), "https://example.org/%E6%97%A9%E8%AF%BB"),
        (b"/caf\xe9", "https://example.org/caf%E9"),
        ("https://例子.中国/".encode(), "https://xn--fsqu00a.xn--fiqs8s/"),
        (b"https://ann:pass@other.example/", "https://other.example/"),
    ],
)
def test_a_location_leads_where_a_browser_would_go(location: bytes, asked: str) -> None:
    target = redirected(HERE, location)

    assert target.text == asked
    assert target.authorization is None


@pytest.mark.parametrize(
    ("location", "kind"),
    [
        (b"file:///etc/passwd", FailureKind.REFUSED_ADDRESS),
        (b"gopher://127.0.0.1:6379/_x", FailureKind.REFUSED_ADDRESS),
        (b"data:text/xml,<rss/>", FailureKind.REFUSED_ADDRESS),
        (b"http://", FailureKind.REDIRECT),
        (b"http://host:99999/", FailureKind.REDIRECT),
        (b"http://[::1", FailureKind.REDIRECT),
    ],
)
def test_a_location_that_leads_nowhere_is_an_error(location: bytes, kind: FailureKind) -> None:
    with pytest.raises(PollError) as caught:
        redirected(HERE, location)

    assert caught.value.kind is kind


@pytest.mark.parametrize(
    ("here", "there", "kept"),
    [
        ("https://example.org/a", "https://example.org/b", True),
        ("http://example.org/a", "https://example.org/a", True),
        ("https://example.org/a", "http://example.org/a", False),
        ("https://example.org/a", "https://www.example.org/a", False),
        ("https://example.org/a", "https://example.org:8443/a", False),
        ("http://example.org:8080/a", "https://example.org/a", False),
        ("http://example.org/a", "https://other.example/a", False),
    ],
)
def test_secrets_stay_with_their_origin(here: str, there: str, kept: bool) -> None:
    assert keeps_secrets(locate(here), locate(there)) is kept
