"""Whose turn a request takes, and what of a URL may be shown."""

from __future__ import annotations

import pytest

from aggregator.hosts import ascii_host, host_and_port, host_key, redact, same_site


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://example.com/feed", "example.com"),
        ("https://blog.example.com/feed", "example.com"),
        ("http://a.b.example.co.uk/", "example.co.uk"),
        ("https://www.woshipm.com/feed", "woshipm.com"),
        ("https://feeds.example.com.cn/x", "example.com.cn"),
        ("https://ann.github.io/feed", "ann.github.io"),
        ("https://github.io/feed", "github.io"),
        ("https://EXAMPLE.com./feed", "example.com"),
        ("https://example.com:443/", "example.com"),
        ("http://example.com:80/", "example.com"),
        ("https://example.com:8443/", "example.com:8443"),
        ("http://example.com:443/", "example.com:443"),
        ("http://127.0.0.1:1200/x", "127.0.0.1:1200"),
        ("http://127.0.0.1/x", "127.0.0.1"),
        ("http://[2001:DB8::1]/x", "[2001:db8::1]"),
        ("http://[::1]:1200/x", "[::1]:1200"),
        ("http://localhost:1200/x", "localhost:1200"),
        ("http://user:secret@blog.example.org/x", "example.org"),
        ("https://产品.例子.中国/feed", "xn--fsqu00a.xn--fiqs8s"),
        ("https://xn--fsqu00a.xn--fiqs8s/feed", "xn--fsqu00a.xn--fiqs8s"),
        ("https://ＷＷＷ.Example.com/feed", "example.com"),
        ("not a url", "not a url"),
        ("http://[broken/", "http://[broken/"),
        ("http://host:99999/", "http://host:99999/"),
    ],
)
def test_a_host_is_its_registrable_domain_or_its_address(url: str, key: str) -> None:
    assert host_key(url) == key


def test_two_names_of_one_owner_are_one_site() -> None:
    assert same_site("https://feeds.example.org/a", "http://www.example.org/b")
    assert not same_site("https://ann.github.io/a", "https://bob.github.io/a")
    assert not same_site("http://127.0.0.1:1200/a", "http://127.0.0.1:1201/a")


@pytest.mark.parametrize(
    ("url", "pair"),
    [
        ("http://127.0.0.1:1200/x?y", "127.0.0.1:1200"),
        ("https://RSSHub.lan/x", "rsshub.lan:443"),
        ("http://[::1]:1200/", "[::1]:1200"),
        ("http://user@host:8080/", "host:8080"),
        ("http://", ""),
        ("http://host:99999/", ""),
    ],
)
def test_a_host_and_its_port_are_named_as_allow_private_names_them(url: str, pair: str) -> None:
    assert host_and_port(url) == pair


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://ann:secret@example.org/feed?token=abc#frag", "https://example.org/feed?..."),
        ("https://secret@example.org:8443/", "https://example.org:8443/"),
        ("https://a@b@example.org/", "https://example.org/"),
        ("https://example.org/feed", "https://example.org/feed"),
        ("http://[broken", "(not a URL)"),
        ("javascript:alert(1)", "javascript:..."),
    ],
)
def test_a_shown_url_has_no_secrets(url: str, shown: str) -> None:
    assert redact(url) == shown


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("bücher.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("ＷＷＷ.example", "www.example"),
        ("１２７.0.0.1", "127.0.0.1"),
        ("产品。example", "xn--wlqq2m.example"),
        ("☕.example", "xn--53h.example"),
    ],
)
def test_a_host_name_in_any_script_has_its_ascii_form(host: str, name: str) -> None:
    assert ascii_host(host) == name
